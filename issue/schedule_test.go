package issue

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func mustParse(t testing.TB, spec Spec) Schedule {
	t.Helper()
	s, err := ParseSchedule(spec)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func utc(t testing.TB, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func TestNext(t *testing.T) {
	for _, c := range []struct {
		spec             Spec
		after, end, keys string // after and end in UTC
	}{
		{Spec{Every: "week"}, "2026-03-24 12:00", "2026-03-30 09:00", "2026-03-30"},
		{Spec{Every: "week"}, "2026-03-30 08:59", "2026-03-30 09:00", "2026-03-30"},
		{Spec{Every: "week"}, "2026-03-30 09:00", "2026-04-06 09:00", "2026-04-06"},
		{Spec{Every: "Week", On: "FRI", At: "7:05", Timezone: "Asia/Kathmandu"}, "2026-03-24 12:00", "2026-03-27 01:20", "2026-03-27"},
		{Spec{Every: "week", Timezone: "Pacific/Kiritimati"}, "2026-03-24 12:00", "2026-03-29 19:00", "2026-03-30"},
		{Spec{Every: "month"}, "2026-03-24 12:00", "2026-04-01 09:00", "2026-04-01"},
		{Spec{Every: "month", On: "31"}, "2026-04-01 12:00", "2026-04-30 09:00", "2026-04-30"},
		{Spec{Every: "month", On: "31"}, "2024-02-01 12:00", "2024-02-29 09:00", "2024-02-29"},
		{Spec{Every: "month", On: "last"}, "2026-02-28 09:00", "2026-03-31 09:00", "2026-03-31"},
		{Spec{Every: "month", On: "29"}, "2100-02-01 00:00", "2100-02-28 09:00", "2100-02-28"},
		{Spec{Every: "month", On: "first monday"}, "2026-06-01 09:00", "2026-07-06 09:00", "2026-07-06"},
		{Spec{Every: "month", On: "second tue"}, "2026-06-01 09:00", "2026-06-09 09:00", "2026-06-09"},
		{Spec{Every: "month", On: "third  Wednesday"}, "2026-06-01 09:00", "2026-06-17 09:00", "2026-06-17"},
		{Spec{Every: "month", On: "fourth sunday"}, "2026-06-01 09:00", "2026-06-28 09:00", "2026-06-28"},
		{Spec{Every: "month", On: "last friday"}, "2026-12-25 09:00", "2027-01-29 09:00", "2027-01-29"},
		{Spec{Every: "month", On: "last sunday"}, "2026-05-01 09:00", "2026-05-31 09:00", "2026-05-31"},
		{Spec{Cron: "0 9 * * MON"}, "2026-03-24 12:00", "2026-03-30 09:00", "2026-03-30"},
		{Spec{Cron: "30 2 29 2 *"}, "2097-01-01 00:00", "2104-02-29 02:30", "2104-02-29"},
		{Spec{Cron: "0 9,17 * * *"}, "2026-03-24 12:00", "2026-03-24 17:00", "2026-03-24T17:00"},
		// A gap (C3): the first valid instant, 03:00 CEST.
		{Spec{Every: "week", On: "sunday", At: "02:30", Timezone: "Europe/Berlin"}, "2026-03-25 00:00", "2026-03-29 01:00", "2026-03-29"},
		// An overlap (C4): the first of the two, CEST.
		{Spec{Every: "week", On: "sunday", At: "02:30", Timezone: "Europe/Berlin"}, "2026-10-20 00:00", "2026-10-25 00:30", "2026-10-25"},
		{Spec{Every: "week", On: "sunday", At: "02:30", Timezone: "Europe/Berlin"}, "2026-10-25 00:30", "2026-11-01 01:30", "2026-11-01"},
		// Between the first and the second showing of 02:30.
		{Spec{Every: "week", On: "sunday", At: "02:30", Timezone: "Europe/Berlin"}, "2026-10-25 01:10", "2026-11-01 01:30", "2026-11-01"},
		// Half an hour of gap, and of overlap.
		{Spec{Every: "week", On: "sunday", At: "02:15", Timezone: "Australia/Lord_Howe"}, "2026-10-01 00:00", "2026-10-03 15:30", "2026-10-04"},
		{Spec{Every: "week", On: "sunday", At: "01:45", Timezone: "Australia/Lord_Howe"}, "2026-04-01 00:00", "2026-04-04 14:45", "2026-04-05"},
		// A day that never was.
		{Spec{Every: "week", On: "friday", Timezone: "Pacific/Apia"}, "2011-12-25 00:00", "2011-12-30 10:00", "2011-12-30"},
		// Midnight in a gap.
		{Spec{Every: "week", On: "friday", At: "00:00", Timezone: "Africa/Cairo"}, "2026-04-20 00:00", "2026-04-23 22:00", "2026-04-24"},
		// Both 02:00 and 02:30 move to 03:00, which makes them one.
		{Spec{Cron: "*/30 2 * * *", Timezone: "Europe/Berlin"}, "2026-03-28 12:00", "2026-03-29 01:00", "2026-03-29T02:00 2026-03-29T02:30"},
	} {
		s := mustParse(t, c.spec)
		got := s.Next(utc(t, c.after))
		keys := strings.Fields(c.keys)
		want := Period{Key: keys[len(keys)-1], Start: utc(t, c.after), End: utc(t, c.end), Covers: keys}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%v after %s:\n%s", s, c.after, diff)
		}
	}
	if p := (Schedule{}).Next(time.Now()); p.Key != "" || (Schedule{}).String() != "never" || (Schedule{}).Location() != time.UTC {
		t.Error("the zero schedule fires")
	}
}

func TestScheduleInWords(t *testing.T) {
	for want, spec := range map[string]Spec{
		"every Monday at 09:00 Europe/Berlin":           {Every: "week", Timezone: "Europe/Berlin"},
		"every month on the 1st at 09:00 UTC":           {Every: "month"},
		"every month on the 12th at 09:00 UTC":          {Every: "month", On: "12"},
		"every month on the 22nd at 23:59 UTC":          {Every: "month", On: "22", At: "23:59"},
		"every month on the 3rd at 09:00 UTC":           {Every: "month", On: "03"},
		"every month on the last day at 09:00 UTC":      {Every: "month", On: "last"},
		"every month on the first Monday at 09:00 UTC":  {Every: "month", On: "first mon"},
		`cron "0 9 * * MON" America/St_Johns`:           {Cron: "0  9 * * MON", Timezone: "America/St_Johns"},
		"every month on the last Thursday at 00:00 UTC": {Every: "month", On: "Last Thursday", At: "00:00", Timezone: "UTC"},
	} {
		if got := mustParse(t, spec).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestParseScheduleRefuses(t *testing.T) {
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{}, `every "": "week" or "month" is allowed, or cron instead`},
		{Spec{Every: "day"}, `every "day": "week" or "month" is allowed, or cron instead`},
		{Spec{Every: "week", On: "1"}, `on "1": for a week "monday" to "sunday" is allowed`},
		{Spec{Every: "week", On: "m"}, `on "m": for a week "monday" to "sunday" is allowed`},
		{Spec{Every: "week", At: "24:00"}, `at "24:00": a time from "00:00" to "23:59" is allowed`},
		{Spec{Every: "week", At: "9"}, `at "9": a time from "00:00" to "23:59" is allowed`},
		{Spec{Every: "week", Timezone: "Local"}, `timezone "Local": it changes with the machine; a name like "Europe/Berlin" or "UTC" is allowed`},
		{Spec{Every: "week", Timezone: "TZ=0"}, `timezone "TZ=0": no such time zone; a name like "Europe/Berlin" or "UTC" is allowed`},
		{Spec{Every: "week", Timezone: "../etc/passwd"}, `timezone "../etc/passwd": no such time zone; a name like "Europe/Berlin" or "UTC" is allowed`},
		{Spec{Cron: "TZ=0"}, `cron "TZ=0": five fields like "0 9 * * MON" are allowed, and timezone stands in its own key`},
		{Spec{Cron: "@every 1h"}, `cron "@every 1h": five fields like "0 9 * * MON" are allowed, and timezone stands in its own key`},
		{Spec{Cron: "0 9 * *"}, `cron "0 9 * *": five fields like "0 9 * * MON" are allowed`},
		{Spec{Cron: "0 9 31 2 *"}, `cron "0 9 31 2 *": it never fires; five fields like "0 9 * * MON" are allowed`},
		{Spec{Cron: "0 9 * * *", Every: "week"}, `cron "0 9 * * *": it stands alone; drop every, on and at, or drop cron`},
	} {
		_, err := ParseSchedule(c.spec)
		var wrong *SpecError
		if !errors.As(err, &wrong) || err.Error() != c.want {
			t.Errorf("%+v\n got %v\nwant %s", c.spec, err, c.want)
		}
	}
	for _, on := range []string{"0", "32", "-1", "+1", "1.5", "fifth monday", "first", "monday", "last last", "first monday x"} {
		if _, err := ParseSchedule(Spec{Every: "month", On: on}); err == nil {
			t.Errorf("%q is accepted", on)
		}
	}
}

func FuzzParseSchedule(f *testing.F) {
	f.Add("week", "monday", "09:00", "Europe/Berlin", "")
	f.Add("month", "last friday", "", "Pacific/Apia", "")
	f.Add("", "", "", "", "*/7 1-5 ? JAN-DEC/2 SUN,6")
	f.Add("", "", "", "", "TZ=0")
	f.Add("", "", "", "TZ=0", "0 0 29 2 *")
	f.Fuzz(func(t *testing.T, every, on, at, zone, cron string) {
		s, err := ParseSchedule(Spec{Every: every, On: on, At: at, Timezone: zone, Cron: cron})
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("%q is no sentence", err)
			}
			return
		}
		after := time.Date(2026, 3, 28, 23, 59, 30, 0, time.UTC)
		p := s.Next(after)
		if !p.End.After(after) {
			t.Fatalf("%v fires at %v", s, p.End)
		}
		if due, ok := s.Due(Period{End: after}, p.End); !ok || due.Key != p.Key || !due.End.Equal(p.End) {
			t.Fatalf("%v: due %+v, next %+v", s, due, p)
		}
		if _, ok := s.Due(Period{End: after}, p.End.Add(-time.Second)); ok {
			t.Fatalf("%v is due before it fires", s)
		}
	})
}
