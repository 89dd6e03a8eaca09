package main

import (
	"fmt"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// failpoint is what one fault at a point of the n-th of five mails leads to.
type failpoint struct {
	fate  fate
	sent  []int // how many mails may have been taken when the run ends
	codes []int // its exit codes
}

// stage is where in a mail's life a point lies.
func stage(point string) string {
	switch point {
	case outbox.PointBeforeClaim, outbox.PointAfterClaim:
		return "claim"
	case outbox.PointOffered, outbox.PointBeforeMark:
		return "before the mark"
	case outbox.PointAfterOutcome:
		return "kept"
	}
	return "after the mark"
}

// expected is the table of crash points for the faults that leave the process alive.
func expected(what, point string, nth int) failpoint {
	before, itself, more := []int{nth - 1}, []int{nth}, []int{nth, min(nth+1, 5)}
	failed, partly := []int{exitFailed}, []int{exitPartly}
	if nth == 5 { // nothing is left for a next time
		partly = []int{0, exitPartly}
	}
	at := stage(point)
	if at == "claim" {
		before = []int{(nth - 1) * claimed}
		partly = []int{exitPartly}
	}
	switch what {
	case loseDisk: // the dot may leave once its mark is down, but its outcome is not kept
		switch at {
		case "claim", "before the mark":
			return failpoint{sent: before, codes: failed}
		case "kept":
			return failpoint{sent: itself, codes: failed}
		}
		return failpoint{fate: fate{marked: true, accepted: true}, sent: itself, codes: failed}
	case fillDisk: // the ballast makes room for the outcome
		switch at {
		case "claim", "before the mark":
			return failpoint{sent: before, codes: failed}
		}
		if nth == 5 {
			failed = []int{0, exitFailed}
		}
		return failpoint{sent: itself, codes: failed}
	case getStopped: // asked before the mark
		switch at {
		case "claim", "before the mark":
			return failpoint{sent: before, codes: []int{exitPartly}}
		}
		return failpoint{sent: itself, codes: partly}
	}
	switch at { // the mail in flight is finished
	case "claim":
		return failpoint{sent: before, codes: []int{exitPartly}}
	case "kept":
		return failpoint{sent: more, codes: []int{0, exitPartly}}
	}
	return failpoint{sent: itself, codes: partly}
}

// TestFailpoints lets the disk fail, fill up, a signal come and the panic button
// be pressed at every point of the first, the middle and the last mail.
func TestFailpoints(t *testing.T) {
	for _, what := range []string{loseDisk, fillDisk, getSIGTERM, getStopped} {
		for _, x := range passages() {
			bothPolicies(t, fmt.Sprint(what, " ", x.point, " ", x.nth), func(t *testing.T, policy outbox.Policy) {
				failAt(t, what, x, policy)
			})
		}
	}
}

// staged sets a fault: a scene, and the file by which its disk is filled up; nil
// where no small disk can be had.
func staged(t *testing.T, what string, p plot) (w *scene, file string) {
	t.Helper()
	if what != fillDisk {
		return newScene(t, p), ""
	}
	d := onDisk(t, p)
	if d == nil {
		return nil, ""
	}
	return d.scene, d.filler
}

func failAt(t *testing.T, what string, x passage, policy outbox.Policy) {
	w, file := staged(t, what, plot{readers: x.readers, inDoubt: policy, approved: true})
	if w == nil {
		return
	}
	want := expected(what, x.point, x.nth)
	e := w.startWith([]string{at(what, x.point, x.nth, file)}, "run").end(t)
	if !slices.Contains(want.codes, e.code) {
		t.Errorf("exit code %d, want one of %v\n%s%s", e.code, want.codes, e.stdout, e.stderr)
	}
	if n := len(w.sink.Accepted()); !slices.Contains(want.sent, n) {
		t.Errorf("%d mails were taken, want one of %v", n, want.sent)
	}
	switch what {
	case fillDisk:
		remove(t, file)
	case getStopped:
		w.must(0, "go-live", "--anyway")
	}
	w.outcome(policy, x.nth, want.fate)
}

// TestFailsAtCommit lets the same happen after the transaction of a mark: its
// dot may leave.
func TestFailsAtCommit(t *testing.T) {
	for _, what := range []string{loseDisk, fillDisk, getSIGTERM, getStopped} {
		for _, nth := range []int{2, 6, 10} { // after that of the claim there are two a mail
			bothPolicies(t, fmt.Sprint(what, " commit ", nth), func(t *testing.T, policy outbox.Policy) {
				w, file := staged(t, what, plot{readers: 5, inDoubt: policy, approved: true})
				if w == nil {
					return
				}
				e := w.startWith([]string{at(what, outbox.PointCommitted, nth, file)}, "run").end(t)
				codes := []int{0, exitPartly}
				if what == loseDisk || what == fillDisk {
					codes = []int{0, exitFailed}
				}
				if !slices.Contains(codes, e.code) || nth < 10 && e.code == 0 {
					t.Errorf("exit code %d, want one of %v\n%s%s", e.code, codes, e.stdout, e.stderr)
				}
				at, f := w.doubtful()
				if f.marked && what != loseDisk {
					t.Errorf("mail %d is in doubt", at)
				}
				switch what {
				case fillDisk:
					remove(t, file)
				case getStopped:
					w.must(0, "go-live", "--anyway")
				}
				w.outcome(policy, at, f)
			})
		}
	}
}

// doubtful is the mail in doubt, 0 for none.
func (w *scene) doubtful() (nth int, f fate) {
	w.Helper()
	list, _ := w.ledger()
	for i, d := range list {
		if d.State == outbox.Dotting {
			nth, f = i+1, fate{true, w.sink.Copies()[d.Address] == 1}
		}
	}
	return nth, f
}

// TestKilledAtCommit kills a run after its n-th transaction: what it held tells
// what must become of the mail it was at.
func TestKilledAtCommit(t *testing.T) {
	for nth := 1; nth <= 9; nth++ {
		bothPolicies(t, fmt.Sprint("commit ", nth), func(t *testing.T, policy outbox.Policy) {
			w := newScene(t, plot{readers: 5, inDoubt: policy, approved: true})
			e := w.startWith([]string{at(beKilled, outbox.PointCommitted, nth, "")}, "run").end(t)
			if e.code != -1 && (e.code != 0 || nth < 6) { // outcome and mark may share a commit
				t.Fatalf("it did not die: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
			}
			nth, f := w.doubtful()
			w.outcome(policy, nth, f)
		})
	}
}

// silent is a run whose server has fallen silent under one of five mails.
type silent struct {
	*scene
	*process
	nth  int
	fate fate
	over func() // lets the server go on, alone
}

// TestSilence is a server that falls silent under a mail, for ever: a minute
// after the run was told to end it cuts the connection. All of them wait at once.
func TestSilence(t *testing.T) {
	t.Parallel()
	var all []silent
	for _, policy := range []outbox.Policy{outbox.Ask, outbox.Repeat} {
		for _, nth := range []int{1, 3, 5} {
			for _, f := range []fate{{}, {marked: true}, {true, true}} {
				all = append(all, silence(t, policy, nth, f))
			}
		}
	}
	for _, s := range all {
		check(t, s.Process.Signal(syscall.SIGTERM))
	}
	for _, s := range all {
		select {
		case <-s.done:
		case <-time.After(3 * time.Minute):
			t.Fatalf("it waits for a silent server: %s%s", s.out.String(), s.err.String())
		}
		s.over()
		if code := s.ProcessState.ExitCode(); code != exitPartly && (code != exitPerson || !s.fate.marked) && (code != 0 || s.nth < 5) {
			t.Errorf("exit code %d, %+v of mail %d: %s", code, s.fate, s.nth, s.err.String())
		}
		for start := time.Now(); s.fate.accepted && s.sink.Copies()[reader(s.nth)] == 0; time.Sleep(time.Millisecond) {
			if time.Since(start) > time.Minute {
				t.Fatal("the server did not take the mail")
			}
		}
		s.settledAfter(s.from.inDoubt, s.nth, s.fate)
	}
}

func silence(t *testing.T, policy outbox.Policy, nth int, f fate) silent {
	t.Helper()
	came, mute := make(chan struct{}), make(chan struct{})
	var first sync.Once
	hush := func(to string) (it bool) {
		if to == reader(nth) {
			first.Do(func() { close(came); <-mute; it = true })
		}
		return it
	}
	config := digesttest.SinkConfig{OnRcpt: func(to string) error { hush(to); return nil }}
	if f.marked {
		config = digesttest.SinkConfig{OnData: func(r digesttest.Received) error {
			if hush(r.To) && !f.accepted {
				return &smtp.SMTPError{Code: 451, Message: "nobody is there to hear it"}
			}
			return nil
		}}
	}
	w := newScene(t, plot{readers: 5, inDoubt: policy, approved: true, sink: config})
	s := silent{scene: w, process: w.start("run"), nth: nth, fate: f, over: sync.OnceFunc(func() { close(mute) })}
	t.Cleanup(s.over)
	s.await(t, came, "the mail")
	return s
}
