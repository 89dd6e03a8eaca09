package newsletter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
)

// hosting serves the feeds of many blogs, each at its own path.
type hosting struct {
	blogs []digesttest.Migration
	look  int
}

func (h *hosting) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var n int
	if _, err := fmt.Sscanf(r.URL.Path, "/%d", &n); err != nil || n >= len(h.blogs) {
		http.NotFound(w, r)
		return
	}
	looks := h.blogs[n].Looks
	w.Write(looks[min(h.look, len(looks)-1)].Body)
}

// Blogs move, change their software and are edited from one look to the next.
// The issues hold what is truly new, and nothing that is old.
func TestMigratingBlogsMailNothingOld(t *testing.T) {
	blogs, mailed, lost := 0, 0, 0
	for seed := range uint64(3) {
		w := liveWorld(t, func(c *config.Config) { c.Digests[0].Show = "headline" })
		h := &hosting{}
		for i, m := range digesttest.Migrations(w.clock.Now(), seed) {
			if i%20 == int(seed) {
				h.blogs = append(h.blogs, m)
			}
		}
		got := w.follow(h)
		want := news(h.blogs)
		for _, g := range got {
			if n, author, _ := strings.Cut(g, " "); !slices.Contains(want, g) {
				t.Errorf("%s: the old post of %s is mailed", name(h.blogs, n), author)
			}
		}
		for _, p := range want {
			if n, author, _ := strings.Cut(p, " "); !slices.Contains(got, p) {
				t.Logf("%s: the new post of %s is not mailed", name(h.blogs, n), author)
				lost++
			}
		}
		blogs, mailed = blogs+len(h.blogs), mailed+len(got)
		w.lettersHold()
		w.audited()
	}
	t.Logf("%d migrations, %d posts mailed, %d new ones not", blogs, mailed, lost)
	if lost*50 > mailed {
		t.Errorf("%d new posts are not mailed", lost)
	}
}

// follow looks at the blogs through their migrations, with an issue before the
// last look and one after it, and names the posts in them.
func (w *world) follow(h *hosting) []string {
	w.t.Helper()
	server := httptest.NewServer(h)
	w.t.Cleanup(server.Close)
	w.Config.Feeds = nil
	for i := range h.blogs {
		w.Config.Feeds = append(w.Config.Feeds, config.Feed{URL: fmt.Sprintf("%s/%d", server.URL, i)})
	}
	for h.look = 0; h.look < 4; h.look++ {
		w.runAt(h.blogs[0].Looks[h.look].At)
	}
	h.look = 3
	w.on(time.January, 12)
	w.made(w.run())
	h.look = 4
	w.runAt(w.clock.Now().Add(5 * time.Hour))
	w.on(time.January, 19)
	w.made(w.run())
	return w.column(`
		SELECT replace(f.url, $1, '') || ' ' || p.author FROM posts p
		JOIN issue_posts i ON i.post_id = p.id JOIN feeds f ON f.id = p.feed_id`, server.URL+"/")
}

// runAt is a pass at a time.
func (w *world) runAt(at time.Time) {
	w.t.Helper()
	w.clock.Set(at)
	w.run()
}

// news are the truly new posts of these blogs: the blog's number and the author.
func news(blogs []digesttest.Migration) (list []string) {
	for i, m := range blogs {
		for _, look := range m.Looks[1:] {
			for _, author := range look.New {
				list = append(list, fmt.Sprintf("%d %s", i, author))
			}
		}
	}
	return list
}

func name(blogs []digesttest.Migration, number string) string {
	var n int
	fmt.Sscan(number, &n)
	return blogs[n].Name
}

// lettersHold: the reader's mails name the posts of the issues by their address,
// and no others.
func (w *world) lettersHold() {
	w.t.Helper()
	var text strings.Builder
	for _, l := range w.got("reader.weekly") {
		text.WriteString(l.text)
	}
	urls := w.column(`SELECT p.url FROM posts p JOIN issue_posts i ON i.post_id = p.id WHERE p.url <> ''`)
	for _, u := range urls {
		if !strings.Contains(strings.ToLower(text.String()), strings.ToLower(u)) {
			w.t.Errorf("no mail names %s", u)
		}
	}
	for _, u := range w.column(`
		SELECT url FROM posts WHERE url <> '' AND url NOT IN (SELECT p.url FROM posts p JOIN issue_posts i ON i.post_id = p.id)
		GROUP BY url HAVING count(*) = 1`) {
		if strings.Contains(text.String(), u+"\n") {
			w.t.Errorf("a mail names the old post %s", u)
		}
	}
}
