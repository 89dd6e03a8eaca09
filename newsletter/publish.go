package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"digest/config"
	"digest/feed"
	"digest/issue"
)

const (
	flagLate = 72 * time.Hour      // made that long after it was first due: the author is told
	holdLate = 45 * 24 * time.Hour // … and that long: the author decides
)

// Made is an issue that Publish made, extended, or found it has to wait for.
type Made struct {
	Issue   issue.Issue
	Posts   int
	Readers int    // owed by the freeze; 0 before it
	Note    string // one sentence for the author: late, waiting for the feed, held …; "" = nothing to say
	Waiting bool   // nothing was recorded; the next run tries again

	Old []feed.Post // left out, since they look old
}

// plan is what an issue would be made of now.
type plan struct {
	digest config.Digest
	issue  issue.Issue
	start  time.Time // of the digest
	posts  []feed.Post
	old    []feed.Post  // left out, since they look old
	held   *issue.Issue // an older scheduled issue still held, which takes the new posts in
}

// Publish makes every issue that is due. Asking twice makes nothing twice: a
// period is answered for once. What can't be made now is said in Made.Note.
// A digest whose issue fails does not keep the others from theirs.
func (n *Newsletter) Publish(ctx context.Context, now time.Time) ([]Made, error) {
	var all []Made
	var failed error
	for _, d := range n.Config.Digests {
		made, due, err := n.publish(ctx, d, now)
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("making the %s issue: %w", d.Name, err))
		} else if due {
			all = append(all, made)
		}
	}
	return all, failed
}

func (n *Newsletter) publish(ctx context.Context, d config.Digest, now time.Time) (made Made, due bool, err error) {
	p, due, err := n.plan(ctx, d, now)
	if err != nil || !due {
		return Made{}, false, err
	}
	note, wait, err := n.unread(ctx, p, now)
	if err != nil || wait {
		return Made{Issue: p.issue, Note: note, Waiting: true}, wait, err
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		made, err = n.makeIssue(ctx, tx, p, now)
		return err
	})
	if errors.Is(err, issue.ErrPeriodTaken) {
		return Made{}, false, nil // another run was faster
	}
	if made.Note == "" {
		made.Note = note
	}
	made.Old = p.old
	return made, err == nil, err
}

// plan asks which period has ended without an issue, and what would go in.
func (n *Newsletter) plan(ctx context.Context, d config.Digest, now time.Time) (plan, bool, error) {
	start, last, started, err := n.last(ctx, d)
	if err != nil || !started {
		return plan{}, false, err
	}
	period, due := d.Schedule.Due(last, now)
	if !due {
		return plan{}, false, nil
	}
	p, err := n.choose(ctx, n.DB, d, start, d.Schedule.Cut(period, now, d.Cut))
	p.issue.Period = period
	p.issue.Made = now
	return p, err == nil, err
}

// last is the latest period of a digest that is answered for; before the first
// it has no key and ends at the digest's start. started is false before go-live.
func (n *Newsletter) last(ctx context.Context, d config.Digest) (start time.Time, last issue.Period, started bool, err error) {
	start, started, err = n.startOf(ctx, d.Name)
	if err != nil || !started {
		return time.Time{}, issue.Period{}, false, err
	}
	last, found, err := issue.Last(ctx, n.DB, d.Name)
	if !found {
		last = issue.Period{End: start}
	}
	return start, last, err == nil, err
}

// unread holds an issue back while a feed can't be read: for feed_wait it may
// come back, after that the issue is made of what is known; but an empty one is
// never recorded on a feed nobody read. A feed that is gone for good is not
// waited for.
func (n *Newsletter) unread(ctx context.Context, p plan, now time.Time) (note string, wait bool, err error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return "", false, err
	}
	var notes []string
	for _, f := range n.Config.Feeds {
		k := known[f.URL]
		k.URL = f.URL // of one never looked at, too
		if k.Stopped {
			notes = append(notes, fmt.Sprintf("the feed %s is gone for good and asked no more; made of what was known", address(k)))
			continue
		}
		if k.Failures == 0 && !k.Read.IsZero() {
			continue
		}
		until := p.issue.Period.End.Add(n.Config.FeedWait)
		switch {
		case len(p.posts) == 0:
			return fmt.Sprintf("the feed %s can't be read, so nobody knows whether there is news; trying again", address(k)), true, nil
		case now.Before(until):
			return fmt.Sprintf("the feed %s can't be read; trying again until %s, then the issue is made of what is known",
				address(k), until.In(p.digest.Schedule.Location()).Format("Monday 15:04 MST")), true, nil
		}
		notes = append(notes, fmt.Sprintf("the feed %s can't be read; made of what was known", address(k)))
	}
	return strings.Join(notes, "; "), false, nil
}

