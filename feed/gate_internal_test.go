package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var gateNow = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// blogOf is a sighting an hour after the last, of a blog that wrote these many
// posts, one each so often, the newest of them that long before now. It shows
// the newest ten.
func blogOf(posts int, every time.Duration) sighting {
	s := sighting{now: gateNow, last: gateNow.Add(-time.Hour)}
	for i := range posts {
		at := gateNow.Add(-time.Duration(i+1) * every)
		s.dates = append(s.dates, at)
		if i < 10 {
			s.shown = append(s.shown, spot{id: int64(posts - i), at: at, dated: true})
		}
	}
	return s
}

// shows puts new posts dated so long before now on top of the known ones that
// are left in a document of ten.
func (s sighting) shows(ages ...time.Duration) sighting {
	s.posts = nil
	for _, age := range ages {
		s.posts = append(s.posts, Post{Published: s.now.Add(-age), FirstSeen: s.now})
	}
	for _, old := range s.shown {
		if len(s.posts) < 10 {
			s.posts = append(s.posts, Post{ID: old.id, Published: old.at, FirstSeen: s.now})
		}
	}
	return s
}

// after lets the last look, and all that was written before it, be so long ago.
func (s sighting) after(gap time.Duration) sighting {
	shift := s.now.Add(-gap).Sub(s.last)
	s.last = s.last.Add(shift)
	for i := range s.dates {
		s.dates[i] = s.dates[i].Add(shift)
	}
	for i := range s.shown {
		s.shown[i].at = s.shown[i].at.Add(shift)
	}
	return s
}

// told is a verdict as a table reads it: a letter for each new post, n(ews),
// f(lood), r(eplaced) or b(acklog); then what else there is to say.
func (s sighting) told() string {
	v := s.judge()
	var b strings.Builder
	for _, i := range s.fresh() {
		switch {
		case v.backlog[i]:
			b.WriteByte('b')
		case v.reasons[i] == "":
			b.WriteByte('n')
		default:
			b.WriteByte(v.reasons[i][0])
		}
	}
	if v.gap {
		fmt.Fprintf(&b, " gap of %d", v.missed)
	}
	if len(v.gone) > 0 {
		fmt.Fprintf(&b, " gone %v", v.gone)
	}
	return b.String()
}

// every is n ages, from the first on by steps.
func every(n int, first, step time.Duration) (ages []time.Duration) {
	for i := range n {
		ages = append(ages, first+time.Duration(i)*step)
	}
	return ages
}

