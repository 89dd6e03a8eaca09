package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Querier is a *sql.DB or a *sql.Tx.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// AddLetter keeps the frozen words of a mailing. Several letters may belong to one mailing.
func AddLetter(ctx context.Context, q Querier, mailing string, words []byte, now time.Time) (int64, error) {
	res, err := q.ExecContext(ctx, `INSERT INTO letters (mailing, words, made_at) VALUES ($1, $2, $3)`,
		mailing, words, now.Unix())
	if err != nil {
		return 0, fmt.Errorf("keeping letter of %s: %w", mailing, err)
	}
	return res.LastInsertId()
}

// Words returns the frozen words of a letter.
func Words(ctx context.Context, q Querier, letter int64) ([]byte, error) {
	var words []byte
	err := q.QueryRowContext(ctx, `SELECT words FROM letters WHERE id = $1`, letter).Scan(&words)
	if err != nil {
		return nil, fmt.Errorf("reading letter %d: %w", letter, err)
	}
	return words, nil
}

// Owed is one mail to be owed.
type Owed struct {
	Mailing      string
	Subscriber   int64
	Generation   int   // 0, unless a person sends again
	Letter       int64 // of AddLetter
	Address      string
	Name         string
	TokenVersion int
}

// Owe enters one mail, for mailings of a single reader. A zero due puts it before every mail with a time of its own,
// which is right for confirmations. It answers false, and changes nothing, where the mail is owed already.
//
// The audience of an issue is owed by one statement of its own, written by the room that knows the audience. Its
// contract:
//
//	INSERT INTO deliveries (mailing, subscriber_id, letter_id, address, name, token_version, since, state, due_at, owed_at, changed_at)
//	SELECT …, 'queued', now, now, now FROM …
//
// with generation left at 0, every column not named here left at its default, and due_at never NULL.
func Owe(ctx context.Context, q Querier, o Owed, due, now time.Time) (bool, error) {
	var dueAt int64
	if !due.IsZero() {
		dueAt = due.Unix()
	}
	res, err := q.ExecContext(ctx, `
		INSERT INTO deliveries (mailing, subscriber_id, generation, letter_id, address, name, token_version,
			state, due_at, owed_at, changed_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, $9, $9)
		ON CONFLICT (mailing, subscriber_id, generation) DO NOTHING`,
		o.Mailing, o.Subscriber, o.Generation, o.Letter, o.Address, o.Name, o.TokenVersion, dueAt, now.Unix())
	if err != nil {
		return false, fmt.Errorf("owing %s to subscriber %d: %w", o.Mailing, o.Subscriber, err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Skip bars every mail the subscriber has not got yet, and answers how many rows it changed. A mail not begun becomes
// skipped; one in doubt stays unknown and is not repeated. A mail whose dot may be out keeps its state, but whatever
// its answer it is never tried again. It belongs in the transaction by which the subscriber leaves.
func Skip(ctx context.Context, q Querier, subscriber int64, reason string, now time.Time) (int, error) {
	res, err := q.ExecContext(ctx, `
		UPDATE deliveries SET
			state = CASE
				WHEN state = 'dotting' THEN state
				WHEN doubts > 0 THEN 'unknown'
				ELSE 'skipped' END,
			changed_at = CASE state WHEN 'dotting' THEN changed_at ELSE $1 END, -- when its mark was made
			barred = 1, due_at = NULL, reply = $2
		WHERE subscriber_id = $3 AND barred = 0
			AND (due_at IS NOT NULL OR state IN ('claimed', 'dotting'))`,
		now.Unix(), reason, subscriber)
	return changed(res, err, "skipping what is owed")
}

// DropQueued bars every open mail at once: for a copy of a database whose original goes on sending. What the copy
// shows as dotting becomes unknown. No courier may be at work.
func DropQueued(ctx context.Context, q Querier, reason string, now time.Time) (int, error) {
	if _, err := q.ExecContext(ctx, `
		INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome, reply)
		SELECT id, epoch, changed_at, $1, 'unknown', $2 FROM deliveries WHERE state = 'dotting' ORDER BY epoch, id`,
		now.Unix(), reason); err != nil {
		return 0, fmt.Errorf("dropping what is queued: %w", err)
	}
	res, err := q.ExecContext(ctx, `
		UPDATE deliveries SET
			state = CASE WHEN state = 'dotting' OR doubts > 0 THEN 'unknown' ELSE 'skipped' END,
			doubts = doubts + (state = 'dotting'),
			barred = 1, due_at = NULL, changed_at = $1, reply = $2
		WHERE due_at IS NOT NULL OR state IN ('claimed', 'dotting')`, now.Unix(), reason)
	return changed(res, err, "dropping what is queued")
}

// Counts returns how many deliveries of a mailing stand in each state; states with none are absent.
func Counts(ctx context.Context, q Querier, mailing string) (map[State]int, error) {
	return counts(ctx, q, `SELECT state, count(*) FROM deliveries WHERE mailing = $1 GROUP BY state`, mailing)
}

// CountsAll returns how many deliveries stand in each state.
func CountsAll(ctx context.Context, q Querier) (map[State]int, error) {
	return counts(ctx, q, `SELECT state, count(*) FROM deliveries GROUP BY state`)
}

func counts(ctx context.Context, q Querier, query string, args ...any) (map[State]int, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("counting deliveries: %w", err)
	}
	defer rows.Close()
	m := make(map[State]int)
	for rows.Next() {
		var s State
		var n int
		if err := rows.Scan(&s, &n); err != nil {
			return nil, fmt.Errorf("counting deliveries: %w", err)
		}
		m[s] = n
	}
	return m, rows.Err()
}

// Open returns how many deliveries of a mailing are not final: 0 means that the mailing is done.
func Open(ctx context.Context, q Querier, mailing string) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, `
		SELECT count(*) FROM deliveries
		WHERE mailing = $1 AND (due_at IS NOT NULL OR state IN ('claimed', 'dotting'))`, mailing).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting open deliveries: %w", err)
	}
	return n, nil
}

