package feed_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/digesttest"
	"digest/feed"
)

// diary is n posts of one blog, the newest first, a day apart, the newest of them
// from the given moment. No two blogs have anything in common.
func diary(blog string, n int, newest time.Time) (list []digesttest.Entry) {
	for i := range n {
		list = append(list, dayOf(blog, newest.AddDate(0, 0, -i)))
	}
	return list
}

func dayOf(blog string, at time.Time) digesttest.Entry {
	what := fmt.Sprintf("%s of %s", blog, at.Format("2 January 15:04"))
	return digesttest.Entry{
		Title: what, Link: fmt.Sprintf("https://%s.example/%d", blog, at.Unix()), GUID: what,
		Content: fmt.Sprintf("<p>%s, %d words</p>", what, at.Unix()*7919), Date: at,
	}
}

// passes names the new posts of a look that are mailed.
func (r *reader) passes() (titles []string) {
	r.t.Helper()
	poll, err := r.look()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range poll.New {
		if p.Aside == "" && !p.Baseline {
			titles = append(titles, p.Title)
		}
	}
	return titles
}

func (r *reader) wants(what string, titles ...string) {
	r.t.Helper()
	if diff := cmp.Diff(titles, r.passes()); diff != "" {
		r.t.Errorf("%s: %s", what, diff)
	}
}

// hijacked is a blog of ten posts whose address shows another one's.
func hijacked(t *testing.T) (r *reader, mine, theirs []digesttest.Entry) {
	mine, theirs = diary("mine", 10, start.AddDate(0, 0, -1)), diary("theirs", 10, start.Add(-time.Hour))
	r = newReader(t, mine...)
	r.poll()
	r.blog.Set(theirs...)
	r.wants("another blog")
	return r, mine, theirs
}

// news adds a post of now to what a blog shows.
func (r *reader) news(blog string, list []digesttest.Entry) (_ []digesttest.Entry, title string) {
	r.now = r.now.Add(24 * time.Hour)
	e := dayOf(blog, r.now)
	list = append([]digesttest.Entry{e}, list[:9]...)
	r.blog.Set(list...)
	return list, e.Title
}

// The news of another blog is not mailed either, day after day, when all it shows
// has been written since, and when no post of it is known any more.
func TestAnotherBlogStaysLockedOut(t *testing.T) {
	r, mine, theirs := hijacked(t)
	for range 14 {
		theirs, _ = r.news("theirs", theirs)
		r.wants("its news")
	}
	r.now = r.now.AddDate(0, 0, 20)
	r.blog.Set(diary("theirs", 10, r.now)...)
	r.wants("its news of three weeks")
	_, title := r.news("mine", mine)
	r.wants("the blog is back", title)
	r.wants("and stays")
}

// What another blog wrote since the last look is its own, too: no known post is
// left, and they are more than this blog writes in the time.
func TestAnotherBlogOfToday(t *testing.T) {
	var mine, theirs []digesttest.Entry
	for n := range 12 {
		mine = append(mine, dayOf("mine", start.AddDate(0, 0, -4*n-1)))
		theirs = append(theirs, dayOf("theirs", start.Add(24*time.Hour-time.Duration(n)*45*time.Minute)))
	}
	r := newReader(t, mine...)
	r.poll()
	r.now = start.Add(24 * time.Hour)
	r.blog.Set(theirs...)
	r.wants("another blog")
	r.now = r.now.Add(24 * time.Hour)
	r.blog.Set(mine...)
	r.wants("the blog is back")
}

// A blog that is quiet all year and busy for an hour is mailed whole.
func TestBurst(t *testing.T) {
	var old, burst []digesttest.Entry
	var titles []string
	for n := range 10 {
		old = append(old, dayOf("mine", start.AddDate(0, -n-1, 0)))
	}
	for n := range 8 {
		burst = append(burst, dayOf("mine", start.AddDate(1, 0, 0).Add(-time.Duration(n)*7*time.Minute)))
		titles = append(titles, burst[n].Title)
	}
	r := newReader(t, old...)
	r.poll()
	r.now = start.AddDate(1, 0, 0)
	r.blog.Set(append(burst, old[:2]...)...)
	r.wants("the burst", titles...)
}

// Two posts dated a year back, on top of ten: no part of the baseline, so that
// the author is asked.
func TestBackDatedOnTop(t *testing.T) {
	mine := diary("mine", 10, start.Add(-time.Hour))
	r := newReader(t, mine...)
	r.poll()
	late := diary("late", 2, start.AddDate(-1, 0, 0))
	r.blog.Set(append(late, mine[:8]...)...)
	r.wants("back-dated", late[0].Title, late[1].Title)
}

// A damaged document of another blog is locked out, too.
func TestAnotherBlogDamaged(t *testing.T) {
	r, _, theirs := hijacked(t)
	r.news("theirs", theirs)
	body := r.blog.Bytes()
	r.blog.Answer(digesttest.Body("application/rss+xml", string(body[:len(body)-40])))
	r.wants("damaged")
}

// What the author says of the posts ends the lock.
func TestDecisionEndsTheLock(t *testing.T) {
	for name, decide := range map[string]func(ids []int64, r *reader) error{
		"released":  func(ids []int64, r *reader) error { return feed.Release(context.Background(), r.db, ids, r.now) },
		"dismissed": func(ids []int64, r *reader) error { return feed.Dismiss(context.Background(), r.db, ids) },
	} {
		t.Run(name, func(t *testing.T) {
			r, _, theirs := hijacked(t)
			ctx := context.Background()
			f, err := feed.Ensure(ctx, r.db, r.blog.Feed)
			if err != nil {
				t.Fatal(err)
			}
			if is, err := feed.HasStrangers(ctx, r.db, f); err != nil || !is {
				t.Errorf("before: foreign %v, %v", is, err)
			}
			aside, err := feed.SetAside(ctx, r.db)
			if err != nil || len(aside) != 10 {
				t.Fatalf("%d aside, %v", len(aside), err)
			}
			var ids []int64
			for _, p := range aside {
				ids = append(ids, p.ID)
			}
			if err := decide(ids[:3], r); err != nil {
				t.Fatal(err)
			}
			theirs, _ = r.news("theirs", theirs)
			r.wants("three of ten decided")
			if aside, err = feed.SetAside(ctx, r.db); err != nil {
				t.Fatal(err)
			}
			ids = nil
			for _, p := range aside {
				ids = append(ids, p.ID)
			}
			if err := decide(ids, r); err != nil {
				t.Fatal(err)
			}
			theirs, title := r.news("theirs", theirs)
			r.wants("all decided", title)
			_, title = r.news("theirs", theirs)
			r.wants("a day later", title)
			if is, err := feed.HasStrangers(ctx, r.db, f); err != nil || is {
				t.Errorf("after: foreign %v, %v", is, err)
			}
		})
	}
}

// A blog of which something is left is the same one: what can't be told from old
// posts waits for the author, and its news is mailed from the next look on.
func TestFalseAlarmHeals(t *testing.T) {
	for left := range 10 {
		mine := diary("mine", 10, start.Add(-time.Hour))
		r := newReader(t, mine...)
		r.poll()
		for i := left; i < 10; i++ {
			mine[i] = dayOf("rebuilt", mine[i].Date.Add(-5*time.Hour))
		}
		r.blog.Set(mine...)
		r.wants(fmt.Sprintf("%d left", left))
		for range 12 {
			var want []string
			var title string
			if mine, title = r.news("mine", mine); left >= 3 {
				want = []string{title}
			}
			r.wants(fmt.Sprintf("%d left, its news", left), want...)
		}
	}
}
