package outbox

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a run.
const (
	defaultConnections = 4
	defaultPatience    = 15 * time.Minute
	defaultGrace       = time.Minute
	batch              = 64 // rows claimed at once, or eight for each connection where that is more
	lossesInARow       = 5  // connections lost or not made, on one line
	rejectsInARow      = 3  // messages whose content was refused
	panicsAllowed      = 3  // mails whose words broke
	lettersKept        = 64 // in memory; an issue has no more
)

// run is one call of Work.
type run struct {
	*Courier
	patience, expire time.Duration
	log              *slog.Logger
	lock             *Lock
	out              *committer
	jobs             chan *job
	open             atomic.Int64  // jobs handed out whose outcome is not yet on disk
	done             chan struct{} // capacity 1: some job's outcome is on disk
	letters          map[int64][]byte

	quit  chan struct{} // closed: no further claim, offer or mark
	cause cause

	opening  context.Context // of connections being made: ends once no further mail may be begun
	wire     context.Context // of the connections: ends Grace after that
	lines    atomic.Int64    // still at work
	replies  atomic.Int64    // answers to offers: the server is there
	rejects  atomic.Int64    // in a row
	panics   atomic.Int64
	survivor atomic.Pointer[line] // set once the server was busy: the only line to go on
	way      atomic.Int32         // firstWay, or secondWay once the run has failed over
	most     atomic.Int64         // mails the server takes on one connection, as learnt; 0 = no limit known
	dropped  atomic.Int64         // mails after which a connection was last ended by the server
	rested   atomic.Bool          // a line has rested for a server that was busy after some mails

	judging  sync.Mutex
	jury     jury
	believed map[string]bool // mailings whose refusals go down as they come

	counting sync.Mutex
	sum      Summary // while the run works it is read by counts alone, and written by the committer's goroutine
}

func newRun(c *Courier) *run {
	r := &run{
		Courier: c, patience: cmp.Or(c.Patience, defaultPatience), expire: cmp.Or(c.Expire, ExpireAfter),
		log: c.Log, quit: make(chan struct{}), done: make(chan struct{}, 1),
		letters: make(map[int64][]byte),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r
}

func (r *run) now() time.Time {
	if r.Now == nil {
		return time.Now()
	}
	return r.Now()
}

func (r *run) hook(point string) {
	if r.Hook != nil {
		r.Hook(point)
	}
}

func (r *run) seed(ctx context.Context) error {
	var err error
	if r.jury, r.believed, err = earlier(ctx, r.DB); err != nil {
		return err
	}
	now := r.now()
	if r.Pace != nil {
		var ahead int
		err := r.DB.QueryRowContext(ctx, `SELECT count(*) FROM attempts WHERE dotting_at > $1`, now.Add(r.Pace.span()).Unix()).Scan(&ahead)
		if err != nil {
			return fmt.Errorf("counting what was sent by a wrong clock: %w", err)
		}
		if ahead > 0 {
			r.log.Warn("mails dated in the future don't count for the rate: the clock was wrong", "mails", ahead)
		}
	}
	return Seeded(ctx, r.DB, r.Pace, r.Domains, now)
}

// work runs the feeder, the lines and the committer, and returns when all three have ended.
func (r *run) work(ctx context.Context) error {
	wire, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	opening, halt := context.WithCancel(wire)
	defer halt()
	r.wire, r.opening = wire, opening
	go r.grace(ctx, halt, cancel)

	k := cmp.Or(max(r.Connections, 0), defaultConnections)
	r.jobs = make(chan *job, 2*k)
	if r.Pace != nil {
		r.jobs = make(chan *job) // a row that waits for a token is not claimed
	}
	r.out = &committer{db: r.DB, in: make(chan saying, 4*k), over: make(chan struct{}), stopped: r.Stopped,
		active: r.active, refused: r.Refused, fault: r.Fault, ballast: r.Path + ".ballast", hook: r.hook}
	go r.out.run(context.WithoutCancel(ctx))
	reported := r.report(ctx)

	var all sync.WaitGroup
	r.lines.Store(int64(k))
	for range k {
		l := &line{run: r, ctx: ctx}
		all.Go(l.work)
	}
	r.feed(ctx, k)
	all.Wait()
	for j := range r.jobs {
		r.giveBack(j, j.from)
	}
	r.judge()
	reported()
	close(r.out.in)
	<-r.out.over
	r.lock.suspect = r.out.failed()
	return r.out.dead
}

// active is how many lines have a mail in hand.
func (r *run) active() int { return int(min(r.lines.Load(), r.open.Load())) }

// grace gives up the connections being made once the run is told to end, and cuts the others off some time later.
func (r *run) grace(ctx context.Context, halt, cut func()) {
	wire := r.wire
	select {
	case <-ctx.Done():
	case <-r.quit:
	case <-wire.Done():
		return
	}
	halt()
	select {
	case <-time.After(cmp.Or(r.Grace, defaultGrace)):
		cut()
	case <-wire.Done():
	}
}

// end counts what is left, gives the lock up and adds the reason.
func (r *run) end(ctx context.Context, err error) (Summary, error) {
	r.cause.Lock()
	defer r.cause.Unlock()
	r.sum.Reason, r.sum.Halted, r.sum.Fallback, r.sum.Taken = r.cause.reason, r.cause.halted, r.cause.fallback, r.cause.taken
	err = cmp.Or[error](err, r.cause.err)
	if err != nil {
		r.sum.Reason = err.Error()
	}
	count := r.DB.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE due_at IS NOT NULL`).Scan(&r.sum.Queued)
	next, _, due := NextDue(ctx, r.DB)
	r.sum.Next = next
	err = errors.Join(err, count, due, r.lock.Release(ctx, r.sum.Reason, r.now()))
	r.log.Info("courier done", "epoch", r.lock.Epoch, "sent", r.sum.Sent, "retry", r.sum.Retry, "failed", r.sum.Failed,
		"unknown", r.sum.Unknown, "queued", r.sum.Queued, "reason", r.sum.Reason)
	return r.sum, err
}

// text reads a letter once. Only the feeder asks.
func (r *run) text(ctx context.Context, letter int64) ([]byte, error) {
	if words, ok := r.letters[letter]; ok {
		return words, nil
	}
	words, err := Words(ctx, r.DB, letter)
	if err != nil {
		return nil, err
	}
	if len(r.letters) >= lettersKept {
		clear(r.letters)
	}
	r.letters[letter] = words
	return words, nil
}
