package mailer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// ErrKey says that a file holds no key that mail can be signed with: RSA of 2048 bits or more (PKCS #1 or PKCS #8), or
// Ed25519 (PKCS #8), in PEM without a passphrase.
var ErrKey = errors.New("no RSA key of 2048 bits or more, and no Ed25519 key")

// DKIM knows no signature of it.
var errEC = fmt.Errorf("it is an EC key: %w", ErrKey)

// ParseSigningKey reads a private key in PEM. Its errors are [ErrKey] and show nothing of the text.
func ParseSigningKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, fmt.Errorf("no PEM: %w", ErrKey)
	}
	var key any
	var err error
	switch kind := block.Type; {
	case strings.Contains(kind, "ENCRYPTED") || strings.Contains(block.Headers["Proc-Type"], "ENCRYPTED"):
		return nil, fmt.Errorf("it is encrypted, and a passphrase can't be given: %w", ErrKey)
	case strings.HasSuffix(kind, "PUBLIC KEY"):
		return nil, fmt.Errorf("it is a public key, and mail is signed with the private one: %w", ErrKey)
	case kind == "EC PRIVATE KEY" || kind == "EC PARAMETERS":
		return nil, errEC
	case kind == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case kind == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	default:
		return nil, fmt.Errorf("PEM of another kind: %w", ErrKey)
	}
	if err != nil { // its text could show a part of the key
		return nil, fmt.Errorf("PEM that is damaged: %w", ErrKey)
	}
	if _, ec := key.(*ecdsa.PrivateKey); ec {
		return nil, errEC
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("neither RSA nor Ed25519: %w", ErrKey)
	}
	return signer, fitKey(signer)
}

// NewRSAKey makes a key of 2048 bits, the longest every receiver must read (RFC 8301 §3.2), and its PEM (PKCS #8).
func NewRSAKey() (crypto.Signer, []byte, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	return encodeKey(key)
}

// NewEd25519Key makes a key for signatures beside those of RSA (RFC 8463), and its PEM (PKCS #8).
func NewEd25519Key() (crypto.Signer, []byte, error) {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	return encodeKey(key)
}

func encodeKey(key crypto.Signer) (crypto.Signer, []byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, fmt.Errorf("making a key: %w", err)
	}
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// Record is what DNS must say so that the key's signatures verify: the value of the TXT record at its name (RFC 6376
// §3.6). A TXT record holds it in strings of 255 bytes at most.
func (k SigningKey) Record() (name, value string, err error) {
	kind, public := "rsa", []byte(nil)
	switch key := k.Key.Public().(type) {
	case ed25519.PublicKey:
		kind, public = "ed25519", key // the 32 bytes themselves (RFC 8463 §4)
	default:
		if public, err = x509.MarshalPKIXPublicKey(key); err != nil {
			return "", "", fmt.Errorf("writing the public key: %w", err)
		}
	}
	value = "v=DKIM1; k=" + kind + "; p=" + base64.StdEncoding.EncodeToString(public)
	return k.Selector + "._domainkey." + k.Domain, value, nil
}
