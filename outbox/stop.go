package outbox

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// cause is why a run ends early.
type cause struct {
	sync.Mutex
	reason   string
	fallback string
	halted   bool
	taken    bool
	err      error
	shut     bool
}

// note keeps the first reason why the run ends early.
func (r *run) note(reason string, halted bool, err error) {
	r.cause.Lock()
	defer r.cause.Unlock()
	if r.cause.reason == "" {
		r.cause.reason, r.cause.err = reason, err
	}
	r.cause.halted = r.cause.halted || halted
}

// stop ends the run at once: a mail whose mark is not made yet is dropped with its connection.
func (r *run) stop(reason string, halted bool, err error) {
	r.note(reason, halted, err)
	r.cause.Lock()
	defer r.cause.Unlock()
	if !r.cause.shut {
		r.cause.shut = true
		close(r.quit)
	}
}

// halt stops the run for an answer about the sender.
func (r *run) halt(what string) { r.stop(refusesSender+what, true, nil) }

const refusesSender = "the server refuses this sender: "

// refused stops the run for an answer that any other mail would get, too.
func (r *run) refused(answer Reply) {
	if answer.tooLarge() {
		r.stop(tooLarge+": "+answer.Text, true, nil)
		return
	}
	r.halt(said(answer))
}

// broken stops the run for what the committer refused to write.
func (r *run) broken(err error) {
	switch {
	case errors.Is(err, errStopped):
		r.stop(err.Error(), false, nil)
	case errors.Is(err, errTaken):
		r.cause.Lock()
		r.cause.taken = true
		r.cause.Unlock()
		r.stop(err.Error(), false, nil)
	default:
		r.stop(err.Error(), false, err)
	}
}

func (r *run) stopping() bool {
	select {
	case <-r.quit:
		return true
	default:
		return false
	}
}

// sleep waits for d, and answers false when the run ends meanwhile.
func (r *run) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
	case <-r.quit:
	}
	return false
}

// lost is why the run stops, or goes over to its second way, when the server is not there.
func lost(n int, err error) string {
	return fmt.Sprintf("%d connections in a row failed, the last with: %v", n, err)
}
