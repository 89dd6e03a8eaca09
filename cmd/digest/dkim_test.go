package main

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-msgauth/dkim"

	"digest/digesttest"
)

// sign makes an RSA and an Ed25519 key by the command, has the config name them, and returns what DNS would answer.
func (w *scene) sign() (lookup func(name string) ([]string, error)) {
	w.Helper()
	w.must(0, "dkim", "new", "digest")
	w.must(0, "dkim", "new", "second", "--ed25519")
	text, err := os.ReadFile(w.path("digest.toml"))
	if err != nil {
		w.Fatal(err)
	}
	w.write("digest.toml", string(text)+"\n[[mail.dkim]]\nselector = \"digest\"\nkey_file = \"dkim-digest.pem\"\n"+
		"\n[[mail.dkim]]\nselector = \"second\"\nkey_file = \"dkim-second.pem\"\n")
	var records []dnsRecord
	w.decode(w.must(0, "dkim", "--json").stdout, &records)
	return func(name string) ([]string, error) {
		for _, r := range records {
			if r.Name == name {
				return []string{strings.Join(r.Strings, "")}, nil
			}
		}
		return nil, errors.New("no such name")
	}
}

// checkSigned wants two good signatures of blog.test.
func checkSigned(t *testing.T, mail []byte, lookup func(string) ([]string, error)) {
	t.Helper()
	found, err := dkim.VerifyWithOptions(bytes.NewReader(mail), &dkim.VerifyOptions{LookupTXT: lookup})
	if err != nil || len(found) != 2 {
		t.Fatalf("%d signatures, %v\n%.1500s", len(found), err, mail)
	}
	for _, v := range found {
		if v.Err != nil || v.Domain != "blog.test" {
			t.Errorf("signed for %s: %v", v.Domain, v.Err)
		}
	}
}

// TestSigned sends a signed issue, of which one mail is in doubt and goes out twice, the same to the byte, and a signed
// proof.
func TestSigned(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 5})
	w.must(0, "subscribers", "add", "dropdot@readers.test", "--confirmed")
	w.must(0, "issue", "draft", "monthly", "2026-01")
	lookup := w.sign()
	w.must(0, "issue", "approve", "1")
	w.run("run")
	w.at = w.at.Add(time.Hour)
	w.run("run")
	w.must(0, "test", "author@blog.test")

	copies := map[string][]digesttest.Received{}
	for _, r := range w.sink.Accepted() {
		checkSigned(t, r.Data, lookup)
		copies[r.To] = append(copies[r.To], r)
	}
	if len(copies) != 7 {
		t.Errorf("%d got mail, want 7", len(copies))
	}
	twice := copies["dropdot@readers.test"]
	if len(twice) != 2 || twice[0].SHA256 != twice[1].SHA256 {
		t.Errorf("the mail in doubt has %d copies, or they differ", len(twice))
	}
}

// TestKeyGone: without its key no mail leaves, and the server hears nothing of it.
func TestKeyGone(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true})
	w.sign()
	if err := os.Rename(w.path("dkim-second.pem"), w.path("away.pem")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"run"}, {"test", "author@blog.test"}, {"serve"}} {
		if e := w.must(2, args...); !strings.Contains(e.stderr, "[[mail.dkim]] key_file") {
			t.Errorf("%v says %s", args, e.stderr)
		}
	}
	if n := w.sink.Connections(); n != 0 {
		t.Errorf("%d connections", n)
	}
	if err := os.Rename(w.path("away.pem"), w.path("dkim-second.pem")); err != nil {
		t.Fatal(err)
	}
	w.must(0, "run")
	if n := len(w.sink.Copies()); n != 3 {
		t.Errorf("%d got mail, want 3", n)
	}
}
