package main

import (
	"os"
	"strings"
	"testing"

	"digest/newsletter"
	"digest/outbox"
)

// TestTooSlow approves an issue for a hundred readers at one mail an hour: 72
// or so are sent in time, and whoever approves or asks is told of the rest.
func TestTooSlow(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 100, rate: "1/h"})
	w.must(0, "issue", "draft", "monthly", "2026-01")
	const want, hint = " of them will not be sent in time: those that wait for more than 3 days expire", "hint: raise [mail] rate"
	w.must(0, "issue", "approve", "1").says(t, "about 2", want, hint)
	w.must(0, "status").says(t, want, hint)
	text, err := os.ReadFile(w.path("digest.toml"))
	check(t, err)
	w.write("digest.toml", strings.Replace(string(text), `"1/h"`, `"2/h"`, 1))
	if e := w.must(0, "status"); strings.Contains(e.stdout+e.stderr, "in time") {
		t.Errorf("at 2/h: %s%s", e.stdout, e.stderr)
	}
}

func TestOthers(t *testing.T) {
	for _, c := range []struct {
		n    int
		want string
	}{
		{1, "1 has it, 1 is owed it still, 1 is in doubt (digest issue unknown 3), 1 left before it went"},
		{2, "2 have it, 2 are owed it still, 2 are in doubt (digest issue unknown 3), 2 left before it went"},
	} {
		states := map[outbox.State]int{outbox.Sent: c.n, outbox.Queued: c.n, outbox.Unknown: c.n, outbox.Skipped: c.n}
		if said := new(door).others(3, newsletter.SentMissing{Mail: states}); !strings.HasSuffix(said, "of the others "+c.want) {
			t.Errorf("%d: %s", c.n, said)
		}
	}
}

// A key that can't sign is told with its file, and so are two of a kind.
func TestWrongKeysNameTheirFile(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 1})
	text, err := os.ReadFile(w.path("digest.toml"))
	check(t, err)
	table := func(name string) string {
		return "\n[[mail.dkim]]\nselector = \"" + name + "\"\nkey_file = \"dkim-" + name + ".pem\"\n"
	}
	w.must(0, "dkim", "new", "a")
	w.must(0, "dkim", "new", "b")
	w.write("digest.toml", string(text)+table("a")+table("b"))
	w.must(exitUsage, "dkim").says(t, "selectors a and b have two RSA keys", "hint: put another key into "+w.path("dkim-b.pem"))
	w.write("dkim-b.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
	check(t, os.Chmod(w.path("dkim-b.pem"), 0o600))
	w.must(exitUsage, "dkim").says(t, "it is a public key", "hint: put another key into "+w.path("dkim-b.pem"))
}
