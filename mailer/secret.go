package mailer

import (
	"fmt"
	"io"
)

// Secret is a password that never shows itself: every format verb, slog, JSON and text encoding print ***.
type Secret string

const hidden = "***"

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return string(s) }

// String hides the secret.
func (s Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return hidden }

// Format hides the secret from every verb, %x and %d too.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText hides the secret from JSON, TOML and the like.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }
