package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/feed"
	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

func (d *door) statusCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "status",
		Short:   "what happens next",
		Long:    "status tells what was sent last, what is due next, what waits and what is held, ending with the one command to type now.",
		Example: "  digest status\n  digest status --json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			s, err := h.Status(cmd.Context(), d.now())
			if err != nil {
				return err
			}
			s.Feeds = slices.DeleteFunc(s.Feeds, func(f feed.Feed) bool { // what stood in the config once is history
				return !slices.ContainsFunc(h.Config.Feeds, func(c config.Feed) bool { return c.URL == f.URL })
			})
			if d.json {
				return d.printJSON(d.statusView(h, s))
			}
			d.tellStatus(cmd.Context(), h, s)
			return nil
		},
	}
}

var standings = map[newsletter.Standing]string{
	newsletter.NeverLive: "not live yet: no mail leaves",
	newsletter.Live:      "live",
	newsletter.Stopped:   "stopped: no mail leaves",
	newsletter.Copied:    "a copy of a live database: no mail leaves",
}

func (d *door) tellStatus(ctx context.Context, h *house, s newsletter.Status) {
	now := d.now()
	d.say("%s: %s", h.Config.Site.Name, standings[s.Standing])
	for _, trouble := range s.Troubles {
		d.say("%s", trouble)
	}
	d.tellHalting(s.Halting)
	for _, f := range s.Feeds {
		d.tellFeed(h, f, now)
	}
	for _, f := range s.Foreign {
		d.say("feed %s shows another blog: nothing new of it is mailed until that one is gone, or you have released or dismissed its posts", shown(f.URL))
	}
	d.tellAside(h, s, now)
	bounced := ""
	if n := s.Subscribers[subscribers.Bounced]; n > 0 {
		bounced = fmt.Sprintf(", %d bounced (%s)", n, d.typed("subscribers list --state bounced"))
	}
	d.say("%s stored, %s, %d waiting to confirm, %d left%s", plural(s.Posts, "post"),
		plural(s.Subscribers[subscribers.Active], "active subscriber"), s.Subscribers[subscribers.Pending], s.Subscribers[subscribers.Unsubscribed], bounced)
	for _, g := range s.Digests {
		d.tellDigest(h, g, now)
	}
	for _, o := range s.Orphans {
		d.say("%s", o)
	}
	d.tellMail(h, s)
	d.tellSending(ctx, h, s.Sending, now)
	d.say("now: %s", d.advice(s))
}

// tellFeed tells when a feed was read, and what is wrong with it.
func (d *door) tellFeed(h *house, f feed.Feed, now time.Time) {
	line := fmt.Sprintf("feed %s: read %s", shown(f.URL), local(f.Read, now, h.Zone()))
	if f.Failures > 0 {
		since := ""
		if !f.FailedSince.IsZero() {
			since = ", first " + local(f.FailedSince, now, h.Zone())
		}
		line += fmt.Sprintf("; failed %s since%s: %s", plural(f.Failures, "time"), since, shown(requestNoise.ReplaceAllString(printable(f.Error), "")))
	}
	d.say("%s", line)
	switch {
	case f.Stopped:
		d.say("  gone:    the server says it is gone for good, so it is not asked any more: write its new address into %s, or ask once with %s",
			d.config, d.typed("feed poll"))
	case f.Next.After(now):
		d.say("  waits:   not asked before %s; %s asks now", local(f.Next, now, h.Zone()), d.typed("feed poll"))
	}
	if f.Damaged {
		d.say("  damaged: some posts may be missing, for the feed is not whole")
	}
	if to := f.Proposal(); to != "" {
		d.say("  moved:   it sends to %s for good, since %s: put that address into the config", shown(printable(to)), local(f.MovedSince, now, h.Zone()))
	}
	if !f.GapAt.IsZero() {
		d.say("  gap:     no overlap with the look of %s: up to %s may have been missed; %s once you know",
			local(f.GapSince, now, h.Zone()), plural(f.GapMissed, "post"), d.typed("feed dismiss --gap"))
	}
}

