package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"digest/feed"
)

const (
	brokenLooks = 3              // failures in a row …
	brokenFor   = time.Hour      // … over that long are told the author
	staleAfter  = 48 * time.Hour // an issue that is due finds no newer good look: told at once
)

// occasions leaves the notices that a look gives rise to, in its transaction.
// was is the feed before the look.
func (n *Newsletter) occasions(ctx context.Context, tx *sql.Tx, was feed.Feed, p Polled, now time.Time) (list []Notice, err error) {
	f := p.Feed
	switch {
	case p.Err == nil:
		if list, err = n.wellAgain(ctx, tx, was, f); err != nil {
			return nil, err
		}
	case f.Stopped && !was.Stopped:
		list = append(list, n.goneNotice(f))
	case isBroken(f, p.Err, now):
		list = append(list, n.brokenNotice(f))
	}
	if p.Err == nil && !p.NotModified {
		more, err := n.found(ctx, tx, p, now)
		if err != nil {
			return nil, err
		}
		list = append(list, more...)
	}
	if to := f.Proposal(); to != "" && p.Err == nil {
		list = append(list, n.movedNotice(f, to))
	}
	return noteAll(ctx, tx, list, now)
}

// noteAll leaves notices and returns those that are new.
func noteAll(ctx context.Context, tx *sql.Tx, list []Notice, now time.Time) (fresh []Notice, err error) {
	for _, notice := range list {
		is, err := note(ctx, tx, notice, now)
		if err != nil {
			return nil, err
		}
		if is {
			fresh = append(fresh, notice)
		}
	}
	return fresh, nil
}

// isBroken: a server may be down for an hour; but one that says that there is
// no such feed, or that it is not for us, means it.
func isBroken(f feed.Feed, cause error, now time.Time) bool {
	if f.Failures < brokenLooks {
		return false
	}
	var status *feed.StatusError
	if errors.As(cause, &status) {
		switch status.Code {
		case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
			return true
		}
	}
	return now.Sub(f.FailedSince) >= brokenFor
}

func brokenKey(f feed.Feed) string {
	return fmt.Sprintf("feed %d broken since %d", f.ID, f.FailedSince.Unix())
}

func goneKey(f feed.Feed) string {
	return fmt.Sprintf("feed %d gone since %d", f.ID, f.GoneSince.Unix())
}

func (n *Newsletter) brokenNotice(f feed.Feed) Notice {
	return Notice{brokenKey(f), "The feed of " + n.Config.Site.Name + " can't be read", fmt.Sprintf(`The feed %s can't be read since %s: %s.

%s Nothing that is stored has changed. digest goes on asking, at least once a day; an issue that is due waits %s for the feed and is then made of what is known.

Look at the address in a browser. If the feed has another one by now, write that into %s; to ask at once: digest feed poll`,
		address(f), n.day(f.FailedSince), why(f), n.lastRead(f), span(n.Config.FeedWait), n.Config.Path)}
}

func (n *Newsletter) goneNotice(f feed.Feed) Notice {
	return Notice{goneKey(f), "The feed of " + n.Config.Site.Name + " is gone", fmt.Sprintf(`The feed %s has answered "410 Gone" at every look since %s, which says that it is gone for good.

%s Nothing that is stored has changed. digest does not ask there any more.

If the feed has another address by now, write that into %s. If it is back: digest feed poll`,
		address(f), n.day(f.GoneSince), n.lastRead(f), n.Config.Path)}
}

// wellAgain is told to who was told that the feed was not.
func (n *Newsletter) wellAgain(ctx context.Context, tx *sql.Tx, was, f feed.Feed) ([]Notice, error) {
	if was.FailedSince.IsZero() {
		return nil, nil
	}
	heard := false
	for _, key := range []string{brokenKey(was), goneKey(was)} {
		is, err := takeBack(ctx, tx, key)
		if err != nil {
			return nil, err
		}
		heard = heard || is
	}
	if !heard {
		return nil, nil
	}
	return []Notice{{
		fmt.Sprintf("feed %d well since %d", f.ID, f.Read.Unix()), "The feed of " + n.Config.Site.Name + " can be read again",
		fmt.Sprintf("The feed %s can be read again since %s. It could not since %s.\n\nThere is nothing to do. What comes next: digest status",
			address(f), n.day(f.Read), n.day(was.FailedSince)),
	}}, nil
}

// Because is why posts with this reason (see feed.Post.Aside) were set aside, as
// a clause without an end. Any other reason is given as it is.
func Because(reason string) string {
	switch reason {
	case feed.AsideFlood:
		return "more new posts came at once than the blog's pace explains"
	case feed.AsideReplaced:
		return "as many known posts are gone as new ones came, as when old posts come back under new names"
	}
	return reason
}

func (n *Newsletter) movedNotice(f feed.Feed, to string) Notice {
	return Notice{fmt.Sprintf("feed %d moved to %s", f.ID, to), "The feed of " + n.Config.Site.Name + " seems to have a new address",
		fmt.Sprintf(`The feed %s has redirected for good to one address, at %d looks since %s:

  %s

digest goes on asking at the old address. If the new one is right, write it into %s: what is known stays known, and nothing is mailed again. If you did not move it, ask who did.`,
			address(f), f.Moved, n.day(f.MovedSince), plainLine(to, 2000), n.Config.Path)}
}

// stale leaves a notice for each feed that an issue due now is made without
// having read for two days.
func (n *Newsletter) stale(ctx context.Context, now time.Time) ([]Notice, error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return nil, err
	}
	var list []Notice
	for _, c := range n.Config.Feeds {
		if f := known[c.URL]; f.Failures > 0 && !f.Stopped && !f.FailedSince.IsZero() && now.Sub(f.Read) > staleAfter {
			list = append(list, n.brokenNotice(f))
		}
	}
	return n.noteNow(ctx, list, now)
}

func (n *Newsletter) noteNow(ctx context.Context, list []Notice, now time.Time) (fresh []Notice, err error) {
	if len(list) == 0 {
		return nil, nil
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		fresh, err = noteAll(ctx, tx, list, now)
		return err
	})
	return fresh, err
}

func (n *Newsletter) lastRead(f feed.Feed) string {
	if f.Read.IsZero() {
		return "It could never be read."
	}
	return "It was read last on " + n.day(f.Read) + "."
}

func (n *Newsletter) day(t time.Time) string {
	return t.In(n.Zone()).Format("Monday 2 January 2006 15:04 MST")
}

// requestNoise is what the rooms below put before the cause.
var requestNoise = regexp.MustCompile(`(fetching the feed: |\b[A-Z][a-z]+ "[^"]*": )+`)

// why is what the server, or the network, said last.
func why(f feed.Feed) string { return plainLine(requestNoise.ReplaceAllString(f.Error, ""), 300) }

// address is the feed's, without a password.
func address(f feed.Feed) string {
	u, err := url.Parse(f.URL)
	if err != nil || u.User == nil {
		return f.URL
	}
	return u.Redacted()
}

func span(d time.Duration) string {
	if d < time.Hour {
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	}
	return fmt.Sprintf("%d hours", int(d.Hours()))
}

func posts(n int) string {
	if n == 1 {
		return "1 post"
	}
	return fmt.Sprintf("%d posts", n)
}
