package outbox_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/outbox"
)

// onceOpen runs f as soon as the envelope of the mail after the nth dot is open.
func (w *world) onceOpen(nth int, f func()) {
	seen := 0
	w.Hook = func(point string) {
		if point != outbox.PointNextOpen {
			return
		}
		if seen++; seen == nth {
			f()
		}
	}
}

// handed waits before each dot until the feeder has handed out what it can: on a busy machine the next mail is not at
// hand otherwise, and no envelope leaves with the dot. It is for one connection, and comes behind other hooks.
func (w *world) handed() {
	before := w.Hook
	w.Hook = func(point string) {
		if point == outbox.PointAfterMark {
			synctest.Wait()
		}
		if before != nil {
			before(point)
		}
	}
}

func TestNextEnvelopeLeavesWithTheDot(t *testing.T) {
	inWorld(t, func(w *world) {
		hooked := 0
		w.Hook = func(point string) {
			if point == outbox.PointNextOpen {
				hooked++
			}
		}
		w.handed()
		w.owe(many(50)...)
		w.work()
		want := 0
		if w.server.pipelining {
			want = 49
		}
		if w.server.opens != want || hooked != want || len(w.server.copies()) != 50 || w.server.dials != 1 ||
			w.server.closed != 0 {
			w.Errorf("%d of 50 envelopes left with a dot, want %d; %d dials", w.server.opens, want, w.server.dials)
		}
	})
}

// ending is what may happen while the envelope of the second of two mails is open.
type ending struct {
	happens       func(w *world, cancel context.CancelFunc)
	first, second string // how the two mails stand
	dots, closed  int    // closed: with the envelope open
	reason        string
}

func endings() map[string]ending {
	after := func(r outbox.Reply, err error) func(w *world, _ context.CancelFunc) {
		return func(w *world, _ context.CancelFunc) {
			w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
				if nth == 1 {
					return r, err
				}
				return accepted, nil
			}
		}
	}
	return map[string]ending{
		"interrupted": {func(w *world, cancel context.CancelFunc) { w.onceOpen(1, cancel) }, "sent", "queued+", 1, 1, "interrupted"},
		"mail is stopped": {func(w *world, _ context.CancelFunc) {
			stopped := false
			w.onceOpen(1, func() { stopped = true })
			w.Stopped = func(context.Context) (bool, error) { return stopped, nil }
		}, "sent", "queued+", 1, 0, "mail is stopped"},
		"the sender is refused": {after(halted, nil), "queued+", "queued+", 1, 1, "the server refuses this sender: 550 5.7.26 unauthenticated"},
		"the dot is lost":       {after(outbox.Reply{}, errLost), "unknown+", "sent", 2, 1, ""},
		"the dot never left":    {after(outbox.Reply{Verdict: outbox.Unsent}, nil), "sent", "sent", 3, 1, ""},
		"busy at the dot":       {after(busy, nil), "sent", "sent", 3, 1, ""},
		"deferred at the dot":   {after(deferred, nil), "retry+", "sent", 2, 0, ""},
		"refused at the dot":    {after(refused, nil), "failed", "sent", 2, 0, ""},
		"its reader leaves": {func(w *world, _ context.CancelFunc) {
			w.onceOpen(1, func() {
				if _, err := outbox.Skip(context.Background(), w.db, 2, "left", time.Now()); err != nil {
					w.Error(err)
				}
			})
		}, "sent", "skipped", 1, 0, ""},
		"its recipient is refused": {func(w *world, _ context.CancelFunc) {
			w.server.offer = func(m outbox.Mail, nth int) (outbox.Reply, error) {
				if nth == 2 {
					return refused, nil
				}
				return ready, nil
			}
		}, "sent", "failed", 1, 0, ""},
		"the connection is lost": {func(w *world, _ context.CancelFunc) {
			w.server.offer = func(m outbox.Mail, nth int) (outbox.Reply, error) {
				if nth == 2 {
					return outbox.Reply{}, errLost
				}
				return ready, nil
			}
		}, "sent", "sent", 2, 0, ""},
	}
}

