package feed

// order is how the posts of a document stand.
type order int

const (
	noOrder order = iota
	newestFirst
	oldestFirst
)

// place is where a new post stands among the known ones.
type place int

const (
	between  place = iota
	amongNew       // where the document shows its newest
	atOldEnd       // where it shows its oldest
)

// order is told by the known posts of the document: by their dates, which for
// undated ones are those of the looks that found them. Where these are all the
// same it is not told, and a document that keeps to the order of the last one is
// taken to show its newest first, as nearly all do.
func (s sighting) order() (o order, told bool) {
	rank := make(map[int64]int, len(s.shown))
	for i, old := range s.shown {
		rank[old.id] = i
	}
	last := -1
	var kept, turned, falling, rising int
	for _, p := range s.posts {
		i, shown := rank[p.ID]
		if p.ID == 0 || !shown {
			continue
		}
		if last >= 0 {
			if i > last {
				kept++
			} else {
				turned++
			}
			switch was, at := s.shown[last].at, s.shown[i].at; {
			case at.Before(was):
				falling++
			case at.After(was):
				rising++
			}
		}
		last = i
	}
	switch {
	case fewer(kept, turned) == fewer(turned, kept) && kept+turned > 0:
		return noOrder, false // turned in part
	case falling+rising == 0 && turned == 0:
		return newestFirst, false
	case fewer(rising, falling):
		return newestFirst, true
	case fewer(falling, rising):
		return oldestFirst, true
	}
	return noOrder, true
}

// fewer: a is no more than b's exceptions, such as posts that are pinned on top.
func fewer(a, b int) bool { return b > 0 && 4*a <= b }

// places are where the new posts stand. In a document without an order, or with
// none that is known, the newest may stand anywhere but at the end where others
// show their oldest.
func (s sighting) places() map[int]place {
	first, last := -1, -1
	for i, p := range s.posts {
		if p.ID != 0 {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	o, told := s.order()
	where := map[int]place{}
	for _, i := range s.fresh() {
		above, below := i < first, i > last
		if o == oldestFirst {
			above, below = below, above
		}
		switch {
		case last < 0 || o == noOrder || above:
			where[i] = amongNew
		case below:
			where[i] = atOldEnd
		case !told:
			where[i] = amongNew
		}
	}
	return where
}
