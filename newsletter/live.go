package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"digest/feed"
	"digest/issue"
	"digest/outbox"
)

// Keys of the settings this room keeps.
const (
	keyLive    = "live"    // Instance of the copy that went live
	keyStopped = "stopped" // unix seconds of `digest stop`
	keyStart   = "start:"  // + digest: unix seconds; posts first seen from then on go in
)

// Standing says whether mail may go to subscribers, and if not, why.
type Standing int

// The standings.
const (
	NeverLive Standing = iota // before the first go-live
	Live                      // mail may leave
	Stopped                   // by the author's hand
	Copied                    // live once, but this is a copy of that database
)

// Standing asks the database. A restored backup, a copied directory and a
// cloned machine carry another instance than the one that went live, and a
// file that was put back in place is older than the epoch its lock file knows:
// each is Copied, since what was sent after the copy was taken is not in it.
func (n *Newsletter) Standing(ctx context.Context) (Standing, error) {
	value, ok, err := n.Settings.Get(ctx, keyLive)
	if err != nil || !ok {
		return NeverLive, err
	}
	if value != n.Instance {
		return Copied, nil
	}
	older, err := n.olderThanItsLock(ctx)
	if err != nil {
		return NeverLive, err
	}
	if older {
		return Copied, nil
	}
	if stopped, err := n.stopped(ctx); err != nil || stopped {
		return Stopped, err
	}
	return Live, nil
}

func (n *Newsletter) olderThanItsLock(ctx context.Context) (bool, error) {
	// The lock file first: a courier that starts in between writes the database
	// before the file, and must not look like a copy.
	last, err := outbox.LastEpoch(n.Path + ".lock")
	if err != nil {
		return false, err
	}
	epoch, err := outbox.Epoch(ctx, n.DB)
	return last > epoch, err
}

// stopped is all that can change while a courier works: who went live stays so.
func (n *Newsletter) stopped(ctx context.Context) (bool, error) {
	_, stopped, err := n.Settings.Get(ctx, keyStopped)
	return stopped, err
}

// Live reports whether mail may go to subscribers.
func (n *Newsletter) Live(ctx context.Context) (bool, error) {
	s, err := n.Standing(ctx)
	return s == Live, err
}

// Stop lets nothing more leave until the next GoLive. A running courier obeys
// at its next commit.
func (n *Newsletter) Stop(ctx context.Context, now time.Time) error {
	return n.Settings.Set(ctx, keyStopped, strconv.FormatInt(now.Unix(), 10))
}

// GoingLive says how to go live. The zero value is the first time, from now on.
type GoingLive struct {
	Since       time.Time // posts published since then enter the pool; zero = only what comes from now on
	Anyway      bool      // go live in spite of the problems
	AlreadySent bool      // a copy: record what was due since, mail nobody
	Send        bool      // a copy: what it owes goes out
}

// WentLive is what GoLive did.
type WentLive struct {
	From     Standing
	Released int      // posts --since let into the pool
	Dropped  int      // mails a copy owed and will not send
	Problems []string // overridden by Anyway
}

// NotReadyError lists why mail may not leave yet.
type NotReadyError struct{ Problems []string }

func (e *NotReadyError) Error() string {
	return "not ready to go live: " + strings.Join(e.Problems, "; ")
}

var (
	// ErrCopy says that only the author knows whether this copy's mail went out.
	ErrCopy = errors.New("this database is a copy of one that went live")
	// ErrSinceTwice refuses --since for a newsletter that started before.
	ErrSinceTwice = errors.New("--since belongs to the first go-live; this newsletter has started already")
)

// GoLive lets mail leave from now on. The first time it sets each digest's
// start: what stands in the feed by then is baseline and mailed by no schedule.
// Each step can be repeated, and the one that lets mail leave comes last.
func (n *Newsletter) GoLive(ctx context.Context, how GoingLive, now time.Time) (WentLive, error) {
	from, err := n.Standing(ctx)
	if err != nil {
		return WentLive{}, err
	}
	went := WentLive{From: from}
	if from != NeverLive && !how.Since.IsZero() {
		return went, ErrSinceTwice
	}
	if from == Copied && how.AlreadySent == how.Send {
		return went, ErrCopy
	}
	if went.Problems = n.Problems(ctx); len(went.Problems) > 0 && !how.Anyway {
		return went, &NotReadyError{Problems: went.Problems}
	}
	switch {
	case from == NeverLive:
		if went.Released, err = n.start(ctx, how, now); err != nil {
			return went, err
		}
	case from == Copied && how.AlreadySent:
		if went.Dropped, err = n.alreadySent(ctx, now); err != nil {
			return went, err
		}
	}
	if err := n.Settings.Drop(ctx, keyStopped); err != nil {
		return went, err
	}
	if from == Copied {
		// From here on this file is the one that counts, however old it is.
		last, err := outbox.LastEpoch(n.Path + ".lock")
		if err != nil {
			return went, err
		}
		if err := outbox.RaiseEpoch(ctx, n.DB, last, now); err != nil {
			return went, err
		}
	}
	return went, n.Settings.Set(ctx, keyLive, n.Instance)
}

