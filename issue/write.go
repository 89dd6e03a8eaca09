package issue

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Draft stores a new issue with the periods it covers and its posts in the order
// given, and returns it with its ID. Its State may be Held, Empty, Cancelled or
// "" (draft).
// [ErrPeriodTaken] when one of its periods is answered for; run it in a
// transaction and roll back after any error.
func Draft(ctx context.Context, q Querier, i Issue, posts []int64) (Issue, error) {
	if i.State == "" {
		i.State = StateDraft
	}
	if i.State != StateDraft && !(StateDraft.CanBecome(i.State) && !i.State.Frozen()) {
		return Issue{}, fmt.Errorf("making an issue of %s as %s: %w", i.Digest, i.State, ErrState)
	}
	if len(i.Period.Covers) == 0 {
		i.Period.Covers = []string{i.Period.Key}
	}
	err := q.QueryRowContext(ctx, `INSERT INTO issues
		(digest, kind, period, period_start, period_end, cut, state, subject, html, hash, proof, reason, made_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) RETURNING id`,
		i.Digest, i.Kind, i.Period.Key, i.Period.Start.Unix(), i.Period.End.Unix(), i.Cut.Unix(), i.State,
		i.Subject, i.HTML, i.Hash, i.Proof, i.Reason, i.Made.Unix()).Scan(&i.ID)
	if err != nil {
		return Issue{}, fmt.Errorf("making an issue of %s: %w", i.Digest, err)
	}
	if err := answer(ctx, q, i, i.Period.Covers); err != nil {
		return Issue{}, err
	}
	for n, post := range posts {
		if err := place(ctx, q, i, post, n); err != nil {
			return Issue{}, err
		}
	}
	return i, nil
}

// answer records the periods an issue answers for.
func answer(ctx context.Context, q Querier, i Issue, keys []string) error {
	for _, key := range keys {
		n, err := affected(q.ExecContext(ctx, `INSERT INTO periods (digest, period, issue_id) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, i.Digest, key, i.ID))
		if err != nil {
			return fmt.Errorf("recording period %s of %s: %w", key, i.Digest, err)
		}
		if n == 0 {
			return fmt.Errorf("period %s of %s: %w", key, i.Digest, ErrPeriodTaken)
		}
	}
	return nil
}

// place puts a post at a position of an issue, whether it stands in it or not.
func place(ctx context.Context, q Querier, i Issue, post int64, position int) error {
	n, err := affected(q.ExecContext(ctx, `INSERT INTO issue_posts (issue_id, digest, post_id, position) VALUES ($1, $2, $3, $4)
		ON CONFLICT (digest, post_id) DO UPDATE SET position = excluded.position
		WHERE issue_posts.issue_id = excluded.issue_id`, i.ID, i.Digest, post, position))
	if err != nil {
		return fmt.Errorf("putting post %d into issue %d: %w", post, i.ID, err)
	}
	if n == 0 {
		return fmt.Errorf("putting post %d into issue %d: it stands in another issue of %s", post, i.ID, i.Digest)
	}
	return nil
}

func affected(result sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Proof is what the author is shown of an issue.
type Proof struct {
	Subject string
	HTML    string // the page `view online` shows
	Text    string // to show what changed since
	Hash    string // what an approval names
}

// SetProof keeps what the author is shown. Only of a draft or held issue
// ([ErrState]).
func SetProof(ctx context.Context, q Querier, id int64, p Proof) error {
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET subject = $2, html = $3, proof = $4, hash = $5
		WHERE id = $1 AND state IN ('draft', 'held')`, id, p.Subject, p.HTML, p.Text, p.Hash))
	return moved(ctx, q, id, n, err, "keeping the proof of")
}

// Extend lets a held issue answer for a newer period, too. The posts stand in
// the order given; what stood in it before and is not named comes after them.
// The issue keeps its start. [ErrPeriodTaken] and [ErrState] as elsewhere.
func Extend(ctx context.Context, q Querier, id int64, p Period, cut time.Time, posts []int64) error {
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET period = $2, period_end = $3, cut = $4
		WHERE id = $1 AND state = 'held' AND kind = 'scheduled'`, id, p.Key, p.End.Unix(), cut.Unix()))
	if err := moved(ctx, q, id, n, err, "extending"); err != nil {
		return err
	}
	i, err := Get(ctx, q, id)
	if err != nil {
		return err
	}
	keys := p.Covers
	if len(keys) == 0 {
		keys = []string{p.Key}
	}
	if err := answer(ctx, q, i, keys); err != nil {
		return err
	}
	before, err := PostIDs(ctx, q, id)
	if err != nil {
		return err
	}
	order := slices.Clone(posts)
	for _, post := range before {
		if !slices.Contains(posts, post) {
			order = append(order, post)
		}
	}
	for position, post := range order {
		if err := place(ctx, q, i, post, position); err != nil {
			return err
		}
	}
	return nil
}

// Drop takes posts out of a draft or held issue ([ErrState]): they are back in
// the pool.
func Drop(ctx context.Context, q Querier, id int64, posts []int64) error {
	for _, post := range posts {
		n, err := affected(q.ExecContext(ctx, `DELETE FROM issue_posts WHERE issue_id = $1 AND post_id = $2
			AND issue_id IN (SELECT id FROM issues WHERE state IN ('draft', 'held'))`, id, post))
		if err := moved(ctx, q, id, n, err, "taking a post out of"); err != nil {
			return err
		}
	}
	return nil
}

// SetState moves an issue on, with the sentence that says why. [ErrState] when
// it stands in none of from, or when there is no such move; approving is
// [Freeze].
func SetState(ctx context.Context, q Querier, id int64, from []State, to State, reason string, now time.Time) error {
	args := []any{id, to, reason, now.Unix()}
	var marks []string
	for _, s := range from {
		if !s.CanBecome(to) || to == Approved {
			return fmt.Errorf("issue %d from %s to %s: %w", id, s, to, ErrState)
		}
		args = append(args, s)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET state = $2, reason = $3,
		done_at = CASE WHEN $2 = 'done' THEN $4 ELSE done_at END
		WHERE id = $1 AND state IN (`+strings.Join(marks, ", ")+`)`, args...))
	return moved(ctx, q, id, n, err, "moving to "+string(to))
}

