package config

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Secret is text that no format verb, log or encoding shows. Zero is empty.
type Secret struct{ text string }

// NewSecret hides text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal is the text itself.
func (s Secret) Reveal() string { return s.text }

// Empty says whether there is no text.
func (s Secret) Empty() bool { return s.text == "" }

const mask = "***"

func (Secret) String() string               { return mask }
func (Secret) GoString() string             { return mask }
func (Secret) Format(f fmt.State, _ rune)   { _, _ = io.WriteString(f, mask) }
func (Secret) LogValue() slog.Value         { return slog.StringValue(mask) }
func (Secret) MarshalText() ([]byte, error) { return []byte(mask), nil }

// UnmarshalText reads the secret from the environment.
func (s *Secret) UnmarshalText(b []byte) error {
	s.text = string(b)
	return nil
}

// Duration is a time span written "90m", "6h" or "2h30m".
type Duration time.Duration

// UnmarshalText reads a span of at least nothing.
func (d *Duration) UnmarshalText(b []byte) error {
	span, err := time.ParseDuration(string(b))
	if err != nil || span < 0 {
		return errors.New(`a time span like "6h" or "90m" is allowed`)
	}
	*d = Duration(span)
	return nil
}

// MarshalText is the span as it is written in the file.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// Word is text, or a number written without quotes: on = 15.
type Word string

// UnmarshalText takes either.
func (w *Word) UnmarshalText(b []byte) error {
	*w = Word(b)
	return nil
}
