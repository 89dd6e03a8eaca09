package outbox_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"digest/outbox"
)

func lastRun(w *world) outbox.Run {
	w.Helper()
	r, found, err := outbox.LastRun(context.Background(), w.db, w.path)
	if err != nil || !found {
		w.Fatalf("found %t: %v", found, err)
	}
	return r
}

// A run tells how far it is, once a second at most, to its own process and by the ledger to any other.
func TestProgressWhileAtWork(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, found, err := outbox.LastRun(context.Background(), w.db, w.path); found || err != nil {
			w.Errorf("a run before the first: %v", err)
		}
		w.Pace, _ = outbox.ParsePace("2/s")
		w.owe(append(many(99), "refused@example.com")...)
		begun := time.Now()
		var told []time.Time
		var last outbox.Progress
		w.Report = func(p outbox.Progress) { told, last = append(told, time.Now()), p }
		w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == 60 {
				r := lastRun(w)
				p := r.Progress
				if !r.Working || r.Kind() != "working" || p.Sent < 56 || p.Sent > 59 || p.Sent+p.Owed+p.Failed != 100 {
					w.Errorf("at the 60th: %+v", r)
				}
				if p.Rate < 1.8 || p.Rate > 2.2 {
					w.Errorf("a rate of %v/s", p.Rate)
				}
				if off := p.Until.Sub(begun.Add(49 * time.Second)).Abs(); off > 3*time.Second {
					w.Errorf("the end is expected at %v of %v", p.Until.Sub(begun), 49*time.Second)
				}
			}
			return accepted, nil
		}
		w.work()
		for i := range told[1:] {
			if gap := told[i+1].Sub(told[i]); gap < time.Second && i < len(told)-2 { // the last tells the end
				w.Errorf("told twice in %v", gap)
			}
		}
		if last.Sent != 99 || last.Failed != 1 || last.Owed != 0 || !last.Until.IsZero() {
			w.Errorf("at the end: %+v", last)
		}
		if r := lastRun(w); r.Working || r.Kind() != "done" || r.Progress.Sent != 99 || r.Ended.IsZero() {
			w.Errorf("afterwards: %+v", r)
		}
	})
}

// A run that only waits writes nothing.
func TestProgressRestsWhileNothingHappens(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Pace, _ = outbox.ParsePace("1/m")
		w.owe(many(3)...)
		told := 0
		w.Report = func(outbox.Progress) { told++ }
		w.work()
		if told > 40 { // of 120 seconds
			w.Errorf("told %d times", told)
		}
	})
}

// What a courier wrote before it died is not how things stand.
func TestProgressOfTheDead(t *testing.T) {
	inWorld(t, func(w *world) {
		if _, err := w.db.ExecContext(context.Background(), `
			INSERT INTO couriers (pid, started_at, progress, progress_at) VALUES (1, $1, '{"sent":7,"owed":5,"rate":1}', $1)`, time.Now().Unix()); err != nil {
			w.Fatal(err)
		}
		for range 2 {
			if r := lastRun(w); r.Working || r.Kind() != "died" || r.Progress.Sent != 7 {
				w.Errorf("%+v", r)
			}
			if err := os.WriteFile(w.path+".lock", []byte("1 1\n"), 0o600); err != nil { // left behind, not held
				w.Fatal(err)
			}
		}
	})
}

func TestKindOfEnding(t *testing.T) {
	for want, arrange := range map[string]func(w *world, cancel func()){
		"done": func(*world, func()) {},
		"rate": func(w *world, _ func()) { w.Pace, _ = outbox.ParsePace("1/d") },
		"interrupted": func(w *world, cancel func()) {
			w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) { cancel(); return ready, nil }
		},
		"sender_refused": func(w *world, _ func()) {
			w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) { return halted, nil }
		},
		"too_large": func(w *world, _ func()) {
			w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) {
				return outbox.Reply{Verdict: outbox.Halt, Code: 552, Text: "Message size exceeds fixed limit"}, nil
			}
		},
		"content_refused": func(w *world, _ func()) {
			w.server.dot = func(outbox.Mail, int) (outbox.Reply, error) { return rejected, nil }
		},
		"unreachable": func(w *world, _ func()) { w.server.dial = func(int) error { return errLost } },
		"busy": func(w *world, _ func()) {
			w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) { return busy, nil }
		},
		"stopped": func(w *world, _ func()) {
			w.Stopped = func(context.Context) (bool, error) { return true, nil }
		},
		"other": func(w *world, _ func()) {
			w.Stopped = func(context.Context) (bool, error) { return false, errors.New("no answer") }
		},
	} {
		t.Run(want, func(t *testing.T) {
			inWorld(t, func(w *world) {
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				arrange(w, cancel)
				w.owe(many(4)...)
				sum, _ := w.Work(ctx)
				if r := lastRun(w); r.Kind() != want {
					w.Errorf("%q, for %q", r.Kind(), sum.Reason)
				}
			})
		})
	}
}

func TestTakes(t *testing.T) {
	inWorld(t, func(w *world) {
		now := time.Now()
		takes := func(rate string, limits map[string]string, measured float64) (int, time.Duration) {
			p, err := outbox.ParsePace(rate)
			if err != nil {
				w.Fatal(err)
			}
			n, until, err := outbox.Takes(context.Background(), w.db, p, domains(w.T, limits), measured, now)
			if err != nil {
				w.Fatal(err)
			}
			if until.IsZero() {
				return n, 0
			}
			return n, until.Sub(now)
		}
		if n, took := takes("1/s", nil, 0); n != 0 || took != 0 {
			w.Errorf("nothing is owed, and %d take %v", n, took)
		}
		w.owe(append(many(80), "a@b.test", "b@b.test", "c@B.test")...)
		for _, c := range []struct {
			rate     string
			limits   map[string]string
			measured float64
			want     time.Duration
		}{
			{"unlimited", nil, 0, 0},
			{"1/s", nil, 0, 82 * time.Second},
			{"40/m", nil, 0, 2 * time.Minute},
			{"unlimited", nil, 0.5, 166 * time.Second},
			{"1/s", map[string]string{"b.test": "1/m"}, 0, 2 * time.Minute},
			{"unlimited", map[string]string{"*": "30/m"}, 0, 2 * time.Minute},
		} {
			n, took := takes(c.rate, c.limits, c.measured)
			if n != 83 || took < c.want || took > c.want+time.Second {
				w.Errorf("%+v: %d take %v", c, n, took)
			}
		}
		w.server.offer = func(outbox.Mail, int) (outbox.Reply, error) { return deferred, nil }
		w.Patience = -1
		w.work()
		now = time.Now()
		if n, took := takes("unlimited", nil, 0); n != 83 || took < 5*time.Minute || took > 15*time.Minute {
			w.Errorf("%d to be tried again take %v", n, took)
		}
	})
}
