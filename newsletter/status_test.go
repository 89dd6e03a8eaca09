package newsletter_test

import (
	"testing"
	"time"

	"digest/newsletter"
	"digest/subscribers"
)

// Readers of a digest that is gone from the config are never left out unsaid.
func TestOrphans(t *testing.T) {
	w := liveWorld(t, both(t))
	w.join("ann", "weekly")
	gone := w.join("gone", "weekly")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, gone.ID, gone.TokenVersion), "test", w.clock.Now()))
	if p := w.run(); len(p.Orphans) > 0 {
		t.Errorf("with all in place: %v", p.Orphans)
	}
	w.Config.Digests[0].Name = "letters"
	want := []string{"2 readers belong to `weekly`, which is gone: put it back into the config"}
	w.clock.Advance(time.Hour)
	s, err := w.Status(w.ctx, w.clock.Now())
	w.must(err)
	for name, got := range map[string][]newsletter.Orphan{"run": w.run().Orphans, "status": s.Orphans} {
		var said []string
		for _, o := range got {
			said = append(said, o.String())
		}
		equal(t, name, said, want)
	}
	w.Config.Digests = w.Config.Digests[:1]
	if p := w.run(); len(p.Orphans) != 2 || p.Orphans[0].String() != "1 reader belongs to `monthly`, which is gone: put it back into the config" {
		t.Errorf("two are gone: %v", p.Orphans)
	}
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	s, err := w.Status(w.ctx, w.clock.Now())
	w.must(err)
	if s.Standing != newsletter.NeverLive || !s.Digests[0].Start.IsZero() || s.Digests[0].Next.Day() != 12 {
		t.Errorf("before go-live: %+v", s)
	}
	w.goLive(newsletter.GoingLive{})
	w.join("ann", "weekly")
	w.clock.Advance(time.Hour)
	w.write()
	w.run()
	before := w.stored()
	w.on(time.January, 13)
	s, err = w.Status(w.ctx, w.clock.Now())
	w.must(err)
	d := s.Digests[0]
	if s.Standing != newsletter.Live || s.Posts != 3 || d.Waiting != 1 || d.Readers != 1 || d.Next.Day() != 12 {
		t.Errorf("a day late: %+v", s)
	}
	equal(t, "status changed something", w.stored(), before)
	w.run()
	if s, err = w.Status(w.ctx, w.clock.Now()); err != nil || s.Digests[0].Waiting != 0 || s.Digests[0].Next.Day() != 19 || s.Mail["sent"] != 1 {
		t.Errorf("after the run: %+v, %v", s, err)
	}
}

// A pass under a clock that is years ahead is not forgotten in silence.
func TestAhead(t *testing.T) {
	w := liveWorld(t)
	now := w.clock.Now()
	w.clock.Set(now.AddDate(3, 0, 0))
	w.run()
	w.clock.Set(now.AddDate(0, 0, 8))
	passed, err := w.Pass(w.ctx, w.clock.Now, true)
	w.must(err)
	if len(passed.Ahead) == 0 || passed.Ahead[0].Digest != "weekly" || len(passed.Made) != 0 {
		t.Errorf("it made %v and says %v", passed.Made, passed.Ahead)
	}
	w.clock.Set(now.AddDate(3, 0, 1))
	if passed, err = w.Pass(w.ctx, w.clock.Now, true); err != nil || len(passed.Ahead) != 0 {
		t.Errorf("caught up: %v, %v", passed.Ahead, err)
	}
}
