package bench_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// house is a newsletter on disk, made by the built command: an approved issue
// of 18 posts, owed to many readers.
type house struct {
	dir     string
	binary  string
	readers int
	size    int // of one mail as sent, bytes
}

// setting is what differs from one delivery to the next.
type setting struct {
	smtp        string
	connections int
	mail        string   // further lines of [mail]
	env         []string // further environment
}

// spent is what a sender took.
type spent struct {
	wall, cpu time.Duration
	rss       int64 // peak, bytes; 0 = not measured
}

const instance = "DIGEST_INSTANCE=bench"

// build compiles the command once.
func build(b *testing.B) string {
	b.Helper()
	binary := filepath.Join(b.TempDir(), "digest")
	cmd := exec.Command("go", "build", "-trimpath", "-o", binary, "digest/cmd/digest")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("building the command: %v\n%s", err, out)
	}
	return binary
}

// newHouse makes the newsletter and measures one of its mails in a Maildir.
func newHouse(b *testing.B, binary string, readers int) *house {
	b.Helper()
	h := &house{dir: filepath.Join(b.TempDir(), "news"), binary: binary, readers: readers}
	source := filepath.Join(b.TempDir(), "feed.xml")
	check(b, os.WriteFile(source, []byte(feed()), 0o600))
	cmd := exec.Command(binary, "init", source, "--dir", h.dir, "--every", "month")
	cmd.Env = append(os.Environ(), instance)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("digest init: %v\n%s", err, out)
	}
	check(b, os.Rename(source, h.path("feed.xml")))
	h.write(b, "digest.toml", config("smtp://127.0.0.1:1", 1, ""))
	var list bytes.Buffer
	for i := range readers {
		fmt.Fprintf(&list, "reader%d@readers.test\n", i+1)
	}
	h.write(b, "readers.csv", list.String())
	h.command(b, "subscribers", "import", h.path("readers.csv"), "--confirmed")
	h.command(b, "go-live", "--anyway")
	h.command(b, "issue", "draft", "monthly", "2026-01")
	h.command(b, "issue", "approve", "1")
	if err := os.Rename(h.path("digest.db"), h.path("model.db")); err != nil {
		b.Fatal(err)
	}
	return h
}

// measure sends a mail to a Maildir and sets size.
func (h *house) measure(b *testing.B) {
	b.Helper()
	one := newHouse(b, h.binary, 1)
	spool := b.TempDir()
	one.deliver(b, setting{smtp: "file://" + spool, connections: 1}, nil)
	found, err := filepath.Glob(filepath.Join(spool, "new", "*"))
	if err != nil || len(found) != 1 {
		b.Fatalf("%d mails in the Maildir, %v", len(found), err)
	}
	raw, err := os.ReadFile(found[0])
	check(b, err)
	h.size = len(raw) + bytes.Count(raw, []byte("\n"))
}

func (h *house) path(name string) string { return filepath.Join(h.dir, name) }

func (h *house) write(b *testing.B, name, text string) {
	b.Helper()
	check(b, os.WriteFile(h.path(name), []byte(text), 0o600))
}

// command runs the built command at a time when January is over.
func (h *house) command(b *testing.B, args ...string) string {
	b.Helper()
	cmd := exec.Command(h.binary, append(args, "--config", h.path("digest.toml"))...)
	cmd.Env = append(os.Environ(), instance)
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("digest %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// deliver runs `digest run` on a fresh copy of the model; watch, where it is
// not nil, gets the process while it works. Everything counts: the start of the
// program, its look at the feed, every commit of the ledger, its end.
func (h *house) deliver(b *testing.B, s setting, watch func(pid int, done <-chan struct{})) spent {
	b.Helper()
	for _, name := range []string{"digest.db", "digest.db-wal", "digest.db-shm", "digest.db.lock", "digest.db.ballast"} {
		os.Remove(h.path(name))
	}
	h.copyModel(b)
	h.write(b, "digest.toml", config(s.smtp, s.connections, s.mail))
	cmd := exec.Command(h.binary, "run", "--json", "--config", h.path("digest.toml"))
	cmd.Env = append(append(os.Environ(), instance), s.env...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	began := time.Now()
	check(b, cmd.Start())
	done := make(chan struct{})
	if watch != nil {
		go watch(cmd.Process.Pid, done)
	}
	err := cmd.Wait()
	wall := time.Since(began)
	close(done)
	var said struct{ Mail map[string]int }
	if json.Unmarshal(out.Bytes(), &said) != nil || err != nil || said.Mail["sent"] != h.readers {
		b.Fatalf("digest run: %v, %v\n%s%s", err, said.Mail, out.Bytes(), complaints.Bytes())
	}
	usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	return spent{wall: wall, cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), rss: usage.Maxrss << 10}
}

func (h *house) copyModel(b *testing.B) {
	b.Helper()
	from, err := os.Open(h.path("model.db"))
	check(b, err)
	defer from.Close()
	to, err := os.OpenFile(h.path("digest.db"), os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	check(b, err)
	_, err = io.Copy(to, from)
	check(b, cmp.Or(err, to.Sync(), to.Close()))
}

func config(smtp string, connections int, more string) string {
	return fmt.Sprintf(`[site]
name       = "Notes"
blog       = "https://blog.test"
public_url = "https://news.test"
address    = "1 Road, Town"

[author]
email = "author@blog.test"

[[feed]]
url = "feed.xml"

[[digest]]
name     = "monthly"
every    = "month"
on       = "1"
at       = "09:00"
timezone = "UTC"

[mail]
from = "Notes <digest@blog.test>"
smtp = %q
rate = "unlimited"
connections = %d
%s
`, smtp, connections, more)
}

// feed has 18 posts of January 2026, of so many words that the mail has about
// 33 KB.
func feed() string {
	vocabulary := strings.Fields("harbour morning letter engine paper window garden river market lantern bridge stone copper signal ledger candle orchard canvas")
	var b strings.Builder
	b.WriteString(`<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"><channel><title>Notes</title><link>https://blog.test</link><description>Posts</description>`)
	for i := range 18 {
		at := time.Date(2026, 1, 2+i, 9, 0, 0, 0, time.UTC)
		fmt.Fprintf(&b, "<item><title>A post about %s and %s</title><link>https://blog.test/%d</link><guid>https://blog.test/%[3]d</guid><pubDate>%s</pubDate><description>",
			vocabulary[i], vocabulary[(i+5)%18], i, at.Format(time.RFC1123Z))
		for w := range 44 {
			b.WriteString(vocabulary[(i*7+w*(i+3))%18] + " ")
		}
		b.WriteString("</description></item>")
	}
	b.WriteString("</channel></rss>\n")
	return b.String()
}
