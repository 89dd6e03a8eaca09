package newsletter

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"digest/feed"
)

const (
	repeatAfter  = 7 * 24 * time.Hour // what the author was told and left undecided is told again, with what came since
	damagedLooks = 3                  // looks in a row that find a feed damaged …
	damagedFor   = 24 * time.Hour     // … over that long are told the author
	idsTold      = 20                 // posts that a notice's command names one by one, at most
)

// found leads to the notices of what a good look has found in a feed.
func (n *Newsletter) found(ctx context.Context, tx *sql.Tx, p Polled, now time.Time) (list []Notice, err error) {
	looks, since, err := feed.Damage(ctx, tx, p.Feed, p.Partial, now)
	if err != nil {
		return nil, err
	}
	if looks >= damagedLooks && now.Sub(since) >= damagedFor {
		list = append(list, n.damagedNotice(p.Feed, since))
	}
	aside, err := asideToTell(ctx, tx, p.Feed, now)
	if len(aside) > 0 {
		list = append(list, n.floodNotice(p.Feed, aside, now))
	}
	return list, err
}

func (n *Newsletter) damagedNotice(f feed.Feed, since time.Time) Notice {
	return Notice{fmt.Sprintf("feed %d damaged since %d", f.ID, since.Unix()), "The feed of " + n.Config.Site.Name + " is damaged",
		fmt.Sprintf(`The feed %s has been damaged at every look since %s. The posts that stand whole in it are read and go into the next issue; others may be missing.

Nothing that is stored has changed. What is wrong is most often one post, or a plugin that writes into the feed: a feed validator names the line.

See what is read: digest feed read %[1]s`, address(f), n.day(since))}
}

func asideKey(f feed.Feed) string { return fmt.Sprintf("feed %d aside ", f.ID) }

// asideToTell are all posts of the feed that are set aside, when some of them
// came after the last notice about such posts and the author has decided on
// those it was about, or was told a week ago; nil otherwise. A feed that floods
// at every look is no mail at every look.
func asideToTell(ctx context.Context, tx *sql.Tx, f feed.Feed, now time.Time) ([]feed.Post, error) {
	all, err := feed.SetAside(ctx, tx)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(p feed.Post) bool { return p.FeedID != f.ID })
	if len(all) == 0 {
		return nil, nil
	}
	told, err := lastNoted(ctx, tx, asideKey(f), now)
	if err != nil {
		return nil, err
	}
	fresh := func(p feed.Post) bool { return told.IsZero() || p.FirstSeen.After(told) }
	undecided := slices.ContainsFunc(all, func(p feed.Post) bool { return !fresh(p) })
	if !slices.ContainsFunc(all, fresh) || undecided && now.Sub(told) < repeatAfter {
		return nil, nil
	}
	return all, nil
}

// floodNotice is about the posts of a feed that are set aside, the latest seen
// first.
func (n *Newsletter) floodNotice(f feed.Feed, aside []feed.Post, now time.Time) Notice {
	first, last := aside[len(aside)-1].FirstSeen, aside[0].FirstSeen
	when := "on " + n.day(last)
	if !first.Equal(last) {
		when = "from " + n.day(first) + " to " + n.day(last)
	}
	return Notice{asideKey(f) + fmt.Sprint(now.Unix()), fmt.Sprintf("%s set aside for you to decide", posts(len(aside))),
		fmt.Sprintf(`In the feed %s, %s, %s. So these were set aside and are not mailed:
%s

See them all: digest feed list --aside
Let them into the next issue: digest feed release --all
Never mail them: digest feed dismiss --all`, address(f), when, Because(aside[0].Aside), headings(aside))}
}

// headings are those of the first three posts, a line each.
func headings(list []feed.Post) string {
	var text strings.Builder
	for _, p := range list[:min(3, len(list))] {
		text.WriteString("\n  " + plainLine(p.Heading(), 100))
	}
	if more := len(list) - 3; more > 0 {
		fmt.Fprintf(&text, "\n  and %d more", more)
	}
	return text.String()
}

