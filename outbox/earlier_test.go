package outbox_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"digest/outbox"
)

// badImport refuses two of three readers, each in words that name them.
func badImport(m outbox.Mail, _ int) (outbox.Reply, error) {
	if m.Subscriber%3 == 0 {
		return ready, nil
	}
	name := string('a'+rune(m.Subscriber%26)) + string('a'+rune(m.Subscriber/26%26))
	return outbox.Reply{Verdict: outbox.Refused, Code: 550, Enhanced: "5.1.1", Text: "user " + name + " is unknown"}, nil
}

// The breaker remembers what earlier runs were answered: a slow rate is no way round it, and a person's word is.
func TestBreakerAcrossRuns(t *testing.T) {
	for _, rate := range []string{"4/h", "60/h"} {
		t.Run(rate, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Patience = -1
				w.server.offer = badImport
				w.owe(many(60)...)
				halts := 0
				for range 12 {
					w.Pace = pace(t, rate)
					if w.work().Halted {
						halts++
					}
					time.Sleep(time.Hour + time.Minute)
				}
				if n := w.count(outbox.Failed); halts == 0 || n >= 5 {
					w.Errorf("%d runs halted, %d readers marked", halts, n)
				}
				if err := outbox.Believe(context.Background(), w.db, "issue/1"); err != nil {
					t.Fatal(err)
				}
				w.Pace = nil
				if sum := w.work(); sum.Halted || w.count(outbox.Failed) != 40 || w.count(outbox.Sent) != 20 {
					w.Errorf("believed: %+v, %v", sum, w.states())
				}
			})
		})
	}
}

// One in twenty of a hundred counts over all the runs of a mailing.
func TestBreakerAddsRunsUp(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Patience = -1
		w.server.offer = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			if m.Subscriber%15 == 0 {
				return refused, nil
			}
			return ready, nil
		}
		w.owe(many(240)...)
		halted := false
		for range 4 {
			w.Pace = pace(t, "60/h")
			halted = w.work().Halted || halted
			time.Sleep(time.Hour + time.Minute)
		}
		if n := w.count(outbox.Failed); !halted || n > 8 {
			w.Errorf("halted %v, %d readers marked", halted, n)
		}
	})
}

func pace(t *testing.T, rate string) *outbox.Pace {
	t.Helper()
	p, err := outbox.ParsePace(rate)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Readers for whom the server is always busy, or refuses the sender, keep nobody else waiting: not at the head of the
// list, and not for longer than a run.
func TestBadHeadOfTheList(t *testing.T) {
	for name, answer := range map[string]outbox.Reply{"busy": busy, "sender refused": halted} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Patience = -1
				w.server.offer = func(m outbox.Mail, _ int) (outbox.Reply, error) {
					if m.Subscriber <= 2 {
						return answer, nil
					}
					return ready, nil
				}
				w.owe(many(20)...)
				for range 6 {
					w.work()
					time.Sleep(time.Hour)
				}
				if n := w.count(outbox.Sent); n != 18 {
					w.Errorf("%d sent", n)
				}
				for _, a := range many(2) {
					if d := w.delivery(a); d.Attempts != 0 || d.Due.IsZero() {
						w.Errorf("%+v", d)
					}
				}
			})
		})
	}
}

// The rates hold for the dots, however long the server takes to come to them.
func TestRateAtTheDot(t *testing.T) {
	for name, limit := range map[string]func(w *world){
		"rate":   func(w *world) { w.Pace = pace(w.T, "1/s") },
		"domain": func(w *world) { w.Domains, _ = outbox.ParseDomains(map[string]string{"example.com": "1/s"}) },
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, func(w *world) {
				w.Connections = 16
				limit(w)
				free := time.Now().Add(12 * time.Second)
				w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) {
					time.Sleep(time.Until(free))
					return ready, nil
				}
				var dots []time.Time
				w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) {
					w.server.mu.Lock()
					defer w.server.mu.Unlock()
					dots = append(dots, time.Now())
					return accepted, nil
				}
				w.owe(many(30)...)
				sum := w.work()
				slices.SortFunc(dots, time.Time.Compare)
				for i := 1; i < len(dots); i++ {
					if d := dots[i].Sub(dots[i-1]); d < time.Second {
						w.Fatal(fmt.Sprintf("dots %d and %d are %v apart", i-1, i, d))
					}
				}
				if sum.Sent != 30 {
					w.Errorf("%+v", sum)
				}
			})
		})
	}
}
