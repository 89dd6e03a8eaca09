package issue

import (
	"math/bits"
	"time"

	"github.com/robfig/cron/v3"
)

// A rule finds firings on a wall clock: a time.Time in UTC stands for what a
// clock on the wall shows, so that no rule has to know of zones.
type rule interface {
	next(wall time.Time) time.Time // first firing strictly after wall; zero = none ever
}

// at is a time of day.
type at struct{ hour, minute int }

func (a at) on(year int, month time.Month, day int) time.Time {
	return time.Date(year, month, day, a.hour, a.minute, 0, 0, time.UTC)
}

type weekly struct {
	day time.Weekday
	at  at
}

func (r weekly) next(wall time.Time) time.Time {
	ahead := (int(r.day-wall.Weekday()) + 7) % 7
	year, month, day := wall.Date()
	firing := r.at.on(year, month, day+ahead)
	if !firing.After(wall) {
		return firing.AddDate(0, 0, 7)
	}
	return firing
}

type monthly struct {
	pick func(year int, month time.Month) int // day of the month, 1 to its last
	at   at
}

func (r monthly) next(wall time.Time) time.Time {
	year, month, _ := wall.Date()
	for {
		firing := r.at.on(year, month, r.pick(year, month))
		if firing.After(wall) {
			return firing
		}
		year, month, _ = time.Date(year, month+1, 1, 0, 0, 0, 0, time.UTC).Date()
	}
}

func lastDay(year int, month time.Month) int {
	return time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day()
}

// dayOfMonth picks day n, or the last day of a month that has none.
func dayOfMonth(n int) func(int, time.Month) int {
	return func(year int, month time.Month) int { return min(n, lastDay(year, month)) }
}

// weekdayOfMonth picks the nth (1 to 4) such weekday, or the last where n is 0.
func weekdayOfMonth(n int, day time.Weekday) func(int, time.Month) int {
	return func(year int, month time.Month) int {
		first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC).Weekday()
		d := 1 + (int(day-first)+7)%7
		if n > 0 {
			return d + 7*(n-1)
		}
		return d + 7*((lastDay(year, month)-d)/7)
	}
}

type expression struct{ cron *cron.SpecSchedule }

// next looks past cron's own horizon of five years: 29 February stays away for
// eight around a century that is no leap year.
func (r expression) next(wall time.Time) time.Time {
	for range 2 {
		if firing := r.cron.Next(wall); !firing.IsZero() {
			return firing
		}
		wall = wall.AddDate(5, 0, 0)
	}
	return time.Time{}
}

// manyADay says whether the expression can fire more than once a day.
func (r expression) manyADay() bool {
	const star = 1 << 63 // cron marks "*" with it
	return bits.OnesCount64(r.cron.Minute&^star)*bits.OnesCount64(r.cron.Hour&^star) > 1
}