// Whatever ends a run or a connection while an envelope is open: the mail of that envelope stands as before, and at
// most the one whose dot has left is in doubt.
func TestAnOpenEnvelope(t *testing.T) {
	for name, test := range endings() {
		t.Run(name, func(t *testing.T) {
			inMode(t, func(w *world) {
				w.server.pipelining = true
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				test.happens(w, cancel)
				w.handed()
				w.Patience = 2 * time.Minute
				w.owe(many(2)...)
				before := w.due("r2@example.com")
				start := time.Now()
				sum, err := w.Work(ctx)
				if err != nil || sum.Reason != test.reason {
					w.Errorf("%+v, %v", sum, err)
				}
				want := map[string]string{"r1@example.com": test.first, "r2@example.com": test.second}
				if diff := cmp.Diff(want, w.states()); diff != "" {
					w.Error(diff)
				}
				if w.server.opens < 1 || w.server.dots != test.dots {
					w.Errorf("%d opened, %d dots, want %d", w.server.opens, w.server.dots, test.dots)
				}
				if test.second == "queued+" && !w.due("r2@example.com").Equal(before) {
					w.Errorf("due %v, before %v", w.due("r2@example.com"), before)
				}
				if test.closed != w.server.closed {
					w.Errorf("%d connections closed with an envelope open, want %d", w.server.closed, test.closed)
				}
				if d := w.delivery("r2@example.com"); d.Attempts > 1 || d.Doubts > 0 {
					w.Errorf("the second mail stands as %+v", d)
				}
				if waited := time.Since(start); name != "busy at the dot" && waited > 10*time.Second {
					w.Errorf("took %v", waited)
				}
			})
		})
	}
}

func (w *world) delivery(address string) outbox.Delivery {
	w.Helper()
	list, err := outbox.Deliveries(context.Background(), w.db, "issue/1", 0, 1<<20)
	if err != nil {
		w.Fatal(err)
	}
	for _, d := range list {
		if d.Address == address {
			return d
		}
	}
	w.Fatal("no delivery to ", address)
	return outbox.Delivery{}
}

func (w *world) due(address string) time.Time { return w.delivery(address).Due }

// A run that ends begins no other mail, not even by its envelope.
func TestNoEnvelopeOnceItEnds(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		w.Hook = func(point string) {
			if point == outbox.PointAfterMark {
				cancel()
			}
		}
		w.owe(many(9)...)
		sum, err := w.Work(ctx)
		if err != nil || sum.Sent != 1 || w.server.opens != 0 || w.server.offers != 1 {
			w.Errorf("%d opened, %d offers, %+v, %v", w.server.opens, w.server.offers, sum, err)
		}
	})
}

// No envelope leaves before the rate lets its mail leave, and none waits for it on a connection.
func TestRateOfEnvelopes(t *testing.T) {
	inWorld(t, func(w *world) {
		pace, err := outbox.ParsePace("2/m")
		if err != nil {
			t.Fatal(err)
		}
		w.Pace = pace
		var begun []time.Time
		w.server.opened = func(outbox.Mail) { begun = append(begun, time.Now()) }
		w.server.offer = func(m outbox.Mail, nth int) (outbox.Reply, error) {
			if len(begun) < nth {
				begun = append(begun, time.Now())
			}
			return ready, nil
		}
		w.owe(many(8)...)
		if sum := w.work(); sum.Sent != 8 || len(begun) != 8 {
			w.Errorf("%d begun, %+v", len(begun), sum)
		}
		for i := 2; i < len(begun); i++ {
			if gap := begun[i].Sub(begun[i-2]); gap < time.Minute {
				w.Errorf("mails %d and %d begun within %v", i-1, i+1, gap)
			}
		}
	})
}

