package newsletter_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/feed"
	"digest/newsletter"
)

// status of the only digest.
func (w *world) status() newsletter.Status {
	w.t.Helper()
	s, err := w.Status(w.ctx, w.clock.Now())
	w.must(err)
	return s
}

func titlesOf(posts []feed.Post) (list []string) {
	for _, p := range posts {
		list = append(list, p.Title)
	}
	return list
}

// post publishes one with this date.
func (w *world) post(title string, date time.Time) {
	w.posts++
	w.blog.Add(digesttest.Entry{
		Title: title, Link: fmt.Sprintf("%s/%s", w.blog.URL, title), GUID: title,
		Content: "<p>About " + title + " and what it does.</p>", Date: date,
	})
}

// flood lets the blog show seven posts from before it was known, under which
// nobody knew them, and one that is new.
func (w *world) flood() {
	for n := range 7 {
		w.post(fmt.Sprintf("flooded%d", n), w.clock.Now().AddDate(0, 0, -3-n))
	}
	w.post("news", w.clock.Now())
}

func TestFloodIsSetAside(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.clock.Advance(time.Hour)
	w.flood()
	p := w.run().Polled[0]
	if len(p.New) != 8 || len(p.Aside) != 7 || p.Gap {
		t.Fatalf("%d new, %d aside, gap %v", len(p.New), len(p.Aside), p.Gap)
	}
	if n := len(w.status().Aside); n != 7 {
		t.Errorf("status shows %d", n)
	}
	w.on(time.January, 12)
	equal(t, "the issue", w.titles(w.made(w.run()).Issue.ID), []string{"news"})

	aside := w.status().Aside
	released, err := w.Release(w.ctx, aside[:1], w.clock.Now())
	w.must(err)
	if len(released) != 1 {
		t.Errorf("released %q", titlesOf(released))
	}
	dismissed, err := w.Dismiss(w.ctx, aside[1:])
	w.must(err)
	if n := len(w.status().Aside); len(dismissed) != 6 || n != 0 {
		t.Errorf("dismissed %q, %d left", titlesOf(dismissed), n)
	}
	w.clock.Advance(time.Hour)
	w.run() // and is not set aside again
	w.on(time.January, 19)
	equal(t, "the next issue", w.titles(w.made(w.run()).Issue.ID), []string{aside[0].Title})
	if _, err := w.Dismiss(w.ctx, aside[:1]); !errors.Is(err, newsletter.ErrUsed) {
		t.Errorf("dismissing what is mailed: %v", err)
	}
	w.on(time.January, 26)
	if m := w.made(w.run()); m.Issue.State != "empty" {
		t.Errorf("a week later: %s with %d posts", m.Issue.State, m.Posts)
	}
	w.audited()
}

// Another blog at the address: nothing of it is mailed, and what waits is not
// taken for removed.
func TestAnotherBlogAtTheAddress(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	mine := w.blog.Bytes()
	for n := range 10 {
		w.blog.Edit(func(e *digesttest.Entry) {})
		w.post(fmt.Sprintf("stranger%d", n), w.clock.Now().AddDate(0, 0, -n))
	}
	for n := 1; n <= 3; n++ {
		w.blog.Remove(fmt.Sprintf("guid-%d", n))
	}
	for range 3 {
		w.clock.Advance(time.Hour)
		w.run()
	}
	if s := w.status(); len(s.Aside) != 10 || len(s.Foreign) != 1 {
		t.Errorf("%d set aside, %d feeds of another blog", len(s.Aside), len(s.Foreign))
	}
	w.blog.Answer(digesttest.Body("application/rss+xml", string(mine)))
	w.on(time.January, 12)
	equal(t, "the issue", w.titles(w.made(w.run()).Issue.ID), []string{"Post 3"})
	if n := len(w.status().Foreign); n != 0 {
		t.Errorf("the blog is back, and %d feeds are another's", n)
	}
}

