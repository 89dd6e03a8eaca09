package issue

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a host without zone files must not change when an issue is due

	"github.com/robfig/cron/v3"
)

// Spec is a rhythm as the author writes it.
type Spec struct {
	Every    string // "week" or "month"; "" only beside Cron
	On       string // a weekday; for a month 1 to 31 (a shorter month: its last day), "last", "first monday" to "fourth sunday", "last friday"; "" = monday, or 1
	At       string // "09:00", 24 hours; "" = 09:00
	Timezone string // an IANA name; "" = UTC
	Cron     string // five fields, instead of Every, On and At; "" = none
}

// Schedule is a rhythm in a time zone. Firings are found on the wall clock: one
// that falls into a gap (spring) is moved to the first instant after it, one
// that a clock shows twice (autumn) counts the first time. Its zero value never
// fires.
type Schedule struct {
	rule   rule
	loc    *time.Location
	layout string // of keys
	words  string
}

const (
	layoutDay    = "2006-01-02"
	layoutMinute = "2006-01-02T15:04"
)

var (
	atPattern = regexp.MustCompile(`^([01]?[0-9]|2[0-3]):([0-5][0-9])$`)

	weekdays = map[string]time.Weekday{
		"sunday": time.Sunday, "monday": time.Monday, "tuesday": time.Tuesday, "wednesday": time.Wednesday,
		"thursday": time.Thursday, "friday": time.Friday, "saturday": time.Saturday,
	}
	ordinals = map[string]int{"first": 1, "second": 2, "third": 3, "fourth": 4, "last": 0}
)

// SpecError says which key of a [Spec] is wrong, and what is allowed there.
type SpecError struct {
	Key     string // "every", "on", "at", "timezone" or "cron"
	Problem string // without the key
}

func (e *SpecError) Error() string { return e.Key + " " + e.Problem }

// ParseSchedule reads a rhythm. Its errors are [SpecError].
func ParseSchedule(spec Spec) (Schedule, error) {
	loc, err := parseZone(spec.Timezone)
	if err != nil {
		return Schedule{}, err
	}
	if spec.Cron != "" {
		return parseCron(spec, loc)
	}
	clock, err := parseAt(spec.At)
	if err != nil {
		return Schedule{}, err
	}
	switch strings.ToLower(spec.Every) {
	case "week":
		return parseWeekly(spec.On, clock, loc)
	case "month":
		return parseMonthly(spec.On, clock, loc)
	}
	return Schedule{}, wrong("every", spec.Every, `"week" or "month" is allowed, or cron instead`)
}

func wrong(key, value, allowed string) error {
	if runes := []rune(value); len(runes) > 60 {
		value = string(runes[:60]) + "…"
	}
	return &SpecError{Key: key, Problem: fmt.Sprintf("%q: %s", value, allowed)}
}

func parseZone(name string) (*time.Location, error) {
	const allowed = `a name like "Europe/Berlin" or "UTC" is allowed`
	if name == "" {
		return time.UTC, nil
	}
	if strings.EqualFold(name, "local") {
		return nil, wrong("timezone", name, "it changes with the machine; "+allowed)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, wrong("timezone", name, "no such time zone; "+allowed)
	}
	return loc, nil
}

func parseAt(s string) (at, error) {
	if s == "" {
		return at{hour: 9}, nil
	}
	m := atPattern.FindStringSubmatch(s)
	if m == nil {
		return at{}, wrong("at", s, `a time from "00:00" to "23:59" is allowed`)
	}
	hour, _ := strconv.Atoi(m[1])
	minute, _ := strconv.Atoi(m[2])
	return at{hour, minute}, nil
}

func parseWeekday(s string) (time.Weekday, bool) {
	for name, day := range weekdays {
		if s == name || s == name[:3] {
			return day, true
		}
	}
	return 0, false
}

