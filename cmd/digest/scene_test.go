package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// scene is a newsletter on disk, its blog's feed, and a mail server that
// outlives every command.
type scene struct {
	*testing.T
	dir  string
	at   time.Time // what --at says; zero: the machine's clock
	env  []string
	wrap []string // the command line that runs the command; nil = none
	self string   // the command; "" = this test's binary
	sink *digesttest.Sink
	from plot
}

// plot says how a scene is set. The zero value: three readers of a monthly
// digest, two posts of January 2026, over one connection, nothing made yet.
type plot struct {
	readers     int // 0 = 3
	connections int // 0 = 1
	inDoubt     outbox.Policy
	rate        string                // "" = unlimited
	sink        digesttest.SinkConfig // of the mail server
	smtp        string                // instead of the sink's address
	listen      string                // of serve; "" = a free port
	feed        string                // address of the feed; "" = a file
	blank       bool                  // not live, no readers
	approved    bool                  // live, with the issue of January approved
}

// start of every scene's time.
var epoch = time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)

// author is who gets notices, which stand outside the ledger.
const author = "author@blog.test"

func newScene(t *testing.T, p plot) *scene {
	t.Helper()
	p.readers = cmp.Or(p.readers, 3)
	w := &scene{T: t, dir: t.TempDir(), at: epoch, from: p, env: []string{"DIGEST_INSTANCE=test"}}
	w.sink = digesttest.NewSinkWith(t, p.sink)
	w.write("feed.xml", rss(january...))
	w.configure()
	model, err := modelOf(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(w.path("digest.db"), model, 0o600); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *scene) path(name string) string { return filepath.Join(w.dir, name) }

func (w *scene) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

// configure writes digest.toml as the plan says.
func (w *scene) configure() {
	w.Helper()
	p := w.from
	if p.smtp == "" {
		p.smtp = w.sink.URL()
	}
	if p.feed == "" {
		p.feed = "feed.xml"
	}
	w.write("digest.toml", configText(p))
}

func configText(p plot) string {
	or := func(s, other string) string {
		if s == "" {
			return other
		}
		return s
	}
	return fmt.Sprintf(`[site]
name       = "A Blog"
blog       = "https://blog.test"
public_url = "https://news.test"
address    = "1 Road, Town"

[author]
email = "author@blog.test"

[[feed]]
url = %q

[[digest]]
name     = "monthly"
every    = "month"
on       = "1"
at       = "09:00"
timezone = "UTC"
show     = "headline"

[mail]
from = "A Blog <digest@blog.test>"
smtp = %q
rate = %q
connections = %d
in_doubt = %q

[web]
listen = %q
`, p.feed, p.smtp, or(p.rate, "unlimited"), max(p.connections, 1), or(string(p.inDoubt), "repeat"), or(p.listen, "127.0.0.1:0"))
}

// models are databases made once by the commands and copied into each scene
// that wants such a one.
var models = struct {
	sync.Mutex
	of map[string]func() ([]byte, error)
}{of: map[string]func() ([]byte, error){}}

func modelOf(p plot) ([]byte, error) {
	key := fmt.Sprint(p.readers, p.blank, p.approved)
	models.Lock()
	build := models.of[key]
	if build == nil {
		build = sync.OnceValues(func() ([]byte, error) { return buildModel(p) })
		models.of[key] = build
	}
	models.Unlock()
	return build()
}

func buildModel(p plot) ([]byte, error) {
	dir, err := os.MkdirTemp("", "digest-model-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	var list strings.Builder
	for i := range p.readers {
		fmt.Fprintln(&list, reader(i+1))
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	os.WriteFile(file("feed.xml"), []byte(rss(january...)), 0o600)
	os.WriteFile(file("readers.csv"), []byte(list.String()), 0o600)
	steps := [][]string{{"init", file("feed.xml"), "--dir", file("news"), "--every", "month"}}
	if !p.blank {
		steps = append(steps, []string{"subscribers", "import", file("readers.csv"), "--confirmed"}, []string{"go-live", "--anyway"})
	}
	if p.approved {
		steps = append(steps, []string{"issue", "draft", "monthly", "2026-01"}, []string{"issue", "approve", "1"})
	}
	config := filepath.Join(dir, "news", "digest.toml")
	for i, args := range steps {
		if i > 0 {
			args = append(args, "--config", config)
		}
		cmd := exec.Command(os.Args[0], append(args, "--at", epoch.Format(time.RFC3339))...)
		cmd.Env = append(os.Environ(), asCommand+"=1", "DIGEST_INSTANCE=test", happensAt+"=")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("digest %v: %w\n%s", args, err, out)
		}
		if i == 0 {
			p.feed, p.smtp = file("feed.xml"), "smtp://127.0.0.1:1"
			if err := os.WriteFile(config, []byte(configText(p)), 0o600); err != nil {
				return nil, err
			}
		}
	}
	return os.ReadFile(filepath.Join(dir, "news", "digest.db"))
}

func reader(n int) string { return fmt.Sprintf("r%d@readers.test", n) }

func (w *scene) decode(text string, v any) {
	w.Helper()
	if err := json.Unmarshal([]byte(text), v); err != nil {
		w.Fatalf("%v in %s", err, text)
	}
}

// item is a post of a feed.
type item struct {
	title, body string
	date        time.Time
}

var january = []item{
	{"A second post", "It has a body.", time.Date(2026, 1, 20, 9, 0, 0, 0, time.UTC)},
	{"A first post", "So has this.", time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)},
}

func rss(items ...item) string {
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>A Blog</title><link>https://blog.test</link><description>Posts</description>`)
	for _, i := range items {
		fmt.Fprintf(&b, "<item><link>https://blog.test/%d</link><guid>https://blog.test/%[1]d</guid>", i.date.Unix())
		if i.title != "" {
			fmt.Fprintf(&b, "<title>%s</title>", i.title)
		}
		fmt.Fprintf(&b, "<pubDate>%s</pubDate><description>%s</description></item>", i.date.Format(time.RFC1123Z), i.body)
	}
	b.WriteString("</channel></rss>\n")
	return b.String()
}

// get asks a page of serve.
func get(address string) (int, string, error) {
	resp, err := http.Get(address)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// textOf is the text part of a mail.
func textOf(t testing.TB, data []byte) string {
	t.Helper()
	message, err := mail.ReadMessage(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	_, params, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
	if err != nil {
		t.Fatal(err)
	}
	part, err := multipart.NewReader(message.Body, params["boundary"]).NextPart() // decodes quoted-printable
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(part)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
