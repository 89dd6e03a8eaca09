package outbox_test

import (
	"context"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// While a dot is out, its row alone says when its mark was made. That outlives a reader who leaves or is forgotten.
func TestLeavingKeepsTheMark(t *testing.T) {
	marked := time.Unix(1e9, 0)
	for name, leave := range map[string]func(ctx context.Context, q outbox.Querier, now time.Time) error{
		"left": func(ctx context.Context, q outbox.Querier, now time.Time) error {
			_, err := outbox.Skip(ctx, q, 1, "left", now)
			return err
		},
		"forgotten": func(ctx context.Context, q outbox.Querier, now time.Time) error {
			return outbox.Forget(ctx, q, 1, now)
		},
	} {
		db := digesttest.NewDB(t)
		owe(t, db, marked, "ann@example.com")
		if _, err := db.Exec(`UPDATE deliveries SET state = 'dotting', due_at = NULL, epoch = 1, attempts = 1, changed_at = $1`,
			marked.Unix()); err != nil {
			t.Fatal(err)
		}
		if err := leave(t.Context(), db, marked.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, err := outbox.Recover(t.Context(), db, 2, outbox.Repeat, marked.Add(2*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if sent, err := outbox.SentSince(t.Context(), db, time.Unix(0, 0)); err != nil || len(sent) != 1 || !sent[0].At.Equal(marked) {
			t.Errorf("%s: marked at %v, %v", name, sent, err)
		}
	}
}
