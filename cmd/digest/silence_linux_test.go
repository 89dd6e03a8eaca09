package main

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// hush is a server that falls silent once it is told to: for ever, but for the
// end of the test.
type hush struct {
	told, once  atomic.Bool
	came, over  chan struct{} // closed when it has fallen silent, and when it goes on
	atDot, take bool          // it is silent at a dot, not at a recipient, and takes that mail in the end
}

func (h *hush) silent() bool {
	if !h.told.Load() || !h.once.CompareAndSwap(false, true) {
		return false
	}
	close(h.came)
	<-h.over
	return true
}

func (h *hush) sink() digesttest.SinkConfig {
	if !h.atDot {
		return digesttest.SinkConfig{OnRcpt: func(string) error { h.silent(); return nil }}
	}
	return digesttest.SinkConfig{OnData: func(digesttest.Received) error {
		if h.silent() && !h.take {
			return &smtp.SMTPError{Code: 451, Message: "nobody is there to hear it"}
		}
		return nil
	}}
}

// TestTimeOut lets the server fall silent at every point of the first, the
// middle and the last mail, and tells the run to end: its time runs out.
func TestTimeOut(t *testing.T) {
	for _, x := range passages() {
		bothPolicies(t, fmt.Sprint(x.point, " ", x.nth), func(t *testing.T, policy outbox.Policy) { timeOut(t, x, policy) })
	}
}

func timeOut(t *testing.T, x passage, policy outbox.Policy) {
	h := &hush{came: make(chan struct{}), over: make(chan struct{}), atDot: stage(x.point) != "claim",
		take: x.point == outbox.PointOffered || x.point == outbox.PointAfterMark}
	w := newScene(t, plot{readers: x.readers, inDoubt: policy, approved: true, sink: h.sink()})
	over := sync.OnceFunc(func() { close(h.over) })
	t.Cleanup(over)
	pipe := w.path("pipe")
	check(t, syscall.Mkfifo(pipe, 0o600))
	p := w.startWith([]string{at(waitThere, x.point, x.nth, pipe), graceOf + "=100ms"}, "run")
	w.during(p, pipe, func() { h.told.Store(true) })

	victim, f, codes := x.nth, fate{marked: true, accepted: h.take}, []int{exitPartly, exitPerson}
	switch {
	case !h.atDot:
		victim, f, codes = (x.nth-1)*claimed+1, fate{}, []int{exitPartly}
	case x.point == outbox.PointBeforeDot || x.point == outbox.PointAfterMark || stage(x.point) == "before the mark":
	case x.nth == 5: // its answer has been read, and nothing follows
		f, codes = fate{}, []int{0}
	default:
		victim++
	}
	select {
	case <-h.came:
		check(t, p.Process.Signal(syscall.SIGTERM))
	case <-p.done:
		if codes[0] != 0 {
			t.Error("the server was never silent")
		}
	}
	e := p.end(t)
	if victim == 5 && f.marked { // nothing else is left for a next time
		codes = append(codes, 0)
	}
	if !slices.Contains(codes, e.code) {
		t.Errorf("exit code %d, want one of %v: %s%s", e.code, codes, e.stdout, e.stderr)
	}
	over()
	for start := time.Now(); f.accepted && w.sink.Copies()[reader(victim)] == 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > time.Minute {
			t.Fatal("the server did not take the mail")
		}
	}
	w.settledAfter(policy, victim, f)
}
