package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"digest/config"
	"digest/feed"
)

const (
	gapTries = 24 * time.Hour  // how long the posts of a gap are looked for, at every look
	gapWalk  = 5 * time.Minute // … and how long one search may keep an issue waiting
)

// Backfilled is what walking a feed's older pages brought.
type Backfilled struct {
	Pages   int       // older pages read, the feed itself not counted
	Posts   int       // posts that were not known before
	News    int       // of Posts, those that an open gap had swallowed: they go into the next issue
	Oldest  time.Time // publication of the oldest dated post met; zero = none
	Reached bool      // back to since, and nothing on the way was damaged
	Why     string    // why it did not reach back, as a clause for people; "" = it did
}

// Backfill reads the configured feed at feedURL as Poll does, and then its older
// pages back to since (zero = to the very first): see [feed.Older]. What they
// bring is kept as baseline, never mailed by itself, page by page, so that a
// walk cut short keeps what it has read; only posts that an open gap swallowed
// are news, and a walk across the gap closes it. A page that can't be read ends
// the walk and is told in Why; the error is for a feed that can't be read at
// all, and for a database that can't be written.
func (n *Newsletter) Backfill(ctx context.Context, feedURL string, since, now time.Time) (Backfilled, error) {
	i := slices.IndexFunc(n.Config.Feeds, func(c config.Feed) bool { return c.URL == feedURL })
	if i < 0 {
		return Backfilled{}, fmt.Errorf("%w: %s", ErrNoFeed, feedURL)
	}
	polled, err := n.pollAll(ctx, n.Config.Feeds[i:i+1], asking{due: now, pages: true}, now, true)
	if err == nil {
		err = firstFailure(polled)
	}
	if err != nil {
		return Backfilled{}, err
	}
	w, err := n.walkBack(ctx, polled[0], since, false, now)
	return w.Backfilled, err
}

// Bridged is what looking for the posts in a feed's gap brought.
type Bridged struct {
	Feed   feed.Feed
	Found  Backfilled
	Closed bool // all of them: nobody has to be told
}

// closeGaps walks back over the gaps of the feeds that were just read, for a day
// after each was met: a page that fails now may be there an hour later.
func (n *Newsletter) closeGaps(ctx context.Context, read []Polled, now time.Time) ([]Bridged, error) {
	var all []Bridged
	for _, p := range read {
		f := p.Feed
		if f.GapAt.IsZero() || now.Sub(f.GapAt) > gapTries {
			continue
		}
		limited, cancel := context.WithTimeout(ctx, gapWalk)
		w, err := n.walkBack(limited, p, f.GapSince, true, now)
		cancel()
		if err != nil {
			return all, err
		}
		all = append(all, Bridged{Feed: f, Found: w.Backfilled, Closed: w.bridged})
	}
	return all, nil
}

// walk is one walk along a feed's older pages, and how it went.
type walk struct {
	Backfilled
	since   time.Time
	damaged bool // a page was: some of its posts may be missing
	undated bool // a post was met that no date tells from old ones
	met     bool // a post known before the gap was met, or a page from before it
	bridged bool // the walk has crossed the gap, and closed it
}

// walkBack keeps the older pages of the feed that a look has just found. gapOnly:
// the walk has done all it is for once it meets a post known before the gap.
// Once ctx is done the walk ends; what it has read by then is kept.
func (n *Newsletter) walkBack(ctx context.Context, look Polled, since time.Time, gapOnly bool, now time.Time) (walk, error) {
	w, f := walk{since: since}, look.Feed
	foreign, err := feed.HasStrangers(ctx, n.DB, f)
	if err != nil {
		return w, err
	}
	if foreign {
		w.Why = "what the feed shows now is set aside as another blog's"
		return w, nil
	}
	if look.page == nil {
		first, err := n.firstPage(ctx, f, now)
		if err != nil {
			w.Why = reason(ctx, err)
			return w, nil
		}
		look.page = &first
	}
	w.pass(*look.page)
	for page, err := range feed.Older(ctx, n.Fetcher(f.URL), *look.page, since, now) {
		if err != nil {
			w.Why = reason(ctx, err)
			break
		}
		if err := n.keepOlder(ctx, &w, f, page, now); err != nil {
			return w, err
		}
		if gapOnly && w.met {
			break
		}
	}
	w.end(f)
	if w.bridged {
		err = n.closeGap(ctx, f)
	}
	n.log().Debug("walked back", "feed", f.ID, "pages", w.Pages, "new", w.Posts, "reached", w.Reached)
	return w, err
}

// reason is why a walk ended, as a clause for people.
func reason(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "its older pages came too slowly"
	}
	return err.Error()
}

// closeGap ends a gap that was crossed, however little time is left.
func (n *Newsletter) closeGap(ctx context.Context, f feed.Feed) error {
	ctx = context.WithoutCancel(ctx)
	return n.write(ctx, func(tx *sql.Tx) error { return feed.CloseGap(ctx, tx, f) })
}

// firstPage is the feed itself, which the pages hang on. Its posts are none of
// the walk's business: the next look keeps those that have come since the last.
func (n *Newsletter) firstPage(ctx context.Context, f feed.Feed, now time.Time) (feed.Page, error) {
	doc, answer, err := n.Read(ctx, f.URL, feed.Feed{}, now)
	return feed.Page{Document: doc, Answer: answer}, err
}

// keepOlder keeps a page that was read, even when the time of the walk is over.
func (n *Newsletter) keepOlder(ctx context.Context, w *walk, f feed.Feed, page feed.Page, now time.Time) error {
	var brought feed.Backlog
	ctx = context.WithoutCancel(ctx)
	err := n.write(ctx, func(tx *sql.Tx) (err error) {
		brought, err = feed.KeepOlder(ctx, tx, f, page.Document, now)
		return err
	})
	if err != nil {
		return err
	}
	w.pass(page)
	w.Pages++
	w.Posts += len(brought.New)
	for _, p := range brought.New {
		if !p.Baseline {
			w.News++
		}
	}
	w.undated = w.undated || brought.Undated
	w.met = w.met || brought.Met || page.Before(f.GapSince)
	return nil
}

// pass notes what a page says of how far back the walk is.
func (w *walk) pass(page feed.Page) {
	w.damaged = w.damaged || page.Document.Partial
	if at := page.Oldest(); !at.IsZero() && (w.Oldest.IsZero() || at.Before(w.Oldest)) {
		w.Oldest = at
	}
}

// end says how far the walk has come.
func (w *walk) end(f feed.Feed) {
	w.bridged = !f.GapAt.IsZero() && w.met && !w.damaged && !w.undated
	switch {
	case w.damaged:
	case w.since.IsZero():
		w.Reached = w.Why == ""
	case w.since.Equal(f.GapSince):
		w.Reached = w.bridged
	default:
		w.Reached = !w.Oldest.IsZero() && !w.Oldest.After(w.since)
	}
	switch {
	case w.Reached:
		w.Why = ""
	case w.Why != "":
	case w.damaged:
		w.Why = "a page is damaged, and some of its posts may be missing"
	case w.Pages == 0:
		w.Why = "it leads to no older pages"
	default:
		w.Why = "its older pages end there"
	}
}
