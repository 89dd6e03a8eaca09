package feed

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// judge asks the gate about a document, and marks its new posts as it says.
func (k keeper) judge(ctx context.Context, f Feed, posts []Post, partial bool) (verdict, error) {
	s := sighting{now: k.now, last: f.Read, posts: posts, partial: partial, blank: len(k.owners) == 0}
	var err error
	if s.shown, err = k.shown(ctx); err != nil {
		return verdict{}, err
	}
	if s.strangers, err = k.strangers(ctx); err != nil {
		return verdict{}, err
	}
	s.foreign = len(s.strangers) > 0 && f.BodyHash == ""
	if len(s.fresh()) > 0 {
		if s.dates, err = k.dates(ctx); err != nil {
			return verdict{}, err
		}
		if s.first, err = k.first(ctx); err != nil {
			return verdict{}, err
		}
	}
	v := s.judge()
	for i := range posts {
		posts[i].Aside, posts[i].Baseline = v.reasons[i], v.backlog[i]
	}
	return v, nil
}

// shown is what the last whole document showed, in its order.
func (k keeper) shown(ctx context.Context) (list []spot, err error) {
	rows, err := k.q.QueryContext(ctx, `
		SELECT p.id, p.published_at, p.published_at != p.first_seen
		FROM feeds f JOIN json_each(f.shown) s JOIN posts p ON p.id = s.value WHERE f.id = $1 ORDER BY s.key`, k.feed)
	if err != nil {
		return nil, fmt.Errorf("reading what the feed showed: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var old spot
		var at sql.NullInt64
		if err := rows.Scan(&old.id, &at, &old.dated); err != nil {
			return nil, fmt.Errorf("reading what the feed showed: %w", err)
		}
		old.at = moment(at)
		list = append(list, old)
	}
	return list, rows.Err()
}

// strangers are the posts set aside as another blog's. Those that a trusted
// document has shown beside the blog's own are none.
func (k keeper) strangers(ctx context.Context) (map[int64]bool, error) {
	list, err := numbers(ctx, k.q, `
		SELECT id FROM posts WHERE feed_id = $1 AND aside != '' AND aside = $2
			AND id NOT IN (SELECT s.value FROM feeds f JOIN json_each(f.shown) s WHERE f.id = $1)`, k.feed, AsideReplaced)
	set := make(map[int64]bool, len(list))
	for _, id := range list {
		set[id] = true
	}
	return set, err
}

// dates are those of the last year's posts, by which the gate knows the pace.
func (k keeper) dates(ctx context.Context) ([]time.Time, error) {
	list, err := numbers(ctx, k.q, `SELECT published_at FROM posts WHERE feed_id = $1 AND aside = '' AND published_at > $2`,
		k.feed, k.now.AddDate(-1, 0, 0).Unix())
	dates := make([]time.Time, len(list))
	for i, at := range list {
		dates[i] = time.Unix(at, 0).UTC()
	}
	return dates, err
}

// first is when the feed was first looked at, if no whole document was seen since.
func (k keeper) first(ctx context.Context) (time.Time, error) {
	var never bool
	err := k.q.QueryRowContext(ctx, `SELECT shown IS NULL FROM feeds WHERE id = $1`, k.feed).Scan(&never)
	if err == nil && !never {
		return time.Time{}, nil
	}
	var at sql.NullInt64
	if err == nil {
		err = k.q.QueryRowContext(ctx, `SELECT min(first_seen) FROM posts WHERE feed_id = $1`, k.feed).Scan(&at)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("finding the first look at the feed: %w", err)
	}
	return moment(at), nil
}

func numbers(ctx context.Context, q Querier, query string, args ...any) (list []int64, err error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading posts: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("reading posts: %w", err)
		}
		list = append(list, n)
	}
	return list, rows.Err()
}

// settle records what a look tells of the feed: the posts it showed, those it
// did not although it should have, and a gap.
func (k keeper) settle(ctx context.Context, f Feed, v verdict, posts []Post, poll Poll) error {
	if poll.Gap {
		_, err := k.q.ExecContext(ctx, `
			UPDATE feeds SET gap_at = $2, gap_since = coalesce(gap_since, $3), gap_missed = gap_missed + $4 WHERE id = $1`,
			f.ID, k.now.Unix(), f.Read.Unix(), v.missed)
		if err != nil {
			return fmt.Errorf("recording a gap: %w", err)
		}
	}
	if !v.trusted {
		return nil
	}
	ids := make([]int64, 0, len(posts))
	fresh := poll.New
	for _, p := range posts {
		if p.ID == 0 {
			p.ID, fresh = fresh[0].ID, fresh[1:]
		}
		ids = append(ids, p.ID)
	}
	list, err := json.Marshal(ids)
	if err == nil {
		_, err = k.q.ExecContext(ctx, `UPDATE feeds SET shown = $2 WHERE id = $1 AND shown IS NOT $2`, f.ID, string(list))
	}
	if err != nil {
		return fmt.Errorf("recording what the feed shows: %w", err)
	}
	if len(poll.Aside) > 0 {
		return nil // what is gone may be what came back under another name
	}
	oldest := sighting{posts: posts}.oldest()
	if oldest.IsZero() {
		oldest = k.now // no date tells
	}
	return k.countMissing(ctx, v.gone, string(list), oldest)
}

// countMissing counts a look without the posts that are gone, and those that
// were before; what the look shows (JSON list) is missing no more. A post older
// than oldest has scrolled out since.
func (k keeper) countMissing(ctx context.Context, gone []int64, shown string, oldest time.Time) error {
	list, err := json.Marshal(gone)
	if err == nil {
		_, err = k.q.ExecContext(ctx, `
			UPDATE posts SET missing = 0, missing_at = NULL WHERE feed_id = $1 AND missing > 0 AND id IN (SELECT value FROM json_each($2))`, k.feed, shown)
	}
	if err == nil {
		err = stillMissing(ctx, k.q, k.feed, k.now, oldest)
	}
	if err == nil && len(gone) > 0 {
		_, err = k.q.ExecContext(ctx, `
			UPDATE posts SET missing = 1, missing_at = $2 WHERE missing = 0 AND id IN (SELECT value FROM json_each($1))`, string(list), k.now.Unix())
	}
	if err != nil {
		return fmt.Errorf("counting missing posts: %w", err)
	}
	return nil
}

// stillMissing counts a second look without the posts that were missing in one,
// unless it follows that one too closely to say more than it. Posts older than
// oldest may have scrolled out since.
func stillMissing(ctx context.Context, q Querier, feed int64, now, oldest time.Time) error {
	_, err := q.ExecContext(ctx, `
		UPDATE posts SET missing = 2, missing_at = $2
		WHERE feed_id = $1 AND missing > 0 AND missing = 1 AND missing_at <= $3 AND (published_at > $4 OR published_at = first_seen)`,
		feed, now.Unix(), now.Add(-missApart).Unix(), oldest.Unix())
	return err
}
