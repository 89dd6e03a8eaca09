package mailer

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
)

// BenchmarkSign sets the cost of signing an issue beside that of its signature alone, and of its hash alone.
func BenchmarkSign(b *testing.B) {
	l, r := benchmarkLetter()
	raw, err := l.Message(r)
	if err != nil {
		b.Fatal(err)
	}
	whole, err := NewMessage(raw)
	if err != nil {
		b.Fatal(err)
	}
	keys := map[string]SigningKey{}
	for _, k := range newSigning(b).keys {
		k.Domain = "example.com"
		keys[k.Selector] = k
	}
	digest := sha256.Sum256(nil)
	signBy := func(keys ...SigningKey) func(b *testing.B) {
		s, err := NewSigner(keys...)
		if err != nil {
			b.Fatal(err)
		}
		return func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))
			for b.Loop() {
				m := *whole
				m.pieces = append([][]byte(nil), whole.pieces...)
				if err := s.Sign(&m); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("rsa", signBy(keys["rsa"]))
	b.Run("rsa/signature alone", func(b *testing.B) {
		for b.Loop() {
			if _, err := rsa.SignPKCS1v15(nil, keys["rsa"].Key.(*rsa.PrivateKey), crypto.SHA256, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ed25519", signBy(keys["ed"]))
	b.Run("ed25519/signature alone", func(b *testing.B) {
		for b.Loop() {
			ed25519.Sign(keys["ed"].Key.(ed25519.PrivateKey), digest[:])
		}
	})
	b.Run("both", signBy(keys["rsa"], keys["ed"]))
	b.Run("body", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for c := new(canonical); b.Loop(); {
			if err := c.read(whole); err != nil {
				b.Fatal(err)
			}
			sha256.Sum256(c.body)
		}
	})
	b.Run("body/hash alone", func(b *testing.B) {
		b.SetBytes(int64(len(raw)))
		for b.Loop() {
			sha256.Sum256(raw)
		}
	})
	b.Run("ed25519/by go-msgauth", func(b *testing.B) {
		b.ReportAllocs()
		options := &dkim.SignOptions{Domain: "example.com", Selector: "ed", Signer: keys["ed"].Key, HeaderKeys: oversigned[:],
			HeaderCanonicalization: dkim.CanonicalizationRelaxed, BodyCanonicalization: dkim.CanonicalizationRelaxed}
		for b.Loop() {
			if err := dkim.Sign(io.Discard, bytes.NewReader(raw), options); err != nil {
				b.Fatal(err)
			}
		}
	})
}
