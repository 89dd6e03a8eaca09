package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

const (
	kills        = 300
	crowd        = 2000
	twiceAtLeast = 10               // mails in doubt a second time before the killing ends, where they are repeated
	longerOff    = 31 * time.Minute // by then what is in doubt is repeated
)

// TestKilledAtRandom kills a run that sends 2,000 mails over four connections,
// 300 times and more at random moments, and holds what the server took against the
// ledger, both ways.
func TestKilledAtRandom(t *testing.T) {
	for _, policy := range []outbox.Policy{outbox.Ask, outbox.Repeat} {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			killAtRandom(t, policy, rand.New(rand.NewPCG(seedOf(t), 0)))
		})
	}
}

// settledCodes are those of a run that did what was due: all of it, all but
// what is to be repeated later, all but what is left to the author.
var settledCodes = []int{0, exitPartly, exitPerson}

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

func killAtRandom(t *testing.T, policy outbox.Policy, dice *rand.Rand) {
	gate := &gate{}
	w := newScene(t, plot{readers: crowd, connections: 4, inDoubt: policy, approved: true,
		sink: digesttest.SinkConfig{OnData: gate.count}})
	issues, killed, flowing, dotting := 1, 0, 0, 0
	for killed < kills || policy == outbox.Repeat && w.twice() < twiceAtLeast {
		reached := gate.after(1 + dice.IntN(7))
		delay := time.Duration(dice.IntN(3000)) * time.Microsecond
		p := w.start("run")
		select {
		case <-reached:
			time.Sleep(delay)
			p.Process.Kill()
		case <-p.done:
		}
		e := p.end(t)
		if e.code != -1 { // nothing was left to kill it in
			if !slices.Contains(settledCodes, e.code) {
				t.Fatalf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
			}
			if e.code != exitPartly {
				issues++
				w.next(issues)
			}
			w.at = w.at.Add(longerOff)
			continue
		}
		killed++
		states := w.audit()
		if states[outbox.Claimed]+states[outbox.Dotting] > 0 {
			flowing++
		}
		if states[outbox.Dotting] > 0 {
			dotting++
		}
		// 300 times would be further than a mail is worth sending.
		if w.at = w.at.Add(time.Second); killed%3 == 0 {
			w.at = w.at.Add(longerOff)
		}
	}
	if flowing < kills*3/4 || dotting < kills/4 {
		t.Errorf("only %d kills hit a run with mails claimed, and %d one with a mail in doubt", flowing, dotting)
	}
	for range 3 {
		w.at = w.at.Add(longerOff)
		if e := w.run("run"); !slices.Contains(settledCodes, e.code) {
			t.Fatalf("exit code %d\n%s%s", e.code, e.stdout, e.stderr)
		}
	}
	w.must(0, "run")
	copies, doubts := w.settled(policy, issues)
	t.Logf("%d kills, %d of them with mails claimed, %d with a mail in doubt; %d issues, %d mails owed, %d copies taken; states %v, %d in doubt once, %d twice",
		killed, flowing, dotting, issues, issues*crowd, copies, w.audit(), doubts[1], doubts[2])
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

// TestCrashPoints kills a run at every point of the first, the middle and the
// last of five mails, under both policies: the table of crash points, to the mail.
func TestCrashPoints(t *testing.T) {
	// A claim takes all five at once.
	once := map[string]bool{outbox.PointBeforeClaim: true, outbox.PointAfterClaim: true}
	doubt := map[string]fate{
		outbox.PointAfterMark: {marked: true}, outbox.PointBeforeDot: {marked: true},
		outbox.PointAfterDot: {true, true}, outbox.PointBeforeOutcome: {true, true},
	}
	for _, point := range outbox.Points() {
		for _, nth := range []int{1, 3, 5} {
			if once[point] && nth > 1 {
				continue
			}
			bothPolicies(t, fmt.Sprint(point, " of mail ", nth), func(t *testing.T, policy outbox.Policy) {
				w := newScene(t, plot{readers: 5, inDoubt: policy, approved: true})
				p := w.startWith([]string{crashAt + "=" + point + ":" + strconv.Itoa(nth)}, "run")
				if e := p.end(t); e.code != -1 {
					t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
				}
				w.outcome(policy, nth, doubt[point])
			})
		}
	}
}

// TestCrashInAnswer kills a run while the server answers one of five mails.
func TestCrashInAnswer(t *testing.T) {
	for _, at := range []struct {
		name string
		sink func(die func(to string) bool) digesttest.SinkConfig
		fate fate
	}{
		{"envelope taken", func(die func(string) bool) digesttest.SinkConfig {
			return digesttest.SinkConfig{OnRcpt: func(to string) error { die(to); return nil }}
		}, fate{}},
		{"dot read, then dropped", func(die func(string) bool) digesttest.SinkConfig {
			return digesttest.SinkConfig{OnData: func(r digesttest.Received) error {
				if die(r.To) {
					return &smtp.SMTPError{Code: 451, Message: "nobody is there to hear it"}
				}
				return nil
			}}
		}, fate{marked: true}},
		{"accepted, 250 not sent yet", func(die func(string) bool) digesttest.SinkConfig {
			return digesttest.SinkConfig{OnData: func(r digesttest.Received) error { die(r.To); return nil }}
		}, fate{true, true}},
	} {
		for _, nth := range []int{1, 3, 5} {
			bothPolicies(t, fmt.Sprint(at.name, " of mail ", nth), func(t *testing.T, policy outbox.Policy) {
				victim := make(chan *process, 1)
				var once sync.Once
				var w *scene
				w = newScene(t, plot{readers: 5, inDoubt: policy, approved: true, sink: at.sink(func(to string) (died bool) {
					if to == reader(nth) {
						once.Do(func() {
							p := <-victim
							if !at.fate.marked {
								w.quiet()
							}
							p.Process.Kill()
							<-p.done
							died = true
						})
					}
					return died
				})})
				p := w.start("run")
				victim <- p
				if e := p.end(t); e.code != -1 {
					t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
				}
				w.outcome(policy, nth, at.fate)
			})
		}
	}
}

// TestCrashAfterRefusal kills a run that has read a refusal after the dot and
// not yet kept it: in doubt although refused.
func TestCrashAfterRefusal(t *testing.T) {
	for _, code := range []int{451, 554} {
		for _, point := range []string{outbox.PointAfterDot, outbox.PointBeforeOutcome} {
			for _, nth := range []int{1, 3, 5} {
				bothPolicies(t, fmt.Sprint(code, " ", point, " of mail ", nth), func(t *testing.T, policy outbox.Policy) {
					var once sync.Once
					w := newScene(t, plot{readers: 5, inDoubt: policy, approved: true, sink: digesttest.SinkConfig{
						OnData: func(r digesttest.Received) (err error) {
							if r.To == reader(nth) {
								once.Do(func() { err = &smtp.SMTPError{Code: code, Message: "not this one"} })
							}
							return err
						}}})
					p := w.startWith([]string{crashAt + "=" + point + ":" + strconv.Itoa(nth)}, "run")
					if e := p.end(t); e.code != -1 {
						t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
					}
					w.outcome(policy, nth, fate{marked: true})
				})
			}
		}
	}
}

func bothPolicies(t *testing.T, name string, f func(t *testing.T, policy outbox.Policy)) {
	t.Helper()
	for _, policy := range []outbox.Policy{outbox.Ask, outbox.Repeat} {
		t.Run(name+", "+string(policy), func(t *testing.T) {
			t.Parallel()
			f(t, policy)
		})
	}
}

// fate is what the death of the courier left of one mail: marked on disk or
// not, and accepted by the server or not.
type fate struct{ marked, accepted bool }

// outcome runs the command again, now and when what is in doubt is due, and
// asks for exactly what the table says: of the n-th mail by its fate, and of
// the others one copy each.
func (w *scene) outcome(policy outbox.Policy, nth int, f fate) {
	w.Helper()
	if dotting := w.audit()[outbox.Dotting]; (dotting == 1) != f.marked || dotting > 1 {
		w.Fatalf("%d mails are marked at the crash, want %t", dotting, f.marked)
	}
	code := 0
	switch {
	case f.marked && policy == outbox.Ask:
		code = exitPerson
	case f.marked:
		code = exitPartly
	}
	if e := w.must(code, "run"); strings.Contains(e.stderr, "issue unknown") != (code == exitPerson) {
		w.Errorf("the author is told: %s", e.stderr)
	}
	if listed := w.unknown(1); len(listed) > 1 || listed[reader(nth)] != f.marked {
		w.Errorf("listed as unknown: %v", listed)
	}
	w.at = w.at.Add(longerOff)
	w.must(0, "run")

	want, unknown := 1, 0
	switch {
	case f.marked && policy == outbox.Ask:
		unknown = 1
		if !f.accepted {
			want = 0
		}
	case f.accepted:
		want = 2
	}
	copies := w.sink.Copies()
	for i := 1; i <= w.from.readers; i++ {
		expected := 1
		if i == nth {
			expected = want
		}
		if copies[reader(i)] != expected {
			w.Errorf("%d copies of mail %d, want %d", copies[reader(i)], i, expected)
		}
	}
	w.settled(policy, 1)
	if states := w.audit(); states[outbox.Unknown] != unknown || states[outbox.Sent] != w.from.readers-unknown {
		w.Errorf("states %v, want %d unknown and the rest sent", states, unknown)
	}
}
