package feed

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Backlog is what an older page of a feed brought.
type Backlog struct {
	New     []Post // with their IDs, in the page's order
	Undated bool   // a post of the page, new or kept by an earlier walk over this gap, that no date tells from old ones
	Met     bool   // a post of the page was known before the feed's gap, or at all when it has none
}

// KeepOlder stores the posts of an older page that are not known, within the
// caller's transaction: as baseline, but those published since the feed's open
// gap began as if they had been seen in the feed now. Undated posts are baseline
// in any case.
//
// It is no look at the feed: known posts stay as they are, since an archive may
// hold what they said long ago, and nothing is recorded of the feed itself.
func KeepOlder(ctx context.Context, q Querier, f Feed, doc Document, now time.Time) (Backlog, error) {
	k, err := newKeeper(ctx, q, f, now)
	if err != nil {
		return Backlog{}, err
	}
	fresh, keys := distinct(doc.Posts)
	ids, err := k.match(ctx, fresh, keys)
	if err != nil {
		return Backlog{}, err
	}
	var b Backlog
	for i, p := range fresh {
		if ids[i] != 0 {
			if err := b.meet(ctx, q, ids[i], f); err != nil {
				return Backlog{}, err
			}
			continue
		}
		baseline := f.GapAt.IsZero() || !isDated(p) || p.Published.Before(f.GapSince.Add(-clockSlack))
		added, err := k.keep(ctx, fresh[i:i+1], keys[i:i+1], ids[i:i+1], baseline)
		if err != nil {
			return Backlog{}, err
		}
		b.New = append(b.New, added...)
		b.Undated = b.Undated || !isDated(p)
	}
	return b, nil
}

// meet notes what a known post says of how far back the page is.
func (b *Backlog) meet(ctx context.Context, q Querier, id int64, f Feed) error {
	if f.GapAt.IsZero() {
		b.Met = true
		return nil
	}
	var before, undated bool
	err := q.QueryRowContext(ctx, `
		SELECT first_seen <= $2, first_seen > $2 AND baseline AND published_at = first_seen FROM posts WHERE id = $1`,
		id, f.GapSince.Unix()).Scan(&before, &undated)
	if err != nil {
		return fmt.Errorf("looking up a known post: %w", err)
	}
	b.Met, b.Undated = b.Met || before, b.Undated || undated
	return nil
}

// HasStrangers says whether the feed's last whole document was taken for another
// blog's: then its older pages may be that one's, too, and nothing new is mailed
// of it until the posts set aside are released or dismissed, or the blog is back.
func HasStrangers(ctx context.Context, q Querier, f Feed) (bool, error) {
	var yes bool
	err := q.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM feeds f JOIN posts p ON p.feed_id = f.id AND p.aside != '' AND p.aside = $2
			WHERE f.id = $1 AND f.body_hash = '' AND p.id NOT IN (SELECT value FROM json_each(f.shown)))`, f.ID, AsideReplaced).Scan(&yes)
	if err != nil {
		return false, fmt.Errorf("looking for posts set aside: %w", err)
	}
	return yes, nil
}

// OldestOf is when the feed's oldest stored post was published; zero when none
// is stored.
func OldestOf(ctx context.Context, q Querier, f Feed) (time.Time, error) {
	var at sql.NullInt64
	if err := q.QueryRowContext(ctx, `SELECT min(published_at) FROM posts WHERE feed_id = $1`, f.ID).Scan(&at); err != nil {
		return time.Time{}, fmt.Errorf("finding the oldest post: %w", err)
	}
	return moment(at), nil
}
