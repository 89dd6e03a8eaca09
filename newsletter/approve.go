package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
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
// and it never counts as the last issue. A feed whose stored posts don't reach
// back to the period is read, and its older pages are walked.
func (n *Newsletter) DraftPast(ctx context.Context, digest, period string, now time.Time) (Made, error) {
	d, err := n.digest(digest)
	if err != nil {
		return Made{}, err
	}
	p, err := d.Schedule.Past(period)
	if err != nil {
		return Made{}, err
	}
	short, err := n.reach(ctx, p.Start, now)
	if err != nil {
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
		if errors.Is(err, ErrNoPosts) && short != "" {
			err = fmt.Errorf("%w; %s", err, short)
		}
		return Made{}, err
	}
	made.Note = short
	return made, nil
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
	if len(posts) > 0 {
		return posts, nil
	}
	holders, err := n.holders(ctx, q, digest, all)
	if err == nil {
		err = fmt.Errorf("%w: %s%s", ErrNoPosts, p.Key, holders)
	}
	return nil, err
}

// holders says which issues of a digest posts stand in; "" = in none.
func (n *Newsletter) holders(ctx context.Context, q Querier, digest string, posts []feed.Post) (string, error) {
	holding, err := issue.Holding(ctx, q, ids(posts))
	if err != nil {
		return "", err
	}
	var names []string
	for _, p := range posts {
		for _, i := range holding[p.ID] {
			if name := strconv.FormatInt(i.ID, 10); i.Digest == digest && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	switch len(names) {
	case 0:
		return "", nil
	case 1:
		return "; those there are stand in issue " + names[0], nil
	}
	return "; those there are stand in issues " + strings.Join(names, ", "), nil
}

// reach walks each feed back to since whose stored posts don't reach so far. A
// feed that can't be read is no reason to give up what is stored: short says
// which feeds stop short, and why; "" = none does.
func (n *Newsletter) reach(ctx context.Context, since, now time.Time) (short string, err error) {
	var notes []string
	for _, c := range n.Config.Feeds {
		oldest, err := n.oldestOf(ctx, c.URL)
		if err != nil {
			return "", err
		}
		if !oldest.IsZero() && !oldest.After(since) {
			continue
		}
		b, err := n.Backfill(ctx, c.URL, since, now)
		if err != nil && oldest.IsZero() {
			return "", err
		}
		if err != nil {
			b.Why = err.Error()
		}
		if oldest, err = n.oldestOf(ctx, c.URL); err != nil {
			return "", err
		}
		if note := n.reaches(c.URL, oldest, b.Why); b.Why != "" && oldest.After(since) {
			notes = append(notes, note)
		}
	}
	return strings.Join(notes, "; "), nil
}

// reaches says how far back a feed reaches, and why no farther.
func (n *Newsletter) reaches(feedURL string, oldest time.Time, why string) string {
	name := "the feed"
	if len(n.Config.Feeds) > 1 {
		name += " " + address(feed.Feed{URL: feedURL})
	}
	return fmt.Sprintf("%s reaches back to %s only, so earlier posts of the period may be missing (%s)",
		name, oldest.In(n.Zone()).Format("2 January 2006"), why)
}

// oldestOf is when the oldest stored post of the feed was published; zero when
// none is stored.
func (n *Newsletter) oldestOf(ctx context.Context, feedURL string) (time.Time, error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return time.Time{}, err
	}
	return feed.OldestOf(ctx, n.DB, known[feedURL])
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
