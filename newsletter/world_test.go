package newsletter_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/http"
	"net/http/httptest"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/database"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
	"digest/subscribers"
)

// settings keeps newsletter's facts where the command keeps them.
type settings struct{ db *sql.DB }

func (s settings) Get(ctx context.Context, key string) (string, bool, error) {
	return database.Setting(ctx, s.db, key)
}

func (s settings) Set(ctx context.Context, key, value string) error {
	return database.SetSetting(ctx, s.db, key, value)
}

func (s settings) Drop(ctx context.Context, key string) error {
	return database.DropSetting(ctx, s.db, key)
}

// world is a blog, a mail server, the pages, and a newsletter between them. It
// is Monday, 5 January 2026, 09:00 UTC; the blog has two old posts.
type world struct {
	*newsletter.Newsletter
	t     testing.TB
	ctx   context.Context
	blog  *digesttest.Weblog
	sink  *digesttest.Sink
	clock *digesttest.Clock
	posts int
}

var (
	weekly  = issue.Spec{Every: "week", On: "monday", At: "09:00", Timezone: "UTC"}
	monthly = issue.Spec{Every: "month", On: "1", At: "09:00", Timezone: "UTC"}
)

func digest(t testing.TB, name string, spec issue.Spec) config.Digest {
	t.Helper()
	schedule, err := issue.ParseSchedule(spec)
	if err != nil {
		t.Fatal(err)
	}
	return config.Digest{Name: name, Show: "full", Schedule: schedule}
}

// newWorld has a weekly digest, and whatever else change puts in. Nothing is live.
func newWorld(t testing.TB, change ...func(*config.Config)) *world {
	t.Helper()
	db, path := digesttest.NewDBPath(t)
	pages := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }))
	t.Cleanup(pages.Close)
	w := &world{t: t, ctx: context.Background(), clock: &digesttest.Clock{}, blog: digesttest.Blog(t), sink: digesttest.NewSink(t)}
	w.Newsletter = &newsletter.Newsletter{
		DB: db, Path: path, Secret: []byte(strings.Repeat("k", 32)), Settings: settings{db}, Instance: "here",
		Config: config.Config{
			Path:    "digest.toml",
			Site:    config.Site{Name: "Harbour Letters", Blog: w.blog.URL, PublicURL: pages.URL, Address: "12 Quay Street", Language: "en"},
			Author:  config.Author{Email: "author@harbour-letters.net"},
			Feeds:   []config.Feed{{URL: w.blog.Feed}},
			Digests: []config.Digest{digest(t, "weekly", weekly)},
			Mail: config.Mail{
				From: "Harbour Letters <news@harbour-letters.net>", SMTP: w.sink.URL(), Rate: "unlimited", Connections: 1, InDoubt: "repeat",
			},
			FeedWait: 6 * time.Hour,
		},
	}
	for _, f := range change {
		f(&w.Config)
	}
	w.write()
	w.write()
	return w
}

// liveWorld is live from Wednesday noon on, with a reader of each digest.
func liveWorld(t testing.TB, change ...func(*config.Config)) *world {
	t.Helper()
	w := newWorld(t, change...)
	w.clock.Advance(51 * time.Hour)
	w.goLive(newsletter.GoingLive{})
	for _, d := range w.Config.Digests {
		w.join("reader."+d.Name, d.Name)
	}
	return w
}

func both(t testing.TB) func(*config.Config) {
	return func(c *config.Config) { c.Digests = append(c.Digests, digest(t, "monthly", monthly)) }
}

func approval(c *config.Config) { c.Digests[0].Approval = "required" }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// write publishes a post on the blog: "Post 1", "Post 2" …
func (w *world) write() string {
	w.posts++
	title := fmt.Sprintf("Post %d", w.posts)
	w.blog.Add(digesttest.Entry{
		Title: title, Link: fmt.Sprintf("%s/%d", w.blog.URL, w.posts), GUID: fmt.Sprintf("guid-%d", w.posts),
		Content: fmt.Sprintf("<p>%d is the number of this post.</p>", w.posts), Date: w.clock.Now(),
	})
	return title
}

func (w *world) goLive(how newsletter.GoingLive) newsletter.WentLive {
	w.t.Helper()
	how.Anyway = true
	went, err := w.GoLive(w.ctx, how, w.clock.Now())
	w.must(err)
	return went
}

