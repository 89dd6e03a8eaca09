package main

import (
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A signal that comes twice in a moment is one; whoever sends another later means it.
func TestHeed(t *testing.T) {
	for _, tt := range []struct {
		name    string
		after   []time.Duration // from one signal to the next
		atOnce  bool
		without bool // no signal at all
	}{
		{name: "none", without: true},
		{name: "one"},
		{name: "at once again", after: []time.Duration{0}},
		{name: "a moment later", after: []time.Duration{0, sameSignal - 1}},
		{name: "later", after: []time.Duration{sameSignal}, atOnce: true},
		{name: "twice and later", after: []time.Duration{0, time.Hour}, atOnce: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				heard, over := make(chan os.Signal, 8), make(chan struct{})
				first, atOnce := 0, false
				go heed(heard, over, sameSignal, func() { first++ }, func(os.Signal) { atOnce = true })
				want := 0
				if !tt.without {
					want = 1
					heard <- syscall.SIGTERM
				}
				for _, d := range tt.after {
					synctest.Wait()
					time.Sleep(d)
					heard <- syscall.SIGTERM
				}
				synctest.Wait()
				close(over)
				if synctest.Wait(); first != want || atOnce != tt.atOnce {
					t.Errorf("ended %d times, at once: %v", first, atOnce)
				}
			})
		})
	}
}

// The signal that ends the command at once ends it as it would any other: its parent can tell.
func TestKilledByTheLaterSignal(t *testing.T) {
	t.Parallel()
	w, barrier := barred(t, plot{approved: true})
	told := w.path("told")
	p := w.startWith([]string{toldTo + "=" + told, sameFor + "=0s"}, "run")
	barrier.wait(t, p, 1)
	check(t, p.Process.Signal(syscall.SIGTERM))
	w.appears(told)
	check(t, p.Process.Signal(syscall.SIGTERM))
	p.end(t)
	barrier.lift()
	if status := p.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != syscall.SIGTERM {
		t.Errorf("it ended with %v", p.ProcessState)
	}
}
