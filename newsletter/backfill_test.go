package newsletter_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/config"
	"digest/newsletter"
)

// archive is a blog with pages of ten posts, the way WordPress counts them:
// ?paged=2 is the second, and there is no page beyond the last.
type archive struct {
	*httptest.Server
	mu    sync.Mutex
	posts []archived // newest first
	links bool       // the pages name each other
	deaf  bool       // whatever is asked for, it shows the first page
	bad   map[int]string
	asked int // for older pages
	read  int // for the feed itself
}

type archived struct {
	title string
	at    time.Time // zero: no date is shown
}

func (a *archive) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	n, err := strconv.Atoi(r.URL.Query().Get("paged"))
	if err == nil {
		a.asked++
	} else {
		a.read++
	}
	if err != nil || a.deaf {
		n = 1
	}
	from, to := min(10*n-10, len(a.posts)), min(10*n, len(a.posts))
	switch {
	case a.bad[n] == "busy":
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case from == to:
		http.NotFound(w, r)
		return
	}
	var b strings.Builder
	fmt.Fprintf(&b, `<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>Archive</title><link>%s</link><atom:link rel="self" href="https://blog.example/feed"/>`, a.URL)
	if a.links && to < len(a.posts) {
		fmt.Fprintf(&b, `<atom:link rel="next" href="https://blog.example/feed?paged=%d"/>`, n+1)
	}
	for _, p := range a.posts[from:to] {
		date := ""
		if !p.at.IsZero() {
			date = "<pubDate>" + p.at.Format(time.RFC1123Z) + "</pubDate>"
		}
		fmt.Fprintf(&b, `<item><title>%s</title><link>%s/%s</link><description>Words of %s.</description>%s</item>`,
			p.title, a.URL, strings.ReplaceAll(p.title, " ", "-"), p.title, date)
	}
	body := b.String() + "</channel></rss>"
	if a.bad[n] == "cut" {
		body = body[:len(body)*3/4]
	}
	fmt.Fprint(w, body)
}

// newArchive is a world whose blog has written a post every second day since
// long before: "Old 1" is the first.
func newArchive(t *testing.T, old int, change ...func(*config.Config)) (*world, *archive) {
	t.Helper()
	w := newWorld(t, change...)
	a := &archive{bad: map[int]string{}}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Close)
	w.Config.Feeds = []config.Feed{{URL: a.URL + "/feed"}}
	for i := range old {
		a.posts = append(a.posts, archived{fmt.Sprintf("Old %d", old-i), w.clock.Now().AddDate(0, 0, -2*i-1)})
	}
	return w, a
}

// write adds posts, one an hour up to the world's time.
func (a *archive) write(w *world, count int) (titles []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range count {
		w.posts++
		title := fmt.Sprintf("New %d", w.posts)
		a.posts = slices.Insert(a.posts, 0, archived{title, w.clock.Now().Add(-time.Duration(count-i) * time.Hour)})
		titles = append(titles, title)
	}
	return titles
}

// mailed are the titles of all posts in issues, each as often as it is in one.
func (w *world) mailed() []string {
	return w.column(`SELECT title FROM posts JOIN issue_posts ON post_id = posts.id ORDER BY length(title), title`)
}

func (w *world) gapOpen() bool {
	return w.count(`SELECT count(*) FROM feeds WHERE gap_at IS NOT NULL`) > 0
}

// Twenty-six posts in eight days that nobody looked, in a feed of ten. The walk
// ends with the first page that holds a known post, though most of it is new.
func TestGapIsBridged(t *testing.T) {
	for name, c := range map[string]struct {
		set    func(*archive)
		passes int // until the gap is bridged
	}{
		"counted pages":              {func(*archive) {}, 1},
		"linked pages":               {func(a *archive) { a.links = true }, 1},
		"a page that fails at first": {func(a *archive) { a.bad[2] = "busy" }, 2},
		"the third fails at first":   {func(a *archive) { a.bad[3] = "busy" }, 2},
		"a page that is cut":         {func(a *archive) { a.bad[2] = "cut" }, 2},
	} {
		t.Run(name, func(t *testing.T) {
			w, a := newArchive(t, 35)
			c.set(a)
			w.goLive(newsletter.GoingLive{})
			w.join("ann", "weekly")
			w.run()
			w.clock.Advance(200 * time.Hour)
			written := a.write(w, 26)
			for i := 1; i <= c.passes; i++ {
				before := a.read
				w.run()
				if n := a.read - before; i == 1 && n != 1 {
					t.Errorf("the feed was read %d times", n)
				}
				if open := w.gapOpen(); open != (i < c.passes) {
					t.Errorf("after pass %d: the gap is open: %v", i, open)
				}
				clear(a.bad)
				w.clock.Advance(time.Hour)
			}
			w.on(time.January, 19)
			passed := w.run()
			equal(t, "mailed", w.mailed(), written)
			if asked := a.asked; asked > 2*c.passes {
				t.Errorf("asked for %d older pages", asked)
			}
			for _, n := range passed.Notices {
				t.Errorf("the author is told: %+v", n)
			}
			w.on(time.January, 26)
			w.run()
			equal(t, "mailed in the end", w.mailed(), written)
		})
	}
}

