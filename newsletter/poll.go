package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"digest/config"
	"digest/feed"
)

// Polled is what one look at one feed brought. Err is why it brought nothing:
// then everything stored is as it was.
type Polled struct {
	Feed        feed.Feed // as it is after the look
	New         []feed.Post
	Baseline    bool        // the first good look: all of it is known, none of it is mailed
	Aside       []feed.Post // of New, those kept back until the author decides
	Gap         bool        // no post was known: some from between may have been missed
	Since       time.Time   // the good look before this one; zero = none
	Partial     bool        // the feed is damaged, and some of its posts may be missing
	NotModified bool
	Rest        feed.Rest     // why it was not asked; zero = it was
	Wait        time.Duration // how long the server asks to be left alone, a day at most; 0 = it does not
	Clock       time.Duration // how far our clock is ahead of the server's Date; 0 = not told
	Notices     []Notice      // what the author is told because of this look
	Err         error

	page *feed.Page // what a walk along the older pages begins with; nil = it has to be read for that
}

// Failed reports whether the feed can't be read: by this look, or by the last,
// so that it was not asked.
func (p Polled) Failed() bool { return p.Err != nil || p.Rest.Why != "" }

const (
	clockOff  = 24 * time.Hour   // further from a feed server's clock nothing is trusted
	pollAgain = 15 * time.Minute // a feed that an issue waits for, by the daemon
	lanes     = 4                // hosts asked at a time, and bodies in memory
)

// ErrNoFeed says that the config names no such feed.
var ErrNoFeed = errors.New("no such feed")

// firstFailure is why a feed could not be read; nil when all could.
func firstFailure(all []Polled) error {
	for _, p := range all {
		switch {
		case p.Err != nil:
			return fmt.Errorf("reading the feed %s: %w", address(p.Feed), p.Err)
		case p.Rest.Why != "":
			return fmt.Errorf("the feed %s is not asked now: %s", address(p.Feed), p.Rest.Why)
		}
	}
	return nil
}

// asking says which feeds a poll leaves alone. Its zero value: those that rest.
type asking struct {
	byHand bool      // none: the author wants to know
	hourly bool      // also those that the daemon has asked within the hour
	due    time.Time // when an issue fell due that waits for the feeds; zero = none does
	pages  bool      // none; but what they bring is kept for a walk along the older pages
}

// asks tells whether f is asked at now, and if not, why it rests; a daemon's
// hour that is not over is no reason to tell.
func (a asking) asks(f feed.Feed, now time.Time) (bool, feed.Rest) {
	if a.byHand {
		return true, feed.Rest{}
	}
	if rest := f.Resting(now, !a.due.IsZero()); rest.Why != "" {
		return false, rest
	}
	if !a.hourly || f.Due(now) {
		return true, feed.Rest{}
	}
	return !a.due.IsZero() && (f.Checked.Before(a.due) || now.Sub(f.Checked) >= pollAgain), feed.Rest{}
}

// Poll looks at every feed of the config that does not rest by its server's own
// wish. A feed that can't be read is said in its Polled; the error is for a
// database that can't be written.
func (n *Newsletter) Poll(ctx context.Context, now time.Time) ([]Polled, error) {
	return n.pollAll(ctx, n.Config.Feeds, asking{due: now}, now, true)
}

// PollNow looks at the configured feed with this address, "" for all, whether it
// rests or was stopped; a good look ends both. Errors: [ErrNoFeed], and those of
// Poll.
func (n *Newsletter) PollNow(ctx context.Context, now time.Time, url string) ([]Polled, error) {
	feeds := n.Config.Feeds
	if url != "" {
		i := slices.IndexFunc(feeds, func(f config.Feed) bool { return f.URL == url })
		if i < 0 {
			return nil, fmt.Errorf("%w: %s", ErrNoFeed, url)
		}
		feeds = feeds[i : i+1]
	}
	return n.pollAll(ctx, feeds, asking{byHand: true}, now, true)
}

// pollAll looks at feeds: one at a time of each host, several hosts side by
// side, one transaction after the other. What it returns is in the order of
// feeds. Unless travelled, a feed whose server contradicts our clock is looked
// at but not kept: a post first seen in a wrong year would be mailed years late,
// or never.
func (n *Newsletter) pollAll(ctx context.Context, feeds []config.Feed, ask asking, now time.Time, travelled bool) ([]Polled, error) {
	all := make([]*Polled, len(feeds))
	byHost := map[string][]int{}
	var hosts []string
	for i, c := range feeds {
		f, err := feed.Ensure(ctx, n.DB, c.URL)
		if err != nil {
			return nil, err
		}
		asked, rest := ask.asks(f, now)
		if asked || rest.Why != "" {
			all[i] = &Polled{Feed: f, Rest: rest}
		}
		if !asked {
			continue
		}
		host := hostOf(c.URL)
		if byHost[host] == nil {
			hosts = append(hosts, host)
		}
		byHost[host] = append(byHost[host], i)
	}
	err := sideBySide(ctx, hosts, func(ctx context.Context, host string, alone *sync.Mutex) error {
		for _, i := range byHost[host] {
			if err := n.look(ctx, all[i], alone, now, travelled); err != nil {
				return err
			}
			if !ask.pages && all[i].Feed.GapAt.IsZero() {
				all[i].page = nil // ten megabytes, perhaps, of every feed
			}
		}
		return nil
	})
	var polled []Polled
	for _, p := range all {
		if p != nil {
			n.log().Debug("polled", "feed", p.Feed.ID, "new", len(p.New), "baseline", p.Baseline, "rest", p.Rest.Why, "failed", p.Err != nil)
			polled = append(polled, *p)
		}
	}
	return polled, err
}

