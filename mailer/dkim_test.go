package mailer

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-msgauth/dkim"
	"pgregory.net/rapid"
)

// signing is a signer with both kinds of key, and the records its domain would publish.
type signing struct {
	*Signer
	records map[string]string // by name
}

func newSigning(t testing.TB) signing {
	t.Helper()
	s := signing{records: map[string]string{}}
	var keys []SigningKey
	for selector, make := range map[string]func() (crypto.Signer, []byte, error){"rsa": NewRSAKey, "ed": NewEd25519Key} {
		_, text, err := make()
		if err != nil {
			t.Fatal(err)
		}
		key, err := ParseSigningKey(text)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, SigningKey{Selector: selector, Key: key})
		name, value, err := SigningKey{Domain: "example.com", Selector: selector, Key: key}.Record()
		if err != nil {
			t.Fatal(err)
		}
		s.records[name] = value
	}
	var err error
	if s.Signer, err = NewSigner(keys...); err != nil {
		t.Fatal(err)
	}
	return s
}

// sign gives the signed bytes of a message.
func (s signing) sign(t testing.TB, raw []byte) []byte {
	t.Helper()
	m, err := NewMessage(raw)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Sign(m); err != nil {
		t.Fatal(err)
	}
	signed := m.Bytes()
	if m.Size() != len(signed) {
		t.Errorf("the size is %d, want %d", m.Size(), len(signed))
	}
	return signed
}