// gaps leaves a notice for each gap that a look has met and nothing could close,
// in a week no more than one of each feed.
func (n *Newsletter) gaps(ctx context.Context, polled []Polled, bridged []Bridged, now time.Time) ([]Notice, error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return nil, err
	}
	var fresh []Notice
	for _, p := range polled {
		f := known[p.Feed.URL]
		if f.GapAt.IsZero() {
			continue
		}
		var found Backfilled
		for _, b := range bridged {
			if b.Feed.ID == f.ID {
				found = b.Found
			}
		}
		err := n.write(ctx, func(tx *sql.Tx) error {
			told, err := lastNoted(ctx, tx, gapKey(f), now)
			if err != nil || !told.IsZero() && now.Sub(told) < repeatAfter {
				return err
			}
			list, err := noteAll(ctx, tx, []Notice{n.gapNotice(f, found)}, now)
			fresh = append(fresh, list...)
			return err
		})
		if err != nil {
			return fresh, err
		}
	}
	return fresh, nil
}

func gapKey(f feed.Feed) string { return fmt.Sprintf("feed %d gap ", f.ID) }

// gapNotice is told once for each look that met no known post.
func (n *Newsletter) gapNotice(f feed.Feed, found Backfilled) Notice {
	return Notice{gapKey(f) + fmt.Sprint(f.GapAt.Unix()), "Posts of " + n.Config.Site.Name + " may have been missed",
		fmt.Sprintf(`The look at the feed %s on %s found no post that was known from the look before it, on %s. A feed shows only its newest posts, so some from between may be missing%s

Compare with the blog what is known: digest feed list
So that it does not happen again, let cron call digest run more often, or keep digest serve running.`,
			address(f), n.day(f.GapAt), n.day(f.GapSince), searched(f, found))}
}

// searched says how many posts a gap may have swallowed, and what came of
// looking for them.
func searched(f feed.Feed, found Backfilled) string {
	text := "."
	if f.GapMissed > 0 {
		text = fmt.Sprintf(": about %d by the pace of the blog.", f.GapMissed)
	}
	if found.Why == "" {
		return text
	}
	many := fmt.Sprintf("%d of them were", found.News)
	switch found.News {
	case 0:
		many = "None of them was"
	case 1:
		many = "1 of them was"
	}
	where := fmt.Sprintf("%d older pages", found.Pages)
	switch found.Pages {
	case 0:
		where = "older pages"
	case 1:
		where = "1 older page"
	}
	return text + fmt.Sprintf(" %s found on %s of the feed: %s.", many, where, plainLine(found.Why, 300))
}

// leftOutNotices leaves a notice about the posts that issues just made leave
// out since they look old, each post once.
func (n *Newsletter) leftOutNotices(ctx context.Context, made []Made, now time.Time) (fresh []Notice, err error) {
	var old []feed.Post
	for _, m := range made {
		if !m.Waiting {
			old = append(old, m.Old...)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		told, err := oldTold(ctx, tx)
		if err != nil {
			return err
		}
		var list []feed.Post
		for _, p := range old {
			if id := fmt.Sprint(p.ID); !told[id] {
				list, told[id] = append(list, p), true
			}
		}
		if len(list) > 0 {
			fresh, err = noteAll(ctx, tx, []Notice{n.oldNotice(list, now)}, now)
		}
		return err
	})
	return fresh, err
}

const oldKey = "old posts" // and their IDs

// oldTold are the IDs of the posts that the author was told look old.
func oldTold(ctx context.Context, tx *sql.Tx) (map[string]bool, error) {
	rows, err := tx.QueryContext(ctx, `SELECT key FROM notices WHERE key LIKE $1 || ' %'`, oldKey)
	if err != nil {
		return nil, fmt.Errorf("finding notices: %w", err)
	}
	defer rows.Close()
	told := map[string]bool{}
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, fmt.Errorf("finding notices: %w", err)
		}
		for _, id := range strings.Fields(strings.TrimPrefix(key, oldKey)) {
			told[id] = true
		}
	}
	return told, rows.Err()
}

// oldNotice is about posts that look old.
func (n *Newsletter) oldNotice(list []feed.Post, now time.Time) Notice {
	var names strings.Builder
	for _, p := range list {
		fmt.Fprintf(&names, " %d", p.ID)
	}
	subject, dated, lets := posts(len(list))+" left out, since they look old", "are dated more than a week before the period they were", "lets them in"
	if len(list) == 1 {
		subject, dated, lets = posts(1)+" left out, since it looks old", "is dated more than a week before the period it was", "lets it in"
	}
	typed := names.String()
	if len(list) > idsTold {
		typed = " ID… (their IDs: digest feed list --aside)"
	}
	return Notice{oldKey + names.String(), subject,
		fmt.Sprintf(`%s of %s %s first seen in, and left out of the issue made on %s:
%s

digest feed release%s %s; otherwise there is nothing to do.`,
			posts(len(list)), n.Config.Site.Name, dated, n.day(now), headings(list), typed, lets)}
}
