package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"digest/outbox"
)

func TestServerClosesAfterEachMails(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 3
		w.server.offer = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth%5 == 0 {
				return outbox.Reply{}, errLost
			}
			return ready, nil
		}
		w.owe(many(100)...)
		if sum := w.work(); sum.Sent != 100 || sum.Reason != "" {
			w.Errorf("%+v", sum)
		}
		if got := w.server.copies(); len(got) != 100 || len(w.server.accepted) != 100 {
			w.Errorf("%d mails to %d readers", len(w.server.accepted), len(got))
		}
	})
}

type refusedLogin struct{ error }

func (refusedLogin) Halt() bool { return true }

func TestDialing(t *testing.T) {
	tests := map[string]struct {
		err    error
		dials  int
		halted bool
	}{
		"dead server":   {errLost, 5, false},
		"refused login": {refusedLogin{errors.New("535 no")}, 1, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.server.dial = func(int) error { return test.err }
				w.owe(many(9)...)
				sum := w.work()
				if w.server.dials != test.dials || sum.Halted != test.halted || sum.Reason == "" || sum.Queued != 9 {
					w.Errorf("%d dials, %+v", w.server.dials, sum)
				}
			})
		})
	}
}

// A server that takes a connection and says nothing on it holds no run up that is told to end.
func TestDialingEndsWithTheRun(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		hang := func(ctx context.Context) (outbox.Line, error) {
			<-ctx.Done()
			return nil, fmt.Errorf("dialling: %w", ctx.Err())
		}
		w.owe(many(9)...)
		w.Dial = func(ctx context.Context) (outbox.Line, error) {
			cancel()
			return hang(ctx)
		}
		began := time.Now()
		sum, err := w.Work(ctx)
		if err != nil || sum.Reason != "interrupted" || sum.Queued != 9 || time.Since(began) > 0 {
			w.Errorf("interrupted: %v, %+v, %v", time.Since(began), sum, err)
		}

		w.Connections = 2
		var dials atomic.Int64
		w.Dial = func(ctx context.Context) (outbox.Line, error) {
			if dials.Add(1) == 1 {
				return w.server.Dial(ctx)
			}
			return hang(ctx)
		}
		w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) { return halted, nil }
		began = time.Now()
		if sum := w.work(); !sum.Halted || sum.Queued != 9 || time.Since(began) > 0 {
			w.Errorf("halted: %v, %+v", time.Since(began), sum)
		}
	})
}

// A connection that has ended behind a no is not offered the next mail, and says nothing about how many mails the server
// takes on one.
func TestConnectionThatEndsBehindANo(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.ends = true
		w.owe("a1@example.com", "refused2@example.com", "a3@example.com", "refused4@example.com", "a5@example.com", "a6@example.com", "a7@example.com")
		began := time.Now()
		sum := w.work()
		if sum.Sent != 5 || sum.Failed != 2 || w.server.dials != 3 || time.Since(began) >= time.Second {
			w.Errorf("%d dials, %v, %+v", w.server.dials, time.Since(began), sum)
		}
	})
}

func TestBusyServerGetsOneConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 4
		w.server.offer = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == 10 {
				return busy, nil
			}
			return ready, nil
		}
		w.owe(many(200)...)
		start := time.Now()
		sum := w.work()
		if sum.Sent != 200 || sum.Reason != "" || time.Since(start) < outbox.BusyFor {
			w.Errorf("after %v: %+v", time.Since(start), sum)
		}
		if w.server.dials > 5 || w.count(outbox.Failed)+w.count(outbox.Retry) != 0 {
			w.Errorf("%d dials", w.server.dials)
		}
	})
}

func TestStopped(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe(many(100)...)
		w.Stopped = func(context.Context) (bool, error) {
			w.server.mu.Lock()
			defer w.server.mu.Unlock()
			return w.server.dots >= 10, nil
		}
		sum := w.work()
		if sum.Sent != 10 || sum.Queued != 90 || sum.Unknown != 0 || w.server.dots != 10 {
			w.Errorf("%d dots, %+v", w.server.dots, sum)
		}
	})
}

func TestInterrupted(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 4
		w.owe(many(200)...)
		ctx, cancel := context.WithCancel(context.Background())
		w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == 50 {
				cancel()
			}
			time.Sleep(10 * time.Second)
			return accepted, nil
		}
		sum, err := w.Work(ctx)
		if err != nil || sum.Reason != "interrupted" || sum.Unknown != 0 || sum.Sent < 50 || sum.Sent > 53 {
			w.Errorf("%+v, %v", sum, err)
		}
		if n := w.count(outbox.Queued); n+sum.Sent != 200 {
			w.Errorf("%d queued, %d sent", n, sum.Sent)
		}
	})
}
