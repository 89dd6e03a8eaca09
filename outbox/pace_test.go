package outbox_test

import (
	"testing"
	"time"

	"digest/outbox"
)

func TestParsePace(t *testing.T) {
	for _, s := range []string{"1/s, 200/h", "30/m", "5000/d", " 1 / s ", "unlimited", ""} {
		if _, err := outbox.ParsePace(s); err != nil {
			t.Errorf("%q: %v", s, err)
		}
	}
	for _, s := range []string{"0/s", "-1/s", "1", "1/w", "x/s", "1/s,", ",", "1.5/s", "1/s 2/h", "99999999999/d"} {
		if p, err := outbox.ParsePace(s); err == nil {
			t.Errorf("%q is %v", s, p)
		}
	}
}

// No window of the length of a limit ever sees more, and what is waited for is there then.
func TestPaceKeepsEveryLimit(t *testing.T) {
	p, err := outbox.ParsePace("3/s, 20/m")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 1234567)
	var taken []time.Time
	for len(taken) < 200 {
		if wait := p.Take(now); wait > 0 {
			now = now.Add(wait)
			if free, again := p.Free(now); free == 0 {
				t.Fatalf("waited %v in vain, %v more", wait, again)
			}
			continue
		}
		taken = append(taken, now)
		now = now.Add(7 * time.Millisecond)
	}
	within := func(n int, span time.Duration) {
		for i := n; i < len(taken); i++ {
			if d := taken[i].Sub(taken[i-n]); d < span {
				t.Fatalf("%d mails in %v", n+1, d)
			}
		}
	}
	within(3, time.Second)
	within(20, time.Minute)
	if took := taken[199].Sub(taken[0]); took > 9*time.Minute+30*time.Second {
		t.Errorf("200 mails took %v", took)
	}
}

func TestBudgetHoldsAcrossRuns(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe(many(30)...)
		for i, want := range []int{10, 0, 10} {
			w.Pace, _ = outbox.ParsePace("10/h")
			sum := w.work()
			if sum.Sent != want || sum.Reason == "" {
				w.Errorf("run %d: %+v", i+1, sum)
			}
			if n := w.count(outbox.Claimed); n != 0 {
				w.Errorf("%d left claimed", n)
			}
			time.Sleep([]time.Duration{30 * time.Minute, 31 * time.Minute, 0}[i])
		}
	})
}

func TestRateWithinPatience(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 3
		w.Pace, _ = outbox.ParsePace("1/s")
		w.owe(many(60)...)
		start := time.Now()
		sum := w.work()
		if took := time.Since(start); sum.Sent != 60 || took < 59*time.Second || took > 65*time.Second {
			w.Errorf("after %v: %+v", took, sum)
		}
	})
}

// The ledger keeps whole seconds: what it dates at one may have been sent as late as its end.
func TestSeedIsCautious(t *testing.T) {
	at := time.Unix(1e9, 0)
	for after, want := range map[time.Duration]bool{60500 * time.Millisecond: false, 61100 * time.Millisecond: true} {
		p, err := outbox.ParsePace("1/m")
		if err != nil {
			t.Fatal(err)
		}
		p.Seed([]outbox.Dots{{At: at, Count: 1}}, at.Add(after))
		if n, _ := p.Free(at.Add(after)); (n > 0) != want {
			t.Errorf("after %v: %d free", after, n)
		}
	}
}

// Until is exactly when a courier that never rests takes the last token.
func TestUntil(t *testing.T) {
	for _, rate := range []string{"30/m", "1/s, 200/h", "3/s, 20/m, 100/h", "7/h, 20/d", "unlimited"} {
		for _, used := range []int{0, 5, 40} {
			p, err := outbox.ParsePace(rate)
			if err != nil {
				t.Fatal(err)
			}
			now := time.Unix(1e9, 123456789)
			p.Seed([]outbox.Dots{{At: now.Add(-50 * time.Second), Count: used / 2}, {At: now, Count: used - used/2}}, now)
			said := p.Until(250, now)
			if again := p.Until(250, now); !again.Equal(said) {
				t.Errorf("%s: %v, then %v", rate, said, again)
			}
			at := now
			for n := 0; n < 250; {
				if wait := p.Take(at); wait > 0 {
					at = at.Add(wait)
					continue
				}
				n++
			}
			if !said.Equal(at) {
				t.Errorf("%s after %d: %v, want %v", rate, used, said.Sub(now), at.Sub(now))
			}
		}
	}
}

func BenchmarkUntil(b *testing.B) {
	p, _ := outbox.ParsePace("1/s, 200/h, 100000/d")
	for b.Loop() {
		p.Until(100_000, time.Unix(1e9, 0))
	}
}
