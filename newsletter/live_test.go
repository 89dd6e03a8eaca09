package newsletter_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/database"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
)

// Each reason not to go live is said, and stands in the way unless overridden.
func TestGoLiveRefuses(t *testing.T) {
	impostor := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("Welcome!")) }))
	t.Cleanup(impostor.Close)
	for _, c := range []struct {
		name, want string
		change     func(*config.Config)
	}{
		{"example value", "[mail] from still holds the example value", func(c *config.Config) { c.Mail.From = "digest@example.com" }},
		{"no author", "[author] email is missing", func(c *config.Config) { c.Author.Email = "" }},
		{"no pages", "public_url is missing", func(c *config.Config) { c.Site.PublicURL = "" }},
		{"pages down", "does not answer", func(c *config.Config) { c.Site.PublicURL = "http://127.0.0.1:1" }},
		{"other pages", "but not as `digest serve` does", func(c *config.Config) { c.Site.PublicURL = impostor.URL }},
		{"mail server down", "the mail server: ", func(c *config.Config) { c.Mail.SMTP = "smtp://127.0.0.1:1" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, c.change)
			_, err := w.GoLive(w.ctx, newsletter.GoingLive{}, w.clock.Now())
			var refused *newsletter.NotReadyError
			if !errors.As(err, &refused) || !strings.Contains(strings.Join(refused.Problems, "\n"), c.want) {
				t.Fatalf("error %v, want one with %q", err, c.want)
			}
			if live, _ := w.Live(w.ctx); live {
				t.Error("it is live all the same")
			}
			if went := w.goLive(newsletter.GoingLive{}); len(went.Problems) == 0 {
				t.Error("nothing was said of what was overridden")
			}
			if live, _ := w.Live(w.ctx); !live {
				t.Error("it is not live")
			}
		})
	}
}

// Before go-live nothing leaves for a reader: no issue, no confirmation.
func TestNothingLeavesBeforeGoLive(t *testing.T) {
	w := newWorld(t)
	w.join("ann", "weekly")
	if err := w.Subscribe(w.ctx, address("bob"), "", "page", w.clock.Now()); !errors.Is(err, newsletter.ErrNotLive) {
		t.Errorf("subscribing: %v", err)
	}
	past, err := w.DraftPast(w.ctx, "weekly", "2026-01", w.clock.Now())
	w.must(err)
	_, err = w.Approve(w.ctx, past.Issue.ID, "", w.clock.Now())
	w.must(err)
	w.run()
	w.on(time.January, 7)
	w.run()
	if _, err := w.Deliver(w.ctx, w.clock.Now); !errors.Is(err, newsletter.ErrNotLive) {
		t.Errorf("delivering: %v", err)
	}
	if n := len(w.sink.Accepted()); n > 0 {
		t.Errorf("%d mails left", n)
	}
	w.goLive(newsletter.GoingLive{})
	w.run()
	w.only("ann")
}

func TestSince(t *testing.T) {
	w := newWorld(t)
	w.clock.Advance(24 * time.Hour)
	w.write()
	w.clock.Advance(24 * time.Hour)
	since := newsletter.GoingLive{Since: w.clock.Now().Add(-25 * time.Hour)}

	// On a feed that can't be read it would come to nothing, and could not be said again.
	w.blog.Answer(digesttest.Status(500, ""))
	since.Anyway = true
	if _, err := w.GoLive(w.ctx, since, w.clock.Now()); err == nil {
		t.Error("went live since a day on an unread feed")
	}
	if live, _ := w.Live(w.ctx); live {
		t.Fatal("it is live")
	}

	if went := w.goLive(since); went.Released != 1 || went.From != newsletter.NeverLive {
		t.Fatalf("went live: %+v", went)
	}
	w.join("ann", "weekly")
	w.on(time.January, 12)
	w.run()
	if s := w.only("ann").subject(); s != "Post 3" {
		t.Errorf("subject %q", s)
	}
	if _, err := w.GoLive(w.ctx, since, w.clock.Now()); !errors.Is(err, newsletter.ErrSinceTwice) {
		t.Errorf("--since a second time: %v", err)
	}
}

// A post first seen in the very second of the go-live is not lost.
func TestPostInTheSecondOfGoLive(t *testing.T) {
	w := newWorld(t)
	w.goLive(newsletter.GoingLive{})
	w.write()
	w.run()
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 1 {
		t.Errorf("made %+v", m)
	}
}

// What was read before the go-live is baseline, in that very second, too.
func TestPostsBeforeGoLiveAreNotMailed(t *testing.T) {
	w := newWorld(t)
	w.run()
	w.write()
	w.run()
	w.goLive(newsletter.GoingLive{})
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 0 {
		t.Errorf("made %+v", m)
	}
}

