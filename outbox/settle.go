package outbox

import (
	"context"
	"time"
)

// finished notes that a job's outcome is on disk.
func (r *run) finished() {
	r.open.Add(-1)
	select {
	case r.done <- struct{}{}:
	default:
	}
}

// counts is the summary so far.
func (r *run) counts() Summary {
	r.counting.Lock()
	defer r.counting.Unlock()
	return r.sum
}

// count adds an outcome to the summary.
func (r *run) count(s State) {
	r.counting.Lock()
	defer r.counting.Unlock()
	switch s {
	case Sent:
		r.sum.Sent++
	case Retry:
		r.sum.Retry++
	case Failed:
		r.sum.Failed++
	case Unknown:
		r.sum.Unknown++
	case Skipped:
		r.sum.Skipped++
	case Expired:
		r.sum.Expired++
	}
}

// counted counts an outcome that is on disk, from the committer's goroutine.
func (r *run) counted(s State) {
	r.count(s)
	r.finished()
	r.hook(PointAfterOutcome)
}

// accepted is counted for a sent mail: one function for all of them.
func (r *run) accepted() { r.counted(Sent) }

// outcome hands what became of a job to the committer and does not wait.
func (r *run) outcome(write func(ctx context.Context, l *ledger) error, s State) {
	r.hook(PointBeforeOutcome)
	r.out.say(saying{outcome: true, do: write, after: func() { r.counted(s) }})
}

// giveBack makes a claimed mail due again, as if nothing had happened.
func (r *run) giveBack(j *job, due time.Time) {
	back := j.mail.Returned(due)
	r.putBack(back)
}

// leaveInDoubt gives a repetition up that has no way to go any more: a person decides.
func (r *run) leaveInDoubt(j *job, why string) {
	r.log.Warn("mail in doubt can't be repeated", "delivery", j.mail.ID, "reason", why)
	d := j.mail
	d.State, d.Due, d.Code, d.Reply = Unknown, time.Time{}, 0, why
	r.putBack(d)
}

func (r *run) putBack(d Delivery) {
	d.Changed = r.now()
	r.out.say(saying{outcome: true, after: r.finished, do: func(ctx context.Context, l *ledger) error {
		_, err := l.settle(ctx, Claimed, d)
		return err
	}})
}

// convict marks a refused mail as failed, acquit gives it back. Both are for mails the feeder no longer waits for.
func (r *run) convict(f refusal) {
	r.open.Add(1)
	d := f.mail.Answered(f.reply, r.now(), r.expire)
	r.outcome(func(ctx context.Context, l *ledger) error {
		if f.shut {
			_, err := l.settle(ctx, Claimed, d)
			return err
		}
		return l.decided(ctx, d)
	}, d.State)
}

func (r *run) acquit(f refusal) {
	r.open.Add(1)
	d := f.mail.Returned(r.now())
	d.Code, d.Reply = f.reply.Code, f.reply.String()
	r.putBack(d)
}

// hear tells the jury of an answer; f is nil for one that refuses nobody.
func (r *run) hear(f *refusal) {
	r.judging.Lock()
	defer r.judging.Unlock()
	if f == nil {
		for _, f := range r.jury.heard() {
			r.convict(f)
		}
		return
	}
	r.finished()
	if r.believed[f.mail.Mailing] {
		r.convict(*f)
		return
	}
	decided, reason := r.jury.refuse(*f)
	for _, f := range decided {
		r.convict(f)
	}
	if reason != "" {
		r.halt(reason)
	}
}

// judge settles at the end what the jury has withheld: as the recipients' own, unless the sender was refused.
func (r *run) judge() {
	r.cause.Lock()
	if reason := r.jury.verdict(); reason != "" && !r.cause.halted {
		r.cause.reason, r.cause.halted = refusesSender+reason, true
	}
	halted := r.cause.halted
	r.cause.Unlock()
	for _, f := range r.jury.rest() {
		if halted {
			r.acquit(f)
		} else {
			r.convict(f)
		}
	}
}