func parseWeekly(on string, clock at, loc *time.Location) (Schedule, error) {
	day, ok := parseWeekday(strings.ToLower(strings.TrimSpace(on)))
	if on == "" {
		day, ok = time.Monday, true
	}
	if !ok {
		return Schedule{}, wrong("on", on, `for a week "monday" to "sunday" is allowed`)
	}
	return Schedule{
		rule: weekly{day, clock}, loc: loc, layout: layoutDay,
		words: fmt.Sprintf("every %s at %02d:%02d %s", day, clock.hour, clock.minute, loc),
	}, nil
}

func parseMonthly(on string, clock at, loc *time.Location) (Schedule, error) {
	pick, words, ok := parseMonthDay(strings.Fields(strings.ToLower(on)))
	if !ok {
		return Schedule{}, wrong("on", on, `for a month 1 to 31, "last", "first monday" (to "fourth") or "last friday" is allowed`)
	}
	return Schedule{
		rule: monthly{pick, clock}, loc: loc, layout: layoutDay,
		words: fmt.Sprintf("every month on the %s at %02d:%02d %s", words, clock.hour, clock.minute, loc),
	}, nil
}

// parseMonthDay reads "15", "last" or "last friday", given as lower-case words.
func parseMonthDay(on []string) (pick func(int, time.Month) int, words string, ok bool) {
	switch len(on) {
	case 0:
		return dayOfMonth(1), "1st", true
	case 1:
		if on[0] == "last" {
			return dayOfMonth(31), "last day", true
		}
		n, err := strconv.ParseUint(on[0], 10, 8)
		if err != nil || n < 1 || n > 31 {
			return nil, "", false
		}
		return dayOfMonth(int(n)), strconv.Itoa(int(n)) + ordinalEnding(int(n)), true
	case 2:
		n, known := ordinals[on[0]]
		day, weekday := parseWeekday(on[1])
		return weekdayOfMonth(n, day), on[0] + " " + day.String(), known && weekday
	}
	return nil, "", false
}

func ordinalEnding(n int) string {
	switch {
	case n/10 == 1:
		return "th"
	case n%10 == 1:
		return "st"
	case n%10 == 2:
		return "nd"
	case n%10 == 3:
		return "rd"
	}
	return "th"
}

func parseCron(spec Spec, loc *time.Location) (Schedule, error) {
	if spec.Every != "" || spec.On != "" || spec.At != "" {
		return Schedule{}, wrong("cron", spec.Cron, "it stands alone; drop every, on and at, or drop cron")
	}
	const allowed = `five fields like "0 9 * * MON" are allowed`
	// "=" is cron's own zone prefix, which panics on "TZ=0" and would stand
	// against our timezone.
	if strings.ContainsAny(spec.Cron, "=@") {
		return Schedule{}, wrong("cron", spec.Cron, allowed+", and timezone stands in its own key")
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	parsed, err := parser.Parse(spec.Cron)
	if err != nil {
		return Schedule{}, wrong("cron", spec.Cron, allowed)
	}
	r, err := newExpression(parsed)
	if err != nil {
		return Schedule{}, wrong("cron", spec.Cron, err.Error()+"; "+allowed)
	}
	s := Schedule{rule: r, loc: loc, layout: layoutDay}
	if r.manyADay() {
		s.layout = layoutMinute
	}
	s.words = fmt.Sprintf("cron %q %s", strings.Join(strings.Fields(spec.Cron), " "), loc)
	return s, nil
}

func newExpression(parsed cron.Schedule) (expression, error) {
	fields, ok := parsed.(*cron.SpecSchedule)
	if !ok {
		return expression{}, errors.New("it is no expression of fields")
	}
	// From a wall time in UTC, whatever zone this machine is in.
	fields.Location = time.UTC
	r := expression{fields}
	if r.next(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).IsZero() {
		return expression{}, errors.New("it never fires")
	}
	return r, nil
}

// Location is the zone of the schedule; UTC for a zero Schedule.
func (s Schedule) Location() *time.Location {
	if s.loc == nil {
		return time.UTC
	}
	return s.loc
}

// String is the rhythm in words: "every Monday at 09:00 Europe/Berlin".
func (s Schedule) String() string {
	if s.words == "" {
		return "never"
	}
	return s.words
}
