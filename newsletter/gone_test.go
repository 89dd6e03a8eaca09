package newsletter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/newsletter"
)

// A feed that is gone for good keeps no issue waiting, with posts or without,
// whatever other feeds there are.
func TestGoneFeedIsNotWaitedFor(t *testing.T) {
	for _, posts := range []int{0, 1} {
		for _, others := range []int{0, 1} {
			t.Run(fmt.Sprintf("%d posts, %d other feeds", posts, others), func(t *testing.T) {
				w := liveWorld(t, func(c *config.Config) {
					for range others {
						c.Feeds = append(c.Feeds, config.Feed{URL: digesttest.Blog(t).Feed})
					}
				})
				for range posts {
					w.write()
				}
				w.run()
				w.fails(3, digesttest.Status(410, ""))
				for range 3 {
					w.clock.Advance(13 * time.Hour)
					w.run()
				}
				for _, day := range []int{12, 19} {
					w.on(time.January, day)
					passed := w.run()
					m := w.made(passed)
					if !passed.FeedGone() || m.Waiting || m.Posts != posts || !strings.Contains(m.Note, "is gone for good") {
						t.Errorf("on the %d: gone %v, %+v", day, passed.FeedGone(), m)
					}
					posts = 0
				}
				w.audited()
			})
		}
	}
}

// A feed of ten posts that is read but once a week by a blog that writes
// fourteen: what it shows is mailed, and the author hears once of what it did
// not show.
func TestWeeklyLooksAreTooFew(t *testing.T) {
	w := newWorld(t)
	wrote := 0
	write := func(until time.Time, n int) {
		for i := range n {
			w.post(fmt.Sprintf("post %d", wrote), until.Add(time.Duration(i-n)*12*time.Hour+time.Hour))
			if wrote++; wrote > 10 {
				w.blog.Remove(fmt.Sprintf("post %d", wrote-11))
			}
		}
	}
	w.blog.Set()
	write(w.clock.Now(), 30)
	w.goLive(newsletter.GoingLive{})
	w.join("reader", "weekly")
	for week, day := range []int{12, 19, 26} {
		w.on(time.January, day)
		write(w.clock.Now(), 14)
		passed := w.run()
		m := w.made(passed)
		if look := passed.Polled[0]; !look.Gap || len(look.Aside) > 0 || m.Posts != 10 {
			t.Fatalf("week %d: gap %v, %d aside, %d posts mailed", week, look.Gap, len(look.Aside), m.Posts)
		}
		f := w.status().Feeds[0]
		if f.GapMissed < 3 || f.GapMissed > 6 {
			t.Errorf("week %d: %d missed of four", week, f.GapMissed)
		}
		w.clock.Advance(time.Hour)
		w.run()
		w.alarmed(week + 1)
		told := w.told("may have been missed")
		if !strings.Contains(told.text, fmt.Sprintf("about %d by the pace", f.GapMissed)) {
			t.Errorf("week %d: the author is told %s", week, told.text)
		}
		if closed, err := w.DismissGaps(w.ctx); err != nil || len(closed) != 1 {
			t.Errorf("week %d: %d gaps closed, %v", week, len(closed), err)
		}
	}
	w.audited()
}
