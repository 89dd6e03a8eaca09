package feed

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// SetAside are the posts kept back from mail until the author decides, the
// latest seen first.
func SetAside(ctx context.Context, q Querier) ([]Post, error) {
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p WHERE p.aside != '' ORDER BY p.first_seen DESC, p.published_at DESC, p.id`)
}

// Gone are the posts that would wait for an issue, were they not gone from the
// feed in two good looks. Those used by earlier issues are among them.
func Gone(ctx context.Context, q Querier, start time.Time) ([]Post, error) {
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p
		WHERE p.missing >= 2 AND p.baseline = 0 AND p.aside = '' AND coalesce(p.released_at, p.first_seen) >= $1
		ORDER BY p.published_at DESC, p.id`, ceil(start))
}

// ByAddress are the stored posts with this address, however it is decorated; in
// more than one feed there may be several.
func ByAddress(ctx context.Context, q Querier, address string) ([]Post, error) {
	plain := plainAddress(address, true)
	if plain == "" {
		return nil, nil
	}
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p
		WHERE p.id IN (SELECT k.post_id FROM feeds f JOIN post_keys k ON k.feed_id = f.id AND k.key IN ($1, $2)) ORDER BY p.id`,
		"link:"+plain, "id:"+plain)
}

// Release lets these posts into the pool, as if first seen at now: whatever kept
// them back, baseline or gate, has had its say.
func Release(ctx context.Context, q Querier, ids []int64, now time.Time) error {
	list, err := json.Marshal(ids)
	if err == nil {
		_, err = q.ExecContext(ctx, `
			UPDATE posts SET aside = '', baseline = 0, missing = 0, missing_at = NULL, released_at = $2
			WHERE id IN (SELECT value FROM json_each($1))`, string(list), now.Unix())
	}
	if err != nil {
		return fmt.Errorf("releasing posts: %w", err)
	}
	return nil
}

// Dismiss makes these posts baseline: known, and mailed by no schedule. That it
// was the author's word their Released tells, which others of the baseline lack.
func Dismiss(ctx context.Context, q Querier, ids []int64) error {
	list, err := json.Marshal(ids)
	if err == nil {
		_, err = q.ExecContext(ctx, `
			UPDATE posts SET aside = '', baseline = 1, released_at = first_seen WHERE id IN (SELECT value FROM json_each($1))`, string(list))
	}
	if err != nil {
		return fmt.Errorf("dismissing posts: %w", err)
	}
	return nil
}

// CloseGap ends the gap that [Feed].GapAt tells of: what lay in it was found, or
// the author has taken note.
func CloseGap(ctx context.Context, q Querier, f Feed) error {
	_, err := q.ExecContext(ctx, `UPDATE feeds SET gap_at = NULL, gap_since = NULL, gap_missed = 0 WHERE id = $1`, f.ID)
	if err != nil {
		return fmt.Errorf("closing the gap: %w", err)
	}
	return nil
}

// Twins are the posts of other feeds that have the address of one of these
// posts, by the post they are like. The address is on the site of one of the two
// feeds: two blogs that write about somebody else's page have written two posts.
func Twins(ctx context.Context, q Querier, ids []int64) (map[int64][]int64, error) {
	feeds, err := Feeds(ctx, q)
	if err != nil || len(feeds) < 2 || len(ids) == 0 {
		return nil, err
	}
	sites := make(map[int64][]string, len(feeds))
	for _, f := range feeds {
		sites[f.ID] = []string{siteOf(f.URL), siteOf(f.Link)}
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, fmt.Errorf("finding posts in several feeds: %w", err)
	}
	rows, err := q.QueryContext(ctx, `
		SELECT mine.post_id, mine.feed_id, theirs.post_id, theirs.feed_id, substr(mine.key, 6)
		FROM json_each($1) wanted
		CROSS JOIN post_keys mine ON mine.post_id = wanted.value AND mine.key >= 'link:' AND mine.key < 'link;'
		CROSS JOIN feeds f ON f.id != mine.feed_id
		CROSS JOIN post_keys theirs ON theirs.feed_id = f.id AND theirs.key = mine.key
		WHERE NOT EXISTS (SELECT 1 FROM post_keys s WHERE s.feed_id IN (mine.feed_id, theirs.feed_id) AND s.key = 'shared:' || mine.key)`, string(list))
	if err != nil {
		return nil, fmt.Errorf("finding posts in several feeds: %w", err)
	}
	defer rows.Close()
	twins := map[int64][]int64{}
	for rows.Next() {
		var mine, myFeed, theirs, theirFeed int64
		var link string
		if err := rows.Scan(&mine, &myFeed, &theirs, &theirFeed, &link); err != nil {
			return nil, fmt.Errorf("finding posts in several feeds: %w", err)
		}
		site := link[:strings.IndexAny(link+"/", "/?#")]
		if slices.Contains(sites[myFeed], site) || slices.Contains(sites[theirFeed], site) {
			twins[mine] = append(twins[mine], theirs)
		}
	}
	return twins, rows.Err()
}

// siteOf is the host of a feed's address as its posts' keys have it; "" where it has none.
func siteOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return plainHost(u)
}
