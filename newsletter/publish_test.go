package newsletter_test

import (
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
)

func TestEachPostOnceInEachDigest(t *testing.T) {
	w := liveWorld(t, both(t))
	for day := 8; day <= 40; day++ {
		w.clock.Set(time.Date(2026, time.January, day, 9, 0, 0, 0, time.UTC))
		if day%5 == 0 && day < 32 {
			w.write() // posts 3 to 7, the last on the 30th
		}
		w.run()
		w.run()
	}
	for _, digest := range []string{"weekly", "monthly"} {
		got := w.column(`SELECT title FROM posts JOIN issue_posts ON post_id = posts.id WHERE digest = $1 ORDER BY post_id`, digest)
		equal(t, digest, got, []string{"Post 3", "Post 4", "Post 5", "Post 6", "Post 7"})
	}
	var subjects []string
	for _, l := range w.got("reader.weekly") {
		subjects = append(subjects, l.subject())
	}
	equal(t, "weekly mails", subjects, []string{"Post 3", "Post 4", "Post 6 and 1 more", "Post 7"})
	if s := w.only("reader.monthly").subject(); s != "Post 7 and 4 more" {
		t.Errorf("monthly mail: %q", s)
	}
	w.audited()
}

// A machine that slept through three Mondays makes one issue that answers for them all.
func TestMissedPeriodsFold(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 27)
	m := w.made(w.run())
	equal(t, "covered", m.Issue.Period.Covers, []string{"2026-01-12", "2026-01-19", "2026-01-26"})
	if len(w.run().Made) != 0 {
		t.Error("a second run made another")
	}
	w.only("reader.weekly")
}

// What comes after an empty period's end goes into the next.
func TestEmptyPeriodIsAnsweredFor(t *testing.T) {
	w := liveWorld(t)
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Issue.State != issue.Empty || m.Issue.Reason == "" {
		t.Fatalf("made %+v", m.Issue)
	}
	w.clock.Advance(time.Minute)
	w.write()
	if made := w.run().Made; len(made) != 0 {
		t.Errorf("the period was answered for again: %+v", made)
	}
	w.on(time.January, 19)
	if m := w.made(w.run()); m.Posts != 1 || m.Issue.Number != 1 {
		t.Errorf("the next issue: %+v", m)
	}
}

func TestUnreadFeedIsNotEmpty(t *testing.T) {
	w := liveWorld(t)
	w.on(time.January, 12)
	for range 20 { // long past feed_wait
		w.blog.Answer(digesttest.Status(500, ""))
		if m := w.made(w.run()); !m.Waiting || m.Note == "" || m.Issue.ID != 0 {
			t.Fatalf("on an unread feed: %+v", m)
		}
		w.clock.Advance(time.Hour)
	}
	w.write()
	if m := w.made(w.run()); m.Waiting || m.Posts != 1 {
		t.Errorf("once it is back: %+v", m)
	}
}

// A feed of the config that nobody ever looked at is as unread as one that failed.
func TestNeverReadFeedIsNotEmpty(t *testing.T) {
	w := liveWorld(t)
	w.Config.Feeds = append(w.Config.Feeds, config.Feed{URL: "https://ada:secret@blog.example/other.xml"})
	w.on(time.January, 12)
	made, err := w.Publish(w.ctx, w.clock.Now())
	w.must(err)
	if len(made) != 1 || !made[0].Waiting || !strings.Contains(made[0].Note, "blog.example") || strings.Contains(made[0].Note, "secret") {
		t.Errorf("made %+v", made)
	}
}

// With something to say an issue waits for its feed, but not for ever.
func TestFeedWait(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	w.on(time.January, 12)
	for range 6 {
		w.blog.Answer(digesttest.Status(500, ""))
		if m := w.made(w.run()); !m.Waiting || !strings.Contains(m.Note, "Monday 15:00 UTC") {
			t.Fatalf("at %s: %+v", w.clock.Now(), m)
		}
		w.clock.Advance(time.Hour)
	}
	w.blog.Answer(digesttest.Status(500, ""))
	if m := w.made(w.run()); m.Waiting || m.Posts != 1 || !strings.Contains(m.Note, "can't be read") {
		t.Errorf("after feed_wait: %+v", m)
	}
	w.only("reader.weekly")
}

