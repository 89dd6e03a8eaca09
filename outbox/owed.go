package outbox

import (
	"context"
	"fmt"
	"time"
)

// DueNow returns how many mails may be claimed at now.
func DueNow(ctx context.Context, q Querier, now time.Time) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE due_at <= $1`, now.Unix()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting due mail: %w", err)
	}
	return n, nil
}

// CountOwed counts the mails that are to leave still: due at any time, or in a courier's hands.
func CountOwed(ctx context.Context, q Querier) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `
		SELECT (SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL) +
			(SELECT count(*) FROM deliveries WHERE state IN ('claimed', 'dotting'))`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting owed mail: %w", err)
	}
	return n, nil
}

// Unsettled reports whether a courier that ended without settling them left
// claimed or dotting rows behind, which the next one has to settle.
func Unsettled(ctx context.Context, q Querier) (bool, error) {
	var some bool
	err := q.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE state IN ('claimed', 'dotting'))`).Scan(&some)
	if err != nil {
		return false, fmt.Errorf("looking for unsettled mail: %w", err)
	}
	return some, nil
}

// Mailings lists the mailings whose name begins with prefix, in order.
func Mailings(ctx context.Context, q Querier, prefix string) ([]string, error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT mailing FROM letters WHERE substr(mailing, 1, length($1)) = $1 ORDER BY mailing`, prefix)
	if err != nil {
		return nil, fmt.Errorf("listing mailings: %w", err)
	}
	defer rows.Close()
	var names []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, fmt.Errorf("listing mailings: %w", err)
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// Forget takes address, name and the servers' replies out of every row of a subscriber. The rows
// stay, so that the sums do. Call it after Skip, in the same transaction: what
// may still leave needs its address.
func Forget(ctx context.Context, q Querier, subscriber int64, now time.Time) error {
	_, err := q.ExecContext(ctx, `
		UPDATE deliveries SET address = '', name = '', reply = '',
			changed_at = CASE state WHEN 'dotting' THEN changed_at ELSE $1 END -- when its mark was made
		WHERE subscriber_id = $2`, now.Unix(), subscriber)
	if err == nil { // servers like to repeat the address they refuse
		_, err = q.ExecContext(ctx, `UPDATE attempts SET reply = '' WHERE delivery_id IN (SELECT id FROM deliveries WHERE subscriber_id = $1)`, subscriber)
	}
	if err != nil {
		return fmt.Errorf("forgetting a reader on the ledger: %w", err)
	}
	return nil
}

// RaiseEpoch lets a database that was put back from a copy catch up with its
// lock file, so that it no longer looks older than what the lock has seen.
func RaiseEpoch(ctx context.Context, q Querier, epoch int64, now time.Time) error {
	_, err := q.ExecContext(ctx, `
		INSERT INTO couriers (epoch, pid, started_at, ended_at, ending)
		SELECT $1, 0, $2, $2, 'a copy was made live'
		WHERE $1 > (SELECT coalesce(max(epoch), 0) FROM couriers)`, epoch, now.Unix())
	if err != nil {
		return fmt.Errorf("raising the epoch: %w", err)
	}
	return nil
}

// Redact empties the words of letters whose mailing begins with prefix and
// whose every mail is settled.
func Redact(ctx context.Context, q Querier, prefix string) error {
	_, err := q.ExecContext(ctx, `
		UPDATE letters SET words = x''
		WHERE mailing >= $1 AND mailing < $2 AND words != x'' AND NOT EXISTS (
			SELECT 1 FROM deliveries AS d
			WHERE d.mailing = letters.mailing AND (d.due_at IS NOT NULL OR d.state IN ('claimed', 'dotting')))`,
		prefix, prefix+"\U0010ffff")
	if err != nil {
		return fmt.Errorf("emptying settled letters: %w", err)
	}
	return nil
}
