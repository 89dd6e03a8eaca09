package outbox

import (
	"context"
	"database/sql"
	"strconv"
	"time"
)

// statement is a place in prepared.
type statement int

const (
	claimRows statement = iota
	markRows
	acceptRows
	acceptedRows
	settleRow
	attemptRow
)

// prepared is what a courier writes for every mail. $1 is a JSON array of ids where many rows are written at once.
var prepared = [...]string{
	claimRows: `
		UPDATE deliveries SET state = 'claimed', epoch = $2, due_at = NULL, changed_at = $3
		WHERE id IN (SELECT value FROM json_each($1)) AND due_at IS NOT NULL`,
	// The mark asks for the claim and the epoch and reads nothing else: who has left has no claimed row.
	markRows: `
		UPDATE deliveries SET state = 'dotting', date_at = $3, changed_at = $4, relay = $5
		WHERE id IN (SELECT value FROM json_each($1)) AND state = 'claimed' AND epoch = $2`,
	// The server's words differ from mail to mail: those of an accepted one stand in its attempt only.
	acceptRows: `
		UPDATE deliveries SET state = 'sent', due_at = NULL, attempts = attempts + 1, code = $3, reply = '', changed_at = $4
		WHERE id IN (SELECT value FROM json_each($1)) AND state = 'dotting' AND epoch = $2`,
	// $1 is a JSON object: replies by id.
	acceptedRows: `
		INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome, code, reply)
		SELECT key, $2, $3, $4, 'sent', $5, value FROM json_each($1)`,
	// A row barred while its mail was out is never tried again.
	settleRow: `
		UPDATE deliveries SET
			state = CASE
				WHEN barred = 0 OR $1 NOT IN ('queued', 'claimed', 'retry') THEN $1
				WHEN $2 > 0 THEN 'unknown'
				ELSE 'skipped' END,
			due_at = CASE WHEN barred = 0 THEN $3 END,
			doubts = $2, attempts = $4, code = $5, reply = $6, changed_at = $7
		WHERE id = $8 AND state = $9 AND epoch = $10`,
	attemptRow: `
		INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome, code, reply)
		VALUES ($1, $2, $3, $4, $5, $6, $7)`,
}

type statements [len(prepared)]*sql.Stmt

func (s *statements) prepare(ctx context.Context, db *sql.DB) error {
	for i, text := range prepared {
		if s[i] != nil {
			continue
		}
		stmt, err := db.PrepareContext(ctx, text)
		if err != nil {
			return err
		}
		s[i] = stmt
	}
	return nil
}

func (s *statements) close() {
	for _, stmt := range s {
		if stmt != nil {
			stmt.Close()
		}
	}
}

// ledger is one group's transaction.
type ledger struct {
	tx         *sql.Tx
	statements *statements
	bound      statements                                             // of the transaction's connection
	refused    func(ctx context.Context, q Querier, d Delivery) error // see Courier.Refused; nil = nobody
}

// exec returns how many rows a prepared statement wrote.
func (l *ledger) exec(ctx context.Context, which statement, args ...any) (int, error) {
	if l.bound[which] == nil {
		l.bound[which] = l.tx.StmtContext(ctx, l.statements[which])
	}
	res, err := l.bound[which].ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	return int(n), err
}

// claim takes up to n due rows for a courier, in the order they are due. What is too old is expired and not among
// the rows returned; lapsed counts it.
func (l *ledger) claim(ctx context.Context, epoch int64, n int, now time.Time, expire time.Duration) (list []Delivery, lapsed int, err error) {
	newest, err := Epoch(ctx, l.tx)
	if err != nil {
		return nil, 0, err
	}
	if newest != epoch {
		return nil, 0, errTaken
	}
	due, err := find(ctx, l.tx, `WHERE due_at <= $1 ORDER BY due_at, id LIMIT $2`, now.Unix(), n)
	if err != nil || len(due) == 0 {
		return nil, 0, err
	}
	ids := []byte{'['}
	for _, d := range due {
		ids = append(strconv.AppendInt(ids, d.ID, 10), ',')
	}
	if _, err := l.exec(ctx, claimRows, closed(ids, ']'), epoch, now.Unix()); err != nil {
		return nil, 0, err
	}
	list = due[:0]
	for _, d := range due {
		d.Epoch = epoch
		if !d.Old(now, expire) {
			list = append(list, d)
			continue
		}
		lapsed++
		if _, err := l.settle(ctx, Claimed, d.Lapsed(now)); err != nil {
			return nil, 0, err
		}
	}
	return list, lapsed, nil
}

// settle writes what has become of a row that stood in from, and tells who wants to know that it failed or expired.
// False when the row does not stand there any more.
func (l *ledger) settle(ctx context.Context, from State, d Delivery) (bool, error) {
	n, err := l.exec(ctx, settleRow, d.State, d.Doubts, column(d.Due), d.Attempts, d.Code, d.Reply, d.Changed.Unix(),
		d.ID, from, d.Epoch)
	if err != nil || n != 1 {
		return false, err
	}
	if l.refused != nil && (d.State == Failed || d.State == Expired) {
		return true, l.refused(ctx, l.tx, d)
	}
	return true, nil
}

// answered settles a row whose dot has left; marked is when its mark was made. A row that is this courier's no more
// stays as its successor has left it.
func (l *ledger) answered(ctx context.Context, marked time.Time, outcome State, d Delivery) error {
	ours, err := l.settle(ctx, Dotting, d)
	if err != nil || !ours {
		return err
	}
	_, err = l.exec(ctx, attemptRow, d.ID, d.Epoch, marked.Unix(), d.Changed.Unix(), outcome, d.Code, d.Reply)
	return err
}

// decided settles a claimed row by an answer that came before the dot.
func (l *ledger) decided(ctx context.Context, d Delivery) error {
	ours, err := l.settle(ctx, Claimed, d)
	if err != nil || !ours {
		return err
	}
	_, err = l.exec(ctx, attemptRow, d.ID, d.Epoch, nil, d.Changed.Unix(), d.State, d.Code, d.Reply)
	return err
}
