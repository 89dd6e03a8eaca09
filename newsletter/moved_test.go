package newsletter_test

import (
	"strings"
	"testing"
	"time"

	"digest/digesttest"
)

// movedWorld has had one post since it went live, under the feed's first address.
func movedWorld(t *testing.T) *world {
	w := liveWorld(t)
	w.write()
	w.run()
	w.clock.Advance(time.Hour)
	return w
}

// move gives the config's feed another address.
func (w *world) move(address string) { w.Config.Feeds[0].URL = address }

// A feed that moves stays the same feed: what it had is known, and what is new
// at that very look is mailed.
func TestFeedMoves(t *testing.T) {
	secure := func(w *world) {
		address, client := w.blog.Secure(w.t)
		w.Fetch.Client = client
		w.blog.Edit(func(e *digesttest.Entry) { e.Link = strings.Replace(e.Link, "http://", "https://www.", 1) })
		w.move(address)
	}
	host := func(w *world) { w.move(strings.Replace(w.blog.Feed, "127.0.0.1", "localhost", 1)) }
	for name, change := range map[string]func(*world){
		"to https": secure,
		"to another host": func(w *world) {
			host(w)
			w.blog.Edit(func(e *digesttest.Entry) { e.Link = strings.Replace(e.Link, "127.0.0.1", "localhost", 1) })
		},
		"to another host, without its GUIDs": func(w *world) {
			host(w)
			w.blog.Edit(func(e *digesttest.Entry) {
				e.Link, e.GUID = strings.Replace(e.Link, "127.0.0.1", "localhost", 1), ""
			})
		},
		"after an outage": func(w *world) {
			host(w)
			w.blog.Answer(digesttest.Status(503, ""))
			w.run()
			w.clock.Advance(time.Hour)
		},
		"to where all its past is shown": func(w *world) {
			host(w)
			for year := 1; year <= 20; year++ {
				w.write()
				w.blog.Edit(func(e *digesttest.Entry) {
					if e.Date.Equal(w.clock.Now()) {
						e.Title, e.Date = "Old", e.Date.AddDate(-year, 0, 0)
					}
				})
			}
			w.posts = 3
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := movedWorld(t)
			change(w)
			w.write()
			w.blog.Edit(func(e *digesttest.Entry) {
				if e.Title == "Post 4" {
					e.Link, e.GUID = w.blog.URL+"/the-fourth", "the-fourth"
				}
			})
			p := w.run().Polled[0]
			if p.Err != nil || p.Baseline || len(p.New) != 1 || p.New[0].Title != "Post 4" || p.Feed.ID != 1 {
				t.Errorf("the look after the move: %+v", p)
			}
			if n := w.count(`SELECT count(*) FROM posts WHERE title = 'Post 3'`); n != 1 {
				t.Errorf("Post 3 is stored %d times", n)
			}
			equal(t, "feeds", w.column(`SELECT url FROM feeds`), []string{w.Config.Feeds[0].URL})
			w.on(time.January, 12)
			equal(t, "the issue", w.titles(w.made(w.run()).Issue.ID), []string{"Post 4", "Post 3"})
			if n := len(w.got("reader.weekly")); n != 1 {
				t.Errorf("%d mails", n)
			}
			w.on(time.January, 19)
			if m := w.made(w.run()); m.Issue.State != "empty" {
				t.Errorf("a week later: %s with %d posts", m.Issue.State, m.Posts)
			}
			w.audited()
		})
	}
}

// Another blog in its place is another feed, and has a baseline of its own.
func TestFeedIsReplaced(t *testing.T) {
	w := movedWorld(t)
	other := digesttest.Blog(t,
		digesttest.Entry{Title: "Another", Link: "https://another.example/1", GUID: "guid-1", Date: w.clock.Now()},
		digesttest.Entry{Title: "Post 2", Link: "https://another.example/post", GUID: "x-2", Date: w.clock.Now()})
	w.move(other.Feed)
	if p := w.run().Polled[0]; p.Err != nil || !p.Baseline || len(p.New) != 2 || p.Feed.ID == 1 {
		t.Errorf("first look: %+v", p)
	}
	if n := w.count(`SELECT count(*) FROM feeds`); n != 2 {
		t.Errorf("%d feeds", n)
	}
}

// A feed that stands in the config as well is nobody's former address.
func TestFeedBesideAnother(t *testing.T) {
	w := movedWorld(t)
	second := w.Config.Feeds[0]
	second.URL = strings.Replace(w.blog.Feed, "127.0.0.1", "localhost", 1)
	w.Config.Feeds = append(w.Config.Feeds, second)
	if p := w.run().Polled[1]; p.Err != nil || !p.Baseline || p.Feed.ID == 1 {
		t.Errorf("first look: %+v", p)
	}
	equal(t, "feeds", w.column(`SELECT url FROM feeds ORDER BY id`), w.FeedURLs())
}

func TestServerAsksToWait(t *testing.T) {
	w := newWorld(t)
	w.blog.Answer(digesttest.Status(429, "7200"))
	polled, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	if polled[0].Wait != 2*time.Hour {
		t.Errorf("wait %s", polled[0].Wait)
	}
}
