package outbox

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"time"
)

// ErrFull says that the disk is full: nothing more was marked, and what was in flight is on disk.
var ErrFull = errors.New("the disk is full")

var (
	errStopped = errors.New("mail is stopped")
	errTaken   = errors.New("another courier has taken over")
)

const (
	groupSize  = 1024                   // sayings one transaction may hold
	rescueWait = 250 * time.Millisecond // between two tries to keep an outcome on a full disk
	rescues    = 120                    // tries in all: 30 s
	busyTries  = 6                      // of a begin that has its own busy timeout (10 s): a minute
	busyWait   = 100 * time.Millisecond // between two of them
)

// saying is what a connection wants on disk.
type saying struct {
	do      func(ctx context.Context, l *ledger) error // may run again after a rollback
	outcome bool                                       // kept in memory while the disk is full; claims and marks are refused
	after   func()                                     // once it is on disk, from the committer's goroutine; may be nil
	done    chan error                                 // gets one answer; nil = nobody waits
}

// committer puts what all connections have to say on disk, in groups: whatever waits goes into one transaction, and
// nothing waits for a group to fill. Sayings keep their order.
type committer struct {
	db      *sql.DB
	in      chan saying
	over    chan struct{} // closed once in is closed and everything said is on disk or given up
	stopped func(ctx context.Context) (bool, error)
	ballast string
	hook    func(point string)

	statements statements
	dead       error // nothing is said any more
	full       bool  // nothing but outcomes is said any more
	rescues    int
}

// say hands s over. Once the ledger is dead it is only answered.
func (c *committer) say(s saying) { c.in <- s }

// ask hands s over and waits until it is on disk, or is not.
func (c *committer) ask(s saying) error {
	s.done = make(chan error, 1)
	c.in <- s
	return <-s.done
}

// run works until in is closed. Its context is never one that a signal cancels: an outcome must go down.
func (c *committer) run(ctx context.Context) {
	defer close(c.over)
	defer c.statements.close()
	var group []saying
	for s := range c.in {
		group = append(group[:0], s)
		group = c.gather(group)
		c.put(ctx, group)
		clear(group)
	}
}

func (c *committer) gather(group []saying) []saying {
	for len(group) < groupSize {
		select {
		case s, ok := <-c.in:
			if !ok {
				return group
			}
			group = append(group, s)
		default:
			return group
		}
	}
	return group
}

func (c *committer) put(ctx context.Context, group []saying) {
	group = c.admit(ctx, group)
	if len(group) == 0 {
		return
	}
	err := c.commit(ctx, group)
	if isFull(err) {
		c.full = true
		group, err = c.rescue(ctx, group)
	}
	if err != nil {
		c.dead = err
	}
	answer(group, err)
}

// admit answers what may not be said and returns the rest.
func (c *committer) admit(ctx context.Context, group []saying) []saying {
	if c.dead != nil {
		return refuse(group, c.dead, func(saying) bool { return true })
	}
	more := func(s saying) bool { return !s.outcome }
	if c.full {
		return refuse(group, ErrFull, more)
	}
	for _, s := range group {
		if more(s) && c.stopped != nil {
			stop, err := c.stopped(ctx)
			if err != nil {
				return refuse(group, fmt.Errorf("asking whether mail is stopped: %w", err), more)
			}
			if stop {
				return refuse(group, errStopped, more)
			}
			break
		}
	}
	return group
}

func refuse(group []saying, err error, which func(saying) bool) []saying {
	kept := group[:0]
	for _, s := range group {
		if which(s) {
			answer([]saying{s}, err)
		} else {
			kept = append(kept, s)
		}
	}
	return kept
}

func answer(group []saying, err error) {
	for _, s := range group {
		if err == nil && s.after != nil {
			s.after()
		}
		if s.done != nil {
			s.done <- err
		}
	}
}

// rescue refuses what is not an outcome, frees the ballast, and tries until the outcomes are down. No dot can leave
// meanwhile: there is nobody to mark it.
func (c *committer) rescue(ctx context.Context, group []saying) ([]saying, error) {
	group = refuse(group, ErrFull, func(s saying) bool { return !s.outcome })
	os.Remove(c.ballast)
	err := ErrFull
	for ; err != nil && c.rescues < rescues; c.rescues++ {
		if err = c.commit(ctx, group); err != nil && !isFull(err) {
			break
		}
		if err != nil {
			time.Sleep(rescueWait)
		}
	}
	return group, err
}

func (c *committer) commit(ctx context.Context, group []saying) error {
	if len(group) == 0 {
		return nil
	}
	tx, err := c.begin(ctx)
	if err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	defer tx.Rollback()
	l := &ledger{tx: tx, statements: &c.statements}
	for _, s := range group {
		if err := s.do(ctx, l); err != nil {
			return fmt.Errorf("writing the ledger: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	c.hook(PointCommitted)
	return nil
}

// begin waits for whoever else writes, a backup for instance.
func (c *committer) begin(ctx context.Context) (*sql.Tx, error) {
	if err := c.statements.prepare(ctx, c.db); err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		tx, err := c.db.BeginTx(ctx, nil)
		if err == nil || !isCode(err, sqliteBusy) || try == busyTries {
			return tx, err
		}
		time.Sleep(busyWait)
	}
}

// Primary result codes, https://sqlite.org/rescode.html.
const (
	sqliteBusy = 5
	sqliteFull = 13
)

// isCode reports whether the driver's error carries a primary result code. The driver itself is not imported here.
func isCode(err error, code int) bool {
	var coded interface{ Code() int }
	return errors.As(err, &coded) && coded.Code()&0xff == code
}

func isFull(err error) bool { return errors.Is(err, ErrFull) || isCode(err, sqliteFull) }
