package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// A person may decide about a mail in doubt: that it goes out once more, where it would not by itself, or that it has
// arrived. Both are one statement each, over rows that no courier holds, so they are safe beside a working one.

// settledDoubt is a mail in doubt that nothing more happens to by itself; who has left stays left.
const settledDoubt = `state = 'unknown' AND due_at IS NULL AND barred = 0`

// RepeatDoubtful makes those of the mails that are in doubt for good due at now, once more: the same bytes under the
// same Message-ID, for the first copy may have arrived. It answers which. asked remembers after how many doubts, so
// that the audit can tell a copy too many from one a person wanted, and the policy Ask bars it not. The server of the
// first copy may be gone for good, so it goes by the first way there is.
func RepeatDoubtful(ctx context.Context, q Querier, ids []int64, now time.Time) ([]int64, error) {
	return decide(ctx, q, "repeating mails in doubt", `
		UPDATE deliveries SET due_at = $1, changed_at = $1, asked = doubts, relay = 0
		WHERE `+settledDoubt+` AND id IN (SELECT value FROM json_each($2)) RETURNING id`, ids, now)
}

// SayArrived settles those of the mails that are in doubt as sent, by a person's word: said_at tells them from mails a
// server has accepted. It answers which. A repetition that was planned by the policy is dropped; asked keeps when it was
// due, below zero, so that Undecide can plan it again. The policy repeats after the first doubt only, when nobody has
// asked for anything, so the column is free.
func SayArrived(ctx context.Context, q Querier, ids []int64, now time.Time) ([]int64, error) {
	return decide(ctx, q, "settling mails in doubt", `
		UPDATE deliveries SET state = 'sent', changed_at = $1, said_at = $1, due_at = NULL,
			asked = CASE WHEN due_at IS NOT NULL AND asked = 0 THEN -due_at ELSE asked END
		WHERE state = 'unknown' AND barred = 0 AND id IN (SELECT value FROM json_each($2)) RETURNING id`, ids, now)
}

// Undecide takes back what RepeatDoubtful and SayArrived did to those of the mails of which no copy has left since,
// and answers which: they are in doubt again, and those that SayArrived found waiting for their repetition wait for it
// again. A decision that is taken back leaves no copy allowed.
func Undecide(ctx context.Context, q Querier, ids []int64, now time.Time) ([]int64, error) {
	return decide(ctx, q, "taking decisions back", `
		UPDATE deliveries SET state = 'unknown', due_at = CASE WHEN asked < 0 THEN -asked END, changed_at = $1, said_at = NULL,
			asked = CASE WHEN asked = doubts THEN doubts - 1 ELSE max(asked, 0) END
		WHERE barred = 0 AND (said_at IS NOT NULL OR state = 'unknown' AND due_at IS NOT NULL AND asked = doubts)
			AND id IN (SELECT value FROM json_each($2)) RETURNING id`, ids, now)
}

func decide(ctx context.Context, q Querier, doing, statement string, ids []int64, now time.Time) ([]int64, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, statement, now.Unix(), string(list))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	defer rows.Close()
	var done []int64
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, fmt.Errorf("%s: %w", doing, err)
		}
		done = append(done, id)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%s: %w", doing, err)
	}
	return done, nil
}

// Question is a mail a person has to decide about, or has decided about.
type Question struct {
	Delivery
	Left    bool      // its reader has left, so it is never repeated
	Asked   bool      // due because a person asked for it
	Said    time.Time // a person said then that it arrived; zero = nobody did
	Planned bool      // it would be repeated by itself, had nobody said so
}

// Questions lists the mails of a mailing that are in doubt, and those a person has settled, by id.
func Questions(ctx context.Context, q Querier, mailing string) ([]Question, error) {
	const which = `WHERE mailing = $1 AND (state = 'unknown' OR said_at IS NOT NULL) ORDER BY id`
	list, err := find(ctx, q, which, mailing)
	if err != nil {
		return nil, err
	}
	rows, err := q.QueryContext(ctx, `SELECT id, barred, said_at, asked FROM deliveries `+which, mailing)
	if err != nil {
		return nil, fmt.Errorf("reading what is in doubt: %w", err)
	}
	defer rows.Close()
	decided := map[int64]Question{}
	asked := map[int64]int{}
	for rows.Next() {
		var id int64
		var x Question
		var said sql.NullInt64
		var after int
		if err := rows.Scan(&id, &x.Left, &said, &after); err != nil {
			return nil, fmt.Errorf("reading what is in doubt: %w", err)
		}
		x.Said, x.Planned = moment(said), after < 0
		decided[id], asked[id] = x, after
	}
	all := make([]Question, len(list))
	for i, d := range list {
		all[i] = decided[d.ID]
		all[i].Delivery = d
		all[i].Asked = !d.Due.IsZero() && asked[d.ID] == d.Doubts
	}
	return all, rows.Err()
}

// Replaced counts by state the deliveries of a mailing in whose place a later generation stands.
func Replaced(ctx context.Context, q Querier, mailing string) (map[State]int, error) {
	return counts(ctx, q, `
		SELECT before.state, count(*) FROM deliveries AS d
		JOIN deliveries AS before ON before.mailing = d.mailing AND before.subscriber_id = d.subscriber_id
			AND before.generation = d.generation - 1
		WHERE d.mailing = $1 AND d.generation > 0 GROUP BY before.state`, mailing)
}

// SaidToHaveArrived counts the mails that are sent by a person's word alone.
func SaidToHaveArrived(ctx context.Context, q Querier) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE said_at IS NOT NULL`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what is said to have arrived: %w", err)
	}
	return n, nil
}

// Got reports whether a server accepted a mail of such mailings for the subscriber after t, and by that not only a
// person's word.
func Got(ctx context.Context, q Querier, subscriber int64, prefix string, t time.Time) (bool, error) {
	var got bool
	err := q.QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM deliveries WHERE subscriber_id = $1 AND state = 'sent' AND said_at IS NULL
			AND substr(mailing, 1, length($2)) = $2 AND changed_at > $3)`, subscriber, prefix, t.Unix()).Scan(&got)
	if err != nil {
		return false, fmt.Errorf("looking for a mail that arrived: %w", err)
	}
	return got, nil
}

// Ended lists up to limit deliveries of a mailing that ended in a state after t, by id, and counts them all.
func Ended(ctx context.Context, q Querier, mailing string, in State, t time.Time, limit int) (list []Delivery, all int, err error) {
	const which = `WHERE mailing = $1 AND state = $2 AND due_at IS NULL AND changed_at > $3`
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries `+which, mailing, in, t.Unix()).Scan(&all)
	if err != nil || all == 0 {
		return nil, 0, err
	}
	list, err = find(ctx, q, which+` ORDER BY id LIMIT $4`, mailing, in, t.Unix(), limit)
	return list, all, err
}

// Halting lists up to limit mails that are owed still though a server refused them with a 5xx: by such answers runs
// halt. Those whose answer is the newest come first.
func Halting(ctx context.Context, q Querier, limit int) ([]Delivery, error) {
	return find(ctx, q, `WHERE due_at IS NOT NULL AND state IN ('queued', 'unknown') AND code >= 500 ORDER BY changed_at DESC, id LIMIT $1`, limit)
}

// LeftInDoubt counts the mails of a mailing in doubt that a person has to decide about.
func LeftInDoubt(ctx context.Context, q Querier, mailing string) (n int, err error) {
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE mailing = $1 AND `+settledDoubt, mailing).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting what is in doubt: %w", err)
	}
	return n, nil
}
