package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// The ways out.
const (
	noWay     = -1
	firstWay  = 0 // Courier.Dial
	secondWay = 1 // Courier.Fallback
)

// doubtsInARow is how many dots in a row may stay without an answer on one line before the run ends: a server that
// takes bodies and answers none would bring the whole list into doubt.
const doubtsInARow = 5

// wayOf is the way a mail goes: a repetition by the one its doubtful dot went, whatever its place in the config is by
// now, any other by the run's.
func (l *line) wayOf(j *job) int {
	switch relay := j.mail.Relay; {
	case j.mail.Doubts == 0:
		return int(l.run.way.Load())
	case relay == 0 || relay == l.Relay:
		return firstWay
	case l.Fallback != nil && relay == l.FallbackRelay:
		return secondWay
	}
	return noWay
}

// passable answers false, and gives the mail back, where the only way it may go is closed: a repetition stays in doubt
// beyond the patience of this run, or, where its way is configured no more, until a person decides.
func (l *line) passable(j *job) bool {
	way := l.wayOf(j)
	switch {
	case way == noWay:
		l.leaveInDoubt(j, "its first copy went to a mail server that the config names no more")
		return false
	case way == firstWay && l.run.way.Load() == secondWay:
		l.postpone(j)
		return false
	}
	return true
}

// postpone gives a mail back until a later run.
func (l *line) postpone(j *job) {
	l.giveBack(j, l.now().Add(max(l.patience, 0)+RepeatAfter))
}

// later lets other mails go first. A repetition that goes another way than they do waits for a later run.
func (l *line) later(j *job) {
	if l.wayOf(j) != int(l.run.way.Load()) {
		l.postpone(j)
		return
	}
	l.giveBack(j, l.now())
}

// reach sees to a connection that goes this way and may carry one more mail.
func (l *line) reach(way int) error {
	if l.conn != nil && (l.way != way || l.spent(0) || l.conn.Closed()) {
		l.close()
	}
	if l.conn != nil {
		return nil
	}
	if l.way != way {
		l.way, l.streak = way, 0
	}
	dial := l.Dial
	if way == secondWay {
		dial = l.Fallback
	}
	conn, err := dial(l.opening)
	if err != nil {
		return err
	}
	l.conn = conn
	return nil
}

// unreached decides after a failed dial: try again at once, or, where not, whether this line goes on with other mails.
func (l *line) unreached(j *job, err error) (again, goesOn bool) {
	var busy interface{ Busy() bool }
	switch {
	case errors.Is(err, context.Canceled): // the run ends: this says nothing about the server
		l.giveBack(j, j.from)
		return false, false
	case l.way != int(l.run.way.Load()) && l.way == l.wayOf(j): // a repetition's own way says nothing about the run's
		l.log.Warn("way of a mail in doubt is closed", "delivery", j.mail.ID, "error", err)
		l.postpone(j)
		return false, true
	case errors.As(err, &busy) && busy.Busy():
		l.giveBack(j, j.from)
		return false, l.busy(nil, err.Error())
	case l.lost(err):
		return true, true
	}
	l.giveBack(j, j.from)
	return false, false
}

func (l *line) close() {
	if l.conn != nil {
		l.conn.Close()
		l.conn, l.carried = nil, 0
	}
}

// lost closes the connection and waits before the next; not where it had carried mails, since a server may end it
// whenever it likes between two. It answers false when this line is over: the run ends, the sender is refused, or five
// connections in a row were lost. The run is over with it, or goes over to its second way, unless another line has had
// answers meanwhile.
func (l *line) lost(err error) bool {
	carried := l.carried
	l.close()
	var halt interface{ Halt() bool }
	if errors.As(err, &halt) && halt.Halt() {
		l.halt(err.Error())
		return false
	}
	if l.way != int(l.run.way.Load()) { // the run has gone over, or this was a repetition's own way
		return true
	}
	if carried > 0 {
		l.log.Info("connection ended by the server", "mails", carried, "error", err)
		l.learn(carried)
		return true
	}
	if l.streak == 0 {
		l.since = l.replies.Load()
	}
	l.streak++
	l.log.Warn("connection lost", "in_a_row", l.streak, "error", err)
	if l.streak >= lossesInARow {
		return (l.replies.Load() == l.since || l.lines.Load() == 1) && l.goOver(lost(l.streak, err))
	}
	return l.sleep(l.ctx, time.Second<<(l.streak-1), nil)
}

// goOver leaves the first way for the rest of the run. Where there is no other it ends the run, and answers false.
func (l *line) goOver(why string) bool {
	switch {
	case l.Fallback == nil:
	case l.run.way.CompareAndSwap(firstWay, secondWay):
		l.cause.Lock()
		l.cause.fallback = why
		l.cause.Unlock()
		l.log.Warn("the first way out is closed, going over to the second", "reason", why)
		l.most.Store(0)
		l.dropped.Store(0)
		return true
	case l.way == firstWay: // another line was quicker
		return true
	}
	l.stop(why, false, nil)
	return false
}

// spent reports whether the connection has carried all that the server takes on one, with more mails on their way.
func (l *line) spent(more int) bool {
	most := int(l.most.Load())
	return most > 0 && l.carried+more >= most
}

// learn notes after how many mails the server ended a connection. Where two in a row ended after as many it answers
// true, and from then on the lines renew theirs in time.
func (l *line) learn(carried int) bool {
	n := int64(carried)
	if carried == 0 || l.way != int(l.run.way.Load()) || l.dropped.Swap(n) != n {
		return false
	}
	if most := l.most.Load(); most == 0 || n < most {
		l.most.Store(n)
		l.log.Info("the server takes few mails on one connection", "mails", n)
	}
	return true
}

// busy lets the server rest, and leaves it one line. A connection that has carried mails may only have carried as many
// as the server takes on one: the first time this line alone rests, and once it is known it costs nothing. Too often in
// a row is as good as not there.
//
// asked is the mail that was offered, if one was. Where the connection was not just full, it goes behind the others: it
// may be its recipient for whom the server has no time.
func (l *line) busy(asked *job, said string) bool {
	carried, full := l.carried, l.spent(0)
	l.close()
	full = full || l.learn(carried)
	switch {
	case asked != nil && full:
		l.giveBack(asked, asked.from)
	case asked != nil:
		l.giveBack(asked, l.now().Add(BusyFor))
	}
	if full {
		return true
	}
	if carried == 0 || l.rested.Swap(true) {
		l.survivor.CompareAndSwap(nil, l)
	}
	if l.narrowed() {
		return false
	}
	if l.streak == 0 {
		l.since = l.replies.Load()
	}
	if l.streak++; l.streak >= lossesInARow || l.patience < BusyFor {
		l.stop("the server is busy: "+said, false, nil)
		return false
	}
	if j := l.ahead; j != nil { // others may have it meanwhile
		l.ahead = nil
		l.giveBack(j, j.from)
	}
	return l.sleep(l.ctx, BusyFor, nil)
}

func said(r Reply) string { return fmt.Sprintf("%d %s", r.Code, r) }
