package newsletter_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/feed"
	"digest/newsletter"
)

// asked counts the requests the blog got during f.
func (w *world) asked(f func()) int {
	w.t.Helper()
	before := len(w.blog.Requests())
	f()
	return len(w.blog.Requests()) - before
}

func (w *world) fails(times int, reply digesttest.Reply) {
	for range times {
		w.blog.Answer(reply)
	}
}

// watch is the daemon's minute, for so long.
func (w *world) watch(d time.Duration) {
	w.t.Helper()
	for end := w.clock.Now().Add(d); w.clock.Now().Before(end); w.clock.Advance(time.Minute) {
		_, _, err := w.Watch(w.ctx, w.clock.Now(), true)
		w.must(err)
	}
}

// A feed that failed is left alone for a while, unless an issue waits for it or
// the author asks.
func TestRunLeavesAFailingFeedAlone(t *testing.T) {
	w := liveWorld(t)
	w.fails(2, digesttest.Status(500, ""))
	w.run()
	w.clock.Advance(4 * time.Minute)
	var passed newsletter.Passed
	if n := w.asked(func() { passed = w.run() }); n != 0 {
		t.Errorf("asked %d times within the wait", n)
	}
	if p := passed.Polled[0]; p.Rest.Why == "" || !p.Rest.Until.Equal(w.clock.Now().Add(time.Minute)) || !passed.FeedFailed() {
		t.Errorf("the pass says %+v", p)
	}
	w.clock.Advance(time.Minute)
	if n := w.asked(func() { w.run() }); n != 1 {
		t.Errorf("asked %d times after the wait", n)
	}
	if n := w.asked(func() { w.pollNow() }); n != 1 {
		t.Error("not asked by hand")
	}
	if f := w.run().Polled[0]; f.Err != nil || f.Rest.Why != "" {
		t.Errorf("after a good look by hand: %+v", f)
	}
	w.on(time.January, 12)
	w.clock.Advance(-time.Minute)
	w.fails(1, digesttest.Status(500, ""))
	w.run()
	w.clock.Advance(time.Minute)
	if n := w.asked(func() { w.made(w.run()) }); n != 1 {
		t.Errorf("with an issue due it is asked %d times", n)
	}
}

func (w *world) pollNow() []newsletter.Polled {
	w.t.Helper()
	polled, err := w.PollNow(w.ctx, w.clock.Now(), w.Config.Feeds[0].URL)
	w.must(err)
	return polled
}

// What the server asks for is kept to even while an issue waits.
func TestRetryAfterIsKept(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.clock.Advance(-time.Minute)
	w.blog.Answer(digesttest.Status(429, "7200"))
	w.run()
	w.clock.Advance(time.Minute)
	if n := w.asked(func() {
		if p := w.run(); !p.Waiting() {
			t.Errorf("the issue does not wait: %+v", p.Made)
		}
	}); n != 0 {
		t.Errorf("asked %d times", n)
	}
	w.clock.Advance(2 * time.Hour)
	if m := w.made(w.run()); m.Posts != 1 {
		t.Errorf("after the pause: %+v", m)
	}
}

// Three answers 410 over a day stop a feed; nothing is lost, and it starts again
// by hand.
func TestGoneFeed(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	before := w.stored()
	w.fails(3, digesttest.Status(410, ""))
	for range 3 {
		w.clock.Advance(13 * time.Hour)
		w.run()
	}
	passed := newsletter.Passed{}
	if n := w.asked(func() { w.clock.Advance(48 * time.Hour); passed = w.run(); w.watch(2 * time.Hour) }); n != 0 || !passed.FeedGone() {
		t.Errorf("a feed that is gone is asked %d times; %+v", n, passed.Polled)
	}
	equal(t, "what is stored", w.stored()[:3], before[:3])
	w.told("is gone")
	w.write()
	if p := w.pollNow()[0]; p.Err != nil || len(p.New) != 1 || p.Feed.Stopped {
		t.Errorf("asked by hand: %+v", p)
	}
	if n := w.asked(func() { w.run() }); n != 1 {
		t.Error("it is not asked again after it was well")
	}
	w.told("can be read again")
}

func TestPollNow(t *testing.T) {
	w := liveWorld(t)
	if _, err := w.PollNow(w.ctx, w.clock.Now(), "https://other.test/feed"); !errors.Is(err, newsletter.ErrNoFeed) {
		t.Errorf("a feed that is not in the config: %v", err)
	}
	if all, err := w.PollNow(w.ctx, w.clock.Now(), ""); err != nil || len(all) != 1 {
		t.Errorf("all of them: %+v, %v", all, err)
	}
}

// The daemon asks about once an hour, sooner after a failure and rarely after
// many, and each quarter of an hour while an issue waits.
func TestDaemonAsksHourly(t *testing.T) {
	w := liveWorld(t)
	if n := w.asked(func() { w.watch(24 * time.Hour) }); n < 22 || n > 27 {
		t.Errorf("a day: asked %d times", n)
	}
	w.fails(1000, digesttest.Status(500, ""))
	// At once, then after 5, 15, 30, 60, 120, 240 and 480 minutes: 950 in all.
	if n := w.asked(func() { w.watch(24 * time.Hour) }); n < 8 || n > 9 {
		t.Errorf("a day of failures: asked %d times", n)
	}
	w.on(time.January, 12)
	if n := w.asked(func() { w.watch(5 * time.Hour) }); n < 19 || n > 22 {
		t.Errorf("five hours with an issue due: asked %d times", n)
	}
}

