package newsletter_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/config"
	"digest/newsletter"
)

var personalLinks = regexp.MustCompile(`/(leave|preferences)/[\w.-]+|/issues/\d+`)

func same(s string) string { return personalLinks.ReplaceAllString(s, "/$1/…") }

// The author, subscribed like anyone, gets by mail what the preview showed.
func TestPreviewIsWhatIsSent(t *testing.T) {
	for _, c := range []struct {
		name   string
		day    int
		change func(*config.Config)
	}{
		{"in time", 12, func(*config.Config) {}},
		{"late", 14, func(*config.Config) {}},
		{"two weeks missed", 21, func(*config.Config) {}},
		{"held", 12, approval},
		{"full month", 12, func(c *config.Config) { c.Digests[0].Show = "excerpt" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := liveWorld(t, c.change)
			w.write()
			w.on(time.January, c.day)
			held := c.name == "held"
			if held {
				w.run()
			} else {
				_, err := w.Poll(w.ctx, w.clock.Now())
				w.must(err)
			}
			_, err := w.Join(w.ctx, newsletter.Joining{Address: w.Config.Author.Email, Confirmed: true}, w.clock.Now())
			w.must(err)
			before := w.stored()
			p, err := w.Preview(w.ctx, "weekly", "", w.clock.Now())
			w.must(err)
			equal(t, "the preview changed something", w.stored(), before)
			if held {
				_, err := w.Approve(w.ctx, w.held(), "", w.clock.Now())
				w.must(err)
			}
			w.run()
			accepted := w.sink.Accepted()
			got := w.read(accepted[len(accepted)-1].Data)
			if got.subject() != p.Subject || p.Posts != 1 {
				t.Errorf("subject %q, preview %q with %d posts", got.subject(), p.Subject, p.Posts)
			}
			if diff := cmp.Diff(strings.TrimSpace(same(p.Text)), strings.TrimSpace(same(got.text))); diff != "" {
				t.Errorf("text, preview (-) and mail (+):\n%s", diff)
			}
			if diff := cmp.Diff(strings.TrimSpace(same(p.HTML)), strings.TrimSpace(same(got.html))); diff != "" {
				t.Errorf("HTML, preview (-) and mail (+):\n%s", diff)
			}
			if wire := w.read(p.Message); same(wire.html) != same(got.html) || wire.header.Get("List-Id") != got.header.Get("List-Id") {
				t.Error("the message on the wire differs from the parts")
			}
		})
	}
}

// The days before the issue it is titled as it will be.
func TestPreviewAheadHasTheTitleOfTheIssue(t *testing.T) {
	w := liveWorld(t)
	w.on(time.January, 12)
	w.run()
	w.clock.Advance(72 * time.Hour)
	w.write()
	_, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	p, err := w.Preview(w.ctx, "", "", w.clock.Now())
	w.must(err)
	w.on(time.January, 19)
	w.run()
	for _, text := range []string{p.Text, w.only("reader.weekly").text} {
		if !strings.Contains(text, "Week to 19 January 2026") {
			t.Errorf("no such title in %s", text)
		}
	}
}

// … the first of all too, which covers the days since the go-live.
func TestPreviewAheadOfTheFirstIssue(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	p, err := w.Preview(w.ctx, "", "", w.clock.Now())
	w.must(err)
	w.on(time.January, 12)
	w.run()
	for _, text := range []string{p.Text, w.only("reader.weekly").text} {
		if !strings.Contains(text, "· 12 January 2026") {
			t.Errorf("no such title in %s", text)
		}
	}
}

func TestPreviewOfWhateverThereIs(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		period, note string
		posts        int
		prepare      func()
	}{
		{"", "newest posts of the feed", 2, func() {}}, // read from the feed, and not stored
		{"2026-01", "published in that period", 2, func() {}},
		{"", "this is a sample", 6, func() { w.blog.Set() }},
		{"", "newest posts of the feed", 1, func() { w.write(); w.goLive(newsletter.GoingLive{}) }},
		{"", "as it would go now", 1, func() { w.clock.Advance(time.Hour); w.write(); w.run() }},
	} {
		c.prepare()
		before := w.stored()
		p, err := w.Preview(w.ctx, "", c.period, w.clock.Now())
		w.must(err)
		if p.Posts != c.posts || !strings.Contains(p.Note, c.note) {
			t.Errorf("%d posts, %q; want %d, %q", p.Posts, p.Note, c.posts, c.note)
		}
		equal(t, "the preview changed something", w.stored(), before)
	}
	if _, err := w.Preview(w.ctx, "", "2010-02", w.clock.Now()); !errors.Is(err, newsletter.ErrNoPosts) {
		t.Errorf("a month without posts: %v", err)
	}
	if _, err := w.Preview(w.ctx, "yearly", "", w.clock.Now()); !errors.Is(err, newsletter.ErrNoDigest) {
		t.Errorf("an unknown digest: %v", err)
	}
}

// A test mail says that it is one, before go-live too, and leaves no trace.
func TestTestMail(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "mail")
	w := newWorld(t, func(c *config.Config) { c.Mail.SMTP = "file://" + dir })
	_, err := w.Test(w.ctx, "somebody@readers.net", "", w.clock.Now())
	w.must(err)
	files, err := filepath.Glob(filepath.Join(dir, "new", "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	data, err := os.ReadFile(files[0])
	w.must(err)
	l := w.read(data)
	if s := l.subject(); !strings.HasPrefix(s, "[Test] Post 2") {
		t.Errorf("subject %q", s)
	}
	if l.header.Get("To") != "<somebody@readers.net>" || l.header.Get("List-Unsubscribe") != "" || strings.Contains(l.html+l.text, "slot") {
		t.Errorf("header %v", l.header)
	}
	if n := w.count(`SELECT count(*) FROM deliveries`); n != 0 {
		t.Errorf("%d mails on the ledger", n)
	}
	w.Config.Mail.SMTP = w.sink.URL()
	var refused *newsletter.RefusedError
	if _, err := w.Test(w.ctx, "550.x@readers.net", "", w.clock.Now()); !errors.As(err, &refused) {
		t.Errorf("a refused test: %v", err)
	}
	if _, err := w.Test(w.ctx, "550.x@readers.net", "", w.clock.Now()); errors.Is(err, io.EOF) {
		t.Errorf("said as %v", err)
	}
}