// A post that was dated back among those of a gap is old: no issue holds it.
func TestGapHoldsOldPosts(t *testing.T) {
	w, a := newArchive(t, 35)
	w.goLive(newsletter.GoingLive{})
	w.run()
	w.clock.Advance(200 * time.Hour)
	written := a.write(w, 14)
	a.posts = slices.Insert(a.posts, 12, archived{"Dated back", a.posts[14].at.Add(-2 * time.Hour)})
	w.run()
	if w.gapOpen() {
		t.Error("the gap is open")
	}
	w.on(time.January, 19)
	w.run()
	equal(t, "mailed", w.mailed(), written)
}

// What can't be found stays an open gap, looked for during a day and no longer.
func TestGapStaysOpen(t *testing.T) {
	for name, set := range map[string]func(*world, *archive){
		"a blog without pages": func(_ *world, a *archive) { a.deaf = true },
		"posts without a date": func(_ *world, a *archive) {
			for i := range a.posts[10:14] {
				a.posts[10+i].at = time.Time{}
			}
		},
		"a page that is always cut": func(_ *world, a *archive) { a.bad[2] = "cut" },
	} {
		t.Run(name, func(t *testing.T) {
			w, a := newArchive(t, 35)
			w.goLive(newsletter.GoingLive{})
			w.run()
			w.clock.Advance(200 * time.Hour)
			a.write(w, 14)
			set(w, a)
			w.run()
			if !w.gapOpen() {
				t.Fatal("the gap is closed")
			}
			w.clock.Advance(23 * time.Hour)
			before := a.asked
			w.run()
			if a.asked == before {
				t.Error("not looked for again")
			}
			w.clock.Advance(2 * time.Hour)
			before = a.asked
			w.run()
			if a.asked != before || !w.gapOpen() {
				t.Errorf("after a day: %d more pages", a.asked-before)
			}
			if n := w.count(`SELECT count(*) FROM posts WHERE title LIKE 'Old %' AND baseline = 0`); n > 0 {
				t.Errorf("%d old posts are news", n)
			}
		})
	}
}

// While what the feed shows is set aside as another blog's, so would its older
// pages be.
func TestGapIsLeftToTheAuthor(t *testing.T) {
	w, a := newArchive(t, 35)
	w.goLive(newsletter.GoingLive{})
	w.run()
	w.clock.Advance(200 * time.Hour)
	a.write(w, 14)
	a.bad[2] = "busy"
	w.run()
	clear(a.bad)
	_, err := w.DB.Exec(`UPDATE posts SET aside = 'replaced' WHERE title LIKE 'New %'`)
	w.must(err)
	_, err = w.DB.Exec(`UPDATE feeds SET shown = '[]', etag = '', last_modified = '', body_hash = ''`)
	w.must(err)
	w.clock.Advance(time.Hour)
	before := a.asked
	w.run()
	if a.asked != before || !w.gapOpen() {
		t.Errorf("asked for %d pages", a.asked-before)
	}
}