// The wait for the feed ends by itself, though its server forbids to ask.
func TestDaemonStopsWaiting(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	w.on(time.January, 12)
	w.fails(10, digesttest.Status(503, "86400"))
	w.watch(5 * time.Hour)
	if n := w.count(`SELECT count(*) FROM issues`); n != 0 {
		t.Errorf("%d issues were made", n)
	}
	if n := w.asked(func() { w.watch(2 * time.Hour) }); n != 0 {
		t.Errorf("asked %d times", n)
	}
	if n := w.count(`SELECT count(*) FROM issues WHERE state = 'approved'`); n != 1 {
		t.Errorf("%d issues were made after feed_wait", n)
	}
}

// A server whose 304 lies is seen through within a day.
func TestFullLookDaily(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.write()
	whole := 0
	w.fails(50, func(rw http.ResponseWriter, r *http.Request) {
		if r.Header.Get("If-None-Match") != "" {
			rw.WriteHeader(http.StatusNotModified)
			return
		}
		whole++
		rw.Header().Set("ETag", fmt.Sprintf(`"%d"`, whole)) // and another one each time
		rw.Write(w.blog.Bytes())
	})
	found := 0
	for range 48 {
		w.clock.Advance(time.Hour)
		found += len(w.run().Polled[0].New)
	}
	if found != 1 || whole != 2 {
		t.Errorf("%d posts found, asked for the whole feed %d times in two days", found, whole)
	}
}

// Each host is asked one thing at a time, at most four hosts at once, and one
// that does not answer keeps none of the others.
func TestLanes(t *testing.T) {
	var now, most, stuck atomic.Int32
	var busy sync.Map
	var counting sync.Mutex
	four := make(chan struct{})
	handler := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stuck" {
			stuck.Add(1)
			<-r.Context().Done()
			return
		}
		if _, other := busy.LoadOrStore(r.Host, true); other {
			t.Errorf("%s is asked two things at once", r.Host)
		}
		counting.Lock()
		if n := now.Add(1); n > most.Load() {
			if most.Store(n); n == 4 {
				close(four)
			}
		}
		counting.Unlock()
		if most.Load() < 4 {
			select { // until four are here
			case <-four:
			case <-r.Context().Done():
			}
		}
		now.Add(-1)
		busy.Delete(r.Host)
		io.WriteString(rw, `<rss version="2.0"><channel><title>T</title><item><title>A</title><link>http://`+r.Host+r.URL.Path+`</link></item></channel></rss>`)
	})
	var feeds []config.Feed
	for host := 1; host <= 6; host++ {
		server := httptest.NewUnstartedServer(handler)
		listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:0", host))
		if err != nil {
			t.Fatal(err)
		}
		server.Listener = listener
		server.Start()
		defer server.Close()
		for i := range 3 {
			feeds = append(feeds, config.Feed{URL: fmt.Sprintf("%s/%d", server.URL, i)})
		}
		if host == 1 {
			feeds = append(feeds, config.Feed{URL: server.URL + "/stuck"})
		}
	}
	w := newWorld(t, func(c *config.Config) { c.Feeds = feeds })
	w.Fetch.Timeout = 3 * time.Second
	polled, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	for i, p := range polled {
		bad := feeds[i].URL[len(feeds[i].URL)-1] == 'k'
		if p.Feed.URL != feeds[i].URL || (p.Err != nil) != bad || !bad && len(p.New) != 1 {
			t.Errorf("%d, %s: %+v", i, feeds[i].URL, p)
		}
	}
	if len(polled) != len(feeds) || most.Load() != 4 || stuck.Load() != 1 {
		t.Errorf("%d of %d feeds, %d hosts at once", len(polled), len(feeds), most.Load())
	}
}

func TestAllowPrivate(t *testing.T) {
	yes, no := true, false
	w := newWorld(t)
	for want, said := range map[feed.Private]*bool{feed.PrivateLiteral: nil, feed.PrivateAllowed: &yes, feed.PrivateNever: &no} {
		w.Config.Feeds[0].AllowPrivate = said
		if got := w.Fetcher(w.blog.Feed).Private; got != want {
			t.Errorf("got %d, want %d", got, want)
		}
		if got := w.Fetcher("https://other.test/").Private; got != feed.PrivateLiteral {
			t.Errorf("another feed: %d", got)
		}
	}
	if p := w.pollNow()[0]; (p.Err != nil) != (w.Config.Feeds[0].AllowPrivate == &no) {
		t.Errorf("%+v", p)
	}
	w.Config.Feeds[0].AllowPrivate = &no
	if p := w.pollNow()[0]; p.Err == nil {
		t.Error("a loopback address is read against the config")
	}
}
