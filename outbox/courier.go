package outbox

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"
)

// Courier works the ledger off over several connections. It is the only writer of claims, marks and outcomes, and
// only one runs per database: the lock file beside it sees to that.
type Courier struct {
	DB   *sql.DB
	Path string // of the database: the lock is Path + ".lock", the ballast Path + ".ballast"
	Dial Dialer
	// Fallback is a second way out, for fail-over only: where the first can't be reached at all, the run goes on over it
	// for its rest. A mail in doubt never moves: its repetition goes by the way its doubtful dot went. nil = none.
	Fallback Dialer
	// Relay and FallbackRelay name the servers that Dial and Fallback lead to, by numbers that stay theirs. 0 = no name: what
	// comes into doubt there is repeated by Dial.
	Relay, FallbackRelay uint32

	Connections int           // at most; 0 = 4
	Pace        *Pace         // nil = unlimited
	Domains     *Domains      // limits per recipient domain; nil = none
	InDoubt     Policy        // "" = Repeat
	Expire      time.Duration // age at which a mail never in doubt is given up; 0 = ExpireAfter
	Patience    time.Duration // longest wait for a row to be due or a token to be free; 0 = 15 min, negative = none
	Grace       time.Duration // what the mails in flight get once ctx is cancelled; 0 = 60 s

	Now     func() time.Time                        // nil = time.Now
	Stopped func(ctx context.Context) (bool, error) // the panic button, asked before every claim and mark; nil = never
	// Refused is called inside the transaction that settles a mail as failed or expired, once the row is settled; its
	// error is the store's and ends the run. It may be called again after a rollback. nil = nobody.
	Refused func(ctx context.Context, q Querier, d Delivery) error
	Report  func(Progress)     // told how far it is, once a second at most and at its end; must not block; nil = nobody
	Hook    func(point string) // tests only: called at each of the named points; nil = none
	// Fault is for tests only: asked before each commit about every kind of saying in it ("claim", "mark", "outcome"), it
	// fails the commit with the error it returns, ErrFull for a full disk. nil = none.
	Fault func(point string) error
	Log   *slog.Logger // nil = discard
}

// Summary is what one run of the courier did.
type Summary struct {
	Sent    int
	Retry   int
	Failed  int
	Unknown int // mails that came into doubt in this run, those found in doubt at its start among them
	Skipped int // left between the claim and the mark
	Expired int

	Queued int       // mails still to be sent when it ended
	Next   time.Time // when the first of them is due; zero = none

	Reason   string // why it ended before all that was due was done, as a sentence; "" = it was done
	Fallback string // why it went over to Courier.Fallback for its rest, as a sentence; "" = it did not
	Halted   bool   // a person is needed: the sender, not a reader, is refused
	Held     bool   // another courier holds the lock: nothing was done
	Taken    bool   // another courier took the lock over meanwhile: what is owed is its business now
}

// The points at which Hook is called, in the order one mail passes them. PointAfterOutcome is called from another
// goroutine than the rest.
const (
	PointBeforeClaim   = "before-claim"
	PointAfterClaim    = "after-claim"
	PointOffered       = "offered"
	PointBeforeMark    = "before-mark"
	PointAfterMark     = "after-mark"
	PointBeforeDot     = "before-dot"
	PointAfterDot      = "after-dot"
	PointBeforeOutcome = "before-outcome"
	PointAfterOutcome  = "after-outcome"
	PointCommitted     = "committed" // after every transaction, from the committer's goroutine
	PointNextOpen      = "next-open" // Dot has come back, and the next envelope was to leave with that dot
)

// Points lists the points of one mail.
func Points() []string {
	return []string{PointBeforeClaim, PointAfterClaim, PointOffered, PointBeforeMark, PointAfterMark,
		PointBeforeDot, PointAfterDot, PointBeforeOutcome, PointAfterOutcome}
}

// Work sends what is due and returns when nothing more will be within Patience, when ctx is cancelled (it then
// finishes the mails in flight), or when something stops it, which Summary.Reason says. Where another courier holds
// the lock it does nothing and says so in Summary.Held. Its error is the store's: whatever the cause, no dot leaves
// once the ledger can't be written.
func (c *Courier) Work(ctx context.Context) (Summary, error) {
	r := newRun(c)
	store := context.WithoutCancel(ctx)
	lock, doubts, err := Take(store, c.DB, c.Path, c.InDoubt, r.now())
	if errors.Is(err, ErrHeld) {
		return Summary{Held: true, Reason: err.Error()}, nil
	}
	if err != nil {
		return Summary{}, err
	}
	r.lock, r.sum.Unknown = lock, doubts
	err = r.seed(store)
	if err == nil {
		r.log.Info("courier at work", "epoch", lock.Epoch, "in_doubt", doubts)
		err = r.work(ctx)
	}
	return r.end(store, err)
}
