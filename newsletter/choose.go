package newsletter

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"digest/config"
	"digest/feed"
	"digest/issue"
)

// oldBy is how long before its period a post may be dated. Beyond, a site is
// more likely to show its past again than to have written something new.
const oldBy = 7 * 24 * time.Hour

// choose fills the pool of a digest up to a cut: every post seen since its
// start that is in none of its issues yet. Those that look old are told apart,
// and of a post that several feeds show one is taken.
func (n *Newsletter) choose(ctx context.Context, q Querier, d config.Digest, start, cut time.Time) (plan, error) {
	p := plan{digest: d, start: start, issue: issue.Issue{Digest: d.Name, Kind: issue.Scheduled, Cut: cut}}
	pool, err := feed.Pool(ctx, q, start, cut)
	if err != nil {
		return p, err
	}
	used, err := issue.Used(ctx, q, d.Name, ids(pool))
	if err != nil {
		return p, err
	}
	unused := issue.Choose(pool, used)
	twins, err := n.twins(ctx, q, d.Name, unused)
	if err != nil {
		return p, err
	}
	for _, post := range unused {
		if twins[post.ID] {
			continue
		}
		if looksOld(post, d.Schedule) {
			p.old = append(p.old, post)
		} else {
			p.posts = append(p.posts, post)
		}
	}
	held, ok, err := issue.HeldScheduled(ctx, q, d.Name)
	if ok {
		p.held = &held
	}
	return p, err
}

// twins are those of the waiting posts that another feed showed, too, and an
// issue has used; and of several that wait all but the one stored first.
func (n *Newsletter) twins(ctx context.Context, q Querier, digest string, waiting []feed.Post) (map[int64]bool, error) {
	others, err := feed.Twins(ctx, q, ids(waiting))
	if err != nil || len(others) == 0 {
		return nil, err
	}
	var all []int64
	for _, list := range others {
		all = append(all, list...)
	}
	used, err := issue.Used(ctx, q, digest, all)
	if err != nil {
		return nil, err
	}
	first := map[int64]bool{}
	for _, p := range waiting {
		first[p.ID] = true
	}
	twins := map[int64]bool{}
	for _, p := range waiting {
		twins[p.ID] = slices.ContainsFunc(others[p.ID], func(id int64) bool { return used[id] || first[id] && id < p.ID })
	}
	return twins, nil
}

// looksOld is the age gate: the post is dated more than a week before the period
// it was first seen in began, and before the feed was last read without it. What
// the author has released is not old, however long it has waited.
func looksOld(p feed.Post, s issue.Schedule) bool {
	if !p.Released.IsZero() || p.Published.Add(oldBy).After(p.FirstSeen) {
		return false
	}
	limit := wholePeriod(s, p.FirstSeen).Start
	if !p.UnreadSince.IsZero() && p.UnreadSince.Before(limit) {
		limit = p.UnreadSince
	}
	return p.Published.Before(limit.Add(-oldBy))
}

// leftOut tells of posts that look old, and what to type for them to go.
func leftOut(old []feed.Post) string {
	if len(old) == 0 {
		return ""
	}
	var which strings.Builder
	for _, p := range old {
		fmt.Fprintf(&which, " %d", p.ID)
	}
	return fmt.Sprintf(" Left out, since they look old: %d; `digest feed release%s` lets them in.", len(old), which.String())
}

// dropGone takes the posts that are gone from the feed out of an issue that is
// not frozen, unless nothing would be left: to cancel it is up to the author.
// They are back in the pool, and wait there should they return.
func (n *Newsletter) dropGone(ctx context.Context, q Querier, i issue.Issue) error {
	if i.Kind != issue.Scheduled {
		return nil
	}
	all, err := n.posts(ctx, q, i.ID)
	if err != nil {
		return err
	}
	return issue.Drop(ctx, q, i.ID, ids(slices.DeleteFunc(slices.Clone(all), func(p feed.Post) bool { return !leaves(p, all) })))
}

// leaves says that the post is gone from the feed while others of its issue are not.
func leaves(p feed.Post, all []feed.Post) bool {
	return p.Missing >= 2 && slices.ContainsFunc(all, func(other feed.Post) bool { return other.Missing < 2 })
}
