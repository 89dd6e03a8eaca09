package feed

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// Querier is satisfied by *sql.DB and *sql.Tx.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const feedColumns = `id, url, title, link, language, etag, last_modified, body_hash, checked_at, read_at, failures, error,
	failed_since, next_at, next_told, full_at, gone, gone_since, stopped, moved_to, moved_since, moved, gap_at, gap_since, gap_missed, damaged_looks > 0`

func scanFeed(scan func(...any) error) (Feed, error) {
	var f Feed
	var checked, read, failed, next, full, gone, moved, gapAt, gapSince sql.NullInt64
	err := scan(&f.ID, &f.URL, &f.Title, &f.Link, &f.Language, &f.ETag, &f.LastModified, &f.BodyHash, &checked, &read, &f.Failures, &f.Error,
		&failed, &next, &f.Told, &full, &f.Gone, &gone, &f.Stopped, &f.MovedTo, &moved, &f.Moved, &gapAt, &gapSince, &f.GapMissed, &f.Damaged)
	f.Checked, f.Read, f.FailedSince, f.Next, f.Full = moment(checked), moment(read), moment(failed), moment(next), moment(full)
	f.GoneSince, f.MovedSince, f.GapAt, f.GapSince = moment(gone), moment(moved), moment(gapAt), moment(gapSince)
	return f, err
}

func moment(t sql.NullInt64) time.Time {
	if !t.Valid {
		return time.Time{}
	}
	return time.Unix(t.Int64, 0).UTC()
}

// Ensure is the feed with this address, added if it is not there.
func Ensure(ctx context.Context, q Querier, url string) (Feed, error) {
	if _, err := q.ExecContext(ctx, `INSERT INTO feeds (url) VALUES ($1) ON CONFLICT (url) DO NOTHING`, url); err != nil {
		return Feed{}, fmt.Errorf("adding the feed: %w", err)
	}
	f, err := scanFeed(q.QueryRowContext(ctx, `SELECT `+feedColumns+` FROM feeds WHERE url = $1`, url).Scan)
	if err != nil {
		return Feed{}, fmt.Errorf("finding the feed: %w", err)
	}
	return f, nil
}

// Feeds are all feeds, oldest first.
func Feeds(ctx context.Context, q Querier) ([]Feed, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+feedColumns+` FROM feeds ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("listing feeds: %w", err)
	}
	defer rows.Close()
	var list []Feed
	for rows.Next() {
		f, err := scanFeed(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("listing feeds: %w", err)
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// Unchanged records a good look that found nothing new: a 304, or a body whose
// [Hash] is the last one.
func Unchanged(ctx context.Context, q Querier, f Feed, now time.Time) error {
	_, err := q.ExecContext(ctx, `
		UPDATE feeds SET checked_at = $2, read_at = $2, failures = 0, error = '' WHERE id = $1`, f.ID, now.Unix())
	if err == nil {
		err = stillMissing(ctx, q, f.ID, now, time.Unix(0, 0))
	}
	if err != nil {
		return fmt.Errorf("recording the look at the feed: %w", err)
	}
	return nil
}

// Failed counts a look that gave no feed. Posts, validators and the time of the
// last good look stay.
func Failed(ctx context.Context, q Querier, f Feed, cause error, now time.Time) error {
	_, err := q.ExecContext(ctx, `
		UPDATE feeds SET checked_at = $2, failures = failures + 1, error = $3 WHERE id = $1`, f.ID, now.Unix(), cut(cause.Error(), 500))
	if err != nil {
		return fmt.Errorf("recording the failed look at the feed: %w", err)
	}
	return nil
}

const postColumns = `p.id, p.feed_id, p.title, p.url, p.author, p.tags, p.summary_html, p.content_html, p.image,
	p.published_at, p.updated_at, p.first_seen, p.released_at, p.baseline, p.aside, p.missing, p.unread_since,
	coalesce((SELECT substr(min(key), 6) FROM post_keys k WHERE k.post_id = p.id AND key >= 'guid:' AND key < 'guid;'), '')`

func scanPost(scan func(...any) error) (Post, error) {
	var p Post
	var tags string
	var published, updated, seen, released, unread sql.NullInt64
	err := scan(&p.ID, &p.FeedID, &p.Title, &p.URL, &p.Author, &tags, &p.Summary, &p.Content, &p.Image,
		&published, &updated, &seen, &released, &p.Baseline, &p.Aside, &p.Missing, &unread, &p.GUID)
	if err != nil {
		return Post{}, err
	}
	p.Published, p.Updated, p.FirstSeen, p.Released = moment(published), moment(updated), moment(seen), moment(released)
	p.UnreadSince = moment(unread)
	if err := json.Unmarshal([]byte(tags), &p.Tags); err != nil {
		return Post{}, fmt.Errorf("reading the tags of post %d: %w", p.ID, err)
	}
	return p, nil
}

func posts(ctx context.Context, q Querier, query string, args ...any) ([]Post, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading posts: %w", err)
	}
	defer rows.Close()
	var list []Post
	for rows.Next() {
		p, err := scanPost(rows.Scan)
		if err != nil {
			return nil, fmt.Errorf("reading posts: %w", err)
		}
		list = append(list, p)
	}
	return list, rows.Err()
}

// ByID are the posts of these IDs in their order. IDs that are not stored are
// left out.
func ByID(ctx context.Context, q Querier, ids []int64) ([]Post, error) {
	stored, err := byID(ctx, q, ids)
	if err != nil {
		return nil, err
	}
	ordered := make([]Post, 0, len(stored))
	for _, id := range ids {
		if p, ok := stored[id]; ok {
			ordered = append(ordered, p)
		}
	}
	return ordered, nil
}

func byID(ctx context.Context, q Querier, ids []int64) (map[int64]Post, error) {
	list, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	found, err := posts(ctx, q, `SELECT `+postColumns+` FROM posts p WHERE p.id IN (SELECT value FROM json_each($1))`, string(list))
	if err != nil {
		return nil, err
	}
	stored := make(map[int64]Post, len(found))
	for _, p := range found {
		stored[p.ID] = p
	}
	return stored, nil
}

// Pool are the posts that may go into an issue: not baseline, not set aside, not
// gone from the feed in two good looks, and first seen or released at start or
// later and before cut. Newest published first. Those used by earlier issues are
// among them.
func Pool(ctx context.Context, q Querier, start, cut time.Time) ([]Post, error) {
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p
		WHERE p.baseline = 0 AND p.aside = '' AND p.missing < 2 AND coalesce(p.released_at, p.first_seen) >= $1 AND coalesce(p.released_at, p.first_seen) < $2
		ORDER BY p.published_at DESC, p.id`, ceil(start), ceil(cut))
}

// ceil is t in whole seconds, rounded up: a post seen at second s lies before
// every later moment within s.
func ceil(t time.Time) int64 {
	if t.Nanosecond() > 0 {
		return t.Unix() + 1
	}
	return t.Unix()
}

// PublishedBetween are all posts published at start or later and before end,
// baseline or not, newest first.
func PublishedBetween(ctx context.Context, q Querier, start, end time.Time) ([]Post, error) {
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p WHERE p.published_at >= $1 AND p.published_at < $2
		ORDER BY p.published_at DESC, p.id`, ceil(start), ceil(end))
}