// A few posts of another blog can't be told from news; but once the blog is back
// they are gone like any that two looks miss.
func TestStrangersForADay(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	mine := w.blog.Bytes()
	stranger := fmt.Sprintf(`<rss version="2.0"><channel><title>B</title><item><title>Hello</title><link>https://b.test/1</link><pubDate>%s</pubDate></item></channel></rss>`,
		w.clock.Now().Add(30*time.Minute).Format(time.RFC1123Z))
	w.clock.Advance(time.Hour)
	w.blog.Answer(digesttest.Body("application/rss+xml", stranger))
	w.run()
	for range 3 {
		w.clock.Advance(time.Hour)
		w.blog.Answer(digesttest.Body("application/rss+xml", string(mine)))
		w.run()
	}
	w.on(time.January, 12)
	equal(t, "the issue", w.titles(w.made(w.run()).Issue.ID), []string{"Post 3"})
}

// A blog read after days of silence has news, however much of it.
func TestOutageIsNoFlood(t *testing.T) {
	w := liveWorld(t)
	w.run()
	since := w.clock.Now()
	w.on(time.January, 12)
	w.clock.Advance(-time.Hour)
	for n := range 9 {
		w.post(fmt.Sprintf("missed%d", n), since.Add(time.Duration(n+1)*9*time.Hour))
	}
	w.clock.Advance(time.Hour)
	p := w.run()
	if len(p.Polled[0].Aside) > 0 || w.made(p).Posts != 9 {
		t.Errorf("%d posts, aside %q", w.made(p).Posts, titlesOf(p.Polled[0].Aside))
	}
}

// A look that meets nothing known says how much it may have missed; what it
// found is mailed.
func TestGapIsTold(t *testing.T) {
	w := newWorld(t)
	var old []digesttest.Entry
	for n := range 10 {
		at := w.clock.Now().Add(-time.Duration(n+1) * 12 * time.Hour)
		old = append(old, digesttest.Entry{Title: fmt.Sprintf("Old %d", n), Link: fmt.Sprintf("%s/old/%d", w.blog.URL, n), GUID: fmt.Sprintf("old-%d", n), Date: at})
	}
	w.blog.Set(old...)
	w.goLive(newsletter.GoingLive{})
	before := w.clock.Now()
	w.blog.Set()
	w.on(time.January, 12)
	for n := 9; n >= 0; n-- {
		w.post(fmt.Sprintf("new%d", n), w.clock.Now().Add(-time.Duration(n+1)*12*time.Hour))
	}
	p := w.publish()
	look := p.Polled[0]
	if !look.Gap || !look.Since.Equal(before) || len(look.Aside) > 0 || w.made(p).Posts != 10 {
		t.Errorf("gap %v since %s, aside %q, %d posts", look.Gap, look.Since, titlesOf(look.Aside), w.made(p).Posts)
	}
	if f := w.status().Feeds[0]; !f.GapAt.Equal(w.clock.Now()) || !f.GapSince.Equal(before) || f.GapMissed != 4 {
		t.Errorf("status: gap at %s since %s of %d", f.GapAt, f.GapSince, f.GapMissed)
	}
	if closed, err := w.DismissGaps(w.ctx); err != nil || len(closed) != 1 {
		t.Errorf("%d closed, %v", len(closed), err)
	}
	if f := w.status().Feeds[0]; !f.GapAt.IsZero() || !f.GapSince.IsZero() || f.GapMissed != 0 {
		t.Errorf("after it was dismissed: %+v", f)
	}
}