// verified says of each signature, in order, whether another's verifier finds it good.
func (s signing) verified(t rapid.TB, message []byte) (good []bool) {
	t.Helper()
	all, err := dkim.VerifyWithOptions(bytes.NewReader(message), &dkim.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
		if value, ok := s.records[name]; ok {
			return []string{value}, nil
		}
		return nil, errors.New("no such name")
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range all {
		if v.Domain != "example.com" {
			t.Errorf("signed for %s", v.Domain)
		}
		good = append(good, v.Err == nil)
	}
	return good
}

// check wants two signatures that are both good, or both bad.
func (s signing) check(t testing.TB, what string, message []byte, want bool) {
	t.Helper()
	if got := fmt.Sprint(s.verified(t, message)); got != fmt.Sprint([]bool{want, want}) {
		t.Errorf("%s: verified %s, want twice %v\n%.2000s", what, got, want, message)
	}
}

func plainMail(body string) []byte {
	return []byte("Date: Mon, 02 Feb 2026 09:00:00 +0000\r\nFrom: \"A  Blog\" <digest@example.com>\r\nTo: <r@readers.test>\r\n" +
		"Subject: a subject that goes on for so long\r\n  that it is folded\r\nMessage-ID: <1@example.com>\r\n\r\n" + body)
}

func TestSignVerifies(t *testing.T) {
	s := newSigning(t)
	issue := build(t, sampleLetter(), sampleReader())
	for what, raw := range map[string][]byte{
		"an issue":             issue,
		"no body":              plainMail(""),
		"empty lines":          plainMail("\r\n\r\n\r\n"),
		"trailing empty lines": plainMail("text\r\n\r\n\r\n"),
		"blank lines":          plainMail("text \t\r\n   \r\n\t\r\n"),
		"blanks and tabs":      plainMail("  a  b\tc \r\n\td\r\nlonger than  eight\r\n"),
		"eight bytes":          plainMail("1234567  0123456\r\n12345678  \tx\r\n1234567\t9\r\n12345678\t\r\n"),
		"dots":                 plainMail(".\r\n..\r\n.a\r\n a.\r\n.\r\n"),
		"long lines":           plainMail(strings.Repeat("x ", 499) + "\r\n" + strings.Repeat("y", 998) + "\r\n"),
	} {
		signed := s.sign(t, raw)
		if !bytes.HasSuffix(signed, raw) {
			t.Errorf("%s: signing changed the message", what)
		}
		s.check(t, what, signed, true)
		if again := s.sign(t, raw); !bytes.Equal(signed, again) {
			t.Errorf("%s: signed again it is another", what)
		}
		for line := range strings.SplitSeq(string(signed[:len(signed)-len(raw)]), "\r\n") {
			if len(line) > 78 {
				t.Errorf("%s: a line of %d bytes: %s", what, len(line), line)
			}
		}
	}
}

// TestSignSurvives: what relays do on the way leaves a signature good, what a forger does breaks it.
func TestSignSurvives(t *testing.T) {
	s := newSigning(t)
	signed := string(s.sign(t, build(t, sampleLetter(), sampleReader())))
	replace := func(old, new string) string {
		t.Helper()
		if !strings.Contains(signed, old) {
			t.Fatalf("no %q in the mail", old)
		}
		return strings.Replace(signed, old, new, 1)
	}
	for what, message := range map[string]string{
		"unchanged":            signed,
		"added Received":       "Received: from a by b;\r\n\tMon, 2 Feb 2026 09:00:01 +0000\r\nReturn-Path: <x@y.test>\r\n" + signed,
		"Subject folded":       replace("\r\nSubject: ", "\r\nSubject:\r\n  "),
		"List-Unsubscribe too": replace("\r\nList-Unsubscribe: ", "\r\nList-Unsubscribe:\r\n\t"),
		"names in lower case":  replace("\r\nFrom: ", "\r\nfrom : "),
		"blanks at the end":    signed + " \r\n\r\n",
		"added footer field":   "X-Spam: no\r\n" + signed,
	} {
		s.check(t, what, []byte(message), true)
	}
	for _, field := range append(oversigned[:], "Feedback-ID", "Auto-Submitted") {
		if strings.Contains(signed, "\r\n"+field+": ") {
			s.check(t, field+" changed", []byte(replace("\r\n"+field+": ", "\r\n"+field+": x")), false)
		}
	}
	for _, field := range oversigned {
		s.check(t, "another "+field+" on top", []byte(field+": x\r\n"+signed), false)
		s.check(t, "another "+field+" below", []byte(strings.Replace(signed, "\r\n\r\n", "\r\n"+field+": x\r\n\r\n", 1)), false)
	}
	s.check(t, "added text", []byte(signed+"bought by evil.test\r\n"), false)
	s.check(t, "a text without its end", []byte(signed[:len(signed)-40]+"\r\n"), false)
}

// TestSignAnything holds the canonical forms against the verifier's own, for all kinds of blanks, dots and pieces.
func TestSignAnything(t *testing.T) {
	s := newSigning(t)
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.StringOfN(rapid.SampledFrom([]rune(" \t\t  .ab=é")), 0, 40, -1)
		body := strings.Join(rapid.SliceOfN(line, 0, 12).Draw(t, "lines"), "\r\n") + "\r\n"
		m, err := NewMessage(plainMail(body))
		if err != nil {
			t.Fatal(err)
		}
		whole := m.pieces[0]
		m.pieces = nil
		for len(whole) > 0 { // the pieces of a letter may end anywhere
			n := rapid.IntRange(1, len(whole)).Draw(t, "piece")
			m.pieces, whole = append(m.pieces, whole[:n]), whole[n:]
		}
		if err := s.Sign(m); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.verified(t, m.Bytes())); got != "[true true]" {
			t.Fatalf("verified %s\n%q", got, m.Bytes())
		}
	})
}

