package newsletter_test

import (
	"testing"
	"time"

	"digest/config"
	"digest/newsletter"
)

// An issue of the past is told apart from those of the schedule, until one of
// these is sent after it.
func TestStatusTellsOfPastIssue(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Digests[0].Name = "monthly" })
	w.blog.Set()
	w.clock.Set(time.Date(2025, time.December, 25, 12, 0, 0, 0, time.UTC))
	w.write()
	w.on(time.January, 5)
	made, err := w.DraftPast(w.ctx, "monthly", "2025-12", w.clock.Now())
	w.must(err)
	w.goLive(newsletter.GoingLive{})
	w.join("ann", "monthly")
	if s := w.status().Digests[0]; s.Past.ID != 0 || len(s.Held) != 1 {
		t.Errorf("before it is approved: past %d, %d held", s.Past.ID, len(s.Held))
	}
	_, err = w.Approve(w.ctx, made.Issue.ID, "", w.clock.Now())
	w.must(err)
	if s := w.status().Digests[0]; s.Past.ID != made.Issue.ID || s.Last.ID != 0 {
		t.Errorf("once it is: past %d, last %d", s.Past.ID, s.Last.ID)
	}
	w.clock.Advance(time.Hour)
	w.write()
	w.run()
	w.on(time.January, 12)
	w.run()
	if s := w.status().Digests[0]; s.Past.ID != 0 || s.Last.ID == 0 {
		t.Errorf("after one of the schedule: past %d, last %d", s.Past.ID, s.Last.ID)
	}
}
