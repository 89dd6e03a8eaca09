package outbox_test

import (
	"testing"
	"time"

	"digest/outbox"
)

// What is dated further ahead than the longest window was dated by a wrong clock; what is nearer counts as of now.
func TestSeedFromTheFuture(t *testing.T) {
	now := time.Unix(1e9, 0)
	for ahead, want := range map[time.Duration]int{48 * time.Hour: 100, 61 * time.Minute: 100, 59 * time.Minute: 0, 0: 0} {
		p, err := outbox.ParsePace("100/h")
		if err != nil {
			t.Fatal(err)
		}
		p.Seed([]outbox.Dots{{At: now.Add(ahead), Count: 100}}, now)
		if n, _ := p.Free(now); n != want {
			t.Errorf("%v ahead: %d are free, want %d", ahead, n, want)
		}
	}
}

// A clock set back by more than a window starts it anew with all that counts as of now, one set back by less waits
// for its own time: never more than the limit leaves in a window, and none waits for hours.
func TestClockGoesBack(t *testing.T) {
	start := time.Unix(1e9, 0)
	for back, longest := range map[time.Duration]time.Duration{
		5 * time.Hour: time.Hour + 4*time.Second, 30 * time.Minute: 90*time.Minute + 4*time.Second, time.Second: time.Hour + 5*time.Second,
	} {
		p, err := outbox.ParsePace("10/h")
		if err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if wait := p.Take(start); wait != 0 {
				t.Fatalf("waits %v", wait)
			}
		}
		now := start.Add(-back)
		wait := p.Take(now)
		if wait < time.Hour || wait > longest {
			t.Errorf("%v back: waits %v, want an hour to %v", back, wait, longest)
		}
		if wait := p.Take(now.Add(wait)); wait != 0 {
			t.Errorf("%v back: waits %v more", back, wait)
		}
	}
}

// A limit of a domain whose slots lie hours ahead of a clock that was set back hands out new ones.
func TestDomainClockGoesBack(t *testing.T) {
	d, err := outbox.ParseDomains(map[string]string{"slow.test": "10/m"})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1e9, 0)
	for range 50 {
		d.Take("reader@slow.test", now)
	}
	if wait := d.Take("reader@slow.test", now.Add(-5*time.Hour)); wait > 2*time.Minute {
		t.Errorf("waits %v", wait)
	}
}
