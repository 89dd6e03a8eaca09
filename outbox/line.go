package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// idleAfter is how long an unused connection is kept: a server closes it sooner or later, and not politely.
const idleAfter = 10 * time.Second

// line works mails off over one connection at a time.
type line struct {
	*run
	ctx    context.Context // the caller's: once it is done no further mail is begun
	conn   Line
	streak int   // connections lost in a row
	since  int64 // run.replies when the streak began
}

// work ends when there are no more mails, or when this line is over; with the last line the run is.
func (l *line) work() {
	defer l.close()
	for j := l.next(); j != nil; j = l.next() {
		if l.carry(j) {
			continue
		}
		if l.lines.Add(-1) == 0 && !l.ending() {
			l.stop("every connection has ended", false, nil)
		}
		return
	}
}

// next waits for a mail; nil when there will be none for this line.
func (l *line) next() *job {
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for {
		if l.ending() {
			return nil
		}
		select {
		case j := <-l.jobs:
			return j
		case <-idle.C:
			l.close()
		case <-l.ctx.Done():
		case <-l.quit:
		}
	}
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn = nil
	}
}

// ending reports whether no further mail may be begun.
func (l *line) ending() bool { return l.ctx.Err() != nil || l.stopping() }

// carry brings one mail to its outcome. It answers false when this line is over.
func (l *line) carry(j *job) bool {
	for {
		if l.narrowed() || !l.token(j) {
			l.giveBack(j, j.from)
			return false
		}
		if err := l.dial(); err != nil {
			if l.lost(err) {
				continue
			}
			l.giveBack(j, j.from)
			return false
		}
		reply, err := l.offer(j)
		if err == nil {
			if reply.Verdict != Busy {
				l.streak = 0
				l.replies.Add(1)
			}
			return l.offered(j, reply)
		}
		if l.broke(j, err) {
			return true
		}
		if errors.Is(err, errWords) {
			continue
		}
		if j.losses++; !l.lost(err) {
			l.giveBack(j, l.now())
			return false
		}
		if j.losses > 1 { // twice under the same mail: let others go first
			l.giveBack(j, l.now())
			return true
		}
	}
}

// narrowed reports whether a busy server has left the run to another line.
func (l *line) narrowed() bool {
	s := l.survivor.Load()
	return s != nil && s != l
}

// token waits for the rate. It answers false when the run ends first.
func (l *line) token(j *job) bool {
	var idle time.Duration
	for !l.ending() {
		if j.paced {
			return true
		}
		wait := l.Pace.Take(l.now())
		if wait == 0 {
			j.paced = true
			return true
		}
		if wait > idleAfter {
			l.close()
		}
		if !l.await(l.ctx, min(wait, glance), wait, &idle) {
			return false
		}
	}
	return false
}

func (l *line) dial() error {
	if l.conn != nil {
		return nil
	}
	conn, err := l.Dial(l.wire)
	if err != nil {
		return err
	}
	l.conn = conn
	return nil
}

// lost closes the connection and waits before the next. It answers false when this line is over: the run ends, the
// sender is refused, or five connections in a row were lost. The run is over with it, unless another line has had
// answers meanwhile.
func (l *line) lost(err error) bool {
	l.close()
	var halt interface{ Halt() bool }
	if errors.As(err, &halt) && halt.Halt() {
		l.halt(err.Error())
		return false
	}
	if l.streak == 0 {
		l.since = l.replies.Load()
	}
	l.streak++
	l.log.Warn("connection lost", "in_a_row", l.streak, "error", err)
	if l.streak >= lossesInARow {
		if l.replies.Load() == l.since || l.lines.Load() == 1 {
			l.stop(lost(l.streak, err), false, nil)
		}
		return false
	}
	return l.sleep(l.ctx, time.Second<<(l.streak-1), nil)
}

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
	reply, err = l.conn.Offer(l.wire, j.offer(l.now()))
	if err == nil && (reply.Verdict == Undecided || reply.Verdict == Accepted) {
		err = fmt.Errorf("offering a mail: answer %d decides nothing", reply.Code)
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
	switch reply.Verdict {
	case Ready:
		return l.finish(j)
	case Halt:
		l.close()
		l.giveBack(j, j.from)
		l.halt(said(reply))
		return false
	case Busy:
		l.giveBack(j, j.from)
		return l.busy(reply)
	case Refused:
		l.hear(&refusal{mail: j.mail, reply: reply})
		return true
	}
	l.answer(reply)
	d := j.mail.Answered(reply, l.now(), l.expire)
	l.outcome(func(ctx context.Context, w *ledger) error { return w.decided(ctx, d) }, d.State)
	return true
}

