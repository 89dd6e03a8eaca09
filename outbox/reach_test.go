package outbox_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"digest/outbox"
)

type busyDial struct{ error }

func (busyDial) Busy() bool { return true }

// A server with no room at its door gets a rest, and one connection from then on.
func TestBusyAtTheDoor(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 8
		w.server.dial = func(nth int) error {
			if nth == 5 {
				return busyDial{errors.New("421 too many connections")}
			}
			return nil
		}
		w.owe(many(300)...)
		start := time.Now()
		sum := w.work()
		if sum.Sent != 300 || sum.Reason != "" || time.Since(start) < outbox.BusyFor || w.server.dials > 9 {
			w.Errorf("after %v and %d dials: %+v", time.Since(start), w.server.dials, sum)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		inWorld(t, func(w *world) {
			fallback := &server{}
			w.Fallback = fallback.Dial // is not for this
			w.server.dial = func(int) error { return busyDial{errors.New("421 too many connections")} }
			w.owe(many(3)...)
			start := time.Now()
			sum := w.work()
			if sum.Queued != 3 || sum.Reason != "the server is busy: 421 too many connections" || sum.Halted || fallback.dials != 0 ||
				time.Since(start) < 4*outbox.BusyFor || w.server.dials != 5 {
				w.Errorf("after %v and %d dials: %+v", time.Since(start), w.server.dials, sum)
			}
		})
	})
}

// What a server takes on one connection is learnt: one rest at most, and no more mails offered in vain than it takes to
// be sure.
func TestMailsPerConnection(t *testing.T) {
	tests := map[string]struct {
		connections int
		says        bool
		least, most time.Duration
	}{
		"it closes":             {1, false, 0, time.Second},
		"it closes, many lines": {8, false, 0, time.Second},
		"421":                   {1, true, outbox.BusyFor, outbox.BusyFor + time.Second},
		"421, many lines":       {8, true, outbox.BusyFor, outbox.BusyFor + time.Second},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Connections = test.connections
				if w.Connections == 1 {
					w.handed()
				}
				w.server.perLine, w.server.says = 10, test.says
				w.owe(many(500)...)
				start := time.Now()
				sum := w.work()
				waited := time.Since(start)
				if sum.Sent != 500 || sum.Reason != "" || len(w.server.copies()) != 500 || waited < test.least || waited > test.most {
					w.Errorf("after %v: %+v", waited, sum)
				}
				if vain := w.server.offers - w.server.dots; vain > 2+test.connections {
					w.Errorf("%d offers in vain", vain)
				}
				if w.server.closed > 1+test.connections {
					w.Errorf("%d connections closed with an envelope open", w.server.closed)
				}
				if test.connections > 1 && w.server.most != test.connections {
					w.Errorf("%d connections at once", w.server.most)
				}
			})
		})
	}
}

// Drops between mails cost no rest, and are no reason to stop, however many there are.
func TestDropsBetweenMails(t *testing.T) {
	inWorld(t, func(w *world) {
		left := 1
		w.server.offer = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if left--; left < 0 {
				left = 1 + nth%7
				return outbox.Reply{}, errLost
			}
			return ready, nil
		}
		w.owe(many(200)...)
		start := time.Now()
		if sum := w.work(); sum.Sent != 200 || sum.Reason != "" || time.Since(start) > time.Second {
			w.Errorf("after %v: %+v", time.Since(start), sum)
		}
	})
}

// The first way is closed: the rest of the run goes by the second, and the next run tries the first again.
func TestFallback(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 3
		second := &server{pipelining: w.server.pipelining}
		w.Fallback = second.Dial
		closed := true
		w.server.dial = func(int) error {
			if closed {
				return errLost
			}
			return nil
		}
		w.owe(many(100)...)
		sum := w.work()
		if sum.Sent != 100 || sum.Reason != "" || sum.Halted || sum.Fallback != "5 connections in a row failed, the last with: connection reset" {
			w.Errorf("%+v", sum)
		}
		if len(second.copies()) != 100 || w.server.dials > 15 {
			w.Errorf("%d by the second way, %d dials of the first", len(second.accepted), w.server.dials)
		}
		if d := w.delivery("r1@example.com"); d.Relay != secondRelay {
			w.Errorf("%+v", d)
		}
		closed = false
		w.oweMore("x@example.com")
		if sum := w.work(); sum.Sent != 1 || sum.Fallback != "" || len(w.server.accepted) != 1 {
			w.Errorf("%+v", sum)
		}
	})
}