// tellAside tells of posts that are set aside: how many, the newest, why, since
// when, and what to do about it.
func (d *door) tellAside(h *house, s newsletter.Status, now time.Time) {
	posts := s.Aside
	if len(posts) == 0 {
		return
	}
	d.say("%s set aside since %s, and mailed only if you say so:", plural(len(posts), "post"), local(posts[len(posts)-1].FirstSeen, now, h.Zone()))
	for _, p := range posts[:min(3, len(posts))] {
		d.say("  %d %q: %s", p.ID, printable(p.Heading()), newsletter.Because(p.Aside))
	}
	if more := len(posts) - 3; more > 0 {
		d.say("  and %d more: %s", more, d.typed("feed list --aside"))
	}
	if s.Standing == newsletter.NeverLive {
		d.say("  to be decided after %s", d.typed("go-live"))
		return
	}
	d.say("  %s, or %s", d.typed("feed release --all"), d.typed("feed dismiss --all"))
}

// tellLeftOut tells of posts that would wait for the next issue of a digest, but
// for what they look like.
func (d *door) tellLeftOut(g newsletter.DigestStatus) {
	for _, p := range g.Old[:min(3, len(g.Old))] {
		d.say("  old:     %q of %s looks old: %s, or dismiss", printable(p.Heading()), p.Published.Format("2 January 2006"), d.typed("feed release %d", p.ID))
	}
	if more := len(g.Old) - 3; more > 0 {
		d.say("  old:     and %d more: %s", more, d.typed("feed list --aside"))
	}
	for _, p := range g.Gone[:min(3, len(g.Gone))] {
		d.say("  gone:    %q is gone from the feed, so it is left out", printable(p.Heading()))
	}
}

func (d *door) tellMail(h *house, s newsletter.Status) {
	waiting := s.Mail[outbox.Queued] + s.Mail[outbox.Claimed] + s.Mail[outbox.Retry] + s.Mail[outbox.Dotting]
	if s.NextMail.IsZero() && waiting+s.Mail[outbox.Failed]+s.Mail[outbox.Expired]+s.Mail[outbox.Unknown] == 0 {
		return
	}
	line := fmt.Sprintf("mail: %d queued, %d to be tried again, %d in doubt, %d refused, %d expired", s.Mail[outbox.Queued]+s.Mail[outbox.Claimed]+s.Mail[outbox.Dotting],
		s.Mail[outbox.Retry], s.Mail[outbox.Unknown], s.Mail[outbox.Failed], s.Mail[outbox.Expired])
	switch {
	case s.NextMail.IsZero() && waiting == 0:
	case !s.NextMail.After(d.now()) || s.Mail[outbox.Claimed]+s.Mail[outbox.Dotting] > 0:
		line += "; the next is due now"
	default:
		line += "; the next is due " + local(s.NextMail, d.now(), h.Zone())
	}
	d.say("%s", line)
	for _, x := range s.Shortfalls {
		d.say("  issue %d did not reach all: %s", x.Issue.ID, shortOf(x))
	}
}

func (d *door) tellDigest(h *house, g newsletter.DigestStatus, now time.Time) {
	d.say("%s (%s): %s", g.Name, g.Rhythm, plural(g.Readers, "reader"))
	if g.Last.ID != 0 {
		d.say("  last:    issue %d, %q, %s", g.Last.ID, printable(g.Last.Subject), local(g.Last.Approved, now, h.Zone()))
	}
	if g.Past.ID != 0 {
		d.say("  past:    issue %d, %q, %s", g.Past.ID, printable(g.Past.Subject), local(g.Past.Approved, now, h.Zone()))
	}
	for _, i := range g.Held {
		d.say("  held:    issue %d, %q: %s", i.ID, printable(i.Subject), i.Reason)
	}
	since := ""
	if g.Next.Before(now) {
		since = "due since "
	}
	d.say("  next:    %s%s", since, local(g.Next, now, h.Zone()))
	d.say("  waiting: %s", plural(g.Waiting, "post"))
	d.tellLeftOut(g)
}

