package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"digest/outbox"
)

// paused is a run that waits at a point of its first mail; what it returns lets it go on.
func (w *scene) paused(name, point string) (p *process, release func()) {
	w.Helper()
	pipe := w.path(name)
	check(w.T, syscall.Mkfifo(pipe, 0o600))
	p = w.startWith([]string{at(waitThere, point, 1, pipe)}, "run")
	there, goOn := make(chan struct{}), make(chan struct{})
	go w.during(p, pipe, func() { close(there); <-goOn })
	p.await(w, there, "the pause")
	return p, func() { close(goOn) }
}

// TestFrozen stops a run with SIGSTOP while mail is out, for as long as the
// machine may sleep: another one finds the lock held and does nothing, and when
// the first goes on everybody has one copy.
func TestFrozen(t *testing.T) {
	t.Parallel()
	w, barrier := barred(t, plot{readers: many, connections: 4, approved: true, inDoubt: outbox.Ask})
	p := w.start("run")
	barrier.wait(t, p, 4)
	check(t, p.Process.Signal(syscall.SIGSTOP))
	barrier.lift()
	for range 3 {
		if e := w.run("run"); e.code != exitLocked || e.stdout+e.stderr != "" {
			t.Errorf("exit code %d, want %d and not a word: %s%s", e.code, exitLocked, e.stdout, e.stderr)
		}
	}
	if n := len(w.sink.Accepted()); n > 4 {
		t.Errorf("%d mails were taken from a run that stands still", n)
	}
	check(t, p.Process.Signal(syscall.SIGCONT))
	if e := p.end(t); e.code != 0 {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	w.each(1)
	w.settled(outbox.Ask, 1)
}

// TestTakenOver takes the lock away from a run that stands still, by removing
// its file, and lets another take over and stand still as well, with the very
// same mails in hand. The first then sends nothing more, and each mail has one
// copy but the one that was in doubt, which has its policy's.
func TestTakenOver(t *testing.T) {
	for _, at := range []struct {
		point  string
		marked bool
	}{{outbox.PointAfterClaim, false}, {outbox.PointOffered, false}, {outbox.PointBeforeMark, false}, {outbox.PointAfterMark, true}} {
		bothPolicies(t, at.point, func(t *testing.T, policy outbox.Policy) {
			w := newScene(t, plot{readers: 5, approved: true, inDoubt: policy})
			zombie, wake := w.paused("zombie", at.point)
			check(t, os.Remove(w.path("digest.db.lock")))
			heir, goOn := w.paused("heir", outbox.PointBeforeMark)
			wake()
			if e := zombie.end(t); e.code != exitLocked || !strings.Contains(e.stderr, "another courier has taken over\nhint: ") {
				t.Errorf("the one that lost its lock ends with %d: %s", e.code, e.stderr)
			}
			sent := 0
			if at.marked { // its dot may leave: the mark was good when it was made
				sent = 1
			}
			if n := len(w.sink.Accepted()); n != sent {
				t.Errorf("%d mails were sent by the one that lost its lock, want %d", n, sent)
			}
			goOn()
			code := 0
			switch {
			case at.marked && policy == outbox.Ask:
				code = exitPerson
			case at.marked:
				code = exitPartly
			}
			if e := heir.end(t); e.code != code {
				t.Errorf("exit code %d, want %d: %s%s", e.code, code, e.stdout, e.stderr)
			}
			w.settledAfter(policy, 1, fate{at.marked, at.marked})
		})
	}
}
