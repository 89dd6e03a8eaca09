package newsletter_test

import (
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/newsletter"
)

// What stood in the feed before is known, and mailed by no schedule.
func TestFirstPollIsTheBaseline(t *testing.T) {
	w := newWorld(t)
	polled, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	if p := polled[0]; !p.Baseline || len(p.New) != 2 || p.Err != nil {
		t.Fatalf("first poll: %+v", p)
	}
	w.goLive(newsletter.GoingLive{})
	w.join("ann", "weekly")
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Issue.State != "empty" {
		t.Errorf("the first issue is %s with %d posts", m.Issue.State, m.Posts)
	}
	if n := len(w.sink.Accepted()); n != 0 {
		t.Errorf("%d mails went out", n)
	}
}

// A feed that is first read after go-live has its baseline then.
func TestBaselineOfAFeedThatWasDown(t *testing.T) {
	w := newWorld(t)
	w.blog.Answer(digesttest.Status(503, ""))
	w.goLive(newsletter.GoingLive{})
	w.clock.Advance(time.Hour)
	if p := w.run().Polled[0]; !p.Baseline || len(p.New) != 2 {
		t.Errorf("first good poll: %+v", p)
	}
}

func TestBadPollChangesNothing(t *testing.T) {
	for name, reply := range map[string]func(*digesttest.Weblog) digesttest.Reply{
		"failed": func(*digesttest.Weblog) digesttest.Reply { return digesttest.Status(500, "") },
		"empty":  func(*digesttest.Weblog) digesttest.Reply { return digesttest.Empty() },
		"html":   func(*digesttest.Weblog) digesttest.Reply { return digesttest.HTMLPage() },
		"no posts": func(*digesttest.Weblog) digesttest.Reply {
			return digesttest.Body("application/rss+xml", `<rss version="2.0"><channel><title>A Blog</title></channel></rss>`)
		},
		"broken":    (*digesttest.Weblog).Cut,
		"not a xml": func(*digesttest.Weblog) digesttest.Reply { return digesttest.Body("application/rss+xml", "oops") },
	} {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t)
			w.write()
			w.run()
			before := w.stored()
			w.clock.Advance(time.Hour)
			w.write()
			w.blog.Answer(reply(w.blog))
			if p := w.run().Polled[0]; p.Err == nil {
				t.Error("nothing was said about it")
			}
			equal(t, "after a bad poll", w.stored(), before)
			w.clock.Advance(time.Hour)
			if p := w.run().Polled[0]; p.Err != nil || len(p.New) != 1 {
				t.Errorf("the poll after it: %+v", p)
			}
		})
	}
}

// A feed that is well but for its posts is a broken one: it is asked more rarely,
// and the author is told, and told again when they are back.
func TestEmptyFeedIsBroken(t *testing.T) {
	w := liveWorld(t)
	w.run()
	empty := digesttest.Body("application/rss+xml", `<rss version="2.0"><channel><title>A Blog</title></channel></rss>`)
	w.fails(4, empty)
	passed := w.hours(3)
	if l := w.told("can't be read"); len(passed) != 1 || !strings.Contains(l.text, ": the feed holds no posts any more.") {
		t.Errorf("told %q: %s", passed, l.text)
	}
	if n := w.asked(func() { w.clock.Advance(time.Minute); w.run() }); n != 0 {
		t.Error("it is asked as often as one that is well")
	}
	w.hours(2)
	w.write()
	w.hours(3)
	w.told("can be read again")
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 1 {
		t.Errorf("made %+v", m)
	}
}

// A clock that the feed's server contradicts writes no date: a post first seen
// in another year would never be mailed, or years late.
func TestWrongClockKeepsNothing(t *testing.T) {
	w := liveWorld(t)
	w.write()
	before := w.stored()
	for _, wrong := range []time.Duration{-100 * 24 * time.Hour, 25 * time.Hour, 50 * 365 * 24 * time.Hour} {
		w.clock.Set(time.Now().Add(wrong))
		passed, err := w.Pass(w.ctx, w.clock.Now, false)
		w.must(err)
		if passed.ClockOff == 0 || len(passed.Made) > 0 {
			t.Errorf("clock off by %s: %+v", wrong, passed)
		}
		equal(t, "what is stored", w.stored(), before)
	}
	w.clock.Set(time.Now())
	passed, err := w.Pass(w.ctx, w.clock.Now, false)
	w.must(err)
	if passed.ClockOff != 0 || len(passed.Polled[0].New) != 1 {
		t.Errorf("with the clock right: %+v", passed)
	}
}
