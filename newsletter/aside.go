package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"digest/feed"
	"digest/issue"
)

var (
	// ErrNoPost says that no stored post is named so.
	ErrNoPost = errors.New("no such post")
	// ErrUsed refuses to release or dismiss a post that stands in an issue.
	ErrUsed = errors.New("the post stands in an issue")
)

// PostState says what becomes of a stored post.
type PostState string

// The states of a post, by what decides first.
const (
	PostUsed      PostState = "in an issue" // that is frozen
	PostHeld      PostState = "in a held issue"
	PostAside     PostState = "set aside"
	PostDismissed PostState = "dismissed" // by the author
	PostBaseline  PostState = "baseline"
	PostGone      PostState = "gone"
	PostOld       PostState = "looks old" // to a digest at least
	PostWaiting   PostState = "waiting"
)

// Standing of a post: its state, and the issue it stands in (ID 0 = none).
type PostStanding struct {
	State PostState
	Issue int64
}

// Standings say of each of these posts what becomes of it, by ID. A cancelled
// issue has used its posts up, too.
func (n *Newsletter) Standings(ctx context.Context, q Querier, posts []feed.Post) (map[int64]PostStanding, error) {
	holding, err := issue.Holding(ctx, q, ids(posts))
	if err != nil {
		return nil, err
	}
	all := make(map[int64]PostStanding, len(posts))
	for _, p := range posts {
		all[p.ID] = n.standing(p, holding[p.ID])
	}
	return all, nil
}

func (n *Newsletter) standing(p feed.Post, in []issue.Issue) PostStanding {
	if len(in) > 0 {
		last := in[len(in)-1]
		if last.State == issue.Held || last.State == issue.StateDraft {
			return PostStanding{PostHeld, last.ID}
		}
		return PostStanding{PostUsed, last.ID}
	}
	switch {
	case p.Aside != "":
		return PostStanding{State: PostAside}
	case p.Baseline && !p.Released.IsZero():
		return PostStanding{State: PostDismissed}
	case p.Baseline:
		return PostStanding{State: PostBaseline}
	case p.Missing >= 2:
		return PostStanding{State: PostGone}
	}
	for _, d := range n.Config.Digests {
		if looksOld(p, d.Schedule) {
			return PostStanding{State: PostOld}
		}
	}
	return PostStanding{State: PostWaiting}
}

// KeptBack are the posts that wait for the author: those set aside, then those
// that look old to a digest.
func (n *Newsletter) KeptBack(ctx context.Context, now time.Time) ([]feed.Post, error) {
	kept, err := feed.SetAside(ctx, n.DB)
	if err != nil {
		return nil, err
	}
	listed := map[int64]bool{}
	for _, d := range n.Config.Digests {
		start, started, err := n.startOf(ctx, d.Name)
		if err != nil {
			return nil, err
		}
		if !started {
			continue
		}
		p, err := n.choose(ctx, n.DB, d, start, now.Add(time.Second))
		if err != nil {
			return nil, err
		}
		for _, old := range p.old {
			if !listed[old.ID] {
				kept, listed[old.ID] = append(kept, old), true
			}
		}
	}
	return kept, nil
}

// FindPost is the post with this ID or address; of several feeds that show the
// address, the one stored first. ErrNoPost where there is none.
func (n *Newsletter) FindPost(ctx context.Context, name string) (feed.Post, error) {
	var found []feed.Post
	var err error
	if id, bad := strconv.ParseInt(name, 10, 64); bad == nil {
		found, err = feed.ByID(ctx, n.DB, []int64{id})
	} else {
		found, err = feed.ByAddress(ctx, n.DB, name)
	}
	if err == nil && len(found) == 0 {
		err = fmt.Errorf("%w: %s", ErrNoPost, name)
	}
	if err != nil {
		return feed.Post{}, err
	}
	return found[0], nil
}

// Release lets posts go into the next issue of each digest, whatever kept them
// back. It returns those that did not wait for one already, as they are now. All
// or none: ErrUsed where a post stands in an issue, ErrNotLive before the first
// go-live, which decides what goes into the first issue.
func (n *Newsletter) Release(ctx context.Context, posts []feed.Post, now time.Time) (released []feed.Post, err error) {
	switch standing, err := n.Standing(ctx); {
	case err != nil:
		return nil, err
	case standing == NeverLive:
		return nil, fmt.Errorf("%w: nothing is released before the start", ErrNotLive)
	}
	return n.decide(ctx, posts, []PostState{PostWaiting}, func(tx *sql.Tx, ids []int64) error { return feed.Release(ctx, tx, ids, now) })
}

// Dismiss makes posts baseline: known, and mailed by no schedule. It returns
// those that were not, as they are now. All or none: ErrUsed where a post stands
// in an issue.
func (n *Newsletter) Dismiss(ctx context.Context, posts []feed.Post) (dismissed []feed.Post, err error) {
	return n.decide(ctx, posts, []PostState{PostDismissed, PostBaseline}, func(tx *sql.Tx, ids []int64) error { return feed.Dismiss(ctx, tx, ids) })
}

// decide does act to those of the posts that are in none of the states it leads to.
func (n *Newsletter) decide(ctx context.Context, posts []feed.Post, to []PostState, act func(*sql.Tx, []int64) error) (changed []feed.Post, err error) {
	err = n.write(ctx, func(tx *sql.Tx) error {
		posts, err := feed.ByID(ctx, tx, ids(posts)) // as they are now
		if err != nil {
			return err
		}
		all, err := n.Standings(ctx, tx, posts)
		if err != nil {
			return err
		}
		for _, p := range posts {
			s := all[p.ID]
			if s.Issue != 0 {
				return fmt.Errorf("%w: %q is in issue %d", ErrUsed, p.Heading(), s.Issue)
			}
			if !slices.Contains(to, s.State) {
				changed = append(changed, p)
			}
		}
		if err := act(tx, ids(changed)); err != nil {
			return err
		}
		changed, err = feed.ByID(ctx, tx, ids(changed))
		return err
	})
	return changed, err
}

// DismissGaps takes note of every open gap, and says of which feeds.
func (n *Newsletter) DismissGaps(ctx context.Context) (closed []feed.Feed, err error) {
	err = n.write(ctx, func(tx *sql.Tx) error {
		all, err := feed.Feeds(ctx, tx)
		if err != nil {
			return err
		}
		for _, f := range all {
			if f.GapAt.IsZero() {
				continue
			}
			if err := feed.CloseGap(ctx, tx, f); err != nil {
				return err
			}
			closed = append(closed, f)
		}
		return nil
	})
	return closed, err
}
