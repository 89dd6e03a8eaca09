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
// whatever the number, as long as a known one stands beside it. The others are set aside when they are more than the
// blog's pace explains, or when no more of them have come than known posts have
// vanished: those are old posts under new names. Of a document that is most of
// it new, while most of what it should show has vanished, nothing new passes;
// nor of one where nothing is known and more than the pace explains is new.
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
	news, backlog := s.news(where), s.backlog(where, len(v.gone))
	var doubtful []int
	for _, i := range fresh {
		v.backlog[i] = backlog[i]
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

// isReplaced: most of the document is strange, and most of what was shown from
// the same time is gone; foreign: nearly all of it is. Where more is strange than
// the pace explains, its dates don't excuse it: all known posts may scroll out of a
// busy blog's feed, not of a quiet one's, and none from above one that is shown
// still. Of a damaged document tells what it shows, not what it lacks.
func (s sighting) isReplaced() (replaced, foreign bool) {
	if s.isStrangers() {
		return true, true
	}
	oldest, strange := s.strange()
	if strange > s.allowed() && !s.blank && s.first.IsZero() {
		switch known, gone := s.known(), len(s.gone()); {
		case known == 0:
			return true, true
		case 2*strange > len(s.posts) && gone > known:
			return true, gone > 3*known
		}
	}
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
	known, strangers := s.known(), 0
	for _, p := range s.posts {
		if s.strangers[p.ID] {
			strangers++
		}
	}
	return strangers > known || s.foreign && known == 0
}

// known is how many posts of the blog the document shows.
func (s sighting) known() (n int) {
	for _, p := range s.posts {
		if p.ID != 0 && !s.strangers[p.ID] {
			n++
		}
	}
	return n
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
// of the doubtful ones is dated; none where one of those is undated. What is
// older than all that was shown is none of those under another name.
func (s sighting) vanished(doubtful []int) (n int) {
	bottom := s.bottom()
	var oldest time.Time
	for _, i := range doubtful {
		at := s.posts[i].Published
		if !isDated(s.posts[i]) {
			return 0
		}
		if (oldest.IsZero() || at.Before(oldest)) && !at.Before(bottom.Add(-dayAhead)) {
			oldest = at
		}
	}
	if oldest.IsZero() {
		return 0
	}
	met, _ := s.met()
	for _, old := range s.shown {
		if old.dated && !met[old.id] && !old.at.Before(oldest.Add(-dayAhead)) {
			n++
		}
	}
	return n
}

// bottom is the oldest date of what was shown last time; zero where it bore none.
func (s sighting) bottom() (at time.Time) {
	for _, old := range s.shown {
		if old.dated && (at.IsZero() || old.at.Before(at)) {
			at = old.at
		}
	}
	return at
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
// Where dates don't tell, the place does, in a document that has an order. Of a
// document that showed other posts altogether for a while all are gone that are
// newer, once the ones from before it are back.
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
		case byDate && (i < tail || tail < 0 && s.knowsOlder(old.id)) && old.at.After(oldest), !byDate && order == newestFirst && i < tail, !byDate && order == oldestFirst && head >= 0 && i > head:
			list = append(list, old.id)
		}
	}
	return list
}

// knowsOlder: the document shows a post that was stored before this one.
func (s sighting) knowsOlder(id int64) bool {
	return slices.ContainsFunc(s.posts, func(p Post) bool { return p.ID != 0 && p.ID < id })
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

// backlog tells, by index, the new posts that are older than all that the last
// whole document showed, by their date or else by their place, if that one may
// have hidden older ones: it was long, or one of its posts is gone and the next
// has moved up. What stands above a known post, where the newest stand on top, has
// not come up from below. Before a whole document was seen, what is dated before
// the first look belongs to the baseline.
func (s sighting) backlog(where map[int]place, gone int) map[int]bool {
	list := map[int]bool{}
	hidden := len(s.shown) >= fullFeed || gone > 0
	order, told := s.order()
	bottom := s.bottom()
	for i, place := range where {
		switch p := s.posts[i]; {
		case !isDated(p):
			list[i] = hidden && told && place == atOldEnd
		case p.Published.Before(s.first):
			list[i] = true
		default:
			list[i] = hidden && p.Published.Before(bottom) && (order != newestFirst || place == atOldEnd)
		}
	}
	return list
}
