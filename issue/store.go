package issue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Querier is what a statement needs; *sql.DB and *sql.Tx satisfy it. Functions
// that write more than one row want a transaction: after an error, roll back.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

const columns = `id, digest, number, kind, period, period_start, period_end, cut, state,
	subject, hash, reason, made_at, approved_at, done_at`

func scan(row interface{ Scan(...any) error }, more ...any) (Issue, error) {
	var i Issue
	var start, end, cut, made int64
	var approved, done sql.NullInt64
	err := row.Scan(append([]any{&i.ID, &i.Digest, &i.Number, &i.Kind, &i.Period.Key, &start, &end, &cut, &i.State,
		&i.Subject, &i.Hash, &i.Reason, &made, &approved, &done}, more...)...)
	i.Period.Start, i.Period.End = fromUnix(start), fromUnix(end)
	i.Cut, i.Made = fromUnix(cut), fromUnix(made)
	if approved.Valid {
		i.Approved = fromUnix(approved.Int64)
	}
	if done.Valid {
		i.Done = fromUnix(done.Int64)
	}
	return i, err
}

func fromUnix(s int64) time.Time { return time.Unix(s, 0).UTC() }

// Get reads one issue, whole. [ErrNotFound] when there is none.
func Get(ctx context.Context, q Querier, id int64) (Issue, error) {
	var html, proof string
	i, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+`, html, proof FROM issues WHERE id = $1`, id), &html, &proof)
	if errors.Is(err, sql.ErrNoRows) {
		return Issue{}, fmt.Errorf("issue %d: %w", id, ErrNotFound)
	}
	if err != nil {
		return Issue{}, fmt.Errorf("reading issue %d: %w", id, err)
	}
	i.HTML, i.Proof = html, proof
	i.Period.Covers, err = covers(ctx, q, i)
	return i, err
}

// covers are the keys an issue answers for, oldest first; its own last, also
// where a cancelled one gave its period back.
func covers(ctx context.Context, q Querier, i Issue) ([]string, error) {
	keys, err := texts(ctx, q, `SELECT period FROM periods
		WHERE digest = $1 AND issue_id = $2 ORDER BY period`, i.Digest, i.ID)
	if err != nil {
		return nil, fmt.Errorf("reading the periods of issue %d: %w", i.ID, err)
	}
	if !slices.Contains(keys, i.Period.Key) {
		keys = append(keys, i.Period.Key)
	}
	return keys, nil
}

func texts(ctx context.Context, q Querier, query string, args ...any) ([]string, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, rows.Err()
}