// run is a pass at what the clock says.
func (w *world) run() newsletter.Passed {
	w.t.Helper()
	passed, err := w.Pass(w.ctx, w.clock.Now, true)
	w.must(err)
	return passed
}

// publish is a pass without the mail.
func (w *world) publish() newsletter.Passed {
	w.t.Helper()
	passed, err := w.PollAndPublish(w.ctx, w.clock.Now(), true)
	w.must(err)
	return passed
}

// made is the one issue a pass made.
func (w *world) made(p newsletter.Passed) newsletter.Made {
	w.t.Helper()
	if len(p.Made) != 1 {
		w.t.Fatalf("made %d issues, want 1: %+v", len(p.Made), p.Made)
	}
	return p.Made[0]
}

// on moves the clock to a day of 2026 at 09:00.
func (w *world) on(month time.Month, day int) {
	w.clock.Set(time.Date(2026, month, day, 9, 0, 0, 0, time.UTC))
}

func (w *world) join(name, digest string) subscribers.Subscriber {
	w.t.Helper()
	joined, err := w.Join(w.ctx, newsletter.Joining{Address: address(name), Digest: digest, Confirmed: true, Source: "test"}, w.clock.Now())
	w.must(err)
	return joined.Subscriber
}

func address(name string) string { return name + "@readers.net" }

// titles of an issue's posts, in its order.
func (w *world) titles(id int64) []string {
	return w.column(`SELECT title FROM posts JOIN issue_posts ON post_id = posts.id WHERE issue_id = $1 ORDER BY position`, id)
}

func (w *world) column(query string, args ...any) (all []string) {
	w.t.Helper()
	rows, err := w.DB.Query(query, args...)
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		var s string
		w.must(rows.Scan(&s))
		all = append(all, s)
	}
	w.must(rows.Err())
	return all
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.DB.QueryRow(query, args...).Scan(&n))
	return n
}

// stored is everything the feed's room knows of posts, and every issue.
func (w *world) stored() []string {
	w.t.Helper()
	return append(w.column(`SELECT id || title || content_html || baseline || first_seen FROM posts ORDER BY id`),
		w.column(`SELECT id || digest || period || state FROM issues ORDER BY id`)...)
}

// letter is a mail as its reader sees it.
type letter struct {
	header     mail.Header
	text, html string
}

// got is what a reader was sent, oldest first.
func (w *world) got(name string) (all []letter) {
	w.t.Helper()
	for _, r := range w.sink.Accepted() {
		if r.To == address(name) {
			all = append(all, w.read(r.Data))
		}
	}
	return all
}

// only is the one mail a reader was sent.
func (w *world) only(name string) letter {
	w.t.Helper()
	all := w.got(name)
	if len(all) != 1 {
		w.t.Fatalf("%s got %d mails, want 1", name, len(all))
	}
	return all[0]
}

func (w *world) read(data []byte) letter {
	w.t.Helper()
	m, err := mail.ReadMessage(bytes.NewReader(data))
	w.must(err)
	l := letter{header: m.Header}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	w.must(err)
	if !strings.HasPrefix(kind, "multipart/") {
		w.t.Fatalf("the mail is %s", kind)
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if err == io.EOF {
			return l
		}
		w.must(err)
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		w.must(err)
		text := strings.ReplaceAll(string(body), "\r\n", "\n")
		if strings.HasPrefix(p.Header.Get("Content-Type"), "text/html") {
			l.html = text
		} else {
			l.text = text
		}
	}
}

func (l letter) subject() string {
	s, err := new(mime.WordDecoder).DecodeHeader(l.header.Get("Subject"))
	if err != nil {
		return err.Error()
	}
	return s
}

// link is the last part of the address behind /leave/ or /preferences/.
func (l letter) link(page string) string {
	_, rest, _ := strings.Cut(l.text, "/"+page+"/")
	link, _, _ := strings.Cut(rest, "\n")
	return strings.TrimRight(link, ">) ")
}

// audited fails the test unless the ledger adds up.
func (w *world) audited() {
	w.t.Helper()
	a, err := w.Audit(w.ctx)
	w.must(err)
	if len(a.Broken) > 0 {
		w.t.Errorf("the audit is broken: %q", a.Broken)
	}
}

func equal(t testing.TB, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
