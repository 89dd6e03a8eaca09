package issue

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var berlinMondays = Spec{Every: "week", Timezone: "Europe/Berlin"}

func TestDue(t *testing.T) {
	s := mustParse(t, berlinMondays)
	start := utc(t, "2026-03-01 00:00")
	last := Period{Key: "2026-03-23", Start: utc(t, "2026-03-16 08:00"), End: utc(t, "2026-03-23 08:00")}
	for _, c := range []struct {
		name string
		last Period
		now  string
		want Period // zero = not due
	}{
		{"before the first", Period{End: start}, "2026-03-02 07:59", Period{}},
		{"the first", Period{End: start}, "2026-03-02 08:00", Period{Key: "2026-03-02", Start: start, End: utc(t, "2026-03-02 08:00"), Covers: []string{"2026-03-02"}}},
		{"just answered", last, "2026-03-23 08:00", Period{}},
		{"called each minute", last, "2026-03-30 06:59", Period{}},
		{"the next, in summer time", last, "2026-03-30 07:00", Period{Key: "2026-03-30", Start: last.End, End: utc(t, "2026-03-30 07:00"), Covers: []string{"2026-03-30"}}},
		{"asleep three weeks", last, "2026-04-14 00:00", Period{Key: "2026-04-13", Start: last.End, End: utc(t, "2026-04-13 07:00"), Covers: []string{"2026-03-30", "2026-04-06", "2026-04-13"}}},
		{"clock back an hour", last, "2026-03-23 07:00", Period{}},
		{"clock back a year", last, "2025-03-23 08:00", Period{}},
	} {
		got, ok := s.Due(c.last, utc(t, c.now))
		if diff := cmp.Diff(c.want, got); diff != "" || ok != (c.want.Key != "") {
			t.Errorf("%s: %v\n%s", c.name, ok, diff)
		}
	}
}

// Answered in Auckland, a Monday is not answered again in Honolulu, where it
// comes 22 hours later; nor does the way back skip or repeat one.
func TestDueAfterZoneChange(t *testing.T) {
	east := mustParse(t, Spec{Every: "week", Timezone: "Pacific/Auckland"})
	west := mustParse(t, Spec{Every: "week", Timezone: "Pacific/Honolulu"})
	last, ok := east.Due(Period{End: utc(t, "2026-03-25 00:00")}, utc(t, "2026-03-29 20:00"))
	if !ok || last.Key != "2026-03-30" {
		t.Fatalf("%+v", last)
	}
	if p, ok := west.Due(last, utc(t, "2026-03-31 23:00")); ok {
		t.Errorf("a Monday twice: %+v", p)
	}
	p, ok := west.Due(last, utc(t, "2026-04-06 19:00"))
	if !ok || p.Key != "2026-04-06" || !p.Start.Equal(last.End) {
		t.Errorf("%+v", p)
	}
	p, ok = east.Due(p, utc(t, "2026-04-12 21:00"))
	if !ok || p.Key != "2026-04-13" || len(p.Covers) != 1 {
		t.Errorf("%+v", p)
	}
}

// Whatever the author does to the rhythm, and the clock to itself: keys and ends
// rise, nothing overlaps and nothing is left between.
func TestDueUnderChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		last := Period{End: now}
		for range 60 {
			spec := rapid.SampledFrom([]Spec{
				{Every: "week"}, {Every: "week", On: "sunday", At: "02:30"}, {Every: "month", On: "31"}, {Every: "month", On: "last friday"},
				{Cron: "15 0,2,3 * * *"}, {Cron: "0 9 * * *"},
			}).Draw(t, "spec")
			spec.Timezone = rapid.SampledFrom(zones).Draw(t, "zone")
			s, err := ParseSchedule(spec)
			if err != nil {
				t.Fatal(err)
			}
			now = now.Add(time.Duration(rapid.IntRange(-24*60, 21*24*60).Draw(t, "minutes")) * time.Minute)
			p, ok := s.Due(last, now)
			if !ok {
				continue
			}
			if p.Key <= last.Key || p.Covers[0] <= last.Key || !p.End.After(last.End) || !p.Start.Equal(last.End) || p.End.After(now) {
				t.Fatalf("%v at %v:\n%+v\n%+v", s, now, last, p)
			}
			if again, ok := s.Due(p, now); ok {
				t.Fatalf("%v at %v: due again\n%+v\n%+v", s, now, p, again)
			}
			last = p
		}
	})
}

func TestDueFoldsWithinBounds(t *testing.T) {
	for _, spec := range []Spec{{Cron: "* * * * *", Timezone: "Europe/Berlin"}, {Every: "month"}, {Cron: "* * * 2 *"}} {
		s := mustParse(t, spec)
		last := Period{Key: "1001-01-01T00:00", End: time.Date(1001, 1, 1, 0, 0, 0, 0, time.UTC)}
		now := time.Date(2026, 7, 1, 12, 0, 30, 0, time.UTC)
		p, ok := s.Due(last, now)
		if !ok || len(p.Covers) != maxCovers || !p.Truncated || !p.Start.Equal(last.End) {
			t.Fatalf("%v: %d keys, truncated %v", s, len(p.Covers), p.Truncated)
		}
		if s.Next(p.End).End.Before(now) || p.Covers[maxCovers-1] != p.Key {
			t.Errorf("%v: the newest is %s", s, p.Key)
		}
	}
	s := mustParse(t, Spec{Cron: "* * * * *"})
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	p, _ := s.Due(Period{End: start}, start.Add(maxCovers*time.Minute))
	if len(p.Covers) != maxCovers || p.Truncated {
		t.Errorf("exactly as many as fit: %d keys, truncated %v", len(p.Covers), p.Truncated)
	}
}

