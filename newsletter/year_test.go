package newsletter_test

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
)

// year is a busy blog whose feed shows its ten newest posts, and what a year
// does to it.
type year struct {
	*world
	dice  *rand.Rand
	all   []digesttest.Entry // newest first
	due   []time.Time        // when the posts to come are published
	first int                // posts before the year
	down  []outage           // when the server answers nothing but errors
	asked int                // requests by the time an answer was queued, 0 once it was given
}

type outage struct{ from, to time.Time }

// TestYear: whatever a site does in a year, each of its posts stands in exactly
// one monthly issue. The feed is looked at within the hour of each change and every
// day, and each hour around the two long outages, as the daemon does.
func TestYear(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) { aYear(t, seed) })
	}
}

func aYear(t *testing.T, seed uint64) {
	y := &year{dice: rand.New(rand.NewPCG(seed, 2))}
	y.world = newWorld(t, func(c *config.Config) { c.Digests = []config.Digest{digest(t, "monthly", monthly)} })
	y.clock.Set(time.Date(2025, time.December, 31, 20, 0, 0, 0, time.UTC))
	y.blog.Set()
	for n := range 30 {
		y.post(y.clock.Now().Add(time.Duration(n-31) * 12 * time.Hour))
	}
	y.first = len(y.all)
	y.show()
	y.publish()
	y.goLiveAs("reader")
	end := time.Date(2027, time.January, 1, 9, 0, 0, 0, time.UTC)
	y.plan(end)
	looks, gaps := 0, 0
	for !y.clock.Now().After(end) {
		now := y.clock.Advance(time.Hour)
		hourly := now.Month()%6 == time.March && now.Day() > 25
		if y.happens(now) || now.Hour() == 9 || hourly {
			y.trouble(now)
			if p := y.publish(); len(p.Polled) > 0 && p.Polled[0].Gap {
				gaps++
			}
			looks++
		}
	}
	t.Logf("%d posts, %d looks, %d gaps, %d issues", len(y.all)-y.first, looks, gaps, y.count(`SELECT count(*) FROM issues`))
	if gaps < 2 {
		t.Errorf("%d gaps: nothing has scrolled out unseen", gaps)
	}
	y.check()
}

// plan sets when posts are published and when the server is down. In the five
// days that it is down twice, more posts are written than the feed shows; one
// time they end with a month.
func (y *year) plan(end time.Time) {
	on := func(month time.Month, day, hour int) time.Time {
		return time.Date(2026, month, day, hour, 0, 0, 0, time.UTC)
	}
	for at := y.clock.Now(); at.Before(end.Add(-2 * time.Hour)); {
		at = at.Add(time.Duration(1+y.dice.IntN(23)) * time.Hour).Add(time.Duration(y.dice.IntN(60)) * time.Minute) // 14 a week
		y.due = append(y.due, at)
	}
	for month := time.January; month <= time.December; month++ {
		y.down = append(y.down, outage{on(month, 5, 0), on(month, 5, 16)})
		saturday := 22 + (6-int(on(month, 22, 0).Weekday())+7)%7
		y.down = append(y.down, outage{on(month, saturday-1, 18), on(month, saturday+2, 8)}) // a weekend
	}
	for _, month := range []time.Month{time.March, time.September} {
		from := on(month, 27, 6)
		y.down = append(y.down, outage{from, from.AddDate(0, 0, 5)})
		for n := range 15 {
			y.due = append(y.due, from.Add(time.Duration(n)*7*time.Hour+17*time.Minute))
		}
	}
	slices.SortFunc(y.due, time.Time.Compare)
}

func (y *year) goLiveAs(reader string) {
	y.must(y.Settings.Set(y.ctx, "live", y.Instance))
	y.must(y.Settings.Set(y.ctx, "start:monthly", fmt.Sprint(y.clock.Now().Unix())))
	y.join(reader, "monthly")
}

// post writes a post.
func (y *year) post(at time.Time) {
	n := len(y.all) + 1
	y.all = append([]digesttest.Entry{{
		Title: fmt.Sprintf("Post %d", n), Link: fmt.Sprintf("http://blog.example/%d/%d", at.Year(), n), GUID: fmt.Sprintf("http://blog.example/?p=%d", n),
		Content: fmt.Sprintf("<p>%d is the number of this post.</p>", n), Date: at,
	}}, y.all...)
}

