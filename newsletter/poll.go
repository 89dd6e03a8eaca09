package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"digest/config"
	"digest/feed"
)

// Polled is what one look at one feed brought. Err is why it brought nothing:
// then everything stored is as it was.
type Polled struct {
	Feed        feed.Feed
	New         []feed.Post
	Baseline    bool // the first good look: all of it is known, none of it is mailed
	NotModified bool
	Wait        time.Duration // how long the server asks to be left alone, a day at most; 0 = it does not
	Clock       time.Duration // how far our clock is ahead of the server's Date; 0 = not told
	Err         error
}

// clockOff is how far the clock may be from a feed server's before nothing is trusted.
const clockOff = 24 * time.Hour

// firstFailure is why a feed could not be read; nil when all could.
func firstFailure(all []Polled) error {
	for _, p := range all {
		if p.Err != nil {
			return fmt.Errorf("reading the feed %s: %w", p.Feed.URL, p.Err)
		}
	}
	return nil
}

// Poll looks at every feed of the config. A feed that can't be read is said in
// its Polled; the error is for a database that can't be written.
func (n *Newsletter) Poll(ctx context.Context, now time.Time) ([]Polled, error) {
	return n.pollAll(ctx, now, true)
}

// pollAll is Poll; unless travelled, a feed whose server contradicts our clock
// is looked at but not kept: a post first seen in a wrong year would be mailed
// years late, or never.
func (n *Newsletter) pollAll(ctx context.Context, now time.Time, travelled bool) ([]Polled, error) {
	var all []Polled
	for _, f := range n.Config.Feeds {
		p, err := n.poll(ctx, f, now, travelled)
		if err != nil {
			return all, err
		}
		n.log().Debug("polled", "feed", p.Feed.ID, "new", len(p.New), "baseline", p.Baseline, "failed", p.Err != nil)
		all = append(all, p)
	}
	return all, nil
}

func (n *Newsletter) poll(ctx context.Context, c config.Feed, now time.Time, travelled bool) (Polled, error) {
	f, err := feed.Ensure(ctx, n.DB, c.URL)
	if err != nil {
		return Polled{}, err
	}
	p := Polled{Feed: f}
	doc, answer, err := n.Read(ctx, c.URL, f, now)
	if !answer.Date.IsZero() {
		p.Clock = now.Sub(answer.Date)
	}
	if !travelled && p.Clock.Abs() > clockOff {
		return p, nil
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		switch {
		case err != nil:
			p.Err = err
			if status := (*feed.StatusError)(nil); errors.As(err, &status) {
				p.Wait = status.RetryAfter
			}
			return feed.Failed(ctx, tx, f, err, now)
		case answer.NotModified:
			p.NotModified = true
			return feed.Unchanged(ctx, tx, f, now)
		}
		if p.Feed, err = feed.Adopt(ctx, tx, f, doc, n.FeedURLs(), now); err != nil {
			return err
		}
		kept, err := feed.Keep(ctx, tx, p.Feed, doc, answer, now)
		p.New, p.Baseline = kept.New, kept.Baseline
		return err
	})
	return p, err
}

// FeedURLs are the addresses of the config's feeds, in its order.
func (n *Newsletter) FeedURLs() []string {
	var urls []string
	for _, f := range n.Config.Feeds {
		urls = append(urls, f.URL)
	}
	return urls
}

// Read fetches and parses one feed and stores nothing. Validators of known
// (its zero value has none) make it a conditional request.
func (n *Newsletter) Read(ctx context.Context, address string, known feed.Feed, now time.Time) (feed.Document, feed.Answer, error) {
	answer, err := n.Fetch.Get(ctx, address, known.ETag, known.LastModified)
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
