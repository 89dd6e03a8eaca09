package feed

import (
	"math/bits"
	"time"
)

// weather is what a document as a whole tells of its dates and addresses.
type weather struct {
	shift   time.Duration // by how much all dates are off, as by another zone
	slack   time.Duration // how far from it a date may still be the same one
	redated bool          // most dates are other ones than they were: they say nothing
	moved   bool          // most addresses are unknown, though most titles are not
	steady  bool          // most posts that look like stored ones have a GUID or address of theirs, and the same date
	recast  bool          // most posts of known titles have another text, such as a summary by hand
}

const (
	sameDay = 26 * time.Hour // a day apart in the two most distant zones
	instant = time.Minute
)

// weatherOf judges a document of n posts by all that look like stored ones.
func weatherOf(n int, all []lookalike) weather {
	known, titled, recast := map[int]bool{}, map[int]bool{}, map[int]bool{}
	kept, rehomed := map[int]bool{}, map[int]bool{}
	off, hint := map[time.Duration]int{}, map[time.Duration]int{}
	for _, c := range all {
		if c.unlike() {
			continue // a GUID or an address that means another post tells nothing of either
		}
		if c.by&(sameGUID|sameAddress) != 0 {
			known[c.post] = true
			kept[c.post] = kept[c.post] || c.dated && c.later.Abs() <= instant
		} else if c.agreeing() >= 2 {
			rehomed[c.post] = true
		}
		if c.title == equal || c.untitled() {
			titled[c.post] = true
			recast[c.post] = recast[c.post] || c.words == different
		}
		switch {
		case !c.dated:
		case c.agreeing() >= 2:
			off[c.later]++
		case c.agreeing() == 1:
			hint[c.later]++
		}
	}
	w := datesOf(off, hint)
	w.moved = n >= 2 && 2*len(known) < n && 2*len(titled) > n
	w.steady = count(kept) > 0 && count(kept) >= len(rehomed)
	w.recast = 2*count(recast) > len(titled)
	return w
}

func count(set map[int]bool) (n int) {
	for _, in := range set {
		if in {
			n++
		}
	}
	return n
}

// datesOf judges by how far off the dates are of posts that are known beyond
// doubt, since two things of different kinds agree; where there are none, by
// those of which one thing agrees, if they are three or more.
func datesOf(off, hint map[time.Duration]int) weather {
	sure, near := sum(off)
	if sure == 0 {
		off = hint
		sure, near = sum(hint)
		if sure < 3 {
			return weather{slack: instant}
		}
	}
	for by, n := range off {
		if 2*n > sure && by.Abs() <= sameDay {
			return weather{shift: by, slack: instant}
		}
	}
	return weather{slack: sameDay, redated: 2*near < sure}
}

func sum(off map[time.Duration]int) (all, near int) {
	for by, n := range off {
		if all += n; by.Abs() <= sameDay {
			near += n
		}
	}
	return all, near
}

// agreeing is how many kinds of things agree that have nothing to do with each other.
func (c lookalike) agreeing() int {
	by := c.by &^ (sameMoment | samePath | sameSlug)
	if c.by&samePath != 0 {
		by |= sameLink
	}
	if c.by&sameSlug != 0 || c.title == equal {
		by |= sameTitle
	}
	if c.words >= equal {
		by |= sameText
	}
	return bits.OnesCount8(uint8(by))
}

// unlike: other words under another title, or under none.
func (c lookalike) unlike() bool { return c.title <= different && c.words == different }

// untitled: two posts that have no title, and the same words in its stead.
func (c lookalike) untitled() bool { return c.title == untold && c.words >= equal }

// near: the dates are the same, apart from what befell all of them. apart: they
// are not. Neither is so when they tell nothing.
func (w weather) near(c lookalike) bool {
	return c.dated && !w.redated && (c.later-w.shift).Abs() <= w.slack
}

func (w weather) apart(c lookalike) bool {
	return c.dated && !w.redated && (c.later-w.shift).Abs() > w.slack
}

// repeated: the whole text is a stored post's, and it is another post: one that
// comes every week, or out of the archive. The former is no longer shown, and
// nothing else in the document has moved or was dated anew.
func (w weather) repeated(c lookalike) bool { return w.steady && c.again && w.apart(c) }

// same is the rule of identity. A GUID or an address in common is enough unless
// everything else is against it; without one it takes two things that have
// nothing to do with each other. Of an edited post nothing may be left but GUID,
// address and date; with another date, too, or none where most posts stand at
// other addresses than they did, it is a post that was given a number anew.
func (w weather) same(c lookalike) bool {
	guid, address := c.by&sameGUID != 0, c.by&sameAddress != 0
	switch {
	case guid && address:
		return !c.unlike() || !w.apart(c) && (c.dated || !w.moved)
	case guid || address:
		return !w.denied(c)
	case c.nameless && (c.title == equal || c.by&sameText != 0):
		return !w.apart(c) && c.words != different || c.words == entire && !w.repeated(c)
	}
	return w.resembles(c)
}

// denied: a GUID that a blog gives twice, and a link to other people's pages or
// to a page that all posts share, are no evidence when all else differs.
func (w weather) denied(c lookalike) bool {
	if c.title > different || c.words > different || c.by&(sameText|samePicture) != 0 {
		return false
	}
	if c.title != different && c.words != different {
		return false // nothing is known
	}
	return w.apart(c) || !c.dated && c.rehung
}

// resembles is the rule for posts whose GUID and address are both unknown.
func (w weather) resembles(c lookalike) bool {
	title, slug, picture := c.title == equal, c.by&sameSlug != 0, c.by&samePicture != 0
	name := title || slug
	switch {
	case w.apart(c):
		return c.words == entire && c.title != different && !w.repeated(c)
	case c.by&sameMoment != 0 && (name || picture || c.words >= alike):
		return true
	case w.moved && (title && (c.words != different || w.recast) || c.untitled()), picture && c.wordless:
		return true
	case w.near(c):
		return title && slug || name && (picture || c.words >= alike) || c.words >= equal && c.title != different || c.words == entire
	}
	return name && c.words >= equal || c.words == entire || title && picture && c.words != different
}

// weights say how much what two posts have in common counts when several stored
// posts may be the one.
var weights = [...]struct {
	by    evidence
	count int
}{{sameLink, 9}, {sameGUID, 8}, {samePath, 7}, {sameTitle, 4}, {sameMoment, 4}, {sameText, 3}, {samePicture, 3}, {sameSlug, 2}}

// rank orders those that may be the same: the more agrees the higher.
func (w weather) rank(c lookalike) int {
	n := 0
	for _, weight := range weights {
		if c.by&weight.by != 0 {
			n += weight.count
		}
	}
	if c.unlike() && !c.dated {
		n -= 20 // what agrees in words comes first
	}
	if w.near(c) {
		n += 2
	}
	if c.certainly {
		return n + 20
	}
	return n + 2*int(c.words)
}