func TestBackfill(t *testing.T) {
	w, a := newArchive(t, 35)
	b, err := w.Backfill(w.ctx, w.Config.Feeds[0].URL, w.clock.Now().AddDate(0, 0, -40), w.clock.Now())
	w.must(err)
	if !b.Reached || b.Pages != 2 || b.Posts != 20 || b.Why != "" || b.News != 0 || a.read != 1 {
		t.Errorf("%+v; the feed was read %d times", b, a.read)
	}
	// The pages hold a post that no look has seen yet: it is read, and is news.
	w.goLive(newsletter.GoingLive{})
	w.clock.Advance(3 * time.Hour)
	a.write(w, 2)
	b, err = w.Backfill(w.ctx, w.Config.Feeds[0].URL, time.Time{}, w.clock.Now())
	w.must(err)
	if !b.Reached || b.Pages != 3 || b.Posts != 5 || !b.Oldest.Equal(a.posts[36].at) {
		t.Errorf("to the beginning: %+v", b)
	}
	w.on(time.January, 12)
	w.run()
	equal(t, "mailed", w.mailed(), []string{"New 3", "New 4"})

	b, err = w.Backfill(w.ctx, w.Config.Feeds[0].URL, w.clock.Now().AddDate(-1, 0, 0), w.clock.Now())
	w.must(err)
	if b.Reached || b.Why != "its older pages end there" {
		t.Errorf("further than it goes: %+v", b)
	}
	a.bad[3] = "busy"
	b, err = w.Backfill(w.ctx, w.Config.Feeds[0].URL, time.Time{}, w.clock.Now())
	w.must(err)
	if b.Reached || b.Pages != 1 || !strings.Contains(b.Why, "503") {
		t.Errorf("with a page that fails: %+v", b)
	}
	if _, err := w.Backfill(w.ctx, "https://other.example/feed", time.Time{}, w.clock.Now()); !errors.Is(err, newsletter.ErrNoFeed) {
		t.Errorf("a feed that is not ours: %v", err)
	}
	a.bad[1] = "busy"
	if _, err := w.Backfill(w.ctx, w.Config.Feeds[0].URL, time.Time{}, w.clock.Now()); err == nil {
		t.Error("a feed that can't be read")
	}
}

// A period lies between midnights where the digest is, and a draft of it holds
// what its preview shows, on whichever page that stands.
func TestPastIssueFromOlderPages(t *testing.T) {
	w, a := newArchive(t, 35, func(c *config.Config) {
		tokyo := monthly
		tokyo.Timezone = "Asia/Tokyo"
		c.Digests[0] = digest(t, "monthly", tokyo)
	})
	edge := time.Date(2025, time.November, 30, 15, 0, 0, 0, time.UTC) // midnight in Tokyo
	a.posts[20] = archived{"Before", edge.Add(-time.Second)}
	a.posts[19] = archived{"At midnight", edge}
	a.posts[18].at, a.posts[17].at = edge.Add(time.Hour), edge.Add(2*time.Hour)
	want := []string{"At midnight"}
	for _, p := range a.posts {
		if strings.HasPrefix(p.title, "Old ") && !p.at.Before(edge) && p.at.Before(edge.AddDate(0, 0, 31)) {
			want = append(want, p.title)
		}
	}
	slices.Sort(want)

	preview := func() {
		t.Helper()
		before := w.stored()
		p, err := w.Preview(w.ctx, "", "2025-12", w.clock.Now())
		w.must(err)
		if p.Posts != len(want) || strings.Contains(p.Note, "reaches back") {
			t.Errorf("the preview shows %d posts, want %d; %s", p.Posts, len(want), p.Note)
		}
		equal(t, "the preview has stored", w.stored(), before)
	}
	preview()
	_, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	preview()
	made, err := w.DraftPast(w.ctx, "monthly", "2025-12", w.clock.Now())
	w.must(err)
	got := w.titles(made.Issue.ID)
	slices.Sort(got)
	equal(t, "the issue", got, want)
	if made.Note != "" {
		t.Errorf("noted %q", made.Note)
	}
	before := a.asked
	preview()
	if _, err := w.DraftPast(w.ctx, "monthly", "2025-12", w.clock.Now()); !errors.Is(err, newsletter.ErrNoPosts) {
		t.Errorf("a second issue of the same posts: %v", err)
	}
	if a.asked != before {
		t.Error("walked again")
	}

	a.bad[3] = "busy"
	november, err := w.DraftPast(w.ctx, "monthly", "2025-11", w.clock.Now())
	w.must(err)
	if !strings.Contains(november.Note, "reaches back to") || !strings.Contains(november.Note, "503") {
		t.Errorf("noted %q", november.Note)
	}
	if _, err := w.DraftPast(w.ctx, "monthly", "2010-02", w.clock.Now()); !errors.Is(err, newsletter.ErrNoPosts) || !strings.Contains(err.Error(), "reaches back to") {
		t.Errorf("a month before the blog: %v", err)
	}
	p, err := w.Preview(w.ctx, "", "2025-11", w.clock.Now())
	w.must(err)
	if !strings.Contains(p.Note, "reaches back to") {
		t.Errorf("previewed with %q", p.Note)
	}
}