// NextDue returns when the next mail may be claimed, which may lie in the past; false when none is waiting.
func NextDue(ctx context.Context, q Querier) (time.Time, bool, error) {
	var due sql.NullInt64
	err := q.QueryRowContext(ctx, `SELECT min(due_at) FROM deliveries WHERE due_at IS NOT NULL`).Scan(&due)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("finding next due mail: %w", err)
	}
	return moment(due), due.Valid, nil
}

// Dots is how many final dots may have left in one second.
type Dots struct {
	At    time.Time
	Count int
}

// SentSince returns the dots marked at or after t, oldest first, at most one entry a second: what a rate has used up.
func SentSince(ctx context.Context, q Querier, t time.Time) ([]Dots, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT dotting_at, count(*) FROM attempts WHERE dotting_at >= $1 GROUP BY dotting_at ORDER BY dotting_at`, t.Unix())
	if err != nil {
		return nil, fmt.Errorf("counting what was sent: %w", err)
	}
	defer rows.Close()
	var list []Dots
	for rows.Next() {
		var at sql.NullInt64
		var n int
		if err := rows.Scan(&at, &n); err != nil {
			return nil, fmt.Errorf("counting what was sent: %w", err)
		}
		list = append(list, Dots{At: moment(at), Count: n})
	}
	return list, rows.Err()
}

// Deliveries lists the deliveries of a mailing (of all when it is "") with an id above after, by id.
func Deliveries(ctx context.Context, q Querier, mailing string, after int64, limit int) ([]Delivery, error) {
	if mailing == "" {
		return find(ctx, q, `WHERE id > $1 ORDER BY id LIMIT $2`, after, limit)
	}
	return find(ctx, q, `WHERE mailing = $1 AND id > $2 ORDER BY id LIMIT $3`, mailing, after, limit)
}

// Of lists what a subscriber is owed or has got, newest first.
func Of(ctx context.Context, q Querier, subscriber int64, limit int) ([]Delivery, error) {
	return find(ctx, q, `WHERE subscriber_id = $1 ORDER BY id DESC LIMIT $2`, subscriber, limit)
}

// Get returns one delivery; false when there is none of that id.
func Get(ctx context.Context, q Querier, id int64) (Delivery, bool, error) {
	list, err := find(ctx, q, `WHERE id = $1`, id)
	if err != nil || len(list) == 0 {
		return Delivery{}, false, err
	}
	return list[0], true, nil
}

func find(ctx context.Context, q Querier, where string, args ...any) ([]Delivery, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT id, mailing, subscriber_id, generation, letter_id, address, name, token_version, nullif(since, 0),
			state, due_at, epoch, attempts, doubts, date_at, owed_at, changed_at, code, reply, relay
		FROM deliveries `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading deliveries: %w", err)
	}
	defer rows.Close()
	var list []Delivery
	for rows.Next() {
		d, err := scan(rows)
		if err != nil {
			return nil, fmt.Errorf("reading deliveries: %w", err)
		}
		list = append(list, d)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("reading deliveries: %w", err)
	}
	return list, nil
}

func scan(rows *sql.Rows) (Delivery, error) {
	var d Delivery
	var since, due, date, owed, changed sql.NullInt64
	err := rows.Scan(&d.ID, &d.Mailing, &d.Subscriber, &d.Generation, &d.Letter, &d.Address, &d.Name, &d.TokenVersion, &since,
		&d.State, &due, &d.Epoch, &d.Attempts, &d.Doubts, &date, &owed, &changed, &d.Code, &d.Reply, &d.Relay)
	d.Since = moment(since)
	d.Due, d.Date, d.Owed, d.Changed = moment(due), moment(date), moment(owed), moment(changed)
	return d, err
}

// moment is the time of a column; NULL is the zero time.
func moment(at sql.NullInt64) time.Time {
	if !at.Valid {
		return time.Time{}
	}
	return time.Unix(at.Int64, 0).UTC()
}

func column(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.Unix(), Valid: !t.IsZero()}
}

func changed(res sql.Result, err error, what string) (int, error) {
	if err != nil {
		return 0, fmt.Errorf("%s: %w", what, err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// Epoch returns the epoch of the newest courier, 0 before the first. Below [LastEpoch] of the same path, the database
// is older than its lock file: a copy was put back.
func Epoch(ctx context.Context, q Querier) (int64, error) {
	var epoch int64
	err := q.QueryRowContext(ctx, `SELECT epoch FROM couriers ORDER BY epoch DESC LIMIT 1`).Scan(&epoch)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return 0, fmt.Errorf("reading newest epoch: %w", err)
	}
	return epoch, nil
}
