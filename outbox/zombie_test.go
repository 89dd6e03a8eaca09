package outbox_test

import (
	"context"
	"testing"
	"time"

	"digest/outbox"
)

// A courier thought dead hears an answer while its successor has the same row in the same state: the row stays its
// successor's, and no attempt is written.
func TestZombieSettlesNothingOfItsSuccessor(t *testing.T) {
	tests := map[string]struct {
		offer, dot outbox.Reply
		state      outbox.State
	}{
		"accepted at the dot":     {ready, accepted, outbox.Dotting},
		"deferred at the dot":     {ready, deferred, outbox.Dotting},
		"refused at the dot":      {ready, refused, outbox.Dotting},
		"deferred before the dot": {deferred, accepted, outbox.Claimed},
		"refused before the dot":  {refused, accepted, outbox.Claimed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inMode(t, func(w *world) {
				w.Patience = -1
				w.owe("reader@example.com")
				succeeded := func(now bool, r outbox.Reply) (outbox.Reply, error) {
					if now {
						w.exec(`INSERT INTO couriers (epoch, pid, started_at) SELECT max(epoch) + 1, 1, 1 FROM couriers`)
						w.exec(`UPDATE deliveries SET epoch = epoch + 1`)
					}
					return r, nil
				}
				w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) {
					return succeeded(test.state == outbox.Claimed, test.offer)
				}
				w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) {
					return succeeded(test.state == outbox.Dotting, test.dot)
				}
				_, _ = w.Work(context.Background())
				var attempts int
				if err := w.db.QueryRow(`SELECT count(*) FROM attempts`).Scan(&attempts); err != nil {
					w.Fatal(err)
				}
				d := w.delivery("reader@example.com")
				if d.State != test.state || d.Epoch != 2 || d.Attempts != 0 || d.Code != 0 || attempts != 0 {
					w.Errorf("%d attempts, the row stands as %+v", attempts, d)
				}
				w.server.offer, w.server.dot = nil, nil
				w.work() // the audit wants no row held by nobody
			})
		})
	}
}

func (w *world) exec(query string) {
	w.Helper()
	if _, err := w.db.Exec(query); err != nil {
		w.Error(err)
	}
}

// A mail whose dot never left keeps its place before the others.
func TestDueOfADotThatNeverLeft(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.owe("reader@example.com")
		before := w.due("reader@example.com")
		time.Sleep(time.Hour)
		w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) {
			cancel()
			return outbox.Reply{Verdict: outbox.Unsent}, nil
		}
		if _, err := w.Work(ctx); err != nil {
			w.Fatal(err)
		}
		if d := w.delivery("reader@example.com"); d.State != outbox.Queued || !d.Due.Equal(before) {
			w.Errorf("due %v before, now it stands as %+v", before, d)
		}
	})
}