// feeds are those ever looked at, by their address.
func (n *Newsletter) feeds(ctx context.Context) (map[string]feed.Feed, error) {
	all, err := feed.Feeds(ctx, n.DB)
	known := make(map[string]feed.Feed, len(all))
	for _, f := range all {
		known[f.URL] = f
	}
	return known, err
}

// makeIssue records a planned issue: empty, added to the held one, held, or
// frozen at once.
func (n *Newsletter) makeIssue(ctx context.Context, tx *sql.Tx, p plan, now time.Time) (Made, error) {
	// Read again inside the transaction: what another run has used, or the
	// author approved, since it was planned is gone.
	again, err := n.choose(ctx, tx, p.digest, p.start, p.issue.Cut)
	if err != nil {
		return Made{}, err
	}
	p.posts, p.old, p.held = again.posts, again.old, again.held
	if p.held != nil {
		return n.extend(ctx, tx, p)
	}
	i := p.issue
	i.State = issue.StateDraft
	if len(p.posts) == 0 {
		i.State, i.Reason = issue.Empty, "no new posts in this period"
		i, err = issue.Draft(ctx, tx, i, nil)
		return Made{Issue: i}, err
	}
	if i, err = issue.Draft(ctx, tx, i, ids(p.posts)); err != nil {
		return Made{}, err
	}
	if i, err = n.prove(ctx, tx, i); err != nil {
		return Made{}, err
	}
	// Of several periods folded into one the oldest says how late it is: the
	// newest is never older than the rhythm.
	late := now.Sub(p.digest.Schedule.Next(i.Period.Start).End)
	switch {
	case late > holdLate:
		return n.hold(ctx, tx, i, len(p.posts), fmt.Sprintf("made %d days late, so the author decides", int(late.Hours()/24)), now)
	case p.digest.Approval == "required":
		return n.hold(ctx, tx, i, len(p.posts), "waiting for approval", now)
	}
	made, err := n.freeze(ctx, tx, i, now)
	if late > flagLate {
		made.Note = fmt.Sprintf("%d hours late, counted from the first firing it makes up for", int(late.Hours()))
	}
	return made, err
}

// extend lets an issue that is still held when the next is due take the new
// posts in and ask again.
func (n *Newsletter) extend(ctx context.Context, tx *sql.Tx, p plan) (Made, error) {
	if err := issue.Extend(ctx, tx, p.held.ID, p.issue.Period, p.issue.Cut, ids(p.posts)); err != nil {
		return Made{}, err
	}
	i, err := issue.Get(ctx, tx, p.held.ID)
	if err != nil {
		return Made{}, err
	}
	if i, err = n.prove(ctx, tx, i); err != nil {
		return Made{}, err
	}
	all, err := issue.PostIDs(ctx, tx, i.ID)
	note := fmt.Sprintf("issue %d was still held and took %d new posts in", i.ID, len(p.posts))
	return Made{Issue: i, Posts: len(all), Note: note}, err
}

func (n *Newsletter) hold(ctx context.Context, tx *sql.Tx, i issue.Issue, posts int, reason string, now time.Time) (Made, error) {
	err := issue.SetState(ctx, tx, i.ID, []issue.State{issue.StateDraft}, issue.Held, reason, now)
	i.State, i.Reason = issue.Held, reason
	return Made{Issue: i, Posts: posts, Note: reason}, err
}

func ids(posts []feed.Post) []int64 {
	list := make([]int64, len(posts))
	for i, p := range posts {
		list[i] = p.ID
	}
	return list
}
