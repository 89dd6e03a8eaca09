package feed

import (
	"math"
	"slices"
	"time"
)

// What the gate goes by. A post is news when its own date says so; the others
// pass as long as they are no more than the blog's pace explains.
const (
	alwaysPass = 5                // unexplained posts of one look that never are a flood
	paceFactor = 3                // … nor are this many times what the blog's pace gives for the time
	clockSlack = time.Hour        // how far the blog's clock may be behind ours
	dayBefore  = 48 * time.Hour   // how old a post is that is dated by its day alone, or by its draft
	dayAhead   = 24 * time.Hour   // how far ahead a date may be, by a zone it does not name
	fullFeed   = 10               // posts in a document that may hide older ones below them
	shortest   = 3                // days that a pace is told from at least
	missApart  = 10 * time.Minute // looks nearer to each other than that are one, to a post that is missing
)

// sighting is a good look at a feed that has been looked at before.
type sighting struct {
	now, last time.Time      // this look, the good one before it
	posts     []Post         // of the document; ID 0 = new
	partial   bool           // the document was damaged: what it does not show says nothing
	shown     []spot         // what the last whole document showed, in its order
	strangers map[int64]bool // stored posts set aside as another blog's, that no trusted document has shown
	foreign   bool           // the last whole document was another blog's, and the author has not decided
	dates     []time.Time    // of the feed's stored posts in the last year, those set aside left out
	first     time.Time      // the first look, if no whole document was seen since; else zero
	blank     bool           // no post of the feed is stored
}

// spot is a stored post's place in time.
type spot struct {
	id    int64
	at    time.Time // published
	dated bool      // by the feed, not by us
}

// verdict is what the gate makes of a sighting. Reasons and backlog stand in the
// order of its posts.
type verdict struct {
	reasons []string // why a new post is set aside; "" = it is not, or it is known
	backlog []bool   // a new post that is only now shown, and no news
	gone    []int64  // shown last time, should be shown still, and is not
	trusted bool     // the document tells what the feed shows now
	gap     bool     // nothing was known, so that posts may have been missed
	missed  int      // about how many
}

// judge is the flood gate. A post dated since the last good look is news
// whatever the number. The others are set aside when they are more than the
// blog's pace explains, or when no more of them have come than known posts have
// vanished: those are old posts under new names. Of a document that is most of
// it new, while most of what it should show has vanished, nothing new passes.
//
// Such a document is trusted all the same if a quarter of what it should show is
// left: a blog that was rebuilt, and the looks to come are judged by what this
// one showed. If less is left it is another blog's. So are its later looks, news
// and all, until the old posts are back or the author has decided on the new.
func (s sighting) judge() verdict {
	v := verdict{reasons: make([]string, len(s.posts)), backlog: make([]bool, len(s.posts))}
	if len(s.posts) == 0 {
		return v
	}
	fresh := s.fresh()
	replaced, foreign := s.isReplaced()
	v.trusted = !s.partial && !foreign
	if replaced {
		for _, i := range fresh {
			v.reasons[i] = AsideReplaced
		}
		return v
	}
	v.gone = s.gone()
	where := s.places()
	news := s.news(where)
	var doubtful []int
	for _, i := range fresh {
		v.backlog[i] = s.isBacklog(s.posts[i], where[i], len(v.gone))
		if !v.backlog[i] && !news[i] {
			doubtful = append(doubtful, i)
		}
	}
	reason := ""
	switch {
	case len(doubtful) > s.allowed():
		reason = AsideFlood
	case len(doubtful) <= max(len(v.gone), s.vanished(doubtful)):
		reason = AsideReplaced
	}
	for _, i := range doubtful {
		v.reasons[i] = reason
	}
	v.gap = !s.blank && len(fresh) == len(s.posts) && slices.ContainsFunc(fresh, func(i int) bool { return v.reasons[i] == "" && !v.backlog[i] })
	if v.gap {
		v.missed = s.missed()
	}
	return v
}

// missed is about how many posts the blog has written since the last look that
// this one, of new posts only, does not show: by its pace, between that look and
// the oldest of them.
func (s sighting) missed() int {
	unseen := s.now.Sub(s.last)
	shown := len(s.posts)
	if oldest := s.oldest(); oldest.After(s.last) {
		unseen, shown = oldest.Sub(s.last), 0
	}
	return max(1, int(math.Round(pace(s.dates, s.last)*days(unseen)))-shown)
}

// fresh are the indexes of the new posts.
func (s sighting) fresh() (list []int) {
	for i, p := range s.posts {
		if p.ID == 0 {
			list = append(list, i)
		}
	}
	return list
}

// allowed is how many unexplained posts this look may bring.
func (s sighting) allowed() int { return max(alwaysPass, s.byPace(s.now.Sub(s.last))) }

