package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// signed writes a config with these lines of [[mail.dkim]], with the files a.pem and b.pem beside it.
func signed(t *testing.T, lines string) string {
	t.Helper()
	path := write(t, strings.Replace(whole, "\n[web]", lines+"\n[web]", 1))
	for _, name := range []string{"a.pem", "b.pem"} {
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), []byte("canary "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

const tableA, tableB = "\n[[mail.dkim]]\nselector = \"a\"\nkey_file = \"a.pem\"\n", "\n[[mail.dkim]]\nselector = \"b\"\nkey_file = \"b.pem\"\n"

func TestDKIM(t *testing.T) {
	c, err := load(signed(t, tableA+"domain = \"NOTES.test\"\n"+tableB), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, k := range c.Mail.DKIM {
		name := string("ab"[i]) + ".pem"
		if k.KeyFile != filepath.Join(c.Dir, name) || k.Key.Reveal() != "canary "+name || c.SigningDomain(k) != "notes.test" {
			t.Errorf("key %d is %+v, for %s", i, k, c.SigningDomain(k))
		}
	}
	if text := fmt.Sprintf("%v %+v %#v", c, c, c); strings.Contains(text, "canary") {
		t.Error("a key is shown")
	}
}

func TestSigningDomain(t *testing.T) {
	for _, tt := range []struct {
		from, domain, want string // want "": refused
	}{
		{"n@notes.test", "", "notes.test"},
		{"n@news.notes.test", "notes.test", "notes.test"},
		{"n@news.notes.test", "news.notes.test", "news.notes.test"},
		{"n@nötes.test", "", "xn--ntes-5qa.test"},
		{"n@news.nötes.test", "nötes.test", "xn--ntes-5qa.test"},
		{"n@notes.test", "test", ""},
		{"n@notes.test", "news.notes.test", ""},
		{"n@notes.test", "otes.test", ""},
		{"n@notes.test", "evil.test", ""},
		{"n@notes.test", "notes.test; x=1", ""},
		{"n@notes.test", "a b", ""},
	} {
		path := signed(t, tableA+fmt.Sprintf("domain = %q\n", tt.domain))
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		os.WriteFile(path, []byte(strings.Replace(string(text), "Notes <news@notes.test>", tt.from, 1)), 0o600)
		c, err := load(path, nil)
		if got := len(c.Mail.DKIM) > 0 && c.SigningDomain(c.Mail.DKIM[0]) == tt.want; got != (tt.want != "") || (err == nil) != got {
			t.Errorf("%s signed for %q: %v, %v", tt.from, tt.domain, c.Mail.DKIM, err)
		}
	}
}

func TestDKIMRefusals(t *testing.T) {
	for _, tt := range []struct{ lines, want string }{
		{"\n[[mail.dkim]]\nkey_file = \"a.pem\"\n", `32: [[mail.dkim]] selector: "": DNS labels like "digest" or "2026.news" are allowed`},
		{"\n[[mail.dkim]]\nselector = \"a;b\"\nkey_file = \"a.pem\"\n", `33: [[mail.dkim]] selector: "a;b": DNS labels like "digest" or "2026.news" are allowed`},
		{"\n[[mail.dkim]]\nselector = \"a\"\n", "32: [[mail.dkim]] key_file: it is missing; leave the table out, and `digest dkim new SELECTOR` makes a key and says what stands here"},
		{"\n[[mail.dkim]]\nselector = \"a\"\nkey_file = \"c.pem\"\n", "34: [[mail.dkim]] key_file: DIR/c.pem cannot be read; leave the table out, and `digest dkim new SELECTOR` makes a key and says what stands here"},
		{"\n[[mail.dkim]]\nselector = \"a\"\nkey_file = \".\"\n", "34: [[mail.dkim]] key_file: DIR is no file"},
		{tableA + strings.Replace(tableB, `"b"`, `"A"`, 1), `37: [[mail.dkim]] selector: "A" stands for two keys; each key has a selector of its own`},
		{tableA + tableB + tableA, `40: [[mail.dkim]]: a mail carries at most 2 signatures; keep one RSA and one Ed25519 key`},
		{"\n[[mail.dkim]]\nselektor = \"a\"\nselector = \"a\"\nkey_file = \"a.pem\"\n", "33: [[mail.dkim]] selektor: there is no such key; did you mean selector?"},
		{"\ndkim = 3\n", "32: [[mail.dkim]]: this is the wrong kind of value: a table [[mail.dkim]] is allowed"},
	} {
		path := signed(t, tt.lines)
		_, err := load(path, nil)
		if err == nil {
			t.Errorf("%s: loaded", tt.lines)
			continue
		}
		got := strings.ReplaceAll(strings.TrimPrefix(err.Error(), path+":"), filepath.Dir(path), "DIR")
		if got != tt.want {
			t.Errorf("%s\n got %s\nwant %s", tt.lines, got, tt.want)
		}
	}
}

// A key that others may read or that is another's is none; nor is it shown.
func TestPrivateFiles(t *testing.T) {
	for _, tt := range []struct {
		spoil func(file string) error
		want  string
	}{
		{func(file string) error { return os.Chmod(file, 0o640) }, "is open to others (mode 0640); chmod 600 "},
		{func(file string) error { return os.Chmod(file, 0o604) }, "is open to others (mode 0604); chmod 600 "},
		{func(file string) error { return os.Truncate(file, maxPrivate+1) }, "cannot be read"},
	} {
		path := signed(t, tableA)
		if err := tt.spoil(filepath.Join(filepath.Dir(path), "a.pem")); err != nil {
			t.Fatal(err)
		}
		_, err := load(path, nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%v, want %s", err, tt.want)
		}
	}
	if os.Getuid() == 0 { // only root can give a file away
		path := signed(t, tableA)
		if err := os.Chown(filepath.Join(filepath.Dir(path), "a.pem"), 12345, -1); err != nil {
			t.Fatal(err)
		}
		if _, err := load(path, nil); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
			t.Errorf("another's file: %v", err)
		}
	}
}
