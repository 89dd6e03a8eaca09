package mailer

import (
	"cmp"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// SigningKey signs for a domain under a selector (RFC 6376 §3.1).
type SigningKey struct {
	Domain   string        // of the signature (d=), A-labels; empty: the domain in From
	Selector string        // under which the domain publishes the public key: one or more DNS labels
	Key      crypto.Signer // as from [ParseSigningKey]
}

// Signer puts DKIM signatures (RFC 6376) in front of messages: relaxed/relaxed, SHA-256, over the whole body. It signs
// without chance and without the clock (no t=, no x=), so the same message and keys give the same bytes, and a repeated
// mail is the mail it repeats. It is not changed by use; any number of goroutines may sign at once.
type Signer struct {
	keys  []SigningKey
	rooms sync.Pool // of *canonical
}

// signers is how many keys may sign one message: RSA, and Ed25519 beside it (RFC 8463 §5).
const signers = 2

// NewSigner makes a signer of one key, or of two of different kinds.
func NewSigner(keys ...SigningKey) (*Signer, error) {
	if len(keys) < 1 || len(keys) > signers {
		return nil, fmt.Errorf("a mail is signed with 1 to %d keys, not %d", signers, len(keys))
	}
	for i, k := range keys {
		if !isHostName(k.Selector) {
			return nil, fmt.Errorf("selector %q is no DNS label", k.Selector)
		}
		if k.Domain != "" && !isHostName(k.Domain) {
			return nil, fmt.Errorf("domain %q is no DNS name", k.Domain)
		}
		if err := fitKey(k.Key); err != nil {
			return nil, fmt.Errorf("selector %s: %w", k.Selector, err)
		}
		if i > 0 && strings.EqualFold(k.Selector, keys[0].Selector) {
			return nil, fmt.Errorf("selector %s stands for two keys", k.Selector)
		}
		if i > 0 && k.algorithm() == keys[0].algorithm() {
			return nil, k.alike(keys[0])
		}
	}
	return &Signer{keys: slices.Clone(keys), rooms: sync.Pool{New: func() any { return new(canonical) }}}, nil
}

// Sign puts a signature by each key in front of m, the first key's on top. The body is read and hashed once for all of
// them. After an error m is as it was.
func (s *Signer) Sign(m *Message) error {
	c := s.rooms.Get().(*canonical)
	defer s.rooms.Put(c)
	if err := c.read(m); err != nil {
		return fmt.Errorf("signing message: %w", err)
	}
	bodyHash := sha256.Sum256(c.body)
	from := c.sender()
	var signed []byte
	for _, k := range s.keys {
		var err error
		if signed, err = k.sign(signed, c, from, bodyHash[:]); err != nil {
			return fmt.Errorf("signing message: %w", err)
		}
	}
	m.prepend(signed)
	return nil
}

// sign appends the DKIM-Signature field of one key.
func (k SigningKey) sign(b []byte, c *canonical, from string, bodyHash []byte) ([]byte, error) {
	domain := cmp.Or(k.Domain, from)
	if !isHostName(domain) {
		return nil, errors.New("From has no domain to sign for")
	}
	start := len(b)
	b = fmt.Appendf(b, "DKIM-Signature: v=1; a=%s; c=relaxed/relaxed;\r\n\td=%s; s=%s;\r\n\t", k.algorithm(), domain, k.Selector)
	b = c.appendNames(b)
	b = append(b, ";\r\n\tbh="...)
	b = base64.StdEncoding.AppendEncode(b, bodyHash)
	b = append(b, ";\r\n\tb="...)

	// The signature covers its own field, with nothing behind b= and no line end (RFC 6376 §3.7).
	c.signed = appendRelaxedField(append(c.signed[:0], c.header...), b[start:])
	digest := sha256.Sum256(c.signed)
	signature, err := k.Key.Sign(nil, digest[:], k.hash())
	if err != nil {
		return nil, err
	}
	return append(appendFolded(b, base64.StdEncoding.EncodeToString(signature)), crlf...), nil
}

func (k SigningKey) algorithm() string {
	if _, ok := k.Key.Public().(ed25519.PublicKey); ok {
		return "ed25519-sha256"
	}
	return "rsa-sha256"
}

// alike says what is wrong with two keys of one kind: the second signature tells a receiver nothing that the first does not.
func (k SigningKey) alike(first SigningKey) error {
	if public, ok := k.Key.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(first.Key.Public()) {
		return fmt.Errorf("selectors %s and %s have the same key", first.Selector, k.Selector)
	}
	kind := "RSA"
	if k.algorithm() != "rsa-sha256" {
		kind = "Ed25519"
	}
	return fmt.Errorf("selectors %s and %s have two %s keys, and a mail is signed with one of a kind", first.Selector, k.Selector, kind)
}

// hash is what the key is told it signs: an Ed25519 key takes the digest as its message (RFC 8463 §3).
func (k SigningKey) hash() crypto.Hash {
	if _, ok := k.Key.Public().(ed25519.PublicKey); ok {
		return 0
	}
	return crypto.SHA256
}

// fitKey refuses keys that receivers do (RFC 8301 §3.2).
func fitKey(key crypto.Signer) error {
	if key == nil {
		return errors.New("no key")
	}
	switch public := key.Public().(type) {
	case *rsa.PublicKey:
		if bits := public.N.BitLen(); bits < 2048 {
			return fmt.Errorf("an RSA key of %d bits is too short: %w", bits, ErrKey)
		}
	case ed25519.PublicKey:
	default:
		return fmt.Errorf("neither RSA nor Ed25519: %w", ErrKey)
	}
	return nil
}

// appendFolded breaks a base64 value into lines of 72 characters, the first of which stands behind "\tb=".
func appendFolded(b []byte, value string) []byte {
	for room := 72 - len("b="); len(value) > room; room = 72 {
		b = append(append(b, value[:room]...), "\r\n\t"...)
		value = value[room:]
	}
	return append(b, value...)
}
