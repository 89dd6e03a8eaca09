package subscribers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Count returns how many subscribers stand in each state.
func Count(ctx context.Context, q Querier) (map[State]int, error) {
	counts, err := tally(ctx, q, "SELECT state, count(*) FROM subscribers GROUP BY state")
	if err != nil {
		return nil, fmt.Errorf("counting subscribers: %w", err)
	}
	byState := make(map[State]int, len(counts))
	for state, n := range counts {
		byState[State(state)] = n
	}
	return byState, nil
}

// CountByDigest returns how many active subscribers each digest reaches, among
// them digests that stand in no config any more.
func CountByDigest(ctx context.Context, q Querier) (map[string]int, error) {
	counts, err := tally(ctx, q, `
		SELECT digest, count(*) FROM subscriptions JOIN subscribers ON subscribers.id = subscriber_id
		WHERE state = 'active' GROUP BY digest`)
	if err != nil {
		return nil, fmt.Errorf("counting the readers of each digest: %w", err)
	}
	return counts, nil
}

func tally(ctx context.Context, q Querier, query string) (map[string]int, error) {
	rows, err := q.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := map[string]int{}
	for rows.Next() {
		var what string
		var n int
		if err := rows.Scan(&what, &n); err != nil {
			return nil, err
		}
		counts[what] = n
	}
	return counts, rows.Err()
}

// CountActive returns how many subscribers an issue of digest would reach now.
func CountActive(ctx context.Context, q Querier, digest string) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `
		SELECT count(*) FROM subscriptions JOIN subscribers ON subscribers.id = subscriber_id
		WHERE digest = $1 AND state = 'active'`, digest).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting the readers of %s: %w", digest, err)
	}
	return n, nil
}

// MoveWatermark records that the issue of digest with this cut is owed to every
// active reader of it. Call it in the transaction that owes the mails. A
// watermark never goes back.
func MoveWatermark(ctx context.Context, q Querier, digest string, cut time.Time) error {
	_, err := q.ExecContext(ctx, `
		UPDATE subscriptions SET watermark = $2 WHERE digest = $1 AND watermark < $2
			AND subscriber_id IN (SELECT id FROM subscribers WHERE state = 'active')`, digest, seconds(cut))
	if err != nil {
		return fmt.Errorf("moving the watermarks of %s: %w", digest, err)
	}
	return nil
}

// SetDigests makes digests the subscriber's choice: at least one, for none is
// Leave. A new one starts where the oldest of the subscriber's others stands, so
// that no post falls between two rhythms. ErrNotActive for one who has left or
// not confirmed yet.
func SetDigests(ctx context.Context, q Querier, id int64, digests []string, now time.Time) error {
	if len(digests) == 0 {
		return errors.New("choosing digests: none chosen")
	}
	s, err := get(ctx, q, id)
	if err != nil {
		return err
	}
	if s.State != Active {
		return fmt.Errorf("choosing digests: %w", ErrNotActive)
	}
	var oldest int64
	err = q.QueryRowContext(ctx, "SELECT coalesce(min(watermark), 0) FROM subscriptions WHERE subscriber_id = $1", id).Scan(&oldest)
	if err != nil {
		return fmt.Errorf("choosing digests: %w", err)
	}
	for _, digest := range digests {
		if _, err := subscribe(ctx, q, id, digest, moment(oldest), now); err != nil {
			return err
		}
	}
	for _, digest := range s.Digests {
		if slices.Contains(digests, digest) {
			continue
		}
		_, err := q.ExecContext(ctx, "DELETE FROM subscriptions WHERE subscriber_id = $1 AND digest = $2", id, digest)
		if err != nil {
			return fmt.Errorf("choosing digests: %w", err)
		}
	}
	return voidConfirmations(ctx, q, id)
}
