package main

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"digest/database"
	"digest/digesttest"
	"digest/outbox"
)

const (
	kills        = 1000 // of one round, under one policy
	tortured     = 10000
	lines        = 8
	crowd        = 2000
	twiceAtLeast = 10               // mails in doubt a second time before the killing ends, where they are repeated
	longerOff    = 31 * time.Minute // by then what is in doubt is repeated
	jumps        = 100              // of longerOff in a round: more would be further than a mail is worth sending
)

// settledCodes are those of a run that did what was due: all of it, all but
// what is to be repeated later, all but what is left to the author.
var settledCodes = []int{0, exitPartly, exitPerson}

// TestKilledAtRandom kills a run that sends 10,000 mails over eight connections
// 1,000 times and more, at random moments, and holds what the server took
// against the ledger, both ways. DIGEST_TEST_KILLS asks for so many kills under
// each policy, in rounds of 1,000.
func TestKilledAtRandom(t *testing.T) {
	rounds, wanted := 1, kills
	if n, err := strconv.Atoi(os.Getenv("DIGEST_TEST_KILLS")); err == nil {
		rounds, wanted = max(1, n/kills), min(n, kills)
	}
	for _, policy := range []outbox.Policy{outbox.Ask, outbox.Repeat} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			seed := seedOf(t)
			for round := range rounds {
				k := newKiller(t, policy, wanted, rand.New(rand.NewPCG(seed, uint64(round))))
				k.kill()
				k.settle()
				t.Logf("round %d of %d: %s", round+1, rounds, k)
			}
		})
	}
}

// seedOf chooses where the dice of a test begin, and says how to begin there again.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed, err := strconv.ParseUint(os.Getenv("DIGEST_TEST_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("DIGEST_TEST_SEED=%d", seed)
	return seed
}

// killer kills the runs of one scene.
type killer struct {
	*scene
	policy outbox.Policy
	wanted int
	dice   *rand.Rand
	gate   *gate

	issues, killed           int
	epoch                    int64
	early, flowing, doubtful int // kills before the ledger was taken over, with mails claimed, with one in doubt
	late                     int // kills of runs that had sent more than a dozen mails
	copies, repeated         int
	doubts                   [3]int
}

func newKiller(t *testing.T, policy outbox.Policy, wanted int, dice *rand.Rand) *killer {
	t.Helper()
	g := &gate{}
	k := &killer{policy: policy, wanted: wanted, dice: dice, gate: g, issues: 1}
	k.scene = newScene(t, plot{readers: min(tortured, 10*wanted), connections: lines, inDoubt: policy, approved: true,
		sink: digesttest.SinkConfig{OnData: g.count}})
	return k
}

// kill goes on until enough runs have died, and enough mails were in doubt twice.
func (k *killer) kill() {
	k.Helper()
	for k.killed < k.wanted || k.policy == outbox.Repeat && k.doubts[2] < twiceAtLeast {
		e := k.once()
		if e.code != -1 { // nothing was left to kill it in
			k.finished(e)
			continue
		}
		k.killed++
		before := k.epoch
		states := k.standing(k.killed%50 == 0)
		switch {
		case k.epoch == before:
			k.early++
		case states[outbox.Dotting] > 0:
			k.doubtful++
		case states[outbox.Claimed] > 0:
			k.flowing++
		}
		if dead := states[outbox.Dotting]; dead > lines {
			k.Fatalf("%d mails in doubt over %d connections", dead, lines)
		}
		if k.at = k.at.Add(time.Second); k.killed%max(3, kills/jumps) == 0 {
			k.at = k.at.Add(longerOff)
			k.doubts[2] = k.twice()
		}
	}
	if k.early < k.wanted/50 || k.flowing < k.wanted/50 || k.doubtful < k.wanted/4 || k.late < k.wanted/50 {
		k.Errorf("the kills did not come at all times: %s", k)
	}
}

// once starts a run and kills it: mostly some mails after the server has taken
// the first, a few or many, and now and then at any moment from its start, or
// before a mark, while mails are claimed and none is in doubt.
func (k *killer) once() ended {
	k.Helper()
	n := 1 + k.dice.IntN(12)
	if k.dice.IntN(8) == 0 {
		n = 13 + k.dice.IntN(140)
	}
	reached := k.gate.after(n)
	delay := time.Duration(k.dice.IntN(3000)) * time.Microsecond
	var env []string
	switch k.dice.IntN(8) {
	case 0, 1:
		soon := make(chan struct{})
		close(soon)
		reached, delay = soon, time.Duration(k.dice.IntN(40000))*time.Microsecond
	case 2:
		env = []string{at(beKilled, outbox.PointAfterClaim, 1, "")}
		if k.dice.IntN(3) > 0 {
			points := []string{outbox.PointOffered, outbox.PointBeforeMark}
			env = []string{at(beKilled, points[k.dice.IntN(len(points))], 1+k.dice.IntN(30), "")}
		}
		reached = nil
	}
	before := len(k.sink.Accepted())
	p := k.startWith(env, "run")
	select {
	case <-reached:
		time.Sleep(delay)
		p.Process.Kill()
	case <-p.done:
	}
	e := p.end(k)
	if e.code == -1 && len(k.sink.Accepted())-before > 12 {
		k.late++
	}
	return e
}

