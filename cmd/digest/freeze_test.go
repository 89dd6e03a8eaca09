package main

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"digest/outbox"
)

// TestKilledWhileFreezing kills an approval at random moments: an issue is owed
// to all of its readers, or to nobody and still held.
func TestKilledWhileFreezing(t *testing.T) {
	t.Parallel()
	const tries = 30
	w := newScene(t, plot{readers: many, connections: 4, inDoubt: outbox.Ask})
	w.must(0, "issue", "draft", "monthly", "2026-01")
	held, err := os.ReadFile(w.path("digest.db"))
	check(t, err)
	began := time.Now()
	w.must(0, "issue", "approve", "1")
	whole := time.Since(began)
	seed := seedOf(t)
	dice := rand.New(rand.NewPCG(seed, 1))
	before, after := 0, 0
	for range tries {
		os.Remove(w.path("digest.db-wal"))
		os.Remove(w.path("digest.db-shm"))
		w.write("digest.db", string(held))
		p := w.start("issue", "approve", "1")
		time.Sleep(whole/4 + time.Duration(dice.Int64N(int64(whole))))
		p.Process.Kill()
		p.end(t)
		owed := w.audit()[outbox.Queued]
		switch state := w.must(0, "issue", "list").stdout; {
		case owed == 0 && strings.Contains(state, "held"):
			before++
			w.must(0, "issue", "approve", "1")
		case owed == many && strings.Contains(state, "approved"):
			after++
			w.must(exitUsage, "issue", "approve", "1")
		default:
			t.Fatalf("%d mails are owed by: %s", owed, state)
		}
		if s := w.audit(); s[outbox.Queued] != many {
			t.Fatalf("states %v", s)
		}
	}
	t.Logf("%d kills before the freeze was kept, %d after", before, after)
	w.must(0, "run")
	w.each(1)
	w.settled(outbox.Ask, 1)
}
