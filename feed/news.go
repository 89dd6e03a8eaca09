package feed

import (
	"slices"
	"time"
)

// news tells, by index, the new posts whose own date lies after the last good
// look; or shortly before it, when it is later than any known one and the blog's
// pace explains their number. A date that is the moment of a rebuild says
// nothing. Of posts without a date two are news where the document shows its
// newest.
func (s sighting) news(where map[int]place) map[int]bool {
	newest := s.newest()
	stamped := s.stamped()
	list := map[int]bool{}
	var late, undated []int
	for _, i := range s.fresh() {
		p := s.posts[i]
		switch {
		case !isDated(p):
			if where[i] == amongNew {
				undated = append(undated, i)
			}
		case stamped[i] || p.Published.After(s.now.Add(dayAhead)):
		case !p.Published.Before(s.last.Add(-clockSlack)):
			list[i] = true
		case p.Published.After(newest) && !p.Published.Before(s.last.Add(-dayBefore)):
			late = append(late, i)
		}
	}
	if len(late) > max(2, s.byPace(dayBefore)) {
		late = nil
	}
	if len(undated) > 2 {
		undated = nil
	}
	for _, i := range slices.Concat(late, undated) {
		list[i] = true
	}
	return list
}

// newest is the latest date of the known posts that is not ahead of the last look.
func (s sighting) newest() (at time.Time) {
	for _, d := range s.dates {
		if d.After(at) && !d.After(s.last) {
			at = d
		}
	}
	return at
}

// stamped tells, by index, the new posts that were dated by a program and not by
// who wrote them, as a rebuild dates what it copies: more than two within the
// same minute; and in a document of such minutes, or that lacks known posts it
// should show, all of a run of more within an hour than the blog writes in days.
func (s sighting) stamped() map[int]bool {
	fresh := s.fresh()
	slices.SortStableFunc(fresh, func(i, j int) int { return s.posts[i].Published.Compare(s.posts[j].Published) })
	minutes := map[int64][]int{}
	for _, i := range fresh {
		minute := s.posts[i].Published.Unix() / 60
		minutes[minute] = append(minutes[minute], i)
	}
	list := map[int]bool{}
	for _, same := range minutes {
		if len(same) > 2 {
			mark(list, same)
		}
	}
	if len(list) == 0 && s.known() > 0 && len(s.gone()) == 0 {
		return list
	}
	perHour := max(alwaysPass, s.byPace(24*time.Hour))
	to, marked := 0, 0
	for from, i := range fresh {
		for to < len(fresh) && s.posts[fresh[to]].Published.Sub(s.posts[i].Published) <= time.Hour {
			to++
		}
		if to-from > perHour {
			mark(list, fresh[max(from, marked):to])
			marked = to
		}
	}
	return list
}

func mark(list map[int]bool, some []int) {
	for _, i := range some {
		list[i] = true
	}
}

// pace is how many posts a blog writes per day, by its dates of the year before
// now. Of a week of many times the usual number only part counts, so that one
// import does not make a quiet blog a busy one.
func pace(dates []time.Time, now time.Time) float64 {
	const week = 7 * 24 * time.Hour
	oldest := now
	for _, d := range dates {
		if d.Before(oldest) {
			oldest = d
		}
	}
	weeks := make([]int, int(now.Sub(oldest)/week)+1)
	for _, d := range dates {
		if !d.After(now) {
			weeks[now.Sub(d)/week]++
		}
	}
	busy := slices.DeleteFunc(slices.Sorted(slices.Values(weeks)), func(n int) bool { return n == 0 })
	if len(busy) == 0 {
		return 0
	}
	usual := busy[len(busy)/2]
	sum := 0
	for _, n := range busy {
		sum += min(n, paceFactor*usual)
	}
	return float64(sum) / max(shortest, days(now.Sub(oldest)))
}

// days is a span in days, none for one that runs backwards.
func days(d time.Duration) float64 { return max(0, d.Hours()/24) }