// List reads the latest issues of a digest ("" = of all), newest first, without
// their HTML, Proof and Period.Covers. A limit of 0 is no limit.
func List(ctx context.Context, q Querier, digest string, limit int) ([]Issue, error) {
	if limit <= 0 {
		limit = 1<<31 - 1
	}
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM issues
		WHERE $1 = '' OR digest = $1 ORDER BY id DESC LIMIT $2`, digest, limit)
	if err != nil {
		return nil, fmt.Errorf("listing issues: %w", err)
	}
	defer rows.Close()
	var issues []Issue
	for rows.Next() {
		i, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("listing issues: %w", err)
		}
		issues = append(issues, i)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("listing issues: %w", err)
	}
	return issues, nil
}

// Last is the latest scheduled period of a digest that is answered for,
// whatever became of its issue, without Covers; ok is false before the first.
func Last(ctx context.Context, q Querier, digest string) (p Period, ok bool, err error) {
	var start, end int64
	err = q.QueryRowContext(ctx, `SELECT periods.period, period_start, period_end
		FROM periods JOIN issues ON issues.id = periods.issue_id
		WHERE periods.digest = $1 AND kind = 'scheduled'
		ORDER BY periods.period DESC LIMIT 1`, digest).Scan(&p.Key, &start, &end)
	if errors.Is(err, sql.ErrNoRows) {
		return Period{}, false, nil
	}
	if err != nil {
		return Period{}, false, fmt.Errorf("reading the last period of %s: %w", digest, err)
	}
	p.Start, p.End = fromUnix(start), fromUnix(end)
	return p, true, nil
}

// Latest is the frozen scheduled issue with the latest cut: the one whose
// readers were owed last. It is zero (ID 0) before the first. It comes without
// HTML, Proof and Period.Covers.
func Latest(ctx context.Context, q Querier, digest string) (Issue, error) {
	return first(ctx, q, `kind = 'scheduled' AND state IN ('approved', 'sending', 'done')
		ORDER BY cut DESC, id DESC`, digest)
}

// HeldScheduled is the scheduled issue that waits for the author, if one does.
func HeldScheduled(ctx context.Context, q Querier, digest string) (i Issue, ok bool, err error) {
	i, err = first(ctx, q, `kind = 'scheduled' AND state = 'held' ORDER BY id DESC`, digest)
	if err != nil || i.ID == 0 {
		return Issue{}, false, err
	}
	i, err = Get(ctx, q, i.ID)
	return i, err == nil, err
}

// first reads the first issue of a digest that fits; zero when none does.
func first(ctx context.Context, q Querier, where, digest string) (Issue, error) {
	i, err := scan(q.QueryRowContext(ctx, `SELECT `+columns+` FROM issues WHERE digest = $1 AND `+where+` LIMIT 1`, digest))
	if errors.Is(err, sql.ErrNoRows) {
		return Issue{}, nil
	}
	if err != nil {
		return Issue{}, fmt.Errorf("reading the latest issue of %s: %w", digest, err)
	}
	return i, nil
}

// PostIDs are the posts of an issue in the order they are shown.
func PostIDs(ctx context.Context, q Querier, id int64) ([]int64, error) {
	return ids(ctx, q, `SELECT post_id FROM issue_posts WHERE issue_id = $1 ORDER BY position`, id)
}

// Used says which of the posts stand in an issue of the digest.
func Used(ctx context.Context, q Querier, digest string, posts []int64) (map[int64]bool, error) {
	used := make(map[int64]bool)
	for chunk := range slices.Chunk(posts, 500) {
		args := []any{digest}
		marks := make([]string, len(chunk))
		for n, id := range chunk {
			args = append(args, id)
			marks[n] = fmt.Sprintf("$%d", n+2)
		}
		found, err := ids(ctx, q, `SELECT post_id FROM issue_posts
			WHERE digest = $1 AND post_id IN (`+strings.Join(marks, ", ")+`)`, args...)
		if err != nil {
			return nil, err
		}
		for _, id := range found {
			used[id] = true
		}
	}
	return used, nil
}

// Holding are the issues that posts stand in, of any digest, oldest first, by
// post; without their HTML, Proof and Period.Covers.
func Holding(ctx context.Context, q Querier, posts []int64) (map[int64][]Issue, error) {
	list, err := json.Marshal(posts)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, `SELECT `+columns+`, post_id FROM issues JOIN issue_posts USING (digest)
		WHERE issue_id = id AND post_id IN (SELECT value FROM json_each($1)) ORDER BY id`, string(list))
	if err != nil {
		return nil, fmt.Errorf("finding the issues of posts: %w", err)
	}
	defer rows.Close()
	holding := map[int64][]Issue{}
	for rows.Next() {
		var post int64
		i, err := scan(rows, &post)
		if err != nil {
			return nil, fmt.Errorf("finding the issues of posts: %w", err)
		}
		holding[post] = append(holding[post], i)
	}
	return holding, rows.Err()
}

func ids(ctx context.Context, q Querier, query string, args ...any) ([]int64, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("reading posts of issues: %w", err)
	}
	defer rows.Close()
	var all []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("reading posts of issues: %w", err)
		}
		all = append(all, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading posts of issues: %w", err)
	}
	return all, nil
}

// Sendable are the frozen issues whose mail is not all settled, oldest first.
func Sendable(ctx context.Context, q Querier) ([]Issue, error) {
	rows, err := q.QueryContext(ctx, `SELECT `+columns+` FROM issues WHERE state IN ('approved', 'sending') ORDER BY id`)
	if err != nil {
		return nil, fmt.Errorf("listing frozen issues: %w", err)
	}
	defer rows.Close()
	var issues []Issue
	for rows.Next() {
		i, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("listing frozen issues: %w", err)
		}
		issues = append(issues, i)
	}
	return issues, rows.Err()
}
