package main

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"digest/database"
	"digest/newsletter"
	"digest/outbox"
)

// daemon makes the passes of `serve`. Watching the feed and carrying the mail
// are two loops, since an issue for a long list takes hours at a slow rate, and
// the next post does not wait for it.
type daemon struct {
	*door
	h        *house
	wake     chan struct{}
	failed   chan error  // what ends the daemon; room for one of each loop and each listener
	clockOff atomic.Bool // this machine's clock can't be right: nothing is carried either
}

func newDaemon(d *door, h *house) *daemon {
	return &daemon{door: d, h: h, wake: make(chan struct{}, 1), failed: make(chan error, 4)}
}

// rouse lets the carrying loop look at once.
func (m *daemon) rouse() {
	select {
	case m.wake <- struct{}{}:
	default: // it is awake already
	}
}

func (m *daemon) watch(ctx context.Context) {
	var said saidOnce
	pause := 0 // minutes: a wrong clock is no reason to ask the feed's server every minute
	m.each(ctx, nil, func() {
		if pause--; pause > 0 {
			return
		}
		passed, looked, err := m.h.Watch(ctx, m.now(), m.at != "")
		if looked && err == nil {
			m.clockOff.Store(passed.ClockOff != 0)
			m.rouse()
			if passed.ClockOff != 0 {
				pause = 15
			}
		}
		if ctx.Err() == nil {
			m.report(&said, passed, err)
		}
	})
}

func (m *daemon) carry(ctx context.Context) {
	var said saidOnce
	m.each(ctx, m.wake, func() {
		if m.clockOff.Load() {
			return
		}
		hide := m.showBar(m.h)
		passed, err := m.h.Carry(ctx, m.now)
		hide()
		if errors.Is(err, outbox.ErrHeld) {
			err = nil // a run from cron has it; the lock is asked for again
		}
		if ctx.Err() == nil || passed.Sent.Unknown > 0 {
			m.report(&said, passed, err)
		}
	})
}

// each calls f at once, every minute, and when it is woken.
func (m *daemon) each(ctx context.Context, wake <-chan struct{}, f func()) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for ctx.Err() == nil {
		f()
		select {
		case <-ctx.Done():
		case <-tick.C:
		case <-wake:
		}
	}
}

// saidOnce is what a loop has complained of last: the daemon does not say the
// same thing every minute.
type saidOnce struct {
	problem  string
	standing newsletter.Standing
}

// distrusted reports an error after which nobody knows what of the database is
// good. Only a new process opens it anew, and checks it before mail leaves.
func distrusted(err error) bool {
	if errors.Is(err, outbox.ErrDamaged) {
		return true
	}
	cause := database.Cause(err)
	return cause == database.ErrIO || cause == database.ErrCorrupt
}

func (m *daemon) report(said *saidOnce, p newsletter.Passed, err error) {
	problem := p.Sent.Reason
	if err != nil {
		problem = err.Error()
	}
	again := problem != "" && problem == said.problem
	if p.Standing == said.standing && p.Standing == newsletter.Copied {
		p.Standing = newsletter.Live // told already
	} else {
		said.standing = p.Standing
	}
	said.problem = problem
	switch {
	case again:
	case err != nil:
		code := m.explain(err)
		if distrusted(err) {
			m.failed <- exit(code)
		}
	default:
		m.tellPass(p)
	}
}
