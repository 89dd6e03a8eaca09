package bench_test

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Where the fast server finds its certificate.
const (
	certificate = "DIGEST_BENCH_CERTIFICATE"
	privateKey  = "DIGEST_BENCH_KEY"
)

// BenchmarkCipher sends an issue in plain text, under TLS, and signed (DKIM), and
// puts beside what each adds what the cipher or the signature alone costs.
func BenchmarkCipher(b *testing.B) {
	const n = 10_000
	h := newHouse(b, build(b), n)
	h.measure(b)
	cert, key := selfSigned(b)
	plain := fastSink(b, pipelining)
	safe := fastSink(b, secured, certificate+"="+cert, privateKey+"="+key)
	rsaKey, edKey, alone := keys(b, h)
	dkim := func(selector, file string) string {
		return fmt.Sprintf("[[mail.dkim]]\nselector = %q\nkey_file = %q\n", selector, file)
	}
	ways := []struct {
		name, alone string
		setting
	}{
		{"plain", "", setting{smtp: "smtp://" + plain.addr}},
		{"TLS 1.3", "cipher", setting{smtp: "smtps://" + safe.addr, env: []string{"SSL_CERT_FILE=" + cert}}},
		{"DKIM Ed25519", "ed25519", setting{smtp: "smtp://" + plain.addr, mail: dkim("e", edKey)}},
		{"DKIM RSA-2048", "rsa", setting{smtp: "smtp://" + plain.addr, mail: dkim("r", rsaKey)}},
	}
	for b.Loop() {
		figures := make([][]figure, len(ways))
		for round := range rounds() {
			for i := range ways {
				which := (i + round) % len(ways)
				s := ways[which].setting
				s.connections = 16
				took := h.deliver(b, s, nil)
				figures[which] = append(figures[which], figure{rate: n / took.wall.Seconds(), cpu: perMail(took.cpu, n)})
			}
		}
		var t strings.Builder
		fmt.Fprintf(&t, "%d mails of %d bytes over 16 connections, medians of %d rounds\n", n, h.size, rounds())
		fmt.Fprintf(&t, "%-14s %9s %8s %8s %10s\n", "way", "mails/s", "CPU µs", "more", "alone")
		for i, w := range ways {
			cpu := median(figures[i], cpuOf)
			fmt.Fprintf(&t, "%-14s %9.0f %8.0f", w.name, median(figures[i], rateOf), cpu)
			if i > 0 {
				fmt.Fprintf(&t, " %8.0f %10.0f", cpu-median(figures[0], cpuOf), alone[w.alone])
			}
			t.WriteByte('\n')
		}
		b.Log(t.String())
	}
}

// selfSigned makes a certificate for 127.0.0.1 and returns the files.
func selfSigned(b *testing.B) (cert, key string) {
	b.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(b, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sink.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	check(b, err)
	return pemFile(b, "CERTIFICATE", der), keyFile(b, private)
}

func keyFile(b *testing.B, key any) string {
	b.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	check(b, err)
	return pemFile(b, "PRIVATE KEY", der)
}

func pemFile(b *testing.B, kind string, der []byte) string {
	b.Helper()
	name := filepath.Join(b.TempDir(), "key.pem")
	check(b, os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))
	return name
}

// keys makes keys for DKIM, and measures what a signature with its hash of one
// mail costs by itself, and its encryption, in µs.
func keys(b *testing.B, h *house) (rsaFile, edFile string, alone map[string]float64) {
	b.Helper()
	r, err := rsa.GenerateKey(rand.Reader, 2048)
	check(b, err)
	_, e, err := ed25519.GenerateKey(rand.Reader)
	check(b, err)
	block, err := aes.NewCipher(make([]byte, 16))
	check(b, err)
	gcm, err := cipher.NewGCM(block)
	check(b, err)
	body, sealed := make([]byte, h.size), make([]byte, 0, h.size+64)
	alone = map[string]float64{
		"rsa": each(200, func() {
			sum := sha256.Sum256(body)
			rsa.SignPKCS1v15(nil, r, crypto.SHA256, sum[:])
		}),
		"ed25519": each(2000, func() {
			sum := sha256.Sum256(body)
			ed25519.Sign(e, sum[:])
		}),
		"cipher": each(2000, func() { sealed = gcm.Seal(sealed[:0], make([]byte, gcm.NonceSize()), body, nil) }),
	}
	return keyFile(b, r), keyFile(b, e), alone
}

// each is the CPU of one call, in µs.
func each(n int, call func()) float64 {
	began := used()
	for range n {
		call()
	}
	return perMail(used()-began, n)
}
