package mailer

import (
	"strings"
	"testing"
)

// What was offered before gives way, and two readers of one message are two files.
func TestSpoolKeepsOneInHand(t *testing.T) {
	dir := t.TempDir()
	spool, err := OpenSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{"ann@example.net", "bob@example.net"} {
		if a, err := spool.Offer(t.Context(), mailFrom(from, to, []byte(letter))); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
	}
	waiting := spoolFiles(t, dir, "tmp")
	for _, got := range waiting {
		if !strings.Contains(got, "Delivered-To: bob@example.net\n") {
			t.Errorf("the file is\n%s", got)
		}
	}
	if len(waiting) != 1 {
		t.Errorf("%d files wait", len(waiting))
	}
	if a, err := spool.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
		t.Fatal(a, err)
	}
}

// One Message-ID to two recipients makes two files.
func TestSpoolFilePerRecipient(t *testing.T) {
	dir := t.TempDir()
	spool, err := OpenSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	message := []byte("Message-ID: <1@example.com>\r\n\r\nhello\r\n")
	for _, to := range []string{"ann@example.net", "bob@example.net"} {
		if a, err := spool.Offer(t.Context(), mailFrom(from, to, message)); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		if a, err := spool.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
			t.Fatal(a, err)
		}
	}
	if n := len(spoolFiles(t, dir, "new")); n != 2 {
		t.Errorf("%d files", n)
	}
}
