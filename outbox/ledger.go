package outbox

import (
	"context"
	"database/sql"
	"time"
)

// What a courier writes for every mail, prepared once.
const (
	claimRow = `
		UPDATE deliveries SET state = 'claimed', epoch = $1, due_at = NULL, changed_at = $2
		WHERE id = $3 AND due_at IS NOT NULL`
	// markRow asks for the claim and the epoch and reads nothing else: who has left has no claimed row.
	markRow = `
		UPDATE deliveries SET state = 'dotting', date_at = $1, changed_at = $2
		WHERE id = $3 AND state = 'claimed' AND epoch = $4`
	// settleRow keeps a row barred while its mail was out from ever being tried again.
	settleRow = `
		UPDATE deliveries SET
			state = CASE
				WHEN barred = 0 OR $1 NOT IN ('queued', 'claimed', 'retry') THEN $1
				WHEN $2 > 0 THEN 'unknown'
				ELSE 'skipped' END,
			due_at = CASE WHEN barred = 0 THEN $3 END,
			doubts = $2, attempts = $4, code = $5, reply = $6, changed_at = $7
		WHERE id = $8 AND state = $9 AND epoch = $10`
	beginAttempt = `INSERT INTO attempts (delivery_id, epoch, dotting_at) VALUES ($1, $2, $3)`
	endAttempt   = `
		UPDATE attempts SET ended_at = $1, outcome = $2, code = $3, reply = $4
		WHERE id = $5 AND ended_at IS NULL`
	refusedAttempt = `
		INSERT INTO attempts (delivery_id, epoch, ended_at, outcome, code, reply)
		VALUES ($1, $2, $3, $4, $5, $6)`
)

var prepared = [...]string{claimRow, markRow, settleRow, beginAttempt, endAttempt, refusedAttempt}

// Places in prepared.
const (
	claiming = iota
	marking
	settling
	beginning
	ending
	refusing
)

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
	bound      statements // of the transaction's connection
}

func (l *ledger) exec(ctx context.Context, which int, args ...any) (sql.Result, error) {
	if l.bound[which] == nil {
		l.bound[which] = l.tx.StmtContext(ctx, l.statements[which])
	}
	return l.bound[which].ExecContext(ctx, args...)
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
	if err != nil {
		return nil, 0, err
	}
	for _, d := range due {
		if _, err := l.exec(ctx, claiming, epoch, now.Unix(), d.ID); err != nil {
			return nil, 0, err
		}
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

// mark lets the dot of a claimed row leave: it returns the attempt's id, or 0 when the row is this courier's no more.
func (l *ledger) mark(ctx context.Context, d Delivery, now time.Time) (int64, error) {
	res, err := l.exec(ctx, marking, d.Date.Unix(), now.Unix(), d.ID, d.Epoch)
	if err != nil {
		return 0, err
	}
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		return 0, err
	}
	res, err = l.exec(ctx, beginning, d.ID, d.Epoch, now.Unix())
	if err != nil {
		return 0, err
	}
	return res.LastInsertId()
}

// settle writes what has become of a row that stood in from; false when it does not stand there any more.
func (l *ledger) settle(ctx context.Context, from State, d Delivery) (bool, error) {
	res, err := l.exec(ctx, settling, d.State, d.Doubts, column(d.Due), d.Attempts, d.Code, d.Reply, d.Changed.Unix(),
		d.ID, from, d.Epoch)
	if err != nil {
		return false, err
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// answered ends an attempt whose dot has left.
func (l *ledger) answered(ctx context.Context, attempt int64, outcome State, d Delivery) error {
	if _, err := l.exec(ctx, ending, d.Changed.Unix(), outcome, d.Code, d.Reply, attempt); err != nil {
		return err
	}
	_, err := l.settle(ctx, Dotting, d)
	return err
}

// decided settles a claimed row by an answer that came before the dot.
func (l *ledger) decided(ctx context.Context, d Delivery) error {
	ours, err := l.settle(ctx, Claimed, d)
	if err != nil || !ours {
		return err
	}
	_, err = l.exec(ctx, refusing, d.ID, d.Epoch, d.Changed.Unix(), d.State, d.Code, d.Reply)
	return err
}