// finished makes more work once a run has come to its end.
func (k *killer) finished(e ended) {
	k.Helper()
	if !slices.Contains(settledCodes, e.code) {
		k.Fatalf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
	}
	if e.code != exitPartly {
		k.issues++
		k.next(k.issues)
	}
	k.at = k.at.Add(longerOff)
}

// standing counts the states a kill has left, and now and then looks at every
// page and proves the ledger: each start does the former itself, more quickly.
func (k *killer) standing(whole bool) (states map[outbox.State]int) {
	k.Helper()
	k.reading(func(tx *sql.Tx) (err error) {
		if states, err = outbox.CountsAll(k.Context(), tx); err != nil {
			return err
		}
		if k.epoch, err = outbox.Epoch(k.Context(), tx); err != nil {
			return err
		}
		sum := 0
		for _, n := range states {
			sum += n
		}
		if sum != k.issues*k.from.readers {
			k.Errorf("%d mails are owed, want %d of %d issues", sum, k.from.readers, k.issues)
		}
		if !whole {
			return nil
		}
		report, err := outbox.Audit(k.Context(), tx)
		if len(report.Broken) > 0 {
			k.Errorf("broken: %v", report.Broken)
		}
		return err
	})
	if whole {
		db, err := database.OpenReadOnly(k.Context(), k.path("digest.db"))
		check(k.T, err)
		defer db.Close()
		check(k.T, database.Check(k.Context(), db))
	}
	return states
}

// settle lets the rest be sent, and compares.
func (k *killer) settle() {
	k.Helper()
	for range 3 {
		k.at = k.at.Add(longerOff)
		if e := k.run("run"); !slices.Contains(settledCodes, e.code) {
			k.Fatalf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
		}
	}
	k.must(0, "run")
	k.standing(true)
	k.copies, k.doubts = k.settled(k.policy, k.issues)
	states := k.audit()
	distinct := k.issues*k.from.readers - states[outbox.Unknown]
	if k.repeated = k.copies - distinct; k.policy == outbox.Repeat && k.repeated > k.killed*lines {
		k.Errorf("%d extra copies by %d kills of %d connections", k.repeated, k.killed, lines)
	}
	if k.policy == outbox.Ask && (k.copies < states[outbox.Sent] || k.copies > states[outbox.Sent]+states[outbox.Unknown]) {
		k.Errorf("%d copies of %v", k.copies, states)
	}
}

func (k *killer) String() string {
	return fmt.Sprintf("%d kills under %s: %d before the ledger was taken over, %d with mails claimed, %d with one in doubt, %d after a dozen mails; "+
		"%d issues, %d mails owed, %d copies taken; %d mails in doubt once, %d twice",
		k.killed, k.policy, k.early, k.flowing, k.doubtful, k.late, k.issues, k.issues*k.from.readers, k.copies, k.doubts[1], k.doubts[2])
}

// next approves one more issue for all, of a post a month before.
func (w *scene) next(n int) {
	w.Helper()
	month := time.Date(2026, time.Month(2-n), 10, 9, 0, 0, 0, time.UTC)
	older := slices.Clone(january)
	for i := 2; i <= n; i++ {
		older = append(older, item{"An older post", "Long ago.", time.Date(2026, time.Month(2-i), 10, 9, 0, 0, 0, time.UTC)})
	}
	w.write("feed.xml", rss(older...))
	w.must(0, "run")
	w.must(0, "issue", "draft", "monthly", month.Format("2006-01"))
	w.must(0, "issue", "approve", strconv.Itoa(n))
}

// gate counts what a server takes, and opens after a number of mails.
type gate struct {
	mu   sync.Mutex
	left int
	open chan struct{}
}

func (g *gate) count(digesttest.Received) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.left--; g.left == 0 {
		close(g.open)
	}
	return nil
}

// after is closed once n more mails have come.
func (g *gate) after(n int) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left, g.open = n, make(chan struct{})
	return g.open
}