// start makes what is stored the baseline and sets each digest's start. A feed
// that can't be read now has its baseline when it can; but its posts could not
// be let in any more, so with --since it must be read.
func (n *Newsletter) start(ctx context.Context, how GoingLive, now time.Time) (released int, err error) {
	polled, err := n.Poll(ctx, now)
	if err == nil && !how.Since.IsZero() {
		err = firstFailure(polled)
	}
	if err != nil {
		return 0, err
	}
	start := now // what was seen in this very second is baseline: nothing counts twice
	err = n.write(ctx, func(tx *sql.Tx) error {
		if err := feed.MarkAllBaseline(ctx, tx); err != nil || how.Since.IsZero() {
			return err
		}
		released, err = feed.ReleaseSince(ctx, tx, how.Since, start)
		return err
	})
	if err != nil {
		return 0, err
	}
	for _, d := range n.Config.Digests {
		if err := n.setStart(ctx, d.Name, start); err != nil {
			return 0, err
		}
	}
	return released, nil
}

func (n *Newsletter) setStart(ctx context.Context, digest string, at time.Time) error {
	return n.Settings.Set(ctx, keyStart+digest, strconv.FormatInt(at.Unix(), 10))
}

// startOf returns when a digest started; ok is false before its go-live.
func (n *Newsletter) startOf(ctx context.Context, digest string) (at time.Time, ok bool, err error) {
	value, ok, err := n.Settings.Get(ctx, keyStart+digest)
	if err != nil || !ok {
		return time.Time{}, false, err
	}
	unix, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return time.Time{}, false, fmt.Errorf("reading the start of %s: %w", digest, err)
	}
	return time.Unix(unix, 0).UTC(), true, nil
}

// alreadySent records for a copy that what it owes, and what was due since it
// was taken, went out from the original: its posts are used up, nobody is mailed.
func (n *Newsletter) alreadySent(ctx context.Context, now time.Time) (dropped int, err error) {
	const reason = "sent by the original of this copy"
	// What the blog wrote since the copy was taken is not in it, but was mailed.
	polled, err := n.Poll(ctx, now)
	if err == nil {
		err = firstFailure(polled)
	}
	if err != nil {
		return 0, err
	}
	for _, d := range n.Config.Digests {
		plan, due, err := n.plan(ctx, d, now)
		if err != nil {
			return 0, err
		}
		if !due {
			continue
		}
		// What was published after the last period ended, no original has mailed yet.
		sent := slices.DeleteFunc(plan.posts, func(p feed.Post) bool { return p.Published.After(plan.issue.Period.End) })
		plan.issue.State, plan.issue.Reason = issue.Cancelled, reason
		err = n.write(ctx, func(tx *sql.Tx) error {
			_, err := issue.Draft(ctx, tx, plan.issue, ids(sent))
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		dropped, err = outbox.DropQueued(ctx, tx, reason, now)
		return err
	})
	return dropped, err
}

// Problems lists why mail should not leave yet, a sentence each.
func (n *Newsletter) Problems(ctx context.Context) []string {
	var list []string
	for _, key := range n.Config.ExampleValues() {
		list = append(list, key+" still holds the example value")
	}
	if n.Config.Author.Email == "" {
		list = append(list, "[author] email is missing: proofs and alarms have nowhere to go")
	}
	if err := n.reachable(ctx); err != nil {
		list = append(list, err.Error())
	}
	if err := n.login(ctx); err != nil {
		list = append(list, "the mail server: "+err.Error())
	}
	return list
}

// reachable asks the pages' health at the address that the mails will link to.
func (n *Newsletter) reachable(ctx context.Context) error {
	base := n.Config.Site.PublicURL
	if base == "" {
		return errors.New("[site] public_url is missing: no mail could carry a leave link")
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("[site] public_url %s is no address: %w", base, err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("[site] public_url %s does not answer: is `digest serve` running and reachable there?", base)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64))
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(string(body), "ok") {
		return fmt.Errorf("[site] public_url %s answers, but not as `digest serve` does", base)
	}
	return nil
}
