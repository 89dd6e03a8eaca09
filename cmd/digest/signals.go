package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sameSignal is how long after the first signal another is taken for the same
// one: timeout(1) signals its child and then the group the child is in.
const sameSignal = 2 * time.Second

// untilSignal ends the context at the first SIGINT, SIGTERM or SIGHUP (the
// terminal is gone), so that the mail in hand comes to its end. A later one ends
// the process at once, unless it comes within same of the first. What the parent has this process ignore, as nohup does
// with SIGHUP, stays ignored.
func untilSignal(parent context.Context, same time.Duration) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancel(parent)
	heard := make(chan os.Signal, 8)
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signal.Notify(heard, s)
		}
	}
	over := make(chan struct{})
	go heed(heard, over, same, cancel, func(s os.Signal) {
		signal.Reset(s)
		syscall.Kill(os.Getpid(), s.(syscall.Signal))
	})
	return ctx, func() {
		signal.Stop(heard)
		close(over)
		cancel()
	}
}

// heed calls first at the first signal and atOnce at one that comes same later, or more.
func heed(heard <-chan os.Signal, over <-chan struct{}, same time.Duration, first func(), atOnce func(os.Signal)) {
	var since time.Time
	for {
		select {
		case <-over:
			return
		case s := <-heard:
			switch {
			case since.IsZero():
				since = time.Now()
				first()
			case time.Since(since) >= same:
				atOnce(s)
			}
		}
	}
}
