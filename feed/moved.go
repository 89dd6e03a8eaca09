package feed

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// latestPosts is how many of a feed's newest posts are looked for in a document
// that may be the same feed under another address.
const latestPosts = 10

// Configured are the stored feeds with these addresses, in their order. The
// others are those the author has taken out of the config.
func Configured(ctx context.Context, q Querier, urls []string) ([]Feed, error) {
	all, err := Feeds(ctx, q)
	if err != nil {
		return nil, err
	}
	var list []Feed
	for _, url := range urls {
		if i := slices.IndexFunc(all, func(f Feed) bool { return f.URL == url }); i >= 0 {
			list = append(list, all[i])
		}
	}
	return list, nil
}

// Adopt is for the first good look at f, before [Keep] and in its transaction:
// it returns the feed that doc is to be kept for. That is f; but if a stored
// feed that is configured no more has half of doc's posts, or doc half of its
// latest ones, then f is that feed's new address: it takes f's place, keeps its
// posts, and forgets its validators. What doc shows from before its last good
// look, because the new place shows more, becomes baseline.
//
// configured are the addresses of all feeds in the config.
func Adopt(ctx context.Context, q Querier, f Feed, doc Document, configured []string, now time.Time) (Feed, error) {
	// Read again inside the transaction, by address: another look may have adopted.
	f, err := scanFeed(q.QueryRowContext(ctx, `SELECT `+feedColumns+` FROM feeds WHERE url = $1`, f.URL).Scan)
	if err != nil {
		return Feed{}, fmt.Errorf("finding the feed: %w", err)
	}
	if !f.Read.IsZero() || len(doc.Posts) == 0 {
		return f, nil
	}
	all, err := Feeds(ctx, q)
	if err != nil {
		return Feed{}, err
	}
	fresh, keys := distinct(doc.Posts)
	for _, old := range slices.Backward(all) { // of several the one added last
		if old.Read.IsZero() || slices.Contains(configured, old.URL) {
			continue
		}
		k, err := newKeeper(ctx, q, old, now)
		if err != nil {
			return Feed{}, err
		}
		same, err := k.overlaps(ctx, fresh, keys)
		if err != nil {
			return Feed{}, err
		}
		if !same {
			continue
		}
		if err := k.keepBacklog(ctx, old, fresh, keys); err != nil {
			return Feed{}, err
		}
		return move(ctx, q, old, f)
	}
	return f, nil
}

// overlaps says whether half of these posts are the feed's, or half of the
// feed's latest posts are among them.
func (k keeper) overlaps(ctx context.Context, fresh []Post, keys [][]string) (bool, error) {
	ids, err := k.match(ctx, fresh, slices.Clone(keys)) // it marks what two feeds share
	if err != nil {
		return false, err
	}
	met := map[int64]bool{}
	for i, id := range ids {
		if id != 0 && k.tells(keys[i], id) {
			met[id] = true
		}
	}
	if len(met) == 0 {
		return false, nil
	}
	if 2*len(met) >= len(keys) {
		return true, nil
	}
	latest, err := posts(ctx, k.q, `SELECT `+postColumns+` FROM posts p WHERE p.feed_id = $1
		ORDER BY p.published_at DESC, p.id DESC LIMIT $2`, k.feed, latestPosts)
	if err != nil {
		return false, err
	}
	here := 0
	for _, p := range latest {
		if met[p.ID] {
			here++
		}
	}
	return 2*here >= len(latest), nil
}

// tells says whether one of these keys is the stored post's and would not be so
// by chance. Within one feed a path or a number is enough; but every other blog
// has a post at /?p=1.
func (k keeper) tells(keys []string, id int64) bool {
	return slices.ContainsFunc(keys, func(key string) bool {
		return k.owner(key) == id && (!isStrong(key) || namesSite(key))
	})
}

// namesSite: no other site's feed has this strong key. GUIDs are addresses,
// tags and URNs, or long and random; or else just numbers.
func namesSite(key string) bool {
	kind, value, _ := strings.Cut(key, ":")
	return kind == "link" || kind == "id" || kind == "guid" && (strings.Contains(value, ":") || len(value) >= 20)
}

// keepBacklog stores as baseline what is not known and older than both the
// feed's newest post and its last good look: no news, only never shown before.
func (k keeper) keepBacklog(ctx context.Context, old Feed, fresh []Post, keys [][]string) error {
	var newest sql.NullInt64
	if err := k.q.QueryRowContext(ctx, `SELECT max(published_at) FROM posts WHERE feed_id = $1`, k.feed).Scan(&newest); err != nil {
		return fmt.Errorf("finding the newest post: %w", err)
	}
	before := old.Read
	if at := moment(newest); at.Before(before) {
		before = at
	}
	ids, err := k.match(ctx, fresh, keys)
	if err != nil {
		return err
	}
	var backlog []Post
	var theirs [][]string
	for i, p := range fresh {
		if isDated(p) && p.Published.Before(before) && ids[i] == 0 {
			backlog, theirs = append(backlog, p), append(theirs, keys[i])
		}
	}
	_, err = k.keep(ctx, backlog, theirs, make([]int64, len(backlog)), true)
	return err
}

// move gives old the address of f, which has no posts and goes.
func move(ctx context.Context, q Querier, old, f Feed) (Feed, error) {
	_, err := q.ExecContext(ctx, `DELETE FROM feeds WHERE id = $1`, f.ID)
	if err == nil {
		_, err = q.ExecContext(ctx, `
			UPDATE feeds SET url = $2, etag = '', last_modified = '', body_hash = '' WHERE id = $1`, old.ID, f.URL)
	}
	if err != nil {
		return Feed{}, fmt.Errorf("moving the feed: %w", err)
	}
	old.URL, old.ETag, old.LastModified, old.BodyHash = f.URL, "", "", ""
	return old, nil
}