// A date long before the period is no news; one shortly before, ahead of now, or
// none at all is.
func TestAgeGate(t *testing.T) {
	const day = 24 * time.Hour
	period := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC) // begins
	tests := map[string]struct {
		date time.Time
		goes bool
	}{
		"within a week": {period.Add(-7 * day), true},
		"beyond":        {period.Add(-7*day - time.Second), false},
		"years ago":     {period.AddDate(-3, 0, 0), false},
		"ahead":         {period.AddDate(0, 2, 0), true},
		"undated":       {time.Time{}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t)
			w.run()
			w.clock.Advance(time.Hour)
			w.post("dated", test.date)
			w.run()
			if s := w.status().Digests[0]; (s.Waiting == 1) != test.goes || (len(s.Old) == 1) == test.goes {
				t.Fatalf("%d wait, %q look old", s.Waiting, titlesOf(s.Old))
			}
			w.on(time.January, 12)
			if m := w.made(w.run()); (m.Posts == 1) != test.goes {
				t.Fatalf("%d posts in the issue", m.Posts)
			}
			if test.goes {
				return
			}
			_, err := w.Release(w.ctx, w.status().Digests[0].Old, w.clock.Now())
			w.must(err)
			w.on(time.January, 26)
			equal(t, "once released", w.titles(w.made(w.run()).Issue.ID), []string{"dated"})
		})
	}
}

// What has waited for long, in a held issue that is given back, has not become
// old by that; nor has what the feed could not show while it was down.
func TestWaitingMakesNothingOld(t *testing.T) {
	w := liveWorld(t, approval)
	w.write()
	w.run()
	w.on(time.January, 12)
	held := w.made(w.run()).Issue.ID
	w.on(time.February, 12)
	w.must(w.Cancel(w.ctx, held, true, w.clock.Now()))
	if s := w.status().Digests[0]; s.Waiting != 1 || len(s.Old) != 0 {
		t.Errorf("%d wait, %q look old", s.Waiting, titlesOf(s.Old))
	}
	w.run()
	w.post("unread", w.clock.Now().Add(time.Hour))
	w.on(time.March, 19)
	w.run()
	if s := w.status().Digests[0]; len(s.Old) != 0 {
		t.Errorf("after an outage %q look old", titlesOf(s.Old))
	}
}

// A post that is gone in two good looks is left out; one is not enough, looks
// within minutes are one, and a failed or empty answer is none.
func TestRemovedBeforeTheCut(t *testing.T) {
	empty := digesttest.Body("application/rss+xml", `<rss version="2.0"><channel><title>A Blog</title></channel></rss>`)
	tests := map[string]struct {
		looks []func(*world) // an hour apart
		want  []string
	}{
		"twice":         {[]func(*world){look, look}, []string{"Post 5", "Post 3"}},
		"once":          {[]func(*world){look}, []string{"Post 5", "Post 4", "Post 3"}},
		"twice at once": {[]func(*world){func(w *world) { w.publish(); w.clock.Advance(time.Minute); w.publish() }}, []string{"Post 5", "Post 4", "Post 3"}},
		"and empty":     {[]func(*world){look, func(w *world) { w.blog.Answer(empty); w.publish() }}, []string{"Post 5", "Post 4", "Post 3"}},
		"and failed":    {[]func(*world){look, func(w *world) { w.blog.Answer(digesttest.HTMLPage()); w.publish() }}, []string{"Post 5", "Post 4", "Post 3"}},
		"and back": {[]func(*world){look, look, func(w *world) {
			w.blog.Add(digesttest.Entry{Title: "Post 4", Link: w.blog.URL + "/4", GUID: "guid-4", Date: w.clock.Now()})
			w.publish()
		}}, []string{"Post 5", "Post 4", "Post 3"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := liveWorld(t)
			for range 3 {
				w.write()
				w.publish()
				w.clock.Advance(time.Hour)
			}
			w.blog.Remove("guid-4")
			for _, look := range test.looks {
				look(w)
				w.clock.Advance(time.Hour)
			}
			posts := w.status().Digests[0]
			if got := len(posts.Gone); got+posts.Waiting != 3 || posts.Waiting != len(test.want) {
				t.Errorf("%d wait, %d gone", posts.Waiting, got)
			}
			made, err := w.Publish(w.ctx, time.Date(2026, time.January, 12, 16, 0, 0, 0, time.UTC)) // of what is known, after the wait for a feed
			w.must(err)
			equal(t, "the issue", w.titles(made[0].Issue.ID), test.want)
		})
	}
}

func look(w *world) { w.publish() }