func TestGoLiveTwiceChangesNothing(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	before := w.stored()
	w.clock.Advance(24 * time.Hour)
	if went := w.goLive(newsletter.GoingLive{}); went.From != newsletter.Live {
		t.Errorf("from %v", went.From)
	}
	equal(t, "what is stored", w.stored(), before)
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 1 {
		t.Errorf("made %+v", m)
	}
}

func TestStop(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.publish()
	w.must(w.Stop(w.ctx, w.clock.Now()))
	w.clock.Advance(time.Hour)
	w.write()
	if p := w.run(); p.Standing != newsletter.Stopped || len(w.sink.Accepted()) > 0 {
		t.Errorf("stopped: %+v", p)
	}
	if went := w.goLive(newsletter.GoingLive{}); went.From != newsletter.Stopped {
		t.Errorf("from %v", went.From)
	}
	w.run()
	w.only("reader.weekly")
}

// copied is the same blog's newsletter on a copy of its database in another place.
func (w *world) copied(instance string) *world {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "copy.db")
	w.must(database.Backup(w.ctx, w.DB, path))
	db, err := database.Open(w.ctx, path)
	w.must(err)
	w.t.Cleanup(func() { db.Close() })
	c, n := *w, *w.Newsletter
	n.DB, n.Path, n.Settings, n.Instance = db, path, settings{db}, instance
	c.Newsletter = &n
	return &c
}

// A copy mails nobody until the author has said what became of its mail.
func TestCopyIsNotLive(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.publish()
	c := w.copied("there")
	w.run()
	if p := c.run(); p.Standing != newsletter.Copied || len(w.got("reader.weekly")) != 1 {
		t.Fatalf("the copy: %+v", p)
	}
	idle := w.copied("idle")
	w.on(time.January, 19)
	if p := idle.run(); len(p.Made) > 0 {
		t.Errorf("the copy made %+v", p.Made)
	}
	w.on(time.January, 12)
	for _, how := range []newsletter.GoingLive{{Anyway: true}, {Anyway: true, AlreadySent: true, Send: true}} {
		if _, err := c.GoLive(w.ctx, how, w.clock.Now()); !errors.Is(err, newsletter.ErrCopy) {
			t.Errorf("%+v: %v", how, err)
		}
	}
	sent := w.copied("elsewhere")
	if went := sent.goLive(newsletter.GoingLive{Send: true}); went.Dropped != 0 {
		t.Errorf("--send dropped %d", went.Dropped)
	}
	if went := c.goLive(newsletter.GoingLive{AlreadySent: true}); went.Dropped != 1 {
		t.Errorf("--already-sent dropped %d, want 1", went.Dropped)
	}
	c.run()
	w.only("reader.weekly")
	c.audited()
}

func TestCopySends(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.publish()
	c := w.copied("there")
	c.goLive(newsletter.GoingLive{Send: true})
	c.run()
	w.only("reader.weekly")
}

// What the original mailed since the copy was taken is not in the copy: its
// posts are read, and used up with the periods that have passed.
func TestAlreadySentReadsWhatTheCopyMissed(t *testing.T) {
	w := liveWorld(t)
	c := w.copied("there")
	w.clock.Advance(time.Hour)
	w.write()
	w.on(time.January, 12)
	w.run()
	w.clock.Advance(time.Hour)
	w.write()
	c.goLive(newsletter.GoingLive{AlreadySent: true})
	if made := c.run().Made; len(made) > 0 {
		t.Errorf("it made %+v", made)
	}
	w.on(time.January, 19)
	if m := c.made(c.run()); m.Posts != 1 {
		t.Errorf("the next issue has %q", c.titles(m.Issue.ID))
	}
	if i, err := issue.Get(w.ctx, c.DB, 1); err != nil || i.State != issue.Cancelled || i.Period.Key != "2026-01-12" {
		t.Errorf("what the original sent: %+v, %v", i, err)
	}
}

// A file put back in its place is older than the lock beside it.
func TestRestoredFileIsACopy(t *testing.T) {
	w := liveWorld(t)
	c := w.copied("here") // same machine, same name
	w.write()
	w.on(time.January, 12)
	w.run()
	c.Path = w.Path // stands where the original stood
	if s, err := c.Standing(w.ctx); err != nil || s != newsletter.Copied {
		t.Fatalf("standing %v, %v", s, err)
	}
	c.goLive(newsletter.GoingLive{AlreadySent: true})
	if s, err := c.Standing(w.ctx); err != nil || s != newsletter.Live {
		t.Errorf("after go-live: %v, %v", s, err)
	}
}
