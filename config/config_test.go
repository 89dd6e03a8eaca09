package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// whole has every table, so that a case can change one line of it.
const whole = `database = "news.db"
feed_wait = "90m"

[site]
name = "Notes"
public_url = "https://news.notes.test/"

[author]
email = "me@notes.test"

[[feed]]
url = "https://notes.test/feed/"

[[digest]]
name = "weekly"
every = "week"
on = "monday"
timezone = "Europe/Berlin"

[[digest]]
name = "monthly"
every = "month"
on = 15
default = true

[mail]
from = "Notes <news@notes.test>"
smtp = "smtp://me@notes.test@smtp.notes.test:587"
rate = "1/s, 200/h"
connections = 2

[web]
listen = "127.0.0.1:8080"
`

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "digest.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoad(t *testing.T) {
	path := write(t, whole)
	c, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	for what, got := range map[string][2]any{
		"path":        {c.Path, path},
		"dir":         {c.Dir, dir},
		"database":    {c.Database, filepath.Join(dir, "news.db")},
		"feed_wait":   {c.FeedWait, 90 * time.Minute},
		"public_url":  {c.Site.PublicURL, "https://news.notes.test"},
		"language":    {c.Site.Language, "en"},
		"weekly":      {c.Digests[0].Schedule.String(), "every Monday at 09:00 Europe/Berlin"},
		"monthly":     {c.Digests[1].Schedule.String(), "every month on the 15th at 09:00 UTC"},
		"default":     {c.Digests[1].Default, true},
		"subject":     {c.Digests[0].Subject, DefaultSubject},
		"theme":       {c.Digests[0].Theme, "letter"},
		"show":        {c.Digests[0].Show, "excerpt"},
		"approval":    {c.Digests[0].Approval, "none"},
		"cut":         {c.Digests[0].Cut, "send"},
		"in_doubt":    {c.Mail.InDoubt, "repeat"},
		"connections": {c.Mail.Connections, 2},
		"host":        {c.Mail.Hosts()[0], "smtp.notes.test"},
		"sender":      {c.Sender().Name, "Notes"},
	} {
		if got[0] != got[1] {
			t.Errorf("%s is %v, want %v", what, got[0], got[1])
		}
	}
}

