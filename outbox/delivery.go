package outbox

import (
	"hash/fnv"
	"strconv"
	"time"
)

// State is where a delivery stands.
type State string

// The states of a delivery. Sent, Failed, Skipped and Expired are final; Unknown is final once nothing is due for it.
const (
	Queued  State = "queued"  // owed, nothing done
	Claimed State = "claimed" // one courier owns it; nothing on the wire that could be accepted
	Dotting State = "dotting" // the final dot may leave, or has left
	Sent    State = "sent"    // the server said 2xx to the dot
	Retry   State = "retry"   // definitely not accepted; not before its due time
	Failed  State = "failed"  // definitely refused for this recipient
	Unknown State = "unknown" // the dot may have been taken; nobody can know
	Skipped State = "skipped" // left, suppressed or erased before the dot
	Expired State = "expired" // too old, never accepted
)

// States lists every state in the order a mail may pass through them.
func States() []State {
	return []State{Queued, Claimed, Dotting, Sent, Retry, Failed, Unknown, Skipped, Expired}
}

// Policy says what becomes of a mail in doubt.
type Policy string

// The policies. The zero value is Repeat.
const (
	Repeat Policy = "repeat" // once more, the same bytes; a second doubt is final
	Ask    Policy = "ask"    // left to a person at once
)

// The times of the rules.
const (
	ExpireAfter = 72 * time.Hour   // since it was owed, for a mail never in doubt
	RepeatAfter = 30 * time.Minute // since the doubt
	BusyFor     = time.Minute      // what a server gets that says it is busy
	longest     = 4 * time.Hour    // between two tries
)

// Delivery is one row of the ledger.
type Delivery struct {
	ID           int64
	Mailing      string
	Subscriber   int64
	Generation   int
	Letter       int64
	Address      string
	Name         string
	TokenVersion int
	Since        time.Time // when the reader subscribed; zero = not said
	State        State
	Due          time.Time // zero: nobody may claim it
	Epoch        int64     // of the courier that claimed it last
	Attempts     int       // answers by which the server decided about this mail
	Doubts       int       // times its dot went out with no answer kept
	Date         time.Time // of its Date header; zero before its first mark
	Owed         time.Time
	Changed      time.Time
	Code         int    // last SMTP reply; 0 = none
	Reply        string // its text, or the sentence that says why; "" once sent: the attempt has it
	Relay        uint32 // the name of the way its last dot went, see Courier.Relay; 0 = none; in doubt it goes no other
}

// Final reports whether nothing more will happen to the delivery by itself.
func (d Delivery) Final() bool {
	switch d.State {
	case Sent, Failed, Skipped, Expired:
		return true
	case Unknown:
		return d.Due.IsZero()
	}
	return false
}

// Answered is the delivery after an answer that decided about it. A mail once in doubt never becomes queued, retry,
// failed or expired again: its first copy may have arrived, so it stays unknown until a copy is known to be accepted.
// Halt and Busy decide nothing and count no attempt; what is neither (Ready, Undecided) is given back.
func (d Delivery) Answered(r Reply, now time.Time, expire time.Duration) Delivery {
	d.Code, d.Reply, d.Changed = r.Code, r.String(), now
	switch r.Verdict {
	case Accepted:
		d.Attempts++
		return d.settled(Sent)
	case Refused:
		d.Attempts++
		return d.settled(Failed)
	case Deferred, Rejected:
		d.Attempts++
		return d.later(now.Add(Backoff(d.ID, d.Attempts)), expire)
	case Busy:
		return d.later(now.Add(BusyFor), expire)
	}
	return d.Returned(now)
}

// Doubted is the delivery after a dot without an answer.
func (d Delivery) Doubted(p Policy, why string, now time.Time) Delivery {
	d.State, d.Due, d.Changed = Unknown, time.Time{}, now
	d.Code, d.Reply = 0, why
	d.Doubts++
	if p != Ask && d.Doubts == 1 {
		d.Due = now.Add(RepeatAfter)
	}
	return d
}

// Returned is the delivery given back untouched, to be claimed again from due on.
func (d Delivery) Returned(due time.Time) Delivery {
	d.State, d.Due = Queued, due
	if d.Doubts > 0 {
		d.State = Unknown
	}
	return d
}

// Old reports whether the delivery has been owed too long to be sent at all.
func (d Delivery) Old(now time.Time, expire time.Duration) bool {
	return d.Doubts == 0 && now.Sub(d.Owed) >= expire
}

// Lapsed is the delivery given up for its age.
func (d Delivery) Lapsed(now time.Time) Delivery {
	d.Changed = now
	if d.Reply == "" {
		d.Reply = "not sent in time"
	}
	return d.settled(Expired)
}

func (d Delivery) settled(to State) Delivery {
	d.State, d.Due = to, time.Time{}
	if d.Doubts > 0 && to != Sent {
		d.State = Unknown
	}
	return d
}

func (d Delivery) later(due time.Time, expire time.Duration) Delivery {
	if due.Sub(d.Owed) >= expire {
		return d.settled(Expired)
	}
	d.State, d.Due = Retry, due
	if d.Doubts > 0 {
		d.State = Unknown
	}
	return d
}

// Backoff is how long a mail waits after its n-th deferral: 5 to 15 minutes after the first, then twice as long each
// time up to 4 hours. The spread comes from the delivery's id, so the same mail always waits the same time.
func Backoff(delivery int64, n int) time.Duration {
	h := fnv.New32a()
	h.Write(strconv.AppendInt(nil, delivery, 10))
	wait := 5*time.Minute + time.Duration(h.Sum32()%601)*time.Second
	for ; n > 1 && wait < longest; n-- {
		wait *= 2
	}
	return min(wait, longest)
}
