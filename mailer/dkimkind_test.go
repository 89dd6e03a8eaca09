package mailer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"testing"
)

// A key that can't sign says what it is.
func TestKindOfKeyIsSaid(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sec1, err := x509.MarshalECPrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		block pem.Block
		want  string
	}{
		{pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}, "it is encrypted, "},
		{pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED"}, Bytes: []byte("x")}, "it is encrypted, "},
		{pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")}, "it is a public key, "},
		{pem.Block{Type: "RSA PUBLIC KEY", Bytes: []byte("x")}, "it is a public key, "},
		{pem.Block{Type: "EC PARAMETERS", Bytes: []byte("x")}, "it is an EC key: "},
		{pem.Block{Type: "EC PRIVATE KEY", Bytes: sec1}, "it is an EC key: "},
		{pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}, "it is an EC key: "},
	} {
		_, err := ParseSigningKey(pem.EncodeToMemory(&c.block))
		if !errors.Is(err, ErrKey) || !strings.HasPrefix(err.Error(), c.want) {
			t.Errorf("%s %v: %v", c.block.Type, c.block.Headers, err)
		}
	}
}

// Two signatures are of two kinds.
func TestKeysOfOneKindAreRefused(t *testing.T) {
	two := func(kind func() (crypto.Signer, []byte, error)) (a, b crypto.Signer) {
		a, _, err := kind()
		b, _, err2 := kind()
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		return a, b
	}
	rsa, rsa2 := two(NewRSAKey)
	ed, ed2 := two(NewEd25519Key)
	for _, c := range []struct {
		a, b crypto.Signer
		want string
	}{
		{rsa, rsa, "selectors a and b have the same key"},
		{ed, ed, "selectors a and b have the same key"},
		{rsa, rsa2, "selectors a and b have two RSA keys, and a mail is signed with one of a kind"},
		{ed, ed2, "selectors a and b have two Ed25519 keys, and a mail is signed with one of a kind"},
		{rsa, ed, ""},
	} {
		_, err := NewSigner(SigningKey{Selector: "a", Key: c.a}, SigningKey{Selector: "b", Key: c.b})
		if (err == nil) != (c.want == "") || err != nil && err.Error() != c.want {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}