// byPace is how many posts the blog's pace explains at most in so much time.
func (s sighting) byPace(d time.Duration) int {
	return int(paceFactor * pace(s.dates, s.last) * days(d))
}

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
// who wrote them: more than two within the same minute, or more within an hour
// than the blog writes in days. A rebuild dates so what it copies.
func (s sighting) stamped() map[int]bool {
	perHour := max(alwaysPass, s.byPace(24*time.Hour))
	fresh := s.fresh()
	minutes := map[int64]int{}
	var dates []int64
	for _, i := range fresh {
		at := s.posts[i].Published.Unix()
		minutes[at/60]++
		dates = append(dates, at)
	}
	slices.Sort(dates)
	list := map[int]bool{}
	for _, i := range fresh {
		at := s.posts[i].Published.Unix()
		from, _ := slices.BinarySearch(dates, at-1800)
		to, _ := slices.BinarySearch(dates, at+1801)
		list[i] = minutes[at/60] > 2 || to-from > perHour
	}
	return list
}

// isReplaced: most of the document is strange, and most of what was shown from
// the same time is gone. foreign: nearly all of it is. Of a damaged document only
// strangers met before tell, not what it lacks.
func (s sighting) isReplaced() (replaced, foreign bool) {
	if s.isStrangers() {
		return true, true
	}
	oldest, strange := s.strange()
	if s.partial || 2*strange <= len(s.posts) {
		return false, false
	}
	if oldest.IsZero() && (strange <= s.byPace(s.now.Sub(s.last)) || len(s.shown) == 1) {
		return false, false
	}
	met, tail := s.met()
	expected, vanished := 0, 0
	for i, old := range s.shown {
		if old.at.Before(oldest) || oldest.IsZero() && tail >= 0 && i > tail {
			continue // scrolled out
		}
		expected++
		if !met[old.id] {
			vanished++
		}
	}
	return 2*vanished > expected, 4*vanished > 3*expected
}

// isStrangers: the document shows more strangers than posts of the blog; or none
// of the blog's where the last one was foreign.
func (s sighting) isStrangers() bool {
	strangers, known := 0, 0
	for _, p := range s.posts {
		switch {
		case s.strangers[p.ID]:
			strangers++
		case p.ID != 0:
			known++
		}
	}
	return strangers > known || s.foreign && known == 0
}

// strange is how many posts of the document are new, or strangers, and the
// oldest date of them; zero where most dates tell nothing of where they belong.
func (s sighting) strange() (oldest time.Time, n int) {
	stamped := s.stamped()
	loose := 0
	oldest = s.now
	for i, p := range s.posts {
		if p.ID != 0 && !s.strangers[p.ID] {
			continue
		}
		n++
		if stamped[i] {
			loose++
		} else if p.Published.Before(oldest) {
			oldest = p.Published
		}
	}
	if 2*loose > n {
		oldest = time.Time{}
	}
	return oldest, n
}

// vanished is how many posts are shown no more from the time on that the oldest
// of the doubtful ones is dated; none where one of those is undated.
func (s sighting) vanished(doubtful []int) (n int) {
	oldest := s.now
	for _, i := range doubtful {
		if !isDated(s.posts[i]) {
			return 0
		}
		if at := s.posts[i].Published; at.Before(oldest) {
			oldest = at
		}
	}
	met, _ := s.met()
	for _, old := range s.shown {
		if old.dated && !met[old.id] && !old.at.Before(oldest.Add(-dayAhead)) {
			n++
		}
	}
	return n
}

// met are the known posts of the document, and tail is where the last of them
// stood in what was shown last time, -1 if none did.
func (s sighting) met() (met map[int64]bool, tail int) {
	met, tail = map[int64]bool{}, -1
	for _, p := range s.posts {
		met[p.ID] = true
	}
	for i, old := range s.shown {
		if met[old.id] {
			tail = i
		}
	}
	return met, tail
}

// gone are the posts that should be shown and are not: they stood before one
// that is shown still, and are newer than the oldest that is. Those that have
// scrolled out at the end are not among them, wherever a blog pins old posts.
// Where dates don't tell, the place does, in a document that has an order.
func (s sighting) gone() (list []int64) {
	if s.partial {
		return nil
	}
	met, tail := s.met()
	oldest := s.oldest()
	order, _ := s.order()
	head := slices.IndexFunc(s.shown, func(old spot) bool { return met[old.id] })
	for i, old := range s.shown {
		switch byDate := old.dated && !oldest.IsZero(); {
		case met[old.id]:
		case byDate && i < tail && old.at.After(oldest), !byDate && order == newestFirst && i < tail, !byDate && order == oldestFirst && head >= 0 && i > head:
			list = append(list, old.id)
		}
	}
	return list
}

// oldest is the date of the document's oldest dated post; zero where none is dated.
func (s sighting) oldest() (oldest time.Time) {
	for _, p := range s.posts {
		if isDated(p) && (oldest.IsZero() || p.Published.Before(oldest)) {
			oldest = p.Published
		}
	}
	return oldest
}

// isBacklog: the post is older than all that the last whole document showed, by
// its date or else by its place, and that one may have hidden older ones: it was
// long, or one of its posts is gone and the next has moved up. Before a whole
// document was seen, what is dated before the first look belongs to the baseline.
func (s sighting) isBacklog(p Post, where place, gone int) bool {
	if isDated(p) && p.Published.Before(s.first) {
		return true
	}
	if len(s.shown) < fullFeed && gone == 0 {
		return false
	}
	if !isDated(p) {
		_, told := s.order()
		return told && where == atOldEnd
	}
	dated := false
	for _, old := range s.shown {
		if old.dated && !p.Published.Before(old.at) {
			return false
		}
		dated = dated || old.dated
	}
	return dated
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
