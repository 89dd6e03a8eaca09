package main

import (
	"strings"
	"testing"
	"time"

	"digest/outbox"
)

// TestClockSetBack sends up to the rate under a clock that is two days ahead, and
// sets it right: what was sent is dated in the future and holds nobody up, and
// the rate holds from then on.
func TestClockSetBack(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 30, approved: true, inDoubt: outbox.Ask, rate: "10/h"})
	right := w.at
	for _, step := range []struct {
		at   time.Duration
		sent int
	}{{48 * time.Hour, 10}, {0, 20}, {10 * time.Minute, 20}, {62 * time.Minute, 30}} {
		w.at = right.Add(step.at)
		e := w.run("run")
		if n := len(w.sink.Accepted()); n != step.sent {
			t.Fatalf("%v on: %d mails have been sent, want %d: exit code %d %s%s", step.at, n, step.sent, e.code, e.stdout, e.stderr)
		}
		if step.at != 0 {
			continue
		}
		w.at = right.Add(10 * time.Minute)
		if e := w.must(0, "status"); !strings.Contains(e.stdout, "10 mails are owed; at 10/h they take about 50 minutes") {
			t.Errorf("%s", e.stdout)
		}
	}
	w.each(1)
	w.settled(outbox.Ask, 1)
}
