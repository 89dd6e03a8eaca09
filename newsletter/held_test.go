package newsletter_test

import (
	"errors"
	"testing"
	"time"

	"digest/outbox"
)

// While another courier works nothing is delivered, and the caller is told so.
func TestDeliverWhileHeld(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.publish()
	l, _, err := outbox.Take(w.ctx, w.DB, w.Path, outbox.Repeat, w.clock.Now())
	w.must(err)
	if sent, err := w.Deliver(w.ctx, w.clock.Now); !errors.Is(err, outbox.ErrHeld) || !sent.Held {
		t.Errorf("%+v, %v", sent, err)
	}
	w.must(l.Release(w.ctx, "", w.clock.Now()))
	if sent, err := w.Deliver(w.ctx, w.clock.Now); err != nil || sent.Sent != 1 {
		t.Errorf("%+v, %v", sent, err)
	}
}