func TestPast(t *testing.T) {
	for _, c := range []struct{ zone, key, want, start, end string }{
		{"UTC", "2010-02", "2010-02", "2010-02-01 00:00", "2010-03-01 00:00"},
		{"Europe/Berlin", "2010-03", "2010-03", "2010-02-28 23:00", "2010-03-31 22:00"},
		{"UTC", "2010-W08", "2010-W08", "2010-02-22 00:00", "2010-03-01 00:00"},
		{"UTC", "2009-W53", "2009-W53", "2009-12-28 00:00", "2010-01-04 00:00"},
		{"UTC", "2020-W01", "2020-W01", "2019-12-30 00:00", "2020-01-06 00:00"},
		{"UTC", "2010-02-26", "2010-02-26/day", "2010-02-26 00:00", "2010-02-27 00:00"},
		{"UTC", "2010-02-26/day", "2010-02-26/day", "2010-02-26 00:00", "2010-02-27 00:00"},
		{"Africa/Cairo", "2026-04-24", "2026-04-24/day", "2026-04-23 22:00", "2026-04-24 21:00"}, // 23 hours, from 01:00
		{"Pacific/Kiritimati", "2026-01", "2026-01", "2025-12-31 10:00", "2026-01-31 10:00"},
		{"Pacific/Pago_Pago", "2026-01", "2026-01", "2026-01-01 11:00", "2026-02-01 11:00"},
	} {
		s := mustParse(t, Spec{Every: "month", Timezone: c.zone})
		got, err := s.Past(c.key)
		if err != nil {
			t.Errorf("%s: %v", c.key, err)
			continue
		}
		want := Period{Key: c.want, Start: utc(t, c.start), End: utc(t, c.end), Covers: []string{c.want}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s in %s:\n%s", c.key, c.zone, diff)
		}
	}
	for _, key := range []string{"", "2010", "2010-13", "2010-00", "2010-2", "2010-02-30", "2010-02-00", "2010-W00", "2010-W53", "2010-W54", "2010-02/day", "x2010-02", "2010-02\n"} {
		if p, err := mustParse(t, berlinMondays).Past(key); err == nil {
			t.Errorf("%q: %+v", key, p)
		}
	}
}

func TestCut(t *testing.T) {
	now := utc(t, "2026-04-01 07:00").Add(300 * time.Millisecond)
	s := mustParse(t, Spec{Every: "month", Timezone: "Europe/Berlin"})
	p := s.Next(utc(t, "2026-03-20 00:00"))
	for rule, want := range map[string]time.Time{
		CutSend: utc(t, "2026-04-01 07:00").Add(time.Second), "": utc(t, "2026-04-01 07:00").Add(time.Second),
		CutMidnight: utc(t, "2026-03-31 22:00"),
	} {
		if got := s.Cut(p, now, rule); !got.Equal(want) {
			t.Errorf("%q: %v, want %v", rule, got, want)
		}
	}
	cairo := mustParse(t, Spec{Every: "week", On: "friday", Timezone: "Africa/Cairo"})
	p = cairo.Next(utc(t, "2026-04-20 00:00"))
	if got, want := cairo.Cut(p, now, CutMidnight), utc(t, "2026-04-23 22:00"); !got.Equal(want) {
		t.Errorf("midnight in a gap: %v, want %v", got, want)
	}
}

func TestLabel(t *testing.T) {
	berlin := mustParse(t, berlinMondays).Location()
	for _, c := range []struct{ start, end, want string }{
		{"2026-03-23 08:00", "2026-03-30 07:00", "Week to 30 March 2026"},
		{"2026-03-09 08:00", "2026-03-30 07:00", "9 to 30 March 2026"},
		{"2026-03-16 08:00", "2026-04-06 07:00", "16 March to 6 April 2026"},
		{"2025-12-15 08:00", "2026-01-05 08:00", "15 December 2025 to 5 January 2026"},
		{"2026-03-01 08:00", "2026-04-01 07:00", "March 2026"},
		{"2026-02-28 08:00", "2026-03-31 07:00", "March 2026"},
		{"2025-12-01 08:00", "2026-01-01 08:00", "December 2025"},
		{"2026-02-15 08:00", "2026-03-15 08:00", "Month to 15 March 2026"},
		{"2026-02-01 08:00", "2026-05-01 07:00", "1 February to 1 May 2026"},
		{"2026-03-28 08:00", "2026-03-30 07:00", "30 March 2026"},
		{"2026-03-29 07:00", "2026-03-29 23:00", "30 March 2026"},
	} {
		p := Period{Key: "k", Start: utc(t, c.start), End: utc(t, c.end)}
		if got := Label(p, Scheduled, berlin); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.start, c.end, got, c.want)
		}
	}
	for key, want := range map[string]string{
		"2010-02": "February 2010", "2010-W08": "Week 8 of 2010", "2010-W10": "Week 10 of 2010", "2010-02-26/day": "26 February 2010", "odd": "odd",
	} {
		if got := Label(Period{Key: key}, Past, time.UTC); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

func ExampleSchedule_Due() {
	s, err := ParseSchedule(Spec{Every: "week", On: "monday", Timezone: "Europe/Berlin"})
	if err != nil {
		fmt.Println(err)
		return
	}
	last := Period{Key: "2026-03-23", End: time.Date(2026, 3, 23, 8, 0, 0, 0, time.UTC)}
	now := time.Date(2026, 4, 7, 6, 15, 0, 0, time.UTC) // nobody called for two weeks
	p, due := s.Due(last, now)
	fmt.Println(due, p.Covers, Label(p, Scheduled, s.Location()))
	_, due = s.Due(p, now)
	fmt.Println(due)
	// Output:
	// true [2026-03-30 2026-04-06] 23 March to 6 April 2026
	// false
}
