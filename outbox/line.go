package outbox

import (
	"context"
	"errors"
	"time"
)

// idleAfter is how long an unused connection is kept: a server closes it sooner or later, and not politely.
const idleAfter = 10 * time.Second

// line works mails off over one connection at a time.
type line struct {
	*run
	ctx     context.Context // the caller's: once it is done no further mail is begun
	conn    Line
	way     int   // conn goes by, or the last one went
	carried int   // mails whose dot was answered on conn
	ahead   *job  // in hand while the dot before it was out; its envelope may be open on conn
	streak  int   // connections lost in a row
	since   int64 // run.replies when the streak began
	doubts  int   // mails in a row whose dot had no answer
}

// work ends when there are no more mails, or when this line is over; with the last line the run is.
func (l *line) work() {
	defer l.leave()
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

// leave closes the connection, and with it an envelope that is open: nobody was asked about that mail.
func (l *line) leave() {
	l.close()
	if j := l.ahead; j != nil {
		l.ahead = nil
		l.giveBack(j, j.from)
	}
}

// next waits for a mail; nil when there will be none for this line.
func (l *line) next() *job {
	if j := l.ahead; j != nil {
		l.ahead = nil
		return j
	}
	select {
	case j := <-l.jobs:
		return j
	default:
		return l.wait()
	}
}

func (l *line) wait() *job {
	idle := time.NewTimer(idleAfter)
	defer idle.Stop()
	for !l.ending() {
		select {
		case j := <-l.jobs:
			return j
		case <-idle.C:
			l.close()
		case <-l.ctx.Done():
		case <-l.quit:
		}
	}
	return nil
}

// follow takes the mail that may follow the one whose dot is about to leave, without waiting. It answers with it only
// where its envelope may leave together with that dot: its tokens are due, and it goes over the same connection.
func (l *line) follow() *Mail {
	if !l.conn.Pipelining() || l.ending() || l.spent(1) {
		return nil
	}
	if free, _ := l.Pace.Free(l.now()); free == 0 {
		return nil
	}
	var j *job
	select {
	case j = <-l.jobs:
	default:
	}
	if j == nil || !l.allowed(j) {
		return nil
	}
	l.ahead = j
	if l.wayOf(j) != l.way || !j.paced && l.Pace.Take(l.now()) > 0 {
		return nil
	}
	j.paced = true
	return j.offer(l.now())
}

// ending reports whether no further mail may be begun.
func (l *line) ending() bool { return l.ctx.Err() != nil || l.stopping() }

// carry brings one mail to its outcome. It answers false when this line is over.
func (l *line) carry(j *job) bool {
	for {
		if l.narrowed() || l.ending() {
			l.giveBack(j, j.from)
			return false
		}
		if !l.passable(j) || !l.allowed(j) {
			return true
		}
		if !l.token(j) {
			l.giveBack(j, j.from)
			return false
		}
		if err := l.reach(l.wayOf(j)); err != nil {
			if again, goesOn := l.unreached(j, err); !again {
				return goesOn
			}
			continue
		}
		reply, err := l.offer(j)
		if err == nil {
			if reply.Verdict != Busy {
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
			l.later(j)
			return true
		}
	}
}

// allowed asks the limit of the recipient's domain. A mail that has to wait goes back until its turn, so that nobody
// waits behind it.
func (l *line) allowed(j *job) bool {
	if j.allowed {
		return true
	}
	now := l.now()
	if wait := l.Domains.Take(j.mail.Address, now); wait > 0 {
		l.giveBack(j, now.Add(wait))
		return false
	}
	j.allowed = true
	return true
}

// longestHold is how long a line waits before a dot for the rate: a server that has all of a message but its end gives
// up after some minutes (RFC 5321 §4.5.3.2.5: three).
const longestHold = time.Minute

// punctual sees to it that a dot that leaves now is within the rates. The tokens were taken before the envelope, and the
// server or the mark may have taken long since: then the line waits inside the body. It answers false when that would
// take too long, or the run ends.
func (l *line) punctual(j *job) bool {
	for began := l.now(); ; {
		now := l.now()
		wait := l.Pace.Dot(j.dot, now)
		if j.dot = now; wait > 0 {
			j.dot = time.Time{}
		} else {
			wait = l.Domains.Dot(j.mail.Address, j.domain, now)
			if j.domain = now; wait == 0 {
				return true
			}
			j.domain = time.Time{}
		}
		if now.Add(wait).Sub(began) > longestHold || !l.sleep(l.ctx, wait, nil) {
			return false
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