// All are the newest posts, newest published first; limit 0 = all of them.
func All(ctx context.Context, q Querier, limit int) ([]Post, error) {
	if limit <= 0 {
		limit = -1
	}
	return posts(ctx, q, `SELECT `+postColumns+` FROM posts p ORDER BY p.published_at DESC, p.id LIMIT $1`, limit)
}

// Count is how many posts are stored.
func Count(ctx context.Context, q Querier) (int, error) {
	var n int
	if err := q.QueryRowContext(ctx, `SELECT count(*) FROM posts`).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting posts: %w", err)
	}
	return n, nil
}

// MarkAllBaseline makes every stored post one that stood there before the start.
func MarkAllBaseline(ctx context.Context, q Querier) error {
	if _, err := q.ExecContext(ctx, `UPDATE posts SET baseline = 1, released_at = NULL WHERE baseline = 0 OR released_at IS NOT NULL`); err != nil {
		return fmt.Errorf("marking posts as baseline: %w", err)
	}
	return nil
}

// ReleaseSince lets the baseline posts published at since or later into the
// pool, as if first seen at at. It says how many.
func ReleaseSince(ctx context.Context, q Querier, since, at time.Time) (int, error) {
	res, err := q.ExecContext(ctx, `UPDATE posts SET baseline = 0, released_at = $2 WHERE baseline = 1 AND published_at >= $1`, ceil(since), at.Unix())
	if err != nil {
		return 0, fmt.Errorf("releasing posts: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

func tagsJSON(tags []string) string {
	if len(tags) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(tags) // strings always marshal
	return strings.ToValidUTF8(string(b), "")
}