func TestWhenToFallBack(t *testing.T) {
	t.Run("lost in the middle", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.Connections = 4
			second := &server{}
			w.Fallback = second.Dial
			var gone atomic.Bool
			w.server.dial = func(int) error {
				if gone.Load() {
					return errLost
				}
				return nil
			}
			w.server.offer = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
				if nth > 50 {
					gone.Store(true)
					return outbox.Reply{}, errLost
				}
				return ready, nil
			}
			w.owe(many(200)...)
			sum := w.work()
			if sum.Sent != 200 || sum.Unknown != 0 || sum.Fallback == "" || len(w.server.accepted)+len(second.accepted) != 200 {
				w.Errorf("%d and %d, %+v", len(w.server.accepted), len(second.accepted), sum)
			}
		})
	})
	for name, second := range map[string]error{"both closed": errLost, "the second refuses": refusedLogin{errors.New("535 no")}} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				fallback := &server{dial: func(int) error { return second }}
				w.Fallback = fallback.Dial
				w.server.dial = func(int) error { return errLost }
				w.owe(many(9)...)
				sum := w.work()
				if sum.Queued != 9 || sum.Reason == "" || sum.Fallback == "" || sum.Halted != (second != errLost) {
					w.Errorf("%+v", sum)
				}
			})
		})
	}
	t.Run("not round a refusal", func(t *testing.T) {
		inWorld(t, func(w *world) {
			second := &server{}
			w.Fallback = second.Dial
			w.server.dial = func(int) error { return refusedLogin{errors.New("535 no")} }
			w.owe(many(9)...)
			if sum := w.work(); !sum.Halted || sum.Fallback != "" || second.dials != 0 {
				w.Errorf("%+v", sum)
			}
		})
	})
}

// oweMore owes a mail that goes before all others.
func (w *world) oweMore(address string) {
	w.Helper()
	ctx := context.Background()
	letter, err := outbox.AddLetter(ctx, w.db, "issue/1", []byte("words"), time.Now())
	if err == nil {
		_, err = outbox.Owe(ctx, w.db, outbox.Owed{Mailing: "issue/1", Subscriber: 1 << 20, Letter: letter, Address: address,
			TokenVersion: 1}, time.Time{}, time.Now())
	}
	if err != nil {
		w.Fatal(err)
	}
}

// A mail in doubt never moves: its repetition goes by the way its doubtful dot went, or waits for it.
func TestDoubtKeepsItsWay(t *testing.T) {
	drop := func(m outbox.Mail, _ int) (outbox.Reply, error) {
		if m.Address == "doubt@example.com" {
			return outbox.Reply{}, errLost
		}
		return accepted, nil
	}
	inWorld(t, func(w *world) { // by the first, which is closed for a while
		w.Patience = 2 * time.Hour // beyond RepeatAfter
		second := &server{}
		w.Fallback = second.Dial
		w.server.dot = drop
		w.server.dial = func(nth int) error {
			if nth == 1 {
				return nil
			}
			return errLost
		}
		w.owe("doubt@example.com", "fine@example.com")
		sum := w.work()
		if d := w.delivery("doubt@example.com"); d.State != outbox.Unknown || d.Due.IsZero() || d.Doubts != 1 || d.Relay != firstRelay {
			w.Errorf("%+v", d)
		}
		if sum.Sent != 1 || sum.Fallback == "" || len(second.copies()) != 1 || second.copies()["doubt@example.com"] != 0 {
			w.Errorf("%v by the second way, %+v", second.copies(), sum)
		}
		w.server.dial, w.server.dot = nil, nil
		time.Sleep(3 * time.Hour)
		if sum := w.work(); sum.Sent != 1 || w.server.copies()["doubt@example.com"] != 1 {
			w.Errorf("%v by the first way, %+v", w.server.copies(), sum)
		}
	})
	inWorld(t, func(w *world) { // by the first, which becomes the second
		w.Patience = -1
		second := &server{}
		w.server.dot = drop
		w.owe("doubt@example.com")
		w.work()
		w.server.dot = nil
		time.Sleep(outbox.RepeatAfter)
		w.Dial, w.Relay, w.Fallback, w.FallbackRelay = second.Dial, secondRelay, w.server.Dial, firstRelay
		w.oweMore("fine@example.com")
		sum := w.work()
		if sum.Sent != 2 || w.server.copies()["doubt@example.com"] != 1 || second.copies()["fine@example.com"] != 1 {
			w.Errorf("%v by the old way, %v by the new, %+v", w.server.copies(), second.copies(), sum)
		}
	})
	t.Run("by the second", func(t *testing.T) {
		for name, way := range map[string]string{"open": "sent", "closed": "unknown+", "gone": "unknown"} {
			t.Run(name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					w.Patience = -1
					second := &server{dot: drop}
					w.Fallback = second.Dial
					w.server.dial = func(int) error { return errLost }
					w.owe("doubt@example.com")
					w.work()
					time.Sleep(outbox.RepeatAfter)
					second.dot, w.server.dial = nil, nil
					switch name {
					case "closed":
						second.dial = func(int) error { return errLost }
					case "gone":
						w.Fallback = nil
					}
					w.oweMore("fine@example.com")
					w.server.opened = func(m outbox.Mail) { w.Errorf("the envelope of %s is open on the first way", m.Address) }
					sum := w.work()
					if got := w.states(); got["doubt@example.com"] != way || got["fine@example.com"] != "sent" || sum.Fallback != "" {
						w.Errorf("%v, %+v", got, sum)
					}
					if n := w.server.copies()["doubt@example.com"]; n != 0 || second.open != 0 {
						w.Errorf("%d copies moved", n)
					}
				})
			})
		}
	})
}