// show is the feed, rebuilt.
func (y *year) show() {
	y.blog.Set(y.all[:10]...)
	y.blog.Archive(y.all...)
}

// happens is what changes within the hour before now.
func (y *year) happens(now time.Time) (changed bool) {
	for len(y.due) > 0 && !y.due[0].After(now) {
		y.post(y.due[0])
		if y.moved() {
			y.rename(&y.all[0])
		}
		y.due, changed = y.due[1:], true
	}
	switch {
	case now.Month() == time.July && now.Day() == 10 && now.Hour() == 7:
		y.move()
		changed = true
	case now.Day() == 17 && now.Hour() == 3: // a rebuild dates all anew
		for i := range 10 {
			y.all[i].Date = now.Add(-time.Duration(i) * time.Second)
		}
		changed = true
	case y.dice.IntN(100) == 0:
		e := &y.all[y.dice.IntN(10)]
		e.Content += "<p>One thing more.</p>"
		changed = true
	}
	y.show()
	return changed
}

func (y *year) moved() bool { return strings.HasPrefix(y.Config.Feeds[0].URL, "https:") }

// move gives the site https, and with it every post another GUID and address.
func (y *year) move() {
	address, client := y.blog.Secure(y.t)
	y.Fetch.Client = client
	y.Config.Feeds[0].URL = address
	for i := range y.all {
		y.rename(&y.all[i])
	}
}

func (y *year) rename(e *digesttest.Entry) {
	e.Link = strings.Replace(e.Link, "http://", "https://www.", 1) + "/"
	e.GUID = "urn:post:" + e.Title
}

// trouble is what the server answers instead of the feed.
func (y *year) trouble(now time.Time) {
	if y.asked == len(y.blog.Requests()) {
		return // the feed rests, and the last answer is still to be given
	}
	y.asked = 0
	answer := func(reply digesttest.Reply) {
		y.blog.Answer(reply)
		y.asked = len(y.blog.Requests())
	}
	if slices.ContainsFunc(y.down, func(o outage) bool { return !now.Before(o.from) && now.Before(o.to) }) {
		answer(digesttest.Status(http.StatusServiceUnavailable, ""))
		return
	}
	replies := []digesttest.Reply{
		digesttest.Status(500, ""), digesttest.Empty(), digesttest.HTMLPage(), y.blog.Cut(),
		digesttest.Body("application/rss+xml", `<rss version="2.0"><channel><title>A Blog</title></channel></rss>`), // no items, for once
	}
	if n := y.dice.IntN(100); n < len(replies) {
		answer(replies[n])
	}
}

func (y *year) check() {
	y.t.Helper()
	if n := y.count(`SELECT count(*) FROM posts WHERE baseline = 0`); n != len(y.all)-y.first {
		y.t.Errorf("%d posts are news, want %d", n, len(y.all)-y.first)
	}
	if n := y.count(`SELECT count(*) FROM posts WHERE baseline = 1 AND substr(title, 6) + 0 > $1`, y.first); n != 0 {
		y.t.Errorf("%d posts of the year are baseline", n)
	}
	if n := y.count(`SELECT count(*) FROM feeds`); n != 1 {
		y.t.Errorf("%d feeds", n)
	}
	states := y.column(`SELECT state FROM issues ORDER BY id`)
	if len(states) != 13 || slices.ContainsFunc(states[1:], func(s string) bool { return s != "approved" }) { // the first one on the day after go-live
		y.t.Errorf("issues: %q", states)
	}
	bad := y.column(`SELECT p.title || ': ' || count(i.post_id) || p.aside FROM posts p LEFT JOIN issue_posts i ON i.post_id = p.id AND i.digest = 'monthly'
		GROUP BY p.id HAVING count(i.post_id) != 1 - p.baseline OR p.aside != '' OR p.missing > 0`)
	equal(y.t, "posts in no issue, in several, or kept back", bad, nil)
	y.audited()
}
