package outbox_test

import (
	"testing"
	"time"

	"digest/outbox"
)

func TestBackoff(t *testing.T) {
	for id := range int64(2000) {
		first := outbox.Backoff(id, 1)
		if first < 5*time.Minute || first > 15*time.Minute || first != outbox.Backoff(id, 1) {
			t.Fatalf("mail %d waits %v first", id, first)
		}
		if second := outbox.Backoff(id, 2); second != 2*first {
			t.Fatalf("mail %d waits %v, then %v", id, first, second)
		}
		if late := outbox.Backoff(id, 100); late != 4*time.Hour {
			t.Fatalf("mail %d waits %v at last", id, late)
		}
	}
	if outbox.Backoff(1, 1) == outbox.Backoff(2, 1) && outbox.Backoff(2, 1) == outbox.Backoff(3, 1) {
		t.Error("no spread")
	}
}

// Whatever a server says, a mail once in doubt ends sent or stays unknown.
func TestDoubtIsNeverForgotten(t *testing.T) {
	now := time.Unix(1e9, 0)
	for v := outbox.Undecided; v <= outbox.Busy; v++ {
		for _, age := range []time.Duration{0, outbox.ExpireAfter} {
			d := outbox.Delivery{ID: 1, State: outbox.Claimed, Doubts: 1, Owed: now.Add(-age)}
			got := d.Answered(outbox.Reply{Verdict: v}, now, outbox.ExpireAfter)
			if got.State != outbox.Unknown && !(v == outbox.Accepted && got.State == outbox.Sent) {
				t.Errorf("%v makes it %s", v, got.State)
			}
			if v == outbox.Refused && !got.Final() {
				t.Error("a refused repetition is due again")
			}
			if d.Old(now, outbox.ExpireAfter) {
				t.Error("too old, though in doubt")
			}
		}
	}
}

func TestReplyIsCut(t *testing.T) {
	r := outbox.Reply{Enhanced: "5.1.1", Text: string(make([]byte, 1000))}
	if len(r.String()) != 500 {
		t.Errorf("%d bytes", len(r.String()))
	}
}
