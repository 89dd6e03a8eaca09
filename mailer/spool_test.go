package mailer

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func spoolFiles(t *testing.T, dir, folder string) map[string]string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(dir, folder))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, entry := range entries {
		data, err := os.ReadFile(filepath.Join(dir, folder, entry.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[entry.Name()] = string(data)
	}
	return files
}

func TestSpool(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail", "box")
	spool, err := OpenSpool(dir)
	if err != nil {
		t.Fatal(err)
	}
	message := build(t, sampleLetter(), sampleReader())
	if a, err := spool.Offer(t.Context(), mailFrom(from, to, message)); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	if len(spoolFiles(t, dir, "tmp")) != 1 || len(spoolFiles(t, dir, "new")) != 0 {
		t.Error("the mail is not waiting in tmp")
	}
	for range 2 { // a repetition takes the place of the first copy
		if a, err := spool.Offer(t.Context(), mailFrom(from, to, message)); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		if a, err := spool.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
			t.Fatal(a, err)
		}
	}
	files := spoolFiles(t, dir, "new")
	if len(files) != 1 || len(spoolFiles(t, dir, "tmp")) != 0 {
		t.Fatalf("%d files", len(files))
	}
	want := "Return-Path: <digest@example.com>\nDelivered-To: ann@example.net\n" + strings.ReplaceAll(string(message), "\r\n", "\n")
	for _, got := range files {
		if got != want {
			t.Errorf("got\n%s\nwant\n%s", got, want)
		}
	}
	if a, err := spool.Offer(t.Context(), mailFrom(from, "bob@example.net", message)); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	if err := spool.Close(); err != nil || len(spoolFiles(t, dir, "tmp")) != 0 || len(spoolFiles(t, dir, "new")) != 1 {
		t.Errorf("Close left the mail: %v", err)
	}
	if _, err := spool.Dot(t.Context(), nil); !errors.Is(err, ErrLost) {
		t.Errorf("a dot after Close: %v", err)
	}
}

func TestSpoolRefuses(t *testing.T) {
	spool, err := OpenSpool(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from, to, message string
		want              Class
	}{
		{from, "a\nb@example.net", letter, BadRecipient},
		{"a\nb@example.com", to, letter, BadSender},
		{from, to, "Subject: x\n", BadMessage},
	} {
		if a, err := spool.Offer(t.Context(), mailFrom(test.from, test.to, []byte(test.message))); err != nil || a.Class != test.want {
			t.Error(a, err)
		}
	}
	if a, err := spool.Offer(t.Context(), mailFrom(from, to, []byte(letter))); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	if err := os.RemoveAll(filepath.Join(spool.dir, "new")); err != nil {
		t.Fatal(err)
	}
	if a, err := spool.Dot(t.Context(), nil); err != nil || a.Class != Busy {
		t.Errorf("a failed rename: %v %v", a, err)
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var failure *DialError
	if _, err := OpenSpool(filepath.Join(file, "box")); !errors.As(err, &failure) || !failure.Halt() {
		t.Errorf("a spool inside a file: %v", err)
	}
}

func TestParseSpool(t *testing.T) {
	for raw, want := range map[string]string{
		"file:///var/spool/digest": "/var/spool/digest", "file:///a/../b/": "/b", "file://localhost/x": "/x", "file:///with%20blank": "/with blank",
		"file://host/x": "", "file:x": "", "/x": "", "smtp://x": "", "": "",
	} {
		if got, ok := ParseSpool(raw); got != want || ok != (want != "") {
			t.Errorf("%s: %q %v", raw, got, ok)
		}
	}
}
