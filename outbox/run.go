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
	batch              = 64 // rows claimed at once, or twice the connections where that is more
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
	cause struct {
		sync.Mutex
		reason string
		halted bool
		err    error
		shut   bool
	}

	wire     context.Context // of the connections: ends Grace after the caller's
	lines    atomic.Int64    // still at work
	replies  atomic.Int64    // answers to offers: the server is there
	rejects  atomic.Int64    // in a row
	panics   atomic.Int64
	survivor atomic.Pointer[line] // set once the server was busy: the only line to go on

	judging sync.Mutex
	jury    jury

	sum Summary // the committer's goroutine writes it, and Work once that has ended
}

func newRun(c *Courier) *run {
	r := &run{
		Courier: c, patience: cmp.Or(c.Patience, defaultPatience), expire: cmp.Or(c.Expire, ExpireAfter),
		log: c.Log, quit: make(chan struct{}), done: make(chan struct{}, 1), letters: make(map[int64][]byte),
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
	if r.Pace == nil {
		return nil
	}
	now := r.now()
	sent, err := SentSince(ctx, r.DB, now.Add(-r.Pace.span()))
	if err != nil {
		return err
	}
	r.Pace.Seed(sent, now)
	return nil
}

// work runs the feeder, the lines and the committer, and returns when all three have ended.
func (r *run) work(ctx context.Context) error {
	wire, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	r.wire = wire
	go r.grace(ctx, cancel)

	k := cmp.Or(max(r.Connections, 0), defaultConnections)
	r.jobs = make(chan *job, k)
	if r.Pace != nil {
		r.jobs = make(chan *job) // a row that waits for a token is not claimed
	}
	r.out = &committer{db: r.DB, in: make(chan saying, 4*k), over: make(chan struct{}), stopped: r.Stopped,
		ballast: r.Path + ".ballast", hook: r.hook}
	go r.out.run(context.WithoutCancel(ctx))

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
	close(r.out.in)
	<-r.out.over
	return r.out.dead
}

// grace cuts the connections off some time after the run was told to end.
func (r *run) grace(ctx context.Context, cut func()) {
	wire := r.wire
	select {
	case <-ctx.Done():
	case <-r.quit:
	case <-wire.Done():
		return
	}
	select {
	case <-time.After(cmp.Or(r.Grace, defaultGrace)):
		cut()
	case <-wire.Done():
	}
}

// judge settles at the end what the jury has withheld: as the recipients' own, unless the sender was refused.
func (r *run) judge() {
	r.cause.Lock()
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

// end counts what is left, gives the lock up and adds the reason.
func (r *run) end(ctx context.Context, err error) (Summary, error) {
	r.cause.Lock()
	defer r.cause.Unlock()
	r.sum.Reason, r.sum.Halted = r.cause.reason, r.cause.halted
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

// note keeps the first reason why the run ends early.
func (r *run) note(reason string, halted bool, err error) {
	r.cause.Lock()
	defer r.cause.Unlock()
	if r.cause.reason == "" {
		r.cause.reason, r.cause.err = reason, err
	}
	r.cause.halted = r.cause.halted || halted
}

// stop ends the run at once: a mail whose mark is not made yet is dropped with its connection.
func (r *run) stop(reason string, halted bool, err error) {
	r.note(reason, halted, err)
	r.cause.Lock()
	defer r.cause.Unlock()
	if !r.cause.shut {
		r.cause.shut = true
		close(r.quit)
	}
}

// halt stops the run for an answer about the sender.
func (r *run) halt(what string) { r.stop("the server refuses this sender: "+what, true, nil) }

// broken stops the run for what the committer refused to write.
func (r *run) broken(err error) {
	switch {
	case errors.Is(err, errStopped), errors.Is(err, errTaken):
		r.stop(err.Error(), false, nil)
	default:
		r.stop(err.Error(), false, err)
	}
}

func (r *run) stopping() bool {
	select {
	case <-r.quit:
		return true
	default:
		return false
	}
}

// sleep waits for d, and answers false when the run ends meanwhile.
func (r *run) sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-wake:
		return true
	case <-ctx.Done():
	case <-r.quit:
	}
	return false
}

// job is one claimed mail on its way.
type job struct {
	mail   Delivery
	words  []byte
	from   time.Time // when it was due: where it goes back to untouched
	paced  bool      // has its token
	losses int       // connections lost under it
	broke  int       // panics while its message was made
}

func (j *job) offer(now time.Time) Mail {
	d := &j.mail
	repeat := d.Doubts > 0
	if !repeat || d.Date.IsZero() {
		d.Date = now.UTC().Truncate(time.Second)
	}
	return Mail{
		Delivery: d.ID, Mailing: d.Mailing, Subscriber: d.Subscriber, Generation: d.Generation, Letter: d.Letter,
		Words: j.words, Address: d.Address, Name: d.Name, TokenVersion: d.TokenVersion, Since: d.Since, Date: d.Date, Repeat: repeat,
	}
}

// finished notes that a job's outcome is on disk.
func (r *run) finished() {
	r.open.Add(-1)
	select {
	case r.done <- struct{}{}:
	default:
	}
}

// count adds an outcome to the summary, from the committer's goroutine.
func (r *run) count(s State) {
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

// outcome hands what became of a job to the committer and does not wait.
func (r *run) outcome(write func(ctx context.Context, l *ledger) error, s State) {
	r.hook(PointBeforeOutcome)
	r.out.say(saying{outcome: true, do: write, after: func() {
		r.count(s)
		r.finished()
		r.hook(PointAfterOutcome)
		if r.Progress != nil {
			r.Progress(r.sum)
		}
	}})
}

// giveBack makes a claimed mail due again, as if nothing had happened.
func (r *run) giveBack(j *job, due time.Time) {
	back := j.mail.Returned(due)
	back.Changed = r.now()
	r.out.say(saying{
		outcome: true,
		do: func(ctx context.Context, l *ledger) error {
			_, err := l.settle(ctx, Claimed, back)
			return err
		},
		after: r.finished,
	})
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
	d.Changed, d.Code, d.Reply = r.now(), f.reply.Code, f.reply.String()
	r.out.say(saying{outcome: true, after: r.finished, do: func(ctx context.Context, l *ledger) error {
		_, err := l.settle(ctx, Claimed, d)
		return err
	}})
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
	decided, reason := r.jury.refuse(*f)
	for _, f := range decided {
		r.convict(f)
	}
	if reason != "" {
		r.halt(reason)
	}
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

// lost is why the run stops when the server is not there.
func lost(n int, err error) string {
	return fmt.Sprintf("%d connections in a row failed, the last with: %v", n, err)
}
