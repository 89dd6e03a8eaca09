package main

import (
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
				return d.printJSON(d.statusView(s))
			}
			d.tellStatus(h, s)
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

func (d *door) tellStatus(h *house, s newsletter.Status) {
	now := d.now()
	d.say("%s: %s", h.Config.Site.Name, standings[s.Standing])
	for _, f := range s.Feeds {
		line := fmt.Sprintf("feed %s: read %s", shown(f.URL), local(f.Read, now, h.Zone()))
		if f.Failures > 0 {
			line += fmt.Sprintf("; failed %s since: %s", plural(f.Failures, "time"), shown(requestNoise.ReplaceAllString(printable(f.Error), "")))
		}
		d.say("%s", line)
	}
	d.say("%s stored, %s, %d waiting to confirm, %d left", plural(s.Posts, "post"),
		plural(s.Subscribers[subscribers.Active], "active subscriber"), s.Subscribers[subscribers.Pending], s.Subscribers[subscribers.Unsubscribed])
	for _, g := range s.Digests {
		d.tellDigest(h, g, now)
	}
	for _, o := range s.Orphans {
		d.say("%s", o)
	}
	d.tellMail(h, s)
	d.say("now: %s", d.advice(s))
}

func (d *door) tellMail(h *house, s newsletter.Status) {
	if s.NextMail.IsZero() && s.Mail[outbox.Failed] == 0 {
		return
	}
	line := fmt.Sprintf("mail: %d queued, %d to be tried again, %d in doubt, %d refused", s.Mail[outbox.Queued]+s.Mail[outbox.Claimed],
		s.Mail[outbox.Retry], s.Mail[outbox.Unknown], s.Mail[outbox.Failed])
	if !s.NextMail.IsZero() {
		line += "; the next is due " + local(s.NextMail, d.now(), h.Zone())
	}
	d.say("%s", line)
}

func (d *door) tellDigest(h *house, g newsletter.DigestStatus, now time.Time) {
	d.say("%s (%s): %s", g.Name, g.Rhythm, plural(g.Readers, "reader"))
	if g.Last.ID != 0 {
		d.say("  last:    issue %d, %q, %s", g.Last.ID, printable(g.Last.Subject), local(g.Last.Approved, now, h.Zone()))
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
}

// advice is the one command to type now, what is wrong first.
func (d *door) advice(s newsletter.Status) string {
	if len(s.Orphans) > 0 {
		return fmt.Sprintf("put the digest %q back into the config; its readers get nothing until it has that name again", s.Orphans[0].Digest)
	}
	for _, g := range s.Digests {
		if len(g.Held) > 0 {
			return fmt.Sprintf("%s, then %s", d.typed("issue show %d", g.Held[0].ID), d.typed("issue approve %d", g.Held[0].ID))
		}
	}
	for _, f := range s.Feeds {
		if f.Failures > 0 {
			return fmt.Sprintf("look at the feed %s, which can't be read; it is tried again with every run", shown(f.URL))
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
	if late := d.now().Sub(s.NextMail); !s.NextMail.IsZero() && late > time.Hour {
		return fmt.Sprintf("%s; mail has been due for %s, so cron may not call it, or the mail server takes none", d.typed("run"), span(late))
	}
	nothing := "nothing; cron or `digest serve` does the rest"
	if n := s.Mail[outbox.Failed]; n > 0 {
		nothing += fmt.Sprintf(" (%s refused for good: %s tells of which issue)", plural(n, "mail"), d.typed("issue list"))
	}
	return nothing
}

func (d *door) statusView(s newsletter.Status) any {
	type digestView struct {
		Name    string     `json:"name"`
		Rhythm  string     `json:"rhythm"`
		Readers int        `json:"readers"`
		Last    *time.Time `json:"last,omitempty"`
		Next    time.Time  `json:"next"`
		Waiting int        `json:"waiting"`
		Held    []int64    `json:"held"`
	}
	view := struct {
		Live        bool                      `json:"live"`
		Standing    string                    `json:"standing"`
		Posts       int                       `json:"posts"`
		Subscribers map[subscribers.State]int `json:"subscribers"`
		Mail        map[outbox.State]int      `json:"mail"`
		Digests     []digestView              `json:"digests"`
		Advice      string                    `json:"advice"`
	}{s.Standing == newsletter.Live, standings[s.Standing], s.Posts, s.Subscribers, s.Mail, nil, d.advice(s)}
	for _, g := range s.Digests {
		v := digestView{Name: g.Name, Rhythm: g.Rhythm, Readers: g.Readers, Last: optional(g.Last.Approved), Next: g.Next, Waiting: g.Waiting, Held: []int64{}}
		for _, i := range g.Held {
			v.Held = append(v.Held, i.ID)
		}
		view.Digests = append(view.Digests, v)
	}
	return view
}