// sideBySide calls f for each host, a few at a time, with a lock that all share.
// The first error ends the others.
func sideBySide(ctx context.Context, hosts []string, f func(ctx context.Context, host string, alone *sync.Mutex) error) error {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	var alone sync.Mutex
	var lane sync.WaitGroup
	next := make(chan string)
	for range min(lanes, len(hosts)) {
		lane.Go(func() {
			for host := range next {
				if err := f(ctx, host, &alone); err != nil {
					end(err)
				}
			}
		})
	}
	for _, host := range hosts {
		next <- host
	}
	close(next)
	lane.Wait()
	return context.Cause(ctx)
}

// hostOf is whom a feed's address asks; "" for files.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
}

// poll looks at one feed, whether it rests or not.
func (n *Newsletter) poll(ctx context.Context, c config.Feed, now time.Time, travelled bool) (Polled, error) {
	all, err := n.pollAll(ctx, []config.Feed{c}, asking{byHand: true}, now, travelled)
	if err != nil {
		return Polled{}, err
	}
	return all[0], nil
}

// look asks one feed and stores what it brings, alone.
func (n *Newsletter) look(ctx context.Context, p *Polled, alone *sync.Mutex, now time.Time, travelled bool) error {
	was := p.Feed
	asked := was
	asked.ETag, asked.LastModified = was.Conditional(now)
	doc, answer, err := n.Read(ctx, was.URL, asked, now)
	if ctx.Err() != nil {
		return context.Cause(ctx) // stopped: that is not the feed's fault
	}
	if !answer.Date.IsZero() {
		p.Clock = now.Sub(answer.Date)
	}
	if !travelled && p.Clock.Abs() > clockOff {
		return nil
	}
	p.Err = err
	if status := (*feed.StatusError)(nil); errors.As(err, &status) {
		p.Wait = status.RetryAfter
	}
	full := asked.ETag == "" && asked.LastModified == ""
	alone.Lock()
	defer alone.Unlock()
	return n.write(ctx, func(tx *sql.Tx) error {
		if err := n.keep(ctx, tx, p, doc, answer, now); err != nil {
			return err
		}
		after, err := feed.Rested(ctx, tx, p.Feed, answer, p.Err, full, now)
		if err != nil {
			return err
		}
		p.Feed = after
		p.Notices, err = n.occasions(ctx, tx, was, *p, now)
		return err
	})
}

// keep stores what a look brought.
func (n *Newsletter) keep(ctx context.Context, tx *sql.Tx, p *Polled, doc feed.Document, answer feed.Answer, now time.Time) error {
	switch {
	case p.Err != nil:
		return feed.Failed(ctx, tx, p.Feed, p.Err, now)
	case answer.NotModified:
		p.NotModified = true
		return feed.Unchanged(ctx, tx, p.Feed, now)
	}
	f, err := feed.Adopt(ctx, tx, p.Feed, doc, n.FeedURLs(), now)
	if err != nil {
		return err
	}
	kept, err := feed.Keep(ctx, tx, f, doc, answer, now)
	if errors.Is(err, feed.ErrNoPosts) {
		p.Feed, p.Err = f, err
		return feed.Failed(ctx, tx, f, err, now)
	}
	p.Feed, p.New, p.Baseline, p.Aside, p.Gap, p.Since = f, kept.New, kept.Baseline, kept.Aside, kept.Gap, kept.Since
	p.Partial, p.page = doc.Partial, &feed.Page{Document: doc, Answer: answer}
	return err
}

// FeedURLs are the addresses of the config's feeds, in its order.
func (n *Newsletter) FeedURLs() []string {
	var urls []string
	for _, f := range n.Config.Feeds {
		urls = append(urls, f.URL)
	}
	return urls
}

// Fetcher fetches the feed with this address, and its other pages, from where
// the config lets it.
func (n *Newsletter) Fetcher(address string) feed.Fetcher {
	fetcher := n.Fetch
	for _, f := range n.Config.Feeds {
		if f.URL != address || f.AllowPrivate == nil {
			continue
		}
		if fetcher.Private = feed.PrivateNever; *f.AllowPrivate {
			fetcher.Private = feed.PrivateAllowed
		}
	}
	return fetcher
}

// Read fetches and parses one feed and stores nothing. Validators of known
// (its zero value has none) make it a conditional request.
func (n *Newsletter) Read(ctx context.Context, address string, known feed.Feed, now time.Time) (feed.Document, feed.Answer, error) {
	answer, err := n.Fetcher(address).Get(ctx, address, known.ETag, known.LastModified)
	if err != nil || answer.NotModified {
		return feed.Document{}, answer, err
	}
	// A server without validators, or with ones that lie, is seen through by the bytes.
	if known.BodyHash == feed.Hash(answer.Body) && !known.Read.IsZero() {
		answer.NotModified = true
		return feed.Document{}, answer, nil
	}
	if n.Source.ContentType != "" {
		answer.ContentType = n.Source.ContentType
	}
	doc, err := feed.Parse(answer.Body, n.base(answer), answer.ContentType, now)
	if err != nil {
		err = fmt.Errorf("%s: %w", address, err)
	}
	return doc, answer, err
}

// base is the address relative links are resolved against; a file has none of
// its own.
func (n *Newsletter) base(a feed.Answer) *url.URL {
	address := a.URL
	if n.Source.URL != "" {
		address = n.Source.URL
	}
	u, err := url.Parse(address)
	if err != nil || !strings.HasPrefix(u.Scheme, "http") {
		return nil
	}
	return u
}
