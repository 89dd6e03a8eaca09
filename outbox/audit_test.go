package outbox_test

import (
	"context"
	"testing"
	"time"

	"digest/outbox"
)

// Every invariant is broken by hand once, and found.
func TestAuditFinds(t *testing.T) {
	for _, query := range []string{
		`UPDATE deliveries SET due_at = 1 WHERE id = 1`,
		`UPDATE deliveries SET state = 'queued' WHERE id = 1`,
		`UPDATE deliveries SET state = 'queued', due_at = 1, barred = 1 WHERE id = 1`,
		`UPDATE deliveries SET state = 'failed', doubts = 1 WHERE id = 1`,
		`UPDATE deliveries SET state = 'unknown' WHERE id = 1`,
		`UPDATE deliveries SET state = 'dotting' WHERE id = 1`,
		`UPDATE deliveries SET epoch = 99 WHERE id = 1`,
		`UPDATE attempts SET dotting_at = NULL WHERE delivery_id = 1`,
		`UPDATE attempts SET outcome = 'retry' WHERE delivery_id = 1`,
		`UPDATE attempts SET epoch = 99 WHERE delivery_id = 1`,
		`UPDATE deliveries SET state = 'skipped' WHERE id = 1`,
		`INSERT INTO couriers (epoch, pid, started_at) VALUES (7, 1, 1); UPDATE attempts SET epoch = 7 WHERE delivery_id = 1`,
		`INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome) VALUES (1, 1, 1, 1, 'sent'), (1, 1, 1, 1, 'sent')`,
		`UPDATE deliveries SET state = 'claimed'; INSERT INTO couriers (epoch, pid, started_at) VALUES (7, 1, 1)`,
		`PRAGMA ignore_check_constraints = 1; UPDATE deliveries SET state = 'lost' WHERE id = 1`,
	} {
		inWorld(t, func(w *world) {
			w.owe(many(3)...)
			w.work()
			tx, err := w.db.Begin()
			if err != nil {
				w.Fatal(err)
			}
			defer tx.Rollback()
			if _, err := tx.Exec(query); err != nil {
				w.Fatal(err)
			}
			r, err := outbox.Audit(context.Background(), tx)
			if err != nil || len(r.Broken) == 0 {
				w.Errorf("not found: %s (%v)", query, err)
			}
		})
	}
}

func TestOweOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx := context.Background()
		w.owe("a@example.com")
		again, err := outbox.Owe(ctx, w.db, outbox.Owed{Mailing: "issue/1", Subscriber: 1, Letter: 1, Address: "b@example.com"}, time.Now(), time.Now())
		if err != nil || again {
			w.Errorf("owed twice: %v", err)
		}
		next, err := outbox.Owe(ctx, w.db, outbox.Owed{Mailing: "issue/1", Subscriber: 1, Generation: 1, Letter: 1, Address: "a@example.com"}, time.Now(), time.Now())
		if err != nil || !next {
			w.Errorf("not owed again by hand: %v", err)
		}
	})
}
