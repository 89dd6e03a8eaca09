package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestFallback(t *testing.T) {
	const good = `fallback = "smtps://me@relay.notes.test:465"`
	for _, c := range []struct{ line, want string }{
		{good, ""},
		{`fallback = "file:///var/spool/notes"`, ""},
		{`fallback = "smtp://me:hunter2@relay.notes.test"`, `30: [mail] fallback: a password does not stand here; use fallback_password_file or DIGEST_MAIL_FALLBACK_PASSWORD`},
		{`fallback = "smtp://relay.notes.test:0"`, `30: [mail] fallback: its port is none: "smtp://user@smtp.example.com:587", "smtps://…:465" or "file:///folder" is allowed`},
		{`fallback = "smtp://me@notes.test@smtp.notes.test:587"`, `30: [mail] fallback: it is the same as smtp: name another server, or drop the key`},
		{`fallback_password_file = "x"`, `30: [mail] fallback_password_file: there is no fallback to log in to; add fallback, or drop the key`},
		{good + "\n" + `fallback_password_file = "x"`, `31: [mail] fallback_password_file: `},
	} {
		_, err := load(write(t, strings.Replace(whole, "connections = 2", c.line, 1)), nil)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.line, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "hunter") {
			t.Errorf("%v shows the password", err)
		}
	}
	path := write(t, strings.Replace(whole, "connections = 2", good+"\n"+`fallback_password_file = "second.password"`, 1))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "second.password"), []byte("hunter3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, environ := range map[string][]string{"hunter3": nil, "hunter4": {"DIGEST_MAIL_FALLBACK_PASSWORD=hunter4"}} {
		c, err := load(path, environ)
		if err != nil || c.Mail.FallbackPassword.Reveal() != want || !c.Mail.Password.Empty() {
			t.Errorf("%v, %q", err, c.Mail.FallbackPassword.Reveal())
		}
		if hosts := strings.Join(c.Mail.Hosts(), " "); hosts != "smtp.notes.test relay.notes.test" {
			t.Errorf("hosts %s", hosts)
		}
	}
}