func TestSignFields(t *testing.T) {
	s := newSigning(t)
	signed := string(s.sign(t, build(t, sampleLetter(), sampleReader())))
	signed, _, _ = strings.Cut(signed, "\r\n\r\n")
	_, list, _ := strings.Cut(signed, "\th=")
	list, _, _ = strings.Cut(strings.NewReplacer("\r\n\t", "").Replace(list), ";")
	count := map[string]int{}
	for name := range strings.SplitSeq(list, ":") {
		count[name]++
	}
	for _, name := range oversigned {
		want := 1
		if strings.Contains(signed, "\r\n"+name+": ") {
			want = 2
		}
		if count[name] != want {
			t.Errorf("%s is named %d times, want %d", name, count[name], want)
		}
		delete(count, name)
	}
	if want := map[string]int{"Feedback-ID": 1, "Auto-Submitted": 1}; fmt.Sprint(count) != fmt.Sprint(want) {
		t.Errorf("named beside: %v, want %v", count, want)
	}
	for _, tag := range []string{"l=", "t=", "x="} {
		if head, _, _ := strings.Cut(signed, "\r\nDate"); strings.Contains(head, " "+tag) || strings.Contains(head, "\t"+tag) {
			t.Errorf("the signature has a tag %s", tag)
		}
	}
}

func TestSignRefuses(t *testing.T) {
	s := newSigning(t)
	m, err := NewMessage([]byte("To: <r@readers.test>\r\nSubject: x\r\n\r\ntext\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	before := m.Size()
	if err := s.Sign(m); err == nil || m.Size() != before {
		t.Errorf("a mail without From: %v, %d bytes", err, m.Size())
	}
	good := s.keys[0].Key
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for what, keys := range map[string][]SigningKey{
		"none":             {},
		"three":            {{Selector: "a", Key: good}, {Selector: "b", Key: good}, {Selector: "c", Key: good}},
		"same selector":    {{Selector: "a", Key: good}, {Selector: "A", Key: good}},
		"no selector":      {{Key: good}},
		"selector with ;":  {{Selector: "a;b", Key: good}},
		"selector with LF": {{Selector: "a\r\nb", Key: good}},
		"domain":           {{Selector: "a", Domain: "blög.test", Key: good}},
		"short":            {{Selector: "a", Key: short}},
		"no key":           {{Selector: "a"}},
	} {
		if _, err := NewSigner(keys...); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func TestParseSigningKey(t *testing.T) {
	long, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	short, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	old := x509.MarshalPKCS1PrivateKey(long)
	if _, err := ParseSigningKey([]byte("a remark\n" + block("RSA PRIVATE KEY", old))); err != nil {
		t.Errorf("PKCS #1: %v", err)
	}
	for what, text := range map[string]string{
		"nothing":    "",
		"no PEM":     "c2VjcmV0",
		"short":      block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(short)),
		"public":     block("PUBLIC KEY", x509.MarshalPKCS1PublicKey(&long.PublicKey)),
		"cut":        block("RSA PRIVATE KEY", old[:100]),
		"other kind": block("PRIVATE KEY", old),
	} {
		_, err := ParseSigningKey([]byte(text))
		if !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && (strings.Contains(err.Error(), "c2Vj") || len(err.Error()) > 150) {
			t.Errorf("%s: said %v", what, err)
		}
	}
}

// TestSignInTheSameRoom: a message that was signed is filled for the next reader, and nothing of the first is left.
func TestSignInTheSameRoom(t *testing.T) {
	s := newSigning(t)
	stencil, err := sampleLetter().Stencil()
	if err != nil {
		t.Fatal(err)
	}
	var room Message
	for _, name := range []string{"Ann", "", "Somebody whose name is quite long", "Ann"} {
		r := sampleReader()
		r.Name = name
		if err := stencil.Fill(&room, r); err != nil {
			t.Fatal(err)
		}
		bare := room.Bytes()
		if want := build(t, sampleLetter(), r); !bytes.Equal(bare, want) {
			t.Fatalf("before it is signed the mail to %q is\n%s\nwant\n%s", name, bare, want)
		}
		if err := s.Sign(&room); err != nil {
			t.Fatal(err)
		}
		if signed := room.Bytes(); !bytes.HasSuffix(signed, bare) || room.Size() != len(signed) {
			t.Errorf("signing the mail to %q changed it", name)
		}
		s.check(t, name, room.Bytes(), true)
	}
}
