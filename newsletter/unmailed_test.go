package newsletter_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
)

// olden adds so many posts that look like old ones.
func (w *world) olden(name string, count int) {
	for n := range count {
		w.post(fmt.Sprintf("%s-%d", name, n), w.clock.Now().AddDate(0, -2, -n))
	}
}

// A feed that floods at each look is one mail, until the author has decided or a
// week is over; then all that is undecided is told at once.
func TestFloodsAreOneMailAWeek(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.olden("first", 8)
	w.hours(1)
	w.told("8 posts set aside")
	for n := range 5 {
		w.olden(fmt.Sprint("more", n), 8)
		if notices := w.hours(1); len(notices) > 0 {
			t.Errorf("hour %d: %q", n, notices)
		}
	}
	if n := len(w.status().Aside); n != 48 {
		t.Errorf("status shows %d", n)
	}
	w.clock.Advance(7*24*time.Hour - 6*time.Hour)
	w.hours(1)
	w.alarmed(1) // the feed was not modified
	w.olden("week", 8)
	w.hours(1)
	l := w.told("56 posts set aside")
	for _, words := range []string{", from Wednesday 7 January 2026", "more new posts came at once than the blog's pace explains.", "and 53 more"} {
		if !strings.Contains(l.text, words) {
			t.Errorf("%q is missing in: %s", words, l.text)
		}
	}
	w.hours(3)
	w.clock.Advance(8 * 24 * time.Hour)
	w.write()
	w.hours(1)
	w.alarmed(2) // nothing has been set aside since

	_, err := w.Dismiss(w.ctx, w.status().Aside)
	w.must(err)
	w.olden("decided", 8)
	w.hours(1)
	w.told("8 posts set aside")
	w.alarmed(3)
}

// What came while nothing was told is told once the earlier posts are decided on.
func TestFloodAfterADecision(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.olden("first", 8)
	w.hours(1)
	first := w.status().Aside
	w.olden("second", 7)
	w.hours(1)
	w.alarmed(1)
	_, err := w.Dismiss(w.ctx, first)
	w.must(err)
	w.write()
	w.hours(1)
	w.told("7 posts set aside")
	w.hours(3)
	w.alarmed(2)
}

// A blog that outruns its feed again and again is one mail a week.
func TestGapsAreOneMailAWeek(t *testing.T) {
	w := liveWorld(t)
	w.run()
	posts := 0
	gap := func() {
		w.clock.Advance(3 * 24 * time.Hour)
		var entries []digesttest.Entry
		for i := range 4 {
			posts++
			entries = append(entries, digesttest.Entry{Title: fmt.Sprintf("New %d", posts), Link: fmt.Sprintf("%s/new/%d", w.blog.URL, posts), Date: w.clock.Now().Add(-time.Duration(i+1) * 7 * time.Hour)})
		}
		w.blog.Set(entries...)
	}
	gap()
	if p := w.run(); !p.Polled[0].Gap {
		t.Fatal("no gap")
	}
	w.told("may have been missed")
	for range 2 {
		gap()
		if p := w.run(); !p.Polled[0].Gap || len(p.Notices) > 0 {
			t.Errorf("gap %v, told %q", p.Polled[0].Gap, p.Notices)
		}
	}
	gap()
	w.run()
	w.alarmed(2)
	w.clock.Advance(8 * 24 * time.Hour)
	w.hours(3)
	w.alarmed(2) // an open gap that was told
}

// A post that an issue leaves out since it looks old is told once.
func TestOldPostsAreTold(t *testing.T) {
	w := liveWorld(t, both(t))
	w.run()
	w.clock.Advance(time.Hour)
	w.post("aged", w.clock.Now().AddDate(-1, 0, 0))
	w.post("current", w.clock.Now())
	if p := w.run(); len(p.Notices) > 0 {
		t.Errorf("before an issue was made: %q", p.Notices)
	}
	id := w.count(`SELECT id FROM posts WHERE title = 'aged'`)
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 1 || len(m.Old) != 1 {
		t.Fatalf("made %+v", m)
	}
	l := w.told("1 post left out, since it looks old")
	if !strings.Contains(l.text, "\n  aged\n") || !strings.Contains(l.text, fmt.Sprintf("digest feed release %d lets it in", id)) {
		t.Errorf("the mail: %s", l.text)
	}
	for _, name := range []string{"b", "c"} {
		w.post("aged-"+name, w.clock.Now().AddDate(-1, 0, 0))
	}
	w.hours(2)
	w.alarmed(1)
	w.on(time.January, 19)
	w.run()
	if l := w.told("2 posts left out, since they look old"); !strings.Contains(l.text, fmt.Sprintf("digest feed release %d %d lets them in", id+2, id+1)) {
		t.Errorf("the mail: %s", l.text)
	}
	w.on(time.January, 26)
	w.run()
	w.on(time.February, 2) // the monthly issue leaves them out, too
	w.run()
	w.alarmed(2)
}

// The daemon tells it, too, when it makes an issue without a look.
func TestDaemonTellsOldPosts(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.clock.Advance(time.Hour)
	w.post("aged", w.clock.Now().AddDate(-1, 0, 0))
	w.post("current", w.clock.Now())
	w.run()
	w.on(time.January, 12)
	w.clock.Advance(-time.Minute)
	w.fails(1, digesttest.Status(503, "86400"))
	w.run()
	w.watch(7 * time.Hour)
	if n := w.count(`SELECT count(*) FROM issues`); n != 1 {
		t.Fatalf("%d issues", n)
	}
	w.told("1 post left out")
}

// A feed that stays damaged is told once; a mishap of a day is not.
func TestDamagedFeedIsTold(t *testing.T) {
	w := liveWorld(t)
	w.run()
	whole := string(w.blog.Bytes())
	cut := digesttest.Body("application/rss+xml", whole[:strings.LastIndex(whole, "<item>")+20])
	damaged := func(hours ...int) {
		for _, h := range hours {
			w.clock.Advance(time.Duration(h) * time.Hour)
			w.blog.Answer(cut)
			if p := w.run().Polled[0]; !p.Partial || p.Err != nil {
				t.Fatalf("partial %v, %v", p.Partial, p.Err)
			}
		}
	}
	damaged(1, 1, 1, 1)
	w.alarmed(0)
	w.write()
	if p := w.hours(1); len(p) > 0 {
		t.Errorf("told %q", p)
	}
	damaged(1, 25)
	w.alarmed(0)
	damaged(1)
	if l := w.told("is damaged"); !strings.Contains(l.text, w.blog.Feed) {
		t.Errorf("the mail: %s", l.text)
	}
	damaged(24, 24)
	w.alarmed(1)
}