func TestDefaults(t *testing.T) {
	path := write(t, "[site]\nname='N'\npublic_url='https://n.test'\n[[feed]]\nurl='f.xml'\n[[digest]]\nname='w'\nevery='week'\n[mail]\nfrom='n@n.test'\nsmtp='smtp://localhost:25'\n")
	c, err := load(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Database, c.FeedWait, c.Mail.Connections, c.Mail.Rate, c.Web.Listen, c.Feeds[0].URL, c.Sender().Name}
	want := []any{filepath.Join(c.Dir, "digest.db"), 6 * time.Hour, 4, "unlimited", "127.0.0.1:8080", filepath.Join(c.Dir, "f.xml"), "N"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// Each case replaces one line of the whole file and names the one line of the
// error that has to come of it.
func TestRefusals(t *testing.T) {
	for _, c := range []struct{ old, new, want string }{
		{`rate = "1/s, 200/h"`, `rats = "1/s"`, `29: [mail] rats: there is no such key; did you mean rate?`},
		{`listen = "127.0.0.1:8080"`, `rate = "1/s"`, `33: [web] rate: there is no such key; it belongs to [mail]`},
		{`rate = "1/s, 200/h"`, `password = "hunter2"`, `29: [mail] password: there is no such key; a password does not stand in this file; use password_file or DIGEST_MAIL_PASSWORD`},
		{`[web]`, `[webb]`, `32: webb: there is no such key; did you mean web?`},
		{`on = "monday"`, `onn = "monday"`, `17: [[digest]] onn: there is no such key; did you mean on?`},
		{`rate = "1/s, 200/h"`, `rate = "5/x"`, `29: [mail] rate: "5/x": "unlimited" or limits like "1/s, 200/h" (s, m, h or d, each once) are allowed`},
		{`rate = "1/s, 200/h"`, `rate = "1/s, 2/s"`, `29: [mail] rate: "1/s, 2/s": "unlimited" or limits like "1/s, 200/h" (s, m, h or d, each once) are allowed`},
		{`connections = 2`, `connections = 65`, `30: [mail] connections: 65: 1 to 64 is allowed`},
		{`connections = 2`, `connections = -1`, `30: [mail] connections: -1: 1 to 64 is allowed`},
		{`connections = 2`, `connections = "two"`, `30: [mail] connections: this is the wrong kind of value: a whole number is allowed`},
		{`connections = 2`, `in_doubt = "maybe"`, `30: [mail] in_doubt: "maybe": "repeat" or "ask" is allowed`},
		{`connections = 2`, `helo = "a b"`, `30: [mail] helo: "a b" is no host name`},
		{`connections = 2`, `reply_to = "a b@c"`, `30: [mail] reply_to: "a b@c" is no mail address`},
		{`connections = 2`, `reply_to = "Me <me@c.test>"`, `30: [mail] reply_to: "Me <me@c.test>" is no mail address`},
		{`from = "Notes <news@notes.test>"`, `from = "a@b.test, c@d.test"`, `27: [mail] from: "a@b.test, c@d.test": an address like "A Blog <digest@example.com>" is allowed`},
		{`from = "Notes <news@notes.test>"`, `from = "Notes <\"x@evil.test y\"@notes.test>"`, `27: [mail] from: "Notes <\"x@evil.test y\"@notes.test>": an address like "A Blog <digest@example.com>" is allowed`},
		{`from = "Notes <news@notes.test>"`, `from = "Notes\r\nBcc: x@evil.test <news@notes.test>"`, `27: [mail] from: "Notes\r\nBcc: x@evil.test <news@notes.test>": an address like "A Blog <digest@example.com>" is allowed`},
		{`from = "Notes <news@notes.test>"`, `from = "=?utf-8?q?a=0D=0Ab?= <n@notes.test>"`, `27: [mail] from: "=?utf-8?q?a=0D=0Ab?= <n@notes.test>": an address like "A Blog <digest@example.com>" is allowed`},
		{`smtp = "smtp://me@notes.test@smtp.notes.test:587"`, `smtp = "smtp://me:hunter2@smtp.notes.test"`, `28: [mail] smtp: a password does not stand here; use password_file or DIGEST_MAIL_PASSWORD`},
		{`smtp = "smtp://me@notes.test@smtp.notes.test:587"`, `smtp = "smtp://smtp.notes.test:0"`, `28: [mail] smtp: its port is none: "smtp://user@smtp.example.com:587", "smtps://…:465" or "file:///folder" is allowed`},
		{`smtp = "smtp://me@notes.test@smtp.notes.test:587"`, `smtp = "smtp://localhost:25?tls=none"`, `28: [mail] smtp: ?tls=required is all that may follow a server`},
		{`smtp = "smtp://me@notes.test@smtp.notes.test:587"`, `smtp = "file://spool"`, `28: [mail] smtp: an absolute path after file:// is allowed`},
		{`name = "Notes"`, `name = "a\nb"`, `5: [site] name: it holds a line break or control character; write it on one line`},
		{`name = "Notes"`, ``, `4: [site] name: it is missing; the name of the blog, as readers know it`},
		{`public_url = "https://news.notes.test/"`, `public_url = "news.notes.test"`, `6: [site] public_url: an address like "https://news.example.com" is allowed`},
		{`public_url = "https://news.notes.test/"`, `public_url = "https://u:p@news.notes.test"`, `6: [site] public_url: an address like "https://news.example.com" is allowed`},
		{`public_url = "https://news.notes.test/"`, ``, `4: [site] public_url: it is missing; name where ` + "`digest serve`" + ` is reached: every mail's leave link needs it`},
		{`name = "Notes"`, `name = "Notes"` + "\n" + `language = "English"`, `6: [site] language: "English": a language tag like "en" or "pt-BR" is allowed`},
		{`email = "me@notes.test"`, `email = "me"`, `9: [author] email: "me" is no mail address`},
		{`url = "https://notes.test/feed/"`, `url = "gopher://notes.test"`, `12: [[feed]] url: an http(s) address or a file is allowed`},
		{`url = "https://notes.test/feed/"`, `url = ""`, `12: [[feed]] url: it is missing; the address of the feed, or a file`},
		{`timezone = "Europe/Berlin"`, `timezone = "Local"`, `18: [[digest]] timezone: "Local": it changes with the machine; a name like "Europe/Berlin" or "UTC" is allowed`},
		{`on = "monday"`, `on = "someday"`, `17: [[digest]] on: "someday": for a week "monday" to "sunday" is allowed`},
		{`on = 15`, `on = 32`, `23: [[digest]] on: "32": for a month 1 to 31, "last", "first monday" (to "fourth") or "last friday" is allowed`},
		{`on = 15`, `on = [1]`, `23: [[digest]] on: this is the wrong kind of value: a word like "monday" or a number is allowed`},
		{`on = 15`, `default = "yes"`, `23: [[digest]] default: this is the wrong kind of value: true or false is allowed`},
		{`on = "monday"`, `default = true`, `24: [[digest]] default: only one digest can be the default`},
		{`name = "weekly"`, `name = "Weekly!"`, `15: [[digest]] name: "Weekly!": 1 to 32 of a to z, 0 to 9 and - are allowed`},
		{`name = "monthly"`, `name = "weekly"`, `21: [[digest]] name: "weekly" is the name of two digests`},
		{`on = "monday"`, `approval = "veto"`, `17: [[digest]] approval: "veto": "none" or "required" is allowed`},
		{`on = "monday"`, `show = "all"`, `17: [[digest]] show: "all": "full", "excerpt" or "headline" is allowed`},
		{`on = "monday"`, `cut = "noon"`, `17: [[digest]] cut: "noon": "send" or "midnight" is allowed`},
		{`on = "monday"`, `cron = "0 9 * * MON"`, `17: [[digest]] cron: "0 9 * * MON": it stands alone; drop every, on and at, or drop cron`},
		{`listen = "127.0.0.1:8080"`, `listen = "8080"`, `33: [web] listen: "8080": an address like "127.0.0.1:8080" is allowed`},
		{`feed_wait = "90m"`, `feed_wait = "soon"`, `2: feed_wait: this is the wrong kind of value: a time span like "6h" or "90m" is allowed`},
		{`database = "news.db"`, `database = "postgres://u:p@h/d"`, `1: database: the path of a file is allowed`},
	} {
		path := write(t, strings.Replace(whole, c.old, c.new, 1))
		_, err := load(path, nil)
		if err == nil {
			t.Errorf("%s: loaded", c.new)
			continue
		}
		if got := strings.TrimPrefix(err.Error(), path+":"); got != c.want {
			t.Errorf("%s\n got %s\nwant %s", c.new, got, c.want)
		}
	}
}

func TestEveryErrorIsListed(t *testing.T) {
	path := write(t, "[site]\nnmae = 'x'\n[mail]\nrate = 'x'\nsmtp = 'x'\n")
	_, err := load(path, []string{"DIGEST_MAIL_CONNECTIONS=many", "DIGEST_MAIL_FORM=x"})
	var all *Errors
	if !errors.As(err, &all) {
		t.Fatalf("got %T", err)
	}
	var got []string
	for _, e := range *all {
		got = append(got, fmt.Sprintf("%s:%d %s", filepath.Base(e.File), e.Line, e.Key))
	}
	want := []string{
		"digest.toml:0 [[digest]]", "digest.toml:0 [[feed]]", "digest.toml:1 [site] name", "digest.toml:1 [site] public_url", "digest.toml:2 [site] nmae",
		"digest.toml:3 [mail] from", "digest.toml:4 [mail] rate", "digest.toml:5 [mail] smtp",
		"environment:0 DIGEST_MAIL_CONNECTIONS", "environment:0 DIGEST_MAIL_FORM",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if strings.Contains(err.Error(), "many") {
		t.Error("the value of a variable is shown")
	}
}

func TestBrokenSyntaxShowsNoNeighbour(t *testing.T) {
	for _, line := range []string{`smtp = "smtp://me:hunter2@`, `smtp = hunter2`, `"hunter2`, `smtp == "hunter2"`, "smtp = \"hunter2\"\nsmtp = \"hunter2\"", `connections = ["hunter2"]`} {
		path := write(t, "[mail]\n# hunter2\n"+line+"\n# hunter2\n")
		_, err := load(path, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") || !strings.Contains(err.Error(), "digest.toml:3") && !strings.Contains(err.Error(), "digest.toml:4") {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestInlineTablesHaveLines(t *testing.T) {
	path := write(t, "site = { name = 'N', public_url = 'https://n.test', language = '!' }\nfeed = [\n  { url = 'a' },\n  { url = '' } ]\n[[digest]]\nname='w'\nevery='week'\n[mail]\nfrom='n@n.test'\nsmtp='smtp://localhost'\n")
	_, err := load(path, nil)
	want := path + ":1: [site] language: \"!\": a language tag like \"en\" or \"pt-BR\" is allowed\n" +
		path + ":4: [[feed]] url: it is missing; the address of the feed, or a file"
	if err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	path := write(t, whole)
	c, err := load(path, []string{
		"DIGEST_SITE_NAME=Other", "DIGEST_SITE_PUBLIC_URL=http://localhost:1", "DIGEST_AUTHOR_EMAIL=you@notes.test",
		"DIGEST_MAIL_FROM=Other <o@notes.test>", "DIGEST_MAIL_SMTP=smtp://localhost:2525", "DIGEST_MAIL_PASSWORD=hunter2",
		"DIGEST_MAIL_RATE=9/m", "DIGEST_MAIL_CONNECTIONS=7", "DIGEST_WEB_LISTEN=", "DIGEST_INSTANCE=x",
	})
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Site.Name, c.Site.PublicURL, c.Author.Email, c.Mail.From, c.Mail.Hosts()[0], c.Mail.Password.Reveal(), c.Mail.Rate, c.Mail.Connections, c.Web.Listen}
	want := []any{"Other", "http://localhost:1", "you@notes.test", "Other <o@notes.test>", "localhost", "hunter2", "9/m", 7, "127.0.0.1:8080"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	_, err = load(path, []string{"DIGEST_MAIL_RATE=fast"})
	if err == nil || !strings.HasPrefix(err.Error(), "environment: DIGEST_MAIL_RATE: ") {
		t.Errorf("got %v", err)
	}
}

func TestPasswordFile(t *testing.T) {
	text := strings.Replace(whole, "connections = 2", `password_file = "smtp.password"`, 1)
	for _, c := range []struct {
		mode    os.FileMode
		content string
		want    string // part of the error; "" = none
	}{
		{0o600, "hunter2\n", ""},
		{0o400, "hunter2", ""},
		{0o640, "hunter2\n", "is open to others (mode 0640); chmod 600"},
		{0o604, "hunter2\n", "is open to others"},
		{0o600, "", "must hold the password on one line"},
		{0o600, "hunter2\nhunter3\n", "must hold the password on one line"},
	} {
		path := write(t, text)
		file := filepath.Join(filepath.Dir(path), "smtp.password")
		if err := os.WriteFile(file, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, c.mode); err != nil {
			t.Fatal(err)
		}
		got, err := load(path, nil)
		switch {
		case c.want == "" && (err != nil || got.Mail.Password.Reveal() != "hunter2"):
			t.Errorf("%o %q: %v, %q", c.mode, c.content, err, got.Mail.Password.Reveal())
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "hunter")):
			t.Errorf("%o %q: %v", c.mode, c.content, err)
		}
	}
	if _, err := load(write(t, text), nil); err == nil || !strings.Contains(err.Error(), ":30: [mail] password_file: ") {
		t.Errorf("no file: %v", err)
	}
}

func TestFilesRefused(t *testing.T) {
	dir := t.TempDir()
	big := write(t, "#"+strings.Repeat("x", maxFile)+"\n")
	for path, want := range map[string]string{
		filepath.Join(dir, "none.toml"): "there is no such file",
		dir:                             "it is no file",
		big:                             "it is larger than 1 MiB",
		write(t, "\xff\xfe"):            "digest.toml:1: ",
	} {
		if _, err := load(path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := load(filepath.Join(dir, "none.toml"), nil); !errors.Is(err, os.ErrNotExist) {
		t.Error("the cause is lost")
	}
	if _, err := load(write(t, "\ufeff"+whole), nil); err != nil {
		t.Errorf("byte order mark: %v", err)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	c := Config{Mail: Mail{Password: NewSecret("hunter2")}}
	var shown strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%T"} {
		fmt.Fprintf(&shown, verb, c)
		fmt.Fprintf(&shown, verb, &c.Mail)
		fmt.Fprintf(&shown, verb, c.Mail.Password)
		fmt.Fprintf(&shown, verb, &c.Mail.Password)
	}
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"Password":"***"`) {
		t.Errorf("as JSON: %s", b)
	}
	shown.Write(b)
	for _, h := range []slog.Handler{slog.NewTextHandler(&shown, nil), slog.NewJSONHandler(&shown, nil)} {
		slog.New(h).Info("x", "config", c, "mail", c.Mail, "password", c.Mail.Password)
	}
	for _, leak := range []string{"hunter2", fmt.Sprintf("%x", "hunter2"), fmt.Sprintf("%X", "hunter2")} {
		if strings.Contains(shown.String(), leak) {
			t.Errorf("%s is shown", leak)
		}
	}
	if !strings.Contains(shown.String(), mask) {
		t.Error("nothing stands for the secret")
	}
}

func TestServer(t *testing.T) {
	for s, want := range map[string]server{
		"smtp://localhost":                    {scheme: "smtp", host: "localhost"},
		"smtp://127.0.0.1:2525/":              {scheme: "smtp", host: "127.0.0.1"},
		"smtps://me@a.test@mx.b.test:465":     {scheme: "smtps", user: "me@a.test", host: "mx.b.test"},
		"smtp://me%40a.test@[::1]:25":         {scheme: "smtp", user: "me%40a.test", host: "::1"},
		"file:///var/spool/digest":            {scheme: "file", path: "/var/spool/digest"},
		"smtp://me:secret@mx.b.test":          {},
		"smtp://":                             {},
		"smtp://mx.b.test:port":               {},
		"smtp://mx.b.test?tls=off":            {},
		"http://mx.b.test":                    {},
		"mx.b.test:587":                       {},
		"smtp://mx.b.test\r\nRCPT TO:<x@y.z>": {},
	} {
		got, problem := parseServer(s)
		if got != want || (problem == "") != (want != server{}) {
			t.Errorf("%s: %+v, %q", s, got, problem)
		}
	}
}
