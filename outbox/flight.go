package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"
)

// errWords says that a message could not be made.
var errWords = errors.New("making the message failed")

// offer turns a panic, which can only come from the words of this mail, into an error.
func (l *line) offer(j *job) (reply Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			l.close()
			err = fmt.Errorf("%w: %v", errWords, p)
		}
	}()
	reply, err = l.conn.Offer(l.wire, *j.offer(l.now()))
	switch reply.Verdict {
	case Undecided, Accepted, Unsent:
		if err == nil {
			err = fmt.Errorf("offering a mail: answer %d decides nothing", reply.Code)
		}
	}
	return reply, err
}

// broke settles a mail whose message could twice not be made, and stops the run at the fourth of them.
func (l *line) broke(j *job, err error) bool {
	if !errors.Is(err, errWords) {
		return false
	}
	if j.broke++; j.broke < 2 {
		return false
	}
	l.log.Error("mail can't be made", "delivery", j.mail.ID, "letter", j.mail.Letter, "error", err)
	if l.panics.Add(1) > panicsAllowed {
		l.giveBack(j, j.from)
		l.stop(fmt.Sprintf("%d mails could not be made, the last with: %v", panicsAllowed+1, err), true, nil)
		return true
	}
	l.finished()
	l.convict(refusal{mail: j.mail, reply: Reply{Verdict: Refused, Text: err.Error()}})
	return true
}

// offered acts on the answer to an offer.
func (l *line) offered(j *job, reply Reply) bool {
	l.hook(PointOffered)
	if reply.Verdict == Ready {
		return l.finish(j)
	}
	switch reply.Verdict {
	case Halt:
		l.close()
		d := j.mail.Returned(l.now()) // it may be about this one only: the next run has the others out first
		d.Code, d.Reply = reply.Code, reply.String()
		l.putBack(d)
		l.refused(reply)
		return false
	case Busy:
		return l.busy(j, said(reply))
	}
	l.streak = 0
	if reply.Verdict == Refused {
		l.hear(&refusal{mail: j.mail, reply: reply})
		return true
	}
	l.answer(reply)
	d := j.mail.Answered(reply, l.now(), l.expire)
	l.outcome(func(ctx context.Context, w *ledger) error { return w.decided(ctx, d) }, d.State)
	return true
}

// finish marks the mail, sends its dot and hands the outcome over. The outcome of this line's mail before is on disk
// with the mark at the latest, since sayings keep their order: one mail in doubt per connection. What follows is taken
// in hand only once the mark is made, so that a mark that fails costs no other mail its envelope.
func (l *line) finish(j *job) bool {
	l.hook(PointBeforeMark)
	if l.stopping() {
		l.close()
		l.giveBack(j, j.from)
		return false
	}
	if !l.punctual(j) {
		l.close()
		l.giveBack(j, l.now())
		return true
	}
	if j.mail.Relay = l.Relay; l.way == secondWay {
		j.mail.Relay = l.FallbackRelay
	}
	marked := l.now()
	ours, err := l.out.mark(j.mail, marked)
	if err != nil { // the line ends with it, and its connection
		l.broken(err)
		l.giveBack(j, j.from)
		return false
	}
	l.hook(PointAfterMark)
	if !ours { // after 354 the only way back is to close the connection
		l.close()
		l.out.say(saying{outcome: true, do: nothing, after: func() { l.count(Skipped); l.finished() }})
		return true
	}
	if !l.punctual(j) {
		l.close()
		return l.dotted(j, marked, Reply{Verdict: Unsent, Text: "held back by the rate"}, nil)
	}
	next := l.follow()
	l.hook(PointBeforeDot)
	reply, err := l.dot(next)
	l.hook(PointAfterDot)
	if next != nil {
		l.hook(PointNextOpen)
	}
	return l.dotted(j, marked, reply, err)
}

func nothing(context.Context, *ledger) error { return nil }

// dot turns a panic into doubt.
func (l *line) dot(next *Mail) (reply Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sending the dot: %v", p)
		}
	}()
	return l.conn.Dot(l.wire, next)
}

func (l *line) dotted(j *job, marked time.Time, reply Reply, err error) bool {
	if err == nil && (reply.Verdict == Ready || reply.Verdict == Undecided) {
		err = fmt.Errorf("reading the answer to the dot: %d decides nothing", reply.Code)
	}
	if err != nil {
		return l.doubted(j, marked, err)
	}
	d := j.mail.Answered(reply, l.now(), l.expire)
	if reply.Verdict == Unsent {
		d.Due = j.from // as if it had not been claimed
		l.ended(marked, reply.outcome(), d)
		return l.lost(errors.New(cmp.Or(reply.Text, "lost before the dot")))
	}
	l.doubts = 0
	if reply.Verdict != Busy {
		l.streak = 0
	}
	switch reply.Verdict {
	case Accepted:
		l.carried++
		l.answer(reply)
		l.hook(PointBeforeOutcome)
		l.out.sent(d, marked, l.accepted)
		return true
	case Refused:
		l.carried++
		l.withhold(j, marked, reply)
		return true
	case Halt:
		l.close()
		l.ended(marked, reply.outcome(), d)
		l.refused(reply)
		return false
	case Busy:
		l.ended(marked, reply.outcome(), d)
		return l.busy(nil, said(reply))
	}
	l.carried++
	l.answer(reply)
	l.ended(marked, reply.outcome(), d)
	return true
}

// doubted settles a mail whose dot left without an answer. The mail ahead of it was never asked about: it goes on over
// another connection.
func (l *line) doubted(j *job, marked time.Time, err error) bool {
	l.close()
	l.log.Warn("mail in doubt", "delivery", j.mail.ID, "error", err)
	d := j.mail.Doubted(l.InDoubt, err.Error(), l.now())
	l.ended(marked, Unknown, d)
	if l.doubts++; l.doubts >= doubtsInARow {
		l.stop(fmt.Sprintf("%d mails in a row had no answer to their end, the last with: %v", l.doubts, err), false, nil)
		return false
	}
	return true
}

// withhold keeps a mail claimed that was refused at its dot, until it is known whose refusal it is.
func (l *line) withhold(j *job, marked time.Time, reply Reply) {
	d := j.mail
	d.State, d.Due, d.Code, d.Reply, d.Changed = Claimed, time.Time{}, reply.Code, reply.String(), l.now()
	l.hook(PointBeforeOutcome)
	l.out.say(saying{outcome: true, do: func(ctx context.Context, w *ledger) error {
		return w.answered(ctx, marked, Failed, d)
	}})
	l.hear(&refusal{mail: j.mail, reply: reply, shut: true})
}

func (l *line) ended(marked time.Time, outcome State, d Delivery) {
	l.outcome(func(ctx context.Context, w *ledger) error { return w.answered(ctx, marked, outcome, d) }, d.State)
}

// answer counts an answer that refuses no recipient.
func (l *line) answer(reply Reply) {
	switch reply.Verdict {
	case Rejected:
		if l.rejects.Add(1) == rejectsInARow {
			l.stop("the server refuses the content of the mails: "+said(reply), true, nil)
		}
		return
	case Accepted:
		l.rejects.Store(0)
	}
	l.hear(nil)
}