// finish marks the mail, sends its dot and hands the outcome over. The outcome of this line's mail before is on disk
// with the mark at the latest, since sayings keep their order: one mail in doubt per connection.
func (l *line) finish(j *job) bool {
	l.hook(PointBeforeMark)
	if l.stopping() {
		l.close()
		l.giveBack(j, j.from)
		return false
	}
	var attempt int64
	err := l.out.ask(saying{do: func(ctx context.Context, w *ledger) (err error) {
		attempt, err = w.mark(ctx, j.mail, l.now())
		return err
	}})
	if err != nil {
		l.close()
		l.broken(err)
		l.giveBack(j, j.from)
		return false
	}
	l.hook(PointAfterMark)
	if attempt == 0 { // after 354 the only way back is to close the connection
		l.close()
		l.out.say(saying{outcome: true, do: nothing, after: func() { l.count(Skipped); l.finished() }})
		return true
	}
	l.hook(PointBeforeDot)
	reply, err := l.dot()
	l.hook(PointAfterDot)
	return l.dotted(j, attempt, reply, err)
}

func nothing(context.Context, *ledger) error { return nil }

// dot turns a panic into doubt.
func (l *line) dot() (reply Reply, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("sending the dot: %v", p)
		}
	}()
	return l.conn.Dot(l.wire)
}

func (l *line) dotted(j *job, attempt int64, reply Reply, err error) bool {
	if err == nil && (reply.Verdict == Ready || reply.Verdict == Undecided) {
		err = fmt.Errorf("reading the answer to the dot: %d decides nothing", reply.Code)
	}
	if err != nil {
		l.close()
		l.log.Warn("mail in doubt", "delivery", j.mail.ID, "error", err)
		d := j.mail.Doubted(l.InDoubt, err.Error(), l.now())
		l.ended(attempt, d.State, d)
		return true
	}
	d := j.mail.Answered(reply, l.now(), l.expire)
	switch reply.Verdict {
	case Refused:
		d = j.mail // withheld: definitely not accepted, so claimed is what it is
		d.State, d.Due, d.Code, d.Reply, d.Changed = Claimed, time.Time{}, reply.Code, reply.String(), l.now()
		l.hook(PointBeforeOutcome)
		l.out.say(saying{outcome: true, do: func(ctx context.Context, w *ledger) error {
			return w.answered(ctx, attempt, Failed, d)
		}})
		l.hear(&refusal{mail: j.mail, reply: reply, shut: true})
		return true
	case Halt:
		l.close()
		l.ended(attempt, d.State, d)
		l.halt(said(reply))
		return false
	case Busy:
		l.ended(attempt, d.State, d)
		return l.busy(reply)
	}
	l.answer(reply)
	l.ended(attempt, d.State, d)
	return true
}

func (l *line) ended(attempt int64, outcome State, d Delivery) {
	l.outcome(func(ctx context.Context, w *ledger) error { return w.answered(ctx, attempt, outcome, d) }, d.State)
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

// busy leaves one line and lets the server rest. Too often in a row is as good as not there.
func (l *line) busy(reply Reply) bool {
	l.close()
	l.survivor.CompareAndSwap(nil, l)
	if l.narrowed() {
		return false
	}
	if l.streak == 0 {
		l.since = l.replies.Load()
	}
	if l.streak++; l.streak >= lossesInARow || l.patience < BusyFor {
		l.stop("the server is busy: "+said(reply), false, nil)
		return false
	}
	return l.sleep(l.ctx, BusyFor, nil)
}

func said(r Reply) string { return fmt.Sprintf("%d %s", r.Code, r) }