func TestGate(t *testing.T) {
	const hour, day = time.Hour, 24 * time.Hour
	week := func() sighting { return blogOf(20, 7*day) } // once a week
	busy := func() sighting { return blogOf(60, 12*hour) }
	tests := map[string]struct {
		s    sighting
		want string
	}{
		"one new post":                            {week().shows(10 * time.Minute), "n"},
		"one dated by its day":                    {week().shows(12 * hour), "n"},
		"one dated days ago":                      {week().shows(5 * day), "n"},
		"one dated ahead":                         {week().shows(-30 * day), "n"},
		"five unexplained":                        {week().shows(every(5, 3*day, 7*day)...), "nnnnn"},
		"six unexplained":                         {week().shows(every(6, 3*day, 7*day)...), "ffffff"},
		"six, and one of now":                     {week().shows(append(every(6, 3*day, 7*day), 5*time.Minute)...), "ffffffn"},
		"six, and one of today":                   {week().shows(append(every(6, 9*day, 7*day), 9*hour)...), "ffffffn"},
		"four by a slow clock, three of long ago": {week().shows(append(every(4, 65*time.Minute, 10*time.Minute), every(3, 9*day, 7*day)...)...), "nnnnnnn"},
		"six dated ahead":                         {week().shows(every(6, -9*day, day)...), "ffffff"},
		"a weekend's posts":                       {week().after(66 * hour).shows(every(9, hour, 7*hour)...), "nnnnnnnnn"},
		"three weeks of a busy blog":              {busy().after(21 * day).shows(every(10, hour, 6*hour)...), "nnnnnnnnnn gap of 37"},
		"a week of 14, ten shown":                 {busy().after(7 * day).shows(every(10, hour, 12*hour)...), "nnnnnnnnnn gap of 5"},
		"busy, undated, after five days":          {undated(busy().after(5*day), 9), "nnnnnnnnn"},
		"quiet, undated, after an hour":           {undated(week(), 6), "ffffff"},
		"two of the same minute":                  {week().shows(hour/2, hour/2), "nn"},
		"six of the same minute":                  {week().shows(every(6, hour/2, 0)...), "ffffff"},
		"three of a minute, three of long ago":    {week().shows(append(every(3, hour/2, 0), every(3, 3*day, 7*day)...)...), "ffffff"},
		"eight within an hour":                    {week().after(300 * day).shows(every(8, hour, 7*time.Minute)...), "nnnnnnnn"},
		"six within an hour, three of a minute":   {week().after(9 * day).shows(append(every(3, hour, 0), every(3, 75*time.Minute, 5*time.Minute)...)...), "ffffff"},
		"five within an hour, three of a minute":  {week().after(9 * day).shows(append(every(3, hour, 0), every(2, 75*time.Minute, 5*time.Minute)...)...), "nnnnn"},
		"many of yesterday, from a quiet one":     {week().shows(every(6, 5*hour, 5*hour)...), "ffffff"},
		"older than all that was shown, below":    {atEnd(week().shows(100*day, 107*day)), "bb"},
		"older than all that was shown, on top":   {week().shows(360*day, 367*day), "nn"},
		"six older than all, on top":              {week().shows(every(6, 100*day, 7*day)...), "rrrrrr"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.s.told(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// atEnd moves the new posts to the end of the document.
func atEnd(s sighting) sighting {
	n := len(s.fresh())
	s.posts = slices.Concat(s.posts[n:], s.posts[:n])
	return s
}

// undated lets a document show new posts that bear no date, above the known ones.
func undated(s sighting, n int) sighting {
	s = s.shows(make([]time.Duration, n)...)
	for i := range n {
		s.posts[i].FirstSeen = s.posts[i].Published
	}
	return s
}

// In place of known posts, new ones are old ones under new names, or another's.
func TestGateAgainstReplacement(t *testing.T) {
	const day = 24 * time.Hour
	s := blogOf(20, 7*day)
	document := func(keep []int, fresh ...time.Duration) sighting {
		s := s
		s.posts = nil
		for _, age := range fresh {
			s.posts = append(s.posts, Post{Published: s.now.Add(-age), FirstSeen: s.now})
		}
		for _, i := range keep {
			s.posts = append(s.posts, Post{ID: s.shown[i].id, Published: s.shown[i].at, FirstSeen: s.now})
		}
		return s
	}
	tests := map[string]struct {
		s    sighting
		want string
	}{
		"another blog's":                       {document(nil, time.Minute, 3*day, 40*day, 80*day), "rrrr"},
		"another's, all younger":               {document(nil, every(10, day/8, day/8)...), "rrrrrrrrrr"},
		"another's, all of the last hour":      {document(nil, every(6, 9*time.Minute, 9*time.Minute)...), "rrrrrr"},
		"an hour's, the newest known below":    {document([]int{0}, every(9, 6*time.Minute, 6*time.Minute)...), "nnnnnnnnn"},
		"three hours', the oldest known below": {sinceYesterday(document([]int{9}, every(9, 20*time.Minute, 20*time.Minute)...)), "rrrrrrrrr"},
		"three hours', the newest known below": {sinceYesterday(document([]int{0}, every(9, 20*time.Minute, 20*time.Minute)...)), "nnnnnnnnn"},
		"an hour's, one gone":                  {document([]int{0, 2}, every(8, 7*time.Minute, 7*time.Minute)...), "ffffffff gone [19]"},

		"most of it":                  {document([]int{0, 1, 2, 3}, every(6, 36*day, 7*day)...), "rrrrrr"},
		"half of it":                  {document([]int{0, 1, 2, 3, 4}, every(5, 42*day, 7*day)...), "rrrrr"},
		"one renamed":                 {document([]int{0, 1, 3, 4, 5, 6, 7, 8, 9}, 21*day), "r gone [18]"},
		"one renamed, one of now":     {document([]int{0, 1, 3, 4, 5, 6, 7, 8, 9}, time.Minute, 21*day), "nr gone [18]"},
		"two back-dated, one gone":    {document([]int{0, 1, 3, 4, 5, 6, 7, 8, 9}, 3*day, 4*day), "nn gone [18]"},
		"one gone, the next moves up": {atEnd(document([]int{0, 1, 3, 4, 5, 6, 7, 8, 9}, 77*day)), "b gone [18]"},
		"one gone":                    {document([]int{0, 1, 3, 4, 5, 6, 7, 8, 9}), " gone [18]"},
		"the newest gone":             {document([]int{1, 2, 3, 4, 5, 6, 7, 8, 9}), " gone [20]"},
		"some scrolled out":           {document([]int{0, 1, 2, 3, 4, 5, 6}, time.Minute), "n"},
		"some scrolled out, the last pinned on top": {pinned(document([]int{9, 0, 1, 2, 3, 4, 5, 6}, time.Minute)), "n"},
		"none left, all newer":                      {document(nil, time.Minute, 2*time.Minute), "nn gap of 1"},
		"nothing at all":                            {document(nil), ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := test.s.told(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// sinceYesterday lets the last look be a day ago.
func sinceYesterday(s sighting) sighting {
	s.last = s.now.AddDate(0, 0, -1)
	return s
}

// A blog that showed nothing at first has no posts that another's could replace.
func TestGateOfABlankBlog(t *testing.T) {
	for step, want := range map[time.Duration]string{20 * time.Minute: "nnnnnn", 9 * time.Minute: "ffffff"} {
		s := sighting{now: gateNow, last: gateNow.AddDate(0, 0, -1), blank: true}.shows(every(6, time.Minute, step)...)
		if got := s.told(); got != want {
			t.Errorf("%s apart: %q, want %q", step, got, want)
		}
	}
}

// pinned has the oldest of the last document on top of it.
func pinned(s sighting) sighting {
	last := len(s.shown) - 1
	s.shown = append([]spot{s.shown[last]}, s.shown[:last]...)
	return s
}

// A damaged document says nothing about what it does not show.
func TestGateAndDamage(t *testing.T) {
	s := blogOf(20, 7*24*time.Hour)
	s.partial = true
	s.posts = []Post{{ID: 20, Published: s.dates[0], FirstSeen: s.now}, {ID: 11, Published: s.dates[9], FirstSeen: s.now}}
	if v := s.judge(); v.gone != nil || v.trusted {
		t.Errorf("%+v", v)
	}
	strange := s.shows(every(6, time.Minute, 20*time.Minute)...)
	strange.posts = strange.posts[:6]
	if got := strange.told(); got != "rrrrrr" {
		t.Errorf("nothing known: %q", got)
	}
	s.first = s.now.Add(-2 * time.Hour)
	strange.first = s.first
	if got := strange.told(); got != "nnnnnn gap of 1" {
		t.Errorf("nothing known after a damaged baseline: %q", got)
	}
	s.posts = append(s.posts, Post{Published: s.first.Add(-time.Minute), FirstSeen: s.now}, Post{Published: s.first.Add(time.Minute), FirstSeen: s.now})
	if got := s.told(); got != "bn" {
		t.Errorf("after a damaged baseline: %q", got)
	}
}

// Of another blog's feed nothing is trusted at later looks either, until the
// author has decided.
func TestGateRemembersStrangers(t *testing.T) {
	s := blogOf(20, 7*24*time.Hour)
	s.strangers = map[int64]bool{31: true, 32: true, 33: true}
	for id := range s.strangers {
		s.posts = append(s.posts, Post{ID: id, Published: s.now.AddDate(0, 0, -int(id)), FirstSeen: s.now})
	}
	if v := s.judge(); v.trusted {
		t.Errorf("%+v", v)
	}
	s.strangers = nil
	if v := s.judge(); !v.trusted || len(v.gone) > 0 {
		t.Errorf("once decided: %+v", v)
	}
}

func TestPace(t *testing.T) {
	const day = 24 * time.Hour
	dates := func(n int, step time.Duration) []time.Time { return blogOf(n, step).dates }
	tests := map[string]struct {
		dates    []time.Time
		from, to float64 // per day
	}{
		"none":                      {nil, 0, 0},
		"one, today":                {dates(1, time.Hour), 0.3, 0.34},
		"weekly":                    {dates(50, 7*day), 0.12, 0.16},
		"twice a day":               {dates(60, 12*time.Hour), 1.6, 2.1},
		"monthly":                   {dates(12, 30*day), 0.02, 0.05},
		"weekly, and one import":    {append(dates(50, 7*day), dates(300, time.Minute)...), 0.12, 0.25},
		"a feed of today, undated":  {dates(10, 0), 3.3, 3.4},
		"silent for most of a year": {[]time.Time{gateNow.AddDate(0, -11, 0), gateNow.AddDate(0, -11, 1)}, 0, 0.01},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := pace(test.dates, gateNow); got < test.from || got > test.to {
				t.Errorf("%.3f a day, want %.2f to %.2f", got, test.from, test.to)
			}
		})
	}
	if diff := cmp.Diff(0.0, days(-time.Hour)); diff != "" {
		t.Error(diff)
	}
}