// A drop noticed just before the dot decides nothing: no minute's rest, no attempt, no doubt.
func TestDotThatNeverLeft(t *testing.T) {
	unsent := outbox.Reply{Verdict: outbox.Unsent, Text: "connection lost before the dot"}
	inWorld(t, func(w *world) {
		w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			switch nth {
			case 4, 9, 17, 20, 29:
				return unsent, nil
			}
			return accepted, nil
		}
		w.owe(many(30)...)
		start := time.Now()
		sum := w.work()
		if waited := time.Since(start); sum.Sent != 30 || len(w.server.copies()) != 30 || waited > time.Second {
			w.Errorf("after %v: %+v", waited, sum)
		}
		if d := w.delivery("r4@example.com"); d.Attempts != 1 || d.Doubts != 0 {
			w.Errorf("%+v", d)
		}
	})
	t.Run("for ever", func(t *testing.T) {
		inWorld(t, func(w *world) {
			w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) { return unsent, nil }
			w.owe(many(3)...)
			if sum := w.work(); sum.Queued != 3 || sum.Reason == "" || w.server.dots != 5 {
				w.Errorf("%d dots, %+v", w.server.dots, sum)
			}
		})
	})
	t.Run("of a repetition", func(t *testing.T) {
		for _, second := range []outbox.Reply{unsent, deferred, halted, busy, refused} {
			inWorld(t, func(w *world) { // the audit at its end counts the doubts
				w.Patience = -1
				w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
					if nth == 1 {
						return outbox.Reply{}, errLost
					}
					return second, nil
				}
				w.owe("reader@example.com")
				w.work()
				time.Sleep(outbox.RepeatAfter)
				w.work()
				if d := w.delivery("reader@example.com"); d.State != outbox.Unknown || d.Doubts != 1 {
					w.Errorf("%v: %+v", second, d)
				}
			})
		}
	})
}

// A server that takes bodies and answers no dot must not bring the whole list into doubt.
func TestDotsWithoutAnswer(t *testing.T) {
	inWorld(t, func(w *world) {
		w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) { return outbox.Reply{}, errLost }
		w.owe(many(100)...)
		sum := w.work()
		if sum.Unknown != 5 || w.server.dots != 5 || sum.Queued != 100 || sum.Reason == "" || sum.Halted {
			w.Errorf("%d dots, %+v", w.server.dots, sum)
		}
	})
}

// A limited domain holds up nobody else, and holds no line while it waits.
func TestLimitedDomain(t *testing.T) {
	inWorld(t, func(w *world) {
		domains, err := outbox.ParseDomains(map[string]string{"slow.example": "1/m"})
		if err != nil {
			t.Fatal(err)
		}
		w.Domains = domains
		var list []string
		for i := range 4 {
			list = append(list, fmt.Sprintf("s%d@slow.example", i))
		}
		w.owe(append(list, many(100)...)...)
		start := time.Now()
		at := make(map[string]time.Duration)
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			at[m.Address] = time.Since(start)
			return accepted, nil
		}
		if sum := w.work(); sum.Sent != 104 || sum.Reason != "" {
			w.Errorf("%+v", sum)
		}
		for _, a := range many(100) {
			if at[a] > time.Second {
				w.Errorf("%s waited %v", a, at[a])
			}
		}
		for i := 1; i < 4; i++ {
			if gap := at[list[i]] - at[list[i-1]]; gap < time.Minute || gap > 2*time.Minute {
				w.Errorf("mail %d to the slow domain %v after the one before", i, gap)
			}
		}
		if w.server.offers != 104 {
			w.Errorf("%d offers", w.server.offers)
		}
	})
}

// Who wants to know is told of each mail that fails or expires, in the transaction that settles it.
func TestRefusedIsTold(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Patience = -1
		told := make(map[string]outbox.State)
		w.Refused = func(ctx context.Context, q outbox.Querier, d outbox.Delivery) error {
			told[d.Address] = d.State
			stands, ok, err := outbox.Get(ctx, q, d.ID)
			if err != nil || !ok || stands.State != d.State || stands.Reply != d.Reply {
				w.Errorf("told of %+v, the row stands as %+v (%v)", d, stands, err)
			}
			return nil
		}
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			if m.Address == "dot@example.com" {
				return refused, nil
			}
			return accepted, nil
		}
		w.owe("refused@example.com", "dot@example.com", "deferred@example.com", "fine@example.com")
		w.work()
		time.Sleep(outbox.ExpireAfter)
		w.work()
		want := map[string]outbox.State{"refused@example.com": outbox.Failed, "dot@example.com": outbox.Failed, "deferred@example.com": outbox.Expired}
		if diff := cmp.Diff(want, told); diff != "" {
			w.Error(diff)
		}
	})
}
