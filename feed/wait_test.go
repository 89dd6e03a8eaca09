package feed_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"digest/digesttest"
	"digest/feed"
)

var (
	errDown = errors.New("nothing answers there")
	gone    = &feed.StatusError{Code: 410}
)

// looks is a feed that is looked at again and again.
type looks struct {
	*testing.T
	q   feed.Querier
	f   feed.Feed
	now time.Time
}

func newLooks(t *testing.T, address string) *looks {
	t.Helper()
	l := &looks{T: t, q: digesttest.NewDB(t), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	var err error
	if l.f, err = feed.Ensure(context.Background(), l.q, address); err != nil {
		t.Fatal(err)
	}
	return l
}

// look is one at d after the last; cause nil is a good one.
func (l *looks) look(d time.Duration, a feed.Answer, cause error, full bool) feed.Feed {
	l.Helper()
	l.now = l.now.Add(d)
	var err error
	if cause != nil {
		err = feed.Failed(context.Background(), l.q, l.f, cause, l.now)
	} else {
		err = feed.Unchanged(context.Background(), l.q, l.f, l.now)
	}
	if err == nil {
		l.f, err = feed.Rested(context.Background(), l.q, l.f, a, cause, full, l.now)
	}
	if err != nil {
		l.Fatal(err)
	}
	return l.f
}

func (l *looks) fail(d time.Duration, cause error) feed.Feed {
	l.Helper()
	return l.look(d, feed.Answer{}, cause, false)
}

// A feed that fails is asked again after 5 minutes, then later and later, up to
// a day, and at once after it was well.
func TestBackoff(t *testing.T) {
	l := newLooks(t, "https://blog.test/feed")
	for i, minutes := range []int{5, 15, 30, 60, 120, 240, 480, 960, 1440, 1440, 1440} {
		wait := time.Duration(minutes) * time.Minute
		f := l.fail(time.Hour, errDown)
		if !f.Next.Equal(l.now.Add(wait)) || f.Told || f.Failures != i+1 {
			t.Errorf("after failure %d: next %s after the look, told %t", f.Failures, f.Next.Sub(l.now), f.Told)
		}
		if !f.FailedSince.Equal(l.now.Add(-time.Duration(i) * time.Hour)) {
			t.Errorf("after failure %d: failed since %s", f.Failures, f.FailedSince)
		}
		for at, rests := range map[time.Duration]bool{0: true, wait - time.Second: true, wait: false} {
			if rest := f.Resting(l.now.Add(at), false); (rest.Why != "") != rests || rests && !rest.Until.Equal(f.Next) {
				t.Errorf("after failure %d, %s later: %+v", f.Failures, at, rest)
			}
		}
		if rest := f.Resting(l.now, true); rest.Why != "" {
			t.Errorf("an issue waits, and still: %+v", rest)
		}
	}
	if f := l.look(time.Hour, feed.Answer{NotModified: true}, nil, false); f.Resting(l.now, false).Why != "" || !f.FailedSince.IsZero() || !f.Next.IsZero() {
		t.Errorf("well again: %+v", f)
	}
	if f := newLooks(t, "/srv/feed.xml").fail(0, errDown); !f.Next.IsZero() {
		t.Error("a file rests")
	}
}

func TestRetryAfter(t *testing.T) {
	l := newLooks(t, "https://blog.test/feed")
	f := l.fail(0, &feed.StatusError{Code: 429, RetryAfter: 2 * time.Hour})
	for _, urgent := range []bool{false, true} {
		if rest := f.Resting(l.now.Add(2*time.Hour-time.Second), urgent); !rest.Until.Equal(f.Next) || rest.Why == "" {
			t.Errorf("urgent %t: %+v", urgent, rest)
		}
		if rest := f.Resting(l.now.Add(2*time.Hour), urgent); rest.Why != "" {
			t.Errorf("urgent %t, when it is over: %+v", urgent, rest)
		}
	}
	if f := l.fail(2*time.Hour, &feed.StatusError{Code: 503}); f.Told || !f.Next.Equal(l.now.Add(15*time.Minute)) {
		t.Errorf("a 503 that asks for nothing: %+v", f)
	}
}

// A clock that was ahead, or is behind, freezes no feed.
func TestClockFreezesNoFeed(t *testing.T) {
	l := newLooks(t, "https://blog.test/feed")
	f := l.fail(0, &feed.StatusError{Code: 503, RetryAfter: time.Hour})
	for name, now := range map[string]time.Time{"a year back": l.now.AddDate(-1, 0, 0), "an hour back": l.now.Add(-time.Hour)} {
		if rest := f.Resting(now, false); rest.Why != "" {
			t.Errorf("%s: %+v", name, rest)
		}
		if !f.Due(now) {
			t.Errorf("%s: not due", name)
		}
	}
	f.Checked, f.Next = l.now.Add(-time.Hour), l.now.AddDate(20, 0, 0)
	if rest := f.Resting(l.now, false); rest.Why != "" {
		t.Errorf("in twenty years: %+v", rest)
	}
}

func TestGoneStopsAFeed(t *testing.T) {
	for name, test := range map[string]struct {
		after   []time.Duration
		causes  []error
		stopped bool
	}{
		"three over a day":         {[]time.Duration{0, 12 * time.Hour, 12 * time.Hour}, []error{gone, gone, gone}, true},
		"three within a day":       {[]time.Duration{0, 12 * time.Hour, 12*time.Hour - time.Second}, []error{gone, gone, gone}, false},
		"two over a day":           {[]time.Duration{0, 48 * time.Hour}, []error{gone, gone}, false},
		"another answer between":   {[]time.Duration{0, time.Hour, 23 * time.Hour, time.Hour}, []error{gone, &feed.StatusError{Code: 500}, gone, gone}, false},
		"our network down between": {[]time.Duration{0, time.Hour, 23 * time.Hour, time.Hour}, []error{gone, errDown, gone, gone}, true},
		"not found is not gone":    {[]time.Duration{0, 24 * time.Hour, 24 * time.Hour}, []error{&feed.StatusError{Code: 404}, &feed.StatusError{Code: 404}, &feed.StatusError{Code: 404}}, false},
	} {
		l := newLooks(t, "https://blog.test/feed")
		for i, d := range test.after {
			l.fail(d, test.causes[i])
		}
		if l.f.Stopped != test.stopped {
			t.Errorf("%s: stopped %t", name, l.f.Stopped)
		}
		if rest := l.f.Resting(l.now.AddDate(1, 0, 0), true); (rest.Why != "") != test.stopped {
			t.Errorf("%s: a year later %+v", name, rest)
		}
		if f := l.look(time.Hour, feed.Answer{}, nil, true); f.Stopped || f.Gone != 0 || !f.GoneSince.IsZero() {
			t.Errorf("%s, and back: %+v", name, f)
		}
	}
}

// An hour is between 54 and 66 minutes, and not the same for all feeds.
func TestDueEachHour(t *testing.T) {
	l := newLooks(t, "https://blog.test/feed")
	different := map[time.Duration]bool{}
	for id := range 50 {
		f := l.look(7*time.Hour, feed.Answer{}, nil, false)
		f.ID = int64(id)
		minutes := 0
		for !f.Due(l.now.Add(time.Duration(minutes) * time.Minute)) {
			minutes++
		}
		if minutes < 54 || minutes > 66 {
			t.Errorf("due after %d minutes", minutes)
		}
		different[time.Duration(minutes)] = true
	}
	if len(different) < 5 {
		t.Errorf("50 hours are of %d lengths", len(different))
	}
	if f := l.fail(time.Hour, errDown); f.Due(l.now.Add(4*time.Minute)) || !f.Due(l.now.Add(5*time.Minute)) {
		t.Error("a feed that failed is not asked when its wait is over")
	}
	if (feed.Feed{Stopped: true}).Due(l.now) || !(feed.Feed{}).Due(l.now) {
		t.Error("of a stopped feed and one never asked, the second is due")
	}
}

// Once a day the whole feed is asked for, whatever its validators say.
func TestConditional(t *testing.T) {
	l := newLooks(t, "https://blog.test/feed")
	sent := func(after time.Duration) string {
		etag, modified := l.f.Conditional(l.now.Add(after))
		return etag + modified
	}
	same := feed.Answer{NotModified: true, Body: []byte("<rss/>"), ETag: `"2"`, LastModified: "yesterday"}
	if l.look(0, same, nil, true); l.f.ETag != `"2"` {
		t.Errorf("the same bytes under another validator: %+v", l.f)
	}
	for range 3 { // a 304 is no full answer, and changes no validator
		l.look(6*time.Hour, feed.Answer{NotModified: true, ETag: `"3"`}, nil, false)
	}
	for after, want := range map[time.Duration]string{6*time.Hour - time.Second: `"2"yesterday`, 6 * time.Hour: "", -48 * time.Hour: ""} {
		if got := sent(after); got != want {
			t.Errorf("%s later: sends %q, want %q", after, got, want)
		}
	}
}

// A new address is proposed once it was the same at three looks over a week.
func TestProposal(t *testing.T) {
	to := func(address string) feed.Answer { return feed.Answer{Redirected: true, Permanent: address} }
	const week = 7 * 24 * time.Hour
	a, b, detour, direct := to("https://a.test/feed"), to("https://b.test/feed"), feed.Answer{Redirected: true}, feed.Answer{}
	for name, test := range map[string]struct {
		answers []feed.Answer
		over    time.Duration
		want    string
	}{
		"three over a week":             {[]feed.Answer{a, a, a}, week, "https://a.test/feed"},
		"three within a week":           {[]feed.Answer{a, a, a}, week - 2*time.Second, ""},
		"two over a week":               {[]feed.Answer{a, a}, week, ""},
		"another address last":          {[]feed.Answer{a, a, a, b}, week, ""},
		"another address first":         {[]feed.Answer{b, a, a}, week, ""},
		"back at the old address":       {[]feed.Answer{a, a, a, direct}, 2 * week, ""},
		"a detour between says nothing": {[]feed.Answer{a, detour, a, a}, week, "https://a.test/feed"},
		"detours only":                  {[]feed.Answer{detour, detour, detour}, week, ""},
	} {
		l := newLooks(t, "http://blog.test/feed")
		for i, answer := range test.answers {
			if i > 0 {
				l.now = l.now.Add(test.over / time.Duration(len(test.answers)-1))
			}
			l.look(0, answer, nil, true)
		}
		if got := l.f.Proposal(); got != test.want {
			t.Errorf("%s: proposes %q, want %q", name, got, test.want)
		}
		if l.f.URL != "http://blog.test/feed" {
			t.Errorf("%s: the address became %s", name, l.f.URL)
		}
	}
	l := newLooks(t, "http://blog.test/feed")
	for range 3 {
		l.look(4*24*time.Hour, a, nil, true)
	}
	if f := l.fail(time.Hour, errDown); f.Proposal() == "" {
		t.Error("a failure takes the proposal back")
	}
}
