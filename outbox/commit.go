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
	rescueFor  = 30 * time.Second       // what outcomes get once the disk is full
	rescueWait = 250 * time.Millisecond // between two tries to keep them
	busyFor    = time.Minute            // what another writer gets, a backup for instance
	busyWait   = 100 * time.Millisecond // between two tries to begin, each of which has its own busy timeout
)

// saying is what a connection wants on disk: a mark, an accepted mail, or something odd.
type saying struct {
	mark    *mark
	accept  *acceptance
	do      func(ctx context.Context, l *ledger) error // what is odd; may run again after a rollback
	outcome bool                                       // kept while the disk is full, when claims and marks are refused
	after   func()                                     // once it is on disk, from the committer's goroutine; may be nil
	done    chan error                                 // gets one answer; nil = nobody waits
}

// committer puts what all connections have to say on disk, in groups: whatever waits goes into one transaction.
type committer struct {
	db      *sql.DB
	in      chan saying
	over    chan struct{} // closed once in is closed and everything said is on disk or given up
	active  func() int    // lines with a mail in hand: so many marks may come soon; nil = nobody knows
	stopped func(ctx context.Context) (bool, error)
	ballast string
	hook    func(point string)
	fault   func(point string) error // tests only, see Courier.Fault; nil = none
	refused func(ctx context.Context, q Querier, d Delivery) error

	statements statements
	group      []saying
	took       time.Duration // by a commit of late
	dead       error         // nothing is said any more
	refusing   error         // nothing but outcomes is said any more
	rescued    time.Time     // when outcomes are given up, too
	timer      *time.Timer   // of gather
}

// say hands s over. Once the ledger is dead it is only answered.
func (c *committer) say(s saying) { c.in <- s }

// ask hands s over and waits until it is on disk, or is not.
func (c *committer) ask(s saying) error {
	s.done = make(chan error, 1)
	c.in <- s
	return <-s.done
}

// mark lets the dot of a claimed mail leave, once it answers true: the mark is then on disk. False means that the row
// is this courier's no more.
func (c *committer) mark(d Delivery, at time.Time) (ours bool, err error) {
	m := &mark{id: d.ID, with: marking{d.Epoch, d.Date.Unix(), at.Unix(), d.Relay}}
	err = c.ask(saying{mark: m})
	return m.ours, err
}

// sent hands over an accepted mail and does not wait. marked is when its mark was made; after is called once the
// outcome is on disk, from the committer's goroutine.
func (c *committer) sent(d Delivery, marked time.Time, after func()) {
	c.say(saying{outcome: true, after: after, accept: &acceptance{
		id: d.ID, with: accepting{d.Epoch, marked.Unix(), d.Changed.Unix(), d.Code}, reply: d.Reply}})
}

// run works until in is closed. Its context is never one that a signal cancels: an outcome must go down.
func (c *committer) run(ctx context.Context) {
	defer close(c.over)
	defer c.statements.close()
	c.timer = time.NewTimer(time.Hour)
	for s := range c.in {
		c.group = append(c.group[:0], s)
		c.gather()
		c.put(ctx)
		clear(c.group)
	}
}

func (c *committer) put(ctx context.Context) {
	group := c.admit(ctx, c.group)
	if len(group) == 0 {
		return
	}
	began := time.Now()
	err := c.commit(ctx, group)
	c.took = (3*c.took + time.Since(began)) / 4
	if isFull(err) || isCode(err, sqliteBusy) {
		group, err = c.rescue(ctx, group, err)
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
	if c.refusing != nil {
		return refuse(group, c.refusing, more)
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

// rescue refuses what is not an outcome, from now on, frees the ballast if the disk is full, and tries for half a
// minute in all until the outcomes are down. No dot can leave meanwhile: there is nobody to mark it.
func (c *committer) rescue(ctx context.Context, group []saying, err error) ([]saying, error) {
	if c.refusing == nil {
		c.refusing, c.rescued = err, time.Now().Add(rescueFor)
	}
	if isFull(err) {
		c.refusing = ErrFull
		os.Remove(c.ballast)
	}
	group = refuse(group, c.refusing, func(s saying) bool { return !s.outcome })
	for {
		err = c.commit(ctx, group)
		if err == nil || !isFull(err) && !isCode(err, sqliteBusy) || !time.Now().Before(c.rescued) {
			return group, err
		}
		time.Sleep(rescueWait)
	}
}

// commit writes a group, all or nothing. A row that is not where its saying takes it to be spoils a statement for
// many: then the group is written once more, row by row.
func (c *committer) commit(ctx context.Context, group []saying) error {
	if len(group) == 0 {
		return nil
	}
	err := c.transact(ctx, group, (*ledger).together)
	if errors.Is(err, errUneven) {
		err = c.transact(ctx, group, (*ledger).singly)
	}
	if err != nil {
		return fmt.Errorf("writing the ledger: %w", err)
	}
	c.hook(PointCommitted)
	return nil
}

func (c *committer) transact(ctx context.Context, group []saying,
	write func(*ledger, context.Context, []saying) error) error {
	tx, err := c.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if err := write(&ledger{tx: tx, statements: &c.statements, refused: c.refused}, ctx, group); err != nil {
		return err
	}
	if err := c.fail(group); err != nil {
		return err
	}
	return tx.Commit()
}

// fail asks the test's fault hook about each kind of saying in the group.
func (c *committer) fail(group []saying) error {
	if c.fault == nil {
		return nil
	}
	for _, s := range group {
		point := "claim"
		switch {
		case s.mark != nil:
			point = "mark"
		case s.outcome:
			point = "outcome"
		}
		if err := c.fault(point); err != nil {
			return err
		}
	}
	return nil
}

// failed reports, once it is over, whether the disk failed the committer: what is on it is then not to be trusted.
func (c *committer) failed() bool {
	return c.dead != nil && !isFull(c.dead) && !isCode(c.dead, sqliteBusy)
}

// begin waits for whoever else writes, a backup for instance.
func (c *committer) begin(ctx context.Context) (*sql.Tx, error) {
	if err := c.statements.prepare(ctx, c.db); err != nil {
		return nil, err
	}
	for began := time.Now(); ; time.Sleep(busyWait) {
		tx, err := c.db.BeginTx(ctx, nil)
		if err == nil || !isCode(err, sqliteBusy) || c.refusing != nil || time.Since(began) >= busyFor {
			return tx, err
		}
	}
}

// Primary result codes, https://sqlite.org/rescode.html.
const (
	sqliteBusy = 5
	sqliteFull = 13

	sqliteShmSize = 10 | 19<<8 // extended: no room for the -shm
)

// isCode reports whether the driver's error carries a primary result code. The driver itself is not imported here.
func isCode(err error, code int) bool {
	var coded interface{ Code() int }
	return errors.As(err, &coded) && coded.Code()&0xff == code
}

func isFull(err error) bool {
	var coded interface{ Code() int }
	return errors.Is(err, ErrFull) || isCode(err, sqliteFull) || errors.As(err, &coded) && coded.Code() == sqliteShmSize
}
