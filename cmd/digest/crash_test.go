package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// passage is the n-th passage of a point, and how many mails there are.
type passage struct {
	point        string
	nth, readers int
}

// passages are those of every point by the first, the middle and the last of five
// mails, or of three claims.
func passages() (list []passage) {
	for _, point := range append(outbox.Points(), outbox.PointNextOpen) {
		nth, readers := []int{1, 3, 5}, 5
		switch {
		case claims(point):
			nth, readers = []int{1, 2, 3}, 2*claimed+2
		case point == outbox.PointNextOpen: // after the last there is none
			nth = []int{1, 2, 4}
		}
		for _, n := range nth {
			list = append(list, passage{point, n, readers})
		}
	}
	return list
}

// TestCrashPoints kills a run at every point of the first, the middle and the
// last of five mails, under both policies: the table of crash points, to the mail.
func TestCrashPoints(t *testing.T) {
	doubt := map[string]fate{
		outbox.PointAfterMark: {marked: true}, outbox.PointBeforeDot: {marked: true},
		outbox.PointAfterDot: {true, true}, outbox.PointBeforeOutcome: {true, true}, outbox.PointNextOpen: {true, true},
	}
	for _, x := range passages() {
		bothPolicies(t, fmt.Sprint(x.point, " ", x.nth), func(t *testing.T, policy outbox.Policy) {
			w := newScene(t, plot{readers: x.readers, inDoubt: policy, approved: true})
			p := w.startWith([]string{at(beKilled, x.point, x.nth, "")}, "run")
			if e := p.end(t); e.code != -1 {
				t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
			}
			w.outcome(policy, x.nth, doubt[x.point])
		})
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
					p := w.startWith([]string{at(beKilled, point, nth, "")}, "run")
					if e := p.end(t); e.code != -1 {
						t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
					}
					w.outcome(policy, nth, fate{marked: true})
				})
			}
		}
	}
}

// at is the environment of a command to which something happens.
func at(what, point string, nth int, file string) string {
	return fmt.Sprintf("%s=%s:%s:%d:%s", happensAt, what, point, nth, file)
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
	w.settledAfter(policy, nth, f)
}

// settledAfter asks the same of a courier that could still write down its doubt.
func (w *scene) settledAfter(policy outbox.Policy, nth int, f fate) {
	w.Helper()
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

// TestAnswerAwaited lets the server keep its answer to one dot to itself until
// all other mails are on disk as sent: this one still is in doubt, and when the
// run dies then and the server drops the mail, that is what it is.
func TestAnswerAwaited(t *testing.T) {
	bothPolicies(t, "kept back", func(t *testing.T, policy outbox.Policy) {
		came, answer := make(chan struct{}), make(chan struct{})
		var first sync.Once
		w := newScene(t, plot{readers: 50, connections: 2, inDoubt: policy, approved: true, sink: digesttest.SinkConfig{
			OnData: func(r digesttest.Received) (err error) {
				if r.To == reader(1) {
					first.Do(func() {
						close(came)
						<-answer
						err = &smtp.SMTPError{Code: 451, Message: "nobody is there to hear it"}
					})
				}
				return err
			}}})
		t.Cleanup(sync.OnceFunc(func() { close(answer) }))
		p := w.start("run")
		p.await(t, came, "the mail")
		// The connection may hold one more mail, whose envelope left with the dot.
		w.until("all others are sent", func(states map[outbox.State]int) bool { return states[outbox.Sent] >= 48 })
		p.Process.Kill()
		p.end(t)
		answer <- struct{}{}
		w.outcome(policy, 1, fate{marked: true})
	})
}
