package issue

import (
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules of [Schedule.Cut].
const (
	CutSend     = "send"
	CutMidnight = "midnight"
)

// maxCovers bounds the keys one period lists: 96 years of weeks.
const maxCovers = 5000

// wallOf is what a clock on the wall shows at t, as a time in UTC.
func (s Schedule) wallOf(t time.Time) time.Time {
	_, offset := t.In(s.Location()).Zone()
	return t.UTC().Add(time.Duration(offset) * time.Second)
}

// instantOf is the first instant at which the wall clock shows wall or later:
// the first of two in an overlap, the end of a gap. So it never falls as wall
// rises.
func (s Schedule) instantOf(wall time.Time) time.Time {
	loc := s.Location()
	// No zone was ever further than 16 hours from UTC, or jumped further than a day.
	t := wall.Add(-42 * time.Hour).In(loc)
	for {
		start, end := t.ZoneBounds()
		_, offset := t.Zone()
		at := wall.Add(-time.Duration(offset) * time.Second)
		if at.Before(start) && !start.IsZero() {
			return start.UTC()
		}
		if end.IsZero() || at.Before(end) {
			return at
		}
		t = end
	}
}

// firings are the keys and instants of what fires after an instant, for ever.
// Instants never fall; those of one gap are equal.
func (s Schedule) firings(after time.Time) iter.Seq2[string, time.Time] {
	return func(yield func(string, time.Time) bool) {
		if s.rule == nil {
			return
		}
		for wall := s.rule.next(s.wallOf(after)); !wall.IsZero(); wall = s.rule.next(wall) {
			at := s.instantOf(wall)
			if at.After(after) && !yield(wall.Format(s.layout), at) {
				return
			}
		}
	}
}

// Next is the period that ends with the first firing strictly after an instant,
// and starts at that instant. It is zero when there is none.
func (s Schedule) Next(after time.Time) Period {
	p := Period{Start: after.UTC()}
	for key, at := range s.firings(after) {
		if len(p.Covers) > 0 && at.After(p.End) {
			return p
		}
		p.Key, p.End, p.Covers = key, at, append(p.Covers, key)
	}
	if p.Key == "" {
		return Period{}
	}
	return p
}

// Due is the question every wake-up asks: which period has ended that no issue
// answers for? last is the latest scheduled one answered for; before the first,
// it has no key and ends at the start of the digest. All firings after last
// ended, up to and with now, whose keys are greater than its key are folded
// into one period: its key and end are the newest one's, it starts where last
// ended, and it covers them all. So neither a clock set back nor another zone
// makes a gap, an overlap, or a key twice.
func (s Schedule) Due(last Period, now time.Time) (Period, bool) {
	p := s.fold(last.End, now, last.Key, maxCovers+1)
	if len(p.Covers) > maxCovers {
		p = s.foldNewest(last, now)
	}
	if p.Key == "" {
		return Period{}, false
	}
	p.Start = last.End.UTC()
	return p, true
}

// fold gathers the firings in (after, until] with a key greater than key. It
// stops at limit of them; 0 is no limit.
func (s Schedule) fold(after, until time.Time, key string, limit int) Period {
	var p Period
	for k, at := range s.firings(after) {
		if at.After(until) || limit > 0 && len(p.Covers) == limit {
			break
		}
		if k > key {
			p.Key, p.End, p.Covers = k, at, append(p.Covers, k)
		}
	}
	return p
}

// foldNewest keeps the newest maxCovers keys, looking back from now in growing
// steps: a schedule of minutes may have missed millions.
func (s Schedule) foldNewest(last Period, now time.Time) Period {
	for days := 1; ; days *= 2 {
		after := now.AddDate(0, 0, -days)
		if after.Before(last.End) {
			after = last.End
		}
		p := s.fold(after, now, last.Key, 0)
		if n := len(p.Covers); n > maxCovers {
			p.Covers = slices.Clone(p.Covers[n-maxCovers:])
			p.Truncated = true
			return p
		}
		if after.Equal(last.End) {
			return p
		}
	}
}

var pastPattern = regexp.MustCompile(`^([0-9]{4})-(?:W([0-9]{2})|([0-9]{2})(?:-([0-9]{2})(?:/day)?)?)$`)

// Past is a calendar period in the schedule's zone: the month "2010-02", the
// ISO week "2010-W08" (from Monday), or the day "2010-02-26". A day's key gets
// "/day" at its end (with which it is accepted, too), so that no past key is
// ever a scheduled one.
func (s Schedule) Past(key string) (Period, error) {
	m := pastPattern.FindStringSubmatch(key)
	if m == nil {
		return Period{}, pastError(key)
	}
	year, _ := strconv.Atoi(m[1])
	start, end, ok := calendar(year, m[2], m[3], m[4])
	if !ok {
		return Period{}, pastError(key)
	}
	if m[4] != "" {
		key = start.Format(layoutDay) + "/day"
	}
	return Period{Key: key, Start: s.instantOf(start), End: s.instantOf(end), Covers: []string{key}}, nil
}

func pastError(key string) error {
	return fmt.Errorf("%w: %.40q", ErrPeriod, key)
}

// calendar is a period on the wall clock; ok is false when there is no such
// month, week or day.
func calendar(year int, week, month, day string) (start, end time.Time, ok bool) {
	if week != "" {
		w, _ := strconv.Atoi(week)
		fourth := time.Date(year, 1, 4, 0, 0, 0, 0, time.UTC) // always in week 1
		start = fourth.AddDate(0, 0, 7*(w-1)-(int(fourth.Weekday())+6)%7)
		y, n := start.ISOWeek()
		return start, start.AddDate(0, 0, 7), y == year && n == w
	}
	m, _ := strconv.Atoi(month)
	if day == "" {
		start = time.Date(year, time.Month(m), 1, 0, 0, 0, 0, time.UTC)
		return start, start.AddDate(0, 1, 0), m >= 1 && m <= 12
	}
	d, _ := strconv.Atoi(day)
	start = time.Date(year, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	return start, start.AddDate(0, 0, 1), int(start.Month()) == m && start.Day() == d
}

// Cut is the exclusive bound of what may go into an issue of p made now.
// [CutSend] (and "") is one second from now, in whole seconds, so that what
// this very poll saw is in; [CutMidnight] is the local midnight at which the
// day of p's end began.
func (s Schedule) Cut(p Period, now time.Time, rule string) time.Time {
	if rule != CutMidnight {
		return now.UTC().Truncate(time.Second).Add(time.Second)
	}
	year, month, day := s.wallOf(p.End).Date()
	return s.instantOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
}

// Label names a period for people, in the zone where it is told. Past:
// "February 2010", "Week 8 of 2010", "26 February 2010". Scheduled, by how long
// it was: "Week to 30 March 2026"; "March 2026" for a month that ended on the
// last day or on the first of the next; "Month to 15 March 2026"; "9 to 30 March
// 2026" for several folded into one; "30 March 2026" for less than a week, as
// the first may be.
func Label(p Period, kind Kind, loc *time.Location) string {
	if kind == Past {
		return pastLabel(p.Key)
	}
	start, end := p.Start.In(loc), p.End.In(loc)
	day := end.Format("2 January 2006")
	days := int(end.Sub(start).Hours()/24 + 0.5)
	switch {
	case p.Start.IsZero() || days < 6:
		return day
	case days <= 8:
		return "Week to " + day
	case days < 27:
	case days <= 36 && (end.Day() == 1 || end.AddDate(0, 0, 1).Day() == 1):
		return end.AddDate(0, 0, -1).Format("January 2006")
	case days <= 36:
		return "Month to " + day
	}
	switch {
	case start.Year() != end.Year():
		return start.Format("2 January 2006") + " to " + day
	case start.Month() != end.Month():
		return start.Format("2 January") + " to " + day
	}
	return start.Format("2") + " to " + day
}

func pastLabel(key string) string {
	if year, week, ok := strings.Cut(key, "-W"); ok {
		return "Week " + strings.TrimPrefix(week, "0") + " of " + year
	}
	if t, err := time.Parse("2006-01", key); err == nil {
		return t.Format("January 2006")
	}
	if t, err := time.Parse(layoutDay, strings.TrimSuffix(key, "/day")); err == nil {
		return t.Format("2 January 2006")
	}
	return key
}
