package outbox

import "time"

const (
	groupSize   = 1024                  // sayings one transaction may hold
	linger      = time.Millisecond      // what outcomes wait for a mark
	longestWait = 2 * time.Millisecond  // what a mark waits for other marks, at most; or
	perLine     = 80 * time.Microsecond // for each line with a mail in hand, where that is longer
)

// gather fills the group with what waits, and with what will be said soon.
//
// Nobody waits for an outcome, so it lingers for the next mark: a lone connection needs one commit a mail. A mark waits
// for those of the other connections with a mail in hand, but no longer than a commit takes, or than so many may be
// worth waiting for: commits of small groups would cost more than the mails (PostgreSQL's commit_delay and
// commit_siblings). A connection alone never waits.
func (c *committer) gather() {
	marks, asked := 0, 0
	count := func(s saying) {
		if s.mark != nil {
			marks++
		}
		if s.done != nil {
			asked++
		}
	}
	count(c.group[0])
	defer c.timer.Stop()
	for armed := false; len(c.group) < groupSize; {
		s, ok := saying{}, false
		select {
		case s, ok = <-c.in:
		default:
			if asked > 0 && (c.active == nil || marks >= c.active() || c.took == 0) {
				return
			}
			switch {
			case !armed && asked == 0:
				c.timer.Reset(linger)
			case !armed:
				c.timer.Reset(max(min(c.took, longestWait), time.Duration(c.active())*perLine))
			}
			armed = true
			select {
			case s, ok = <-c.in:
			case <-c.timer.C:
				return
			}
		}
		if !ok {
			return
		}
		if asked == 0 && s.done != nil {
			armed = false
		}
		c.group = append(c.group, s)
		count(s)
	}
}