// advice is the one command to type now, what is wrong first.
func (d *door) advice(s newsletter.Status) string {
	for _, f := range s.Feeds {
		if f.Stopped {
			return fmt.Sprintf("write the new address of the feed %s into %s, for it is gone; if it is back, %s", shown(f.URL), d.config, d.typed("feed poll"))
		}
	}
	for _, f := range s.Feeds {
		if f.Failures > 0 {
			return fmt.Sprintf("look at the feed %s, which can't be read; it is asked again %s, and at once by %s", shown(f.URL), nextLook(f, false, d.now()), d.typed("feed poll"))
		}
	}
	if len(s.Orphans) > 0 {
		return fmt.Sprintf("put the digest %q back into the config; its readers get nothing until it has that name again", s.Orphans[0].Digest)
	}
	decide := fmt.Sprintf("%s, then %s or %s", d.typed("feed list --aside"), d.typed("feed release ID"), d.typed("feed dismiss ID"))
	if len(s.Aside) > 0 && s.Standing != newsletter.NeverLive {
		return decide
	}
	for _, g := range s.Digests {
		if len(g.Held) > 0 {
			return fmt.Sprintf("%s, then %s", d.typed("issue show %d", g.Held[0].ID), d.typed("issue approve %d", g.Held[0].ID))
		}
	}
	switch s.Standing {
	case newsletter.NeverLive:
		if s.Subscribers[subscribers.Active] == 0 {
			return d.typed("preview") + ", then " + d.typed("subscribers add ADDRESS --confirmed")
		}
		return d.typed("preview") + ", then " + d.typed("go-live")
	case newsletter.Stopped:
		return d.typed("go-live") + ", once mail may leave again"
	case newsletter.Copied:
		return d.typed("go-live --already-sent") + ", or --send if the original is gone"
	}
	if mend := d.mend(s); mend != "" {
		return mend
	}
	if late := d.now().Sub(s.NextMail); !s.NextMail.IsZero() && late > time.Hour {
		return fmt.Sprintf("%s; mail has been due for %s, so cron may not call it, or the mail server takes none", d.typed("run"), span(late))
	}
	if doubt := d.doubt(s, decide); doubt != "" {
		return doubt
	}
	if completed := d.completed(s); completed != "" {
		return completed
	}
	return "nothing; cron or `digest serve` does the rest"
}

// doubt is the advice on what may be missing from the mail, but keeps none back;
// "" = nothing.
func (d *door) doubt(s newsletter.Status, decide string) string {
	for _, f := range s.Feeds {
		if !f.GapAt.IsZero() {
			return fmt.Sprintf("%s, once you have compared %s with the blog", d.typed("feed dismiss --gap"), d.typed("feed list"))
		}
	}
	for _, g := range s.Digests {
		if len(g.Old) > 0 {
			return decide
		}
	}
	for _, f := range s.Feeds {
		if to := f.Proposal(); to != "" {
			return fmt.Sprintf("write %s into %s in place of %s, if that is the feed's new address", shown(printable(to)), d.config, shown(f.URL))
		}
	}
	return ""
}

// digestView is a digest as `status --json` prints it.
type digestView struct {
	Name    string     `json:"name"`
	Rhythm  string     `json:"rhythm"`
	Readers int        `json:"readers"`
	Last    *time.Time `json:"last,omitempty"`
	Past    *time.Time `json:"past,omitempty"` // of an issue of the past that was sent since
	Next    time.Time  `json:"next"`
	Waiting int        `json:"waiting"`
	Held    []int64    `json:"held"`
	Old     []int64    `json:"old"`  // posts left out, since they look old
	Gone    []int64    `json:"gone"` // posts left out, since they are gone from the feed
}

func (d *door) statusView(h *house, s newsletter.Status) any {
	view := struct {
		Live        bool                      `json:"live"`
		Standing    string                    `json:"standing"`
		Posts       int                       `json:"posts"`
		Subscribers map[subscribers.State]int `json:"subscribers"`
		Mail        map[outbox.State]int      `json:"mail"`
		Sending     sendingView               `json:"sending"`
		Feeds       []feedStatusView          `json:"feeds"`
		Aside       []asideView               `json:"aside"`
		Digests     []digestView              `json:"digests"`
		Troubles    []string                  `json:"troubles"` // what keeps mail from leaving as it should
		Halting     []haltingView             `json:"halting"`
		Shortfalls  []shortfallView           `json:"shortfalls"` // recent issues that have not reached all of their readers
		Advice      string                    `json:"advice"`
	}{s.Standing == newsletter.Live, standings[s.Standing], s.Posts, s.Subscribers, s.Mail, viewSending(h.Config.Mail, s.Sending),
		viewFeeds(s.Feeds), viewAside(s.Aside), nil, append([]string{}, s.Troubles...), viewHalting(s.Halting), viewShortfalls(s.Shortfalls), d.advice(s)}
	for _, g := range s.Digests {
		v := digestView{Name: g.Name, Rhythm: g.Rhythm, Readers: g.Readers, Last: optional(g.Last.Approved), Past: optional(g.Past.Approved), Next: g.Next, Waiting: g.Waiting, Held: []int64{},
			Old: postIDs(g.Old), Gone: postIDs(g.Gone)}
		for _, i := range g.Held {
			v.Held = append(v.Held, i.ID)
		}
		view.Digests = append(view.Digests, v)
	}
	return view
}