func TestLate(t *testing.T) {
	due := time.Date(2026, time.January, 12, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		name  string
		late  time.Duration
		state issue.State
		note  string
	}{
		{"72 hours", 72 * time.Hour, issue.Approved, ""},
		{"a second more", 72*time.Hour + time.Second, issue.Approved, "72 hours late, counted from the first firing it makes up for"},
		{"45 days", 45 * 24 * time.Hour, issue.Approved, "1080 hours late, counted from the first firing it makes up for"},
		{"46 days", 46 * 24 * time.Hour, issue.Held, "made 46 days late, so the author decides"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := liveWorld(t)
			w.write()
			w.run()
			w.clock.Set(due.Add(c.late))
			m := w.made(w.publish())
			if m.Issue.State != c.state || m.Note != c.note {
				t.Errorf("it is %s with note %q, want %s with %q", m.Issue.State, m.Note, c.state, c.note)
			}
		})
	}
}

func TestRequiredApprovalHolds(t *testing.T) {
	w := liveWorld(t, approval)
	w.write()
	w.on(time.January, 12)
	first := w.made(w.run())
	if first.Issue.State != issue.Held || first.Readers != 0 {
		t.Fatalf("made %+v", first)
	}
	w.write()
	w.on(time.January, 19)
	second := w.made(w.run())
	if second.Issue.ID != first.Issue.ID || second.Posts != 2 || second.Issue.State != issue.Held {
		t.Fatalf("the next Monday: %+v", second)
	}
	if second.Issue.Hash == first.Issue.Hash {
		t.Error("the proof is the old one")
	}
	equal(t, "posts", w.titles(first.Issue.ID), []string{"Post 4", "Post 3"})
	if len(w.sink.Accepted()) != 0 {
		t.Error("mail went out without approval")
	}
	w.clock.Advance(8 * 24 * time.Hour)
	if !w.run().Overdue {
		t.Error("nobody is told that the approval is overdue")
	}
	_, err := w.Approve(w.ctx, first.Issue.ID, "", w.clock.Now())
	w.must(err)
	w.run()
	if s := w.only("reader.weekly").subject(); s != "Post 4 and 1 more" {
		t.Errorf("subject %q", s)
	}
}

func TestManyPublishersMakeOne(t *testing.T) {
	for name, change := range map[string]func(*config.Config){"frozen": func(*config.Config) {}, "held": approval} {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t, change)
			w.write()
			w.run()
			for _, day := range []int{12, 19} {
				w.on(time.January, day)
				results := make([][]newsletter.Made, 6)
				var group sync.WaitGroup
				for i := range results {
					group.Go(func() {
						made, err := w.Publish(w.ctx, w.clock.Now())
						if err != nil {
							t.Error(err)
						}
						results[i] = made
					})
				}
				group.Wait()
				if all := slices.Concat(results...); len(all) != 1 {
					t.Errorf("%d runs say that they made it", len(all))
				}
				w.run()
			}
			if n := w.count(`SELECT count(*) FROM periods`); n != 2 {
				t.Errorf("%d periods are answered for", n)
			}
			if name == "frozen" {
				w.only("reader.weekly")
			}
			w.audited()
		})
	}
}

// A digest whose issue can't be made does not take the others with it.
func TestOneFailingDigestLeavesTheOthers(t *testing.T) {
	w := liveWorld(t, both(t), func(c *config.Config) { c.Digests[0].Theme = "none" })
	w.write()
	w.on(time.February, 2)
	_, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	made, err := w.Publish(w.ctx, w.clock.Now())
	if err == nil || !strings.Contains(err.Error(), "making the weekly issue") {
		t.Errorf("error %v", err)
	}
	if len(made) != 1 || made[0].Issue.Digest != "monthly" {
		t.Errorf("made %+v", made)
	}
	if n := w.count(`SELECT count(*) FROM issues WHERE digest = 'weekly'`); n != 0 {
		t.Errorf("%d halves of an issue were left behind", n)
	}
}

func TestNewDigestStartsWhenItIsSeen(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	both(t)(&w.Config)
	w.clock.Advance(time.Hour)
	w.run()
	w.clock.Advance(time.Hour)
	w.write()
	w.run()
	w.join("ann", "monthly")
	w.on(time.February, 1)
	w.run()
	if s := w.only("ann").subject(); s != "Post 4" {
		t.Errorf("subject %q", s)
	}
}