// A held issue loses what is removed meanwhile, and says so; a mailed one keeps it.
func TestRemovedFromAHeldIssue(t *testing.T) {
	w := liveWorld(t, approval)
	for range 2 {
		w.write()
		w.publish()
		w.clock.Advance(time.Hour)
	}
	w.on(time.January, 12)
	held := w.made(w.publish()).Issue.ID
	w.blog.Remove("guid-4")
	for range 2 {
		w.clock.Advance(time.Hour)
		w.publish()
	}
	_, err := w.Approve(w.ctx, held, "", w.clock.Now())
	changed := (*newsletter.ChangedError)(nil)
	if !errors.As(err, &changed) || !strings.Contains(changed.Diff, "-Post 4") && !strings.Contains(changed.Diff, "Post 4") {
		t.Fatalf("approved in spite of it: %v", err)
	}
	_, err = w.Approve(w.ctx, held, "", w.clock.Now())
	w.must(err)
	equal(t, "the issue", w.titles(held), []string{"Post 3"})
	w.blog.Remove("guid-3")
	for range 3 {
		w.clock.Advance(time.Hour)
		w.publish()
	}
	equal(t, "the mailed issue", w.titles(held), []string{"Post 3"})
}

// Of a post that two feeds show, each digest mails one.
func TestTwoFeedsShareAPost(t *testing.T) {
	other := digesttest.Blog(t, digesttest.Entry{Title: "Old", Link: "https://there.example/old", GUID: "o", Date: time.Date(2026, time.January, 1, 0, 0, 0, 0, time.UTC)})
	w := liveWorld(t, func(c *config.Config) { c.Feeds = append(c.Feeds, config.Feed{URL: other.Feed}) })
	w.run()
	w.clock.Advance(time.Hour)
	shared := digesttest.Entry{Title: "Shared", Link: w.blog.URL + "/shared", GUID: "a", Date: w.clock.Now()}
	w.blog.Add(shared)
	again := shared
	again.GUID, again.Link = "b", again.Link+"?utm_source=feed"
	other.Add(again)
	w.run()
	w.on(time.January, 12)
	equal(t, "the issue", w.titles(w.made(w.run()).Issue.ID), []string{"Shared"})
	w.on(time.January, 19)
	if m := w.made(w.run()); m.Issue.State != "empty" {
		t.Errorf("a week later: %s with %d posts", m.Issue.State, m.Posts)
	}
}

func TestFindPost(t *testing.T) {
	w := liveWorld(t)
	for _, name := range []string{"1", w.blog.URL + "/1", w.blog.URL + "/1/?utm_source=x"} {
		if p, err := w.FindPost(w.ctx, name); err != nil || p.Title != "Post 1" && p.ID != 1 {
			t.Errorf("%s: %q, %v", name, p.Title, err)
		}
	}
	for _, name := range []string{"99", "", "https://elsewhere.example/1", "-1"} {
		if _, err := w.FindPost(w.ctx, name); !errors.Is(err, newsletter.ErrNoPost) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Two blogs that write about somebody else's page have written two posts.
func TestTwoFeedsAboutOnePage(t *testing.T) {
	other := digesttest.Blog(t)
	w := liveWorld(t, func(c *config.Config) { c.Feeds = append(c.Feeds, config.Feed{URL: other.Feed}) })
	w.run()
	w.clock.Advance(time.Hour)
	about := digesttest.Entry{Title: "See there", Link: "https://elsewhere.example/page", GUID: "a", Content: "<p>Worth a look.</p>", Date: w.clock.Now()}
	w.blog.Add(about)
	about.Title, about.GUID, about.Content = "And there", "b", "<p>Not so sure.</p>"
	other.Add(about, digesttest.Entry{Title: "Own", Link: other.URL + "/own", GUID: "c", Date: w.clock.Now()})
	w.run()
	w.on(time.January, 12)
	if m := w.made(w.run()); m.Posts != 3 {
		t.Errorf("the issue: %q", w.titles(m.Issue.ID))
	}
}
