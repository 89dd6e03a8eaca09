package newsletter_test

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"testing"
	"time"

	"digest/database"
	"digest/outbox"
)

// Runs that end side by side find an issue done by each other, and that is no
// error.
func TestFinishSideBySide(t *testing.T) {
	w := liveWorld(t)
	w.join("ann", "weekly")
	w.write()
	w.on(time.January, 12)
	w.run()
	for range 20 {
		err := database.Write(w.ctx, w.DB, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(w.ctx, `UPDATE issues SET state = 'sending'`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				if _, err := w.Deliver(context.Background(), w.clock.Now); err != nil && !errors.Is(err, outbox.ErrHeld) {
					t.Error(err)
				}
			})
		}
		all.Wait()
	}
}