// moved tells an update that found no row apart: no such issue, or another state.
func moved(ctx context.Context, q Querier, id, n int64, err error, doing string) error {
	if err != nil {
		return fmt.Errorf("%s issue %d: %w", doing, id, err)
	}
	if n > 0 {
		return nil
	}
	var state State
	err = q.QueryRowContext(ctx, `SELECT state FROM issues WHERE id = $1`, id).Scan(&state)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%s issue %d: %w", doing, id, ErrNotFound)
	}
	if err != nil {
		return fmt.Errorf("%s issue %d: %w", doing, id, err)
	}
	return fmt.Errorf("%s issue %d, which is %s: %w", doing, id, state, ErrState)
}

// NextNumber is the edition number the next frozen issue of a digest gets: one
// more than the greatest, from 1.
func NextNumber(ctx context.Context, q Querier, digest string) (int, error) {
	var number int
	err := q.QueryRowContext(ctx, `SELECT 1 + coalesce(max(number), 0) FROM issues WHERE digest = $1`, digest).Scan(&number)
	if err != nil {
		return 0, fmt.Errorf("numbering an issue of %s: %w", digest, err)
	}
	return number, nil
}

// NextID is the ID that the issue made next will have, if nothing else is made
// in between.
func NextID(ctx context.Context, q Querier) (int64, error) {
	var id int64
	if err := q.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) + 1 FROM issues`).Scan(&id); err != nil {
		return 0, fmt.Errorf("counting issues: %w", err)
	}
	return id, nil
}

// Freeze approves a draft or held issue under a number that [NextNumber] gave in
// the same transaction.
func Freeze(ctx context.Context, q Querier, id int64, number int, now time.Time) error {
	i, err := Get(ctx, q, id)
	if err != nil {
		return err
	}
	next, err := NextNumber(ctx, q, i.Digest)
	if err != nil {
		return err
	}
	if number != next {
		return fmt.Errorf("freezing issue %d as number %d: the next of %s is %d", id, number, i.Digest, next)
	}
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET state = 'approved', number = $2, approved_at = $3, reason = ''
		WHERE id = $1 AND state IN ('draft', 'held')`, id, number, now.Unix()))
	return moved(ctx, q, id, n, err, "freezing")
}

// MarkSending says that a courier has begun with an approved issue. One that is
// already sending stays so.
func MarkSending(ctx context.Context, q Querier, id int64) error {
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET state = 'sending'
		WHERE id = $1 AND state IN ('approved', 'sending')`, id))
	return moved(ctx, q, id, n, err, "marking as sending")
}

// MarkDone says that every delivery of a frozen issue is final.
func MarkDone(ctx context.Context, q Querier, id int64, now time.Time) error {
	return SetState(ctx, q, id, []State{Approved, Sending}, Done, "", now)
}

// Reopen says that mail of a frozen issue is owed again. One that is not done stays as it is.
func Reopen(ctx context.Context, q Querier, id int64) error {
	n, err := affected(q.ExecContext(ctx, `UPDATE issues SET done_at = NULL,
		state = CASE state WHEN 'done' THEN 'sending' ELSE state END
		WHERE id = $1 AND state IN ('approved', 'sending', 'done')`, id))
	return moved(ctx, q, id, n, err, "reopening")
}

// Cancel ends a draft or held issue. Its posts are used up, unless keep gives
// them back to the pool. A scheduled period stays answered for; a past one can
// be made again once its posts were given back.
func Cancel(ctx context.Context, q Querier, id int64, keep bool, reason string, now time.Time) error {
	if err := SetState(ctx, q, id, []State{StateDraft, Held}, Cancelled, reason, now); err != nil {
		return err
	}
	if !keep {
		return nil
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM issue_posts WHERE issue_id = $1`, id); err != nil {
		return fmt.Errorf("giving back the posts of issue %d: %w", id, err)
	}
	if _, err := q.ExecContext(ctx, `DELETE FROM periods WHERE issue_id = $1
		AND issue_id IN (SELECT id FROM issues WHERE kind = 'past')`, id); err != nil {
		return fmt.Errorf("giving back the period of issue %d: %w", id, err)
	}
	return nil
}
