package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"digest/feed"
	"digest/issue"
)

// ErrNoPosts says that a past period has no post that could go in.
var ErrNoPosts = errors.New("no posts published in that period are left to send")

// ChangedError refuses an approval: the issue is no longer what was approved.
type ChangedError struct {
	ID   int64
	Diff string // unified diff of the text parts
}

func (e *ChangedError) Error() string {
	return fmt.Sprintf("issue %d has changed since its proof was made", e.ID)
}

// DraftPast makes an issue of the posts published in a past period
// ("2010-02", "2010-W08", "2010-02-26") that are in no issue of this digest
// yet, held for approval. It stands outside the schedule: no watermark moves,
// and it never counts as the last issue. A feed never read is read first.
func (n *Newsletter) DraftPast(ctx context.Context, digest, period string, now time.Time) (Made, error) {
	d, err := n.digest(digest)
	if err != nil {
		return Made{}, err
	}
	p, err := d.Schedule.Past(period)
	if err != nil {
		return Made{}, err
	}
	if err := n.readOnce(ctx, now); err != nil {
		return Made{}, err
	}
	var made Made
	err = n.write(ctx, func(tx *sql.Tx) error {
		posts, err := n.published(ctx, tx, d.Name, p)
		if err != nil {
			return err
		}
		i, err := issue.Draft(ctx, tx, issue.Issue{
			Digest: d.Name, Kind: issue.Past, Period: p, Cut: p.End, State: issue.StateDraft, Made: now,
		}, ids(posts))
		if err != nil {
			return err
		}
		if i, err = n.prove(ctx, tx, i); err != nil {
			return err
		}
		made, err = n.hold(ctx, tx, i, len(posts), "a past issue waits for approval", now)
		return err
	})
	if err != nil {
		return Made{}, err
	}
	made.Note, err = n.reachesBack(ctx, p)
	return made, err
}

func (n *Newsletter) published(ctx context.Context, q Querier, digest string, p issue.Period) ([]feed.Post, error) {
	all, err := feed.PublishedBetween(ctx, q, p.Start, p.End)
	if err != nil {
		return nil, err
	}
	used, err := issue.Used(ctx, q, digest, ids(all))
	if err != nil {
		return nil, err
	}
	posts := issue.Choose(all, used)
	if len(posts) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoPosts, p.Key)
	}
	return posts, nil
}

// reachesBack warns when the period began before the oldest post that is known.
func (n *Newsletter) reachesBack(ctx context.Context, p issue.Period) (string, error) {
	oldest, err := feed.Oldest(ctx, n.DB)
	if err != nil || oldest.IsZero() || !oldest.After(p.Start) {
		return "", err
	}
	return fmt.Sprintf("the feed reaches back to %s only, so earlier posts of the period may be missing",
		oldest.In(n.Zone()).Format("2 January 2006")), nil
}

// readOnce polls when nothing is stored yet.
func (n *Newsletter) readOnce(ctx context.Context, now time.Time) error {
	count, err := feed.Count(ctx, n.DB)
	if err != nil || count > 0 {
		return err
	}
	polled, err := n.Poll(ctx, now)
	if err != nil {
		return err
	}
	return firstFailure(polled)
}

// Approve freezes an issue as the very bytes its proof showed. hash names the
// proof that is approved; empty means the one on record. If the issue would
// look different by now, nothing is approved: a ChangedError shows the
// difference, and the new look is on record to be approved.
func (n *Newsletter) Approve(ctx context.Context, id int64, hash string, now time.Time) (Made, error) {
	var made Made
	var changed *ChangedError
	err := n.write(ctx, func(tx *sql.Tx) error {
		i, err := issue.Get(ctx, tx, id)
		if err != nil {
			return err
		}
		if i.State != issue.Held && i.State != issue.StateDraft {
			return fmt.Errorf("%w: issue %d is %s", issue.ErrState, id, i.State)
		}
		shown := i
		if i, err = n.prove(ctx, tx, i); err != nil {
			return err
		}
		if i.Hash != shown.Hash || (hash != "" && hash != shown.Hash) {
			changed = &ChangedError{ID: id, Diff: string(diff.Diff("approved", []byte(shown.Proof), "now", []byte(i.Proof)))}
			return nil // the new proof is kept
		}
		made, err = n.freeze(ctx, tx, i, now)
		return err
	})
	if err == nil && changed != nil {
		err = changed
	}
	return made, err
}

// Hold keeps a draft from going out until it is approved.
func (n *Newsletter) Hold(ctx context.Context, id int64, now time.Time) error {
	return n.write(ctx, func(tx *sql.Tx) error {
		return issue.SetState(ctx, tx, id, []issue.State{issue.StateDraft, issue.Held}, issue.Held, "held by the author", now)
	})
}

// Cancel drops an issue that is not frozen. keep gives its posts back to the
// pool; otherwise they are used up.
func (n *Newsletter) Cancel(ctx context.Context, id int64, keep bool, now time.Time) error {
	return n.write(ctx, func(tx *sql.Tx) error {
		return issue.Cancel(ctx, tx, id, keep, "cancelled by the author", now)
	})
}
