package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

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
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			s, err := h.Status(cmd.Context(), d.now())
			if err != nil {
				return err
			}
			if d.json {
				return d.printJSON(statusView(s))
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
		line := fmt.Sprintf("feed %s: read %s", f.URL, local(f.Read, now, h.Zone()))
		if f.Failures > 0 {
			line += fmt.Sprintf("; failed %s since: %s", plural(f.Failures, "time"), printable(f.Error))
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
	if !s.NextMail.IsZero() {
		d.say("mail: %d queued, %d to be tried again, %d in doubt; the next is due %s", s.Mail[outbox.Queued]+s.Mail[outbox.Claimed],
			s.Mail[outbox.Retry], s.Mail[outbox.Unknown], local(s.NextMail, now, h.Zone()))
	}
	d.say("now: %s", advice(s))
}

func (d *door) tellDigest(h *house, g newsletter.DigestStatus, now time.Time) {
	d.say("%s (%s): %s", g.Name, g.Rhythm, plural(g.Readers, "reader"))
	if g.Last.ID != 0 {
		d.say("  last:    issue %d, %q, %s", g.Last.ID, printable(g.Last.Subject), local(g.Last.Approved, now, h.Zone()))
	}
	for _, i := range g.Held {
		d.say("  held:    issue %d, %q: %s", i.ID, printable(i.Subject), i.Reason)
	}
	d.say("  next:    %s", local(g.Next, now, h.Zone()))
	d.say("  waiting: %s", plural(g.Waiting, "post"))
}

// advice is the one command to type now.
func advice(s newsletter.Status) string {
	for _, g := range s.Digests {
		if len(g.Held) > 0 {
			return fmt.Sprintf("digest issue show %d, then digest issue approve %d", g.Held[0].ID, g.Held[0].ID)
		}
	}
	switch s.Standing {
	case newsletter.NeverLive:
		if s.Subscribers[subscribers.Active] == 0 {
			return "digest preview, then digest subscribers add ADDRESS --confirmed"
		}
		return "digest preview, then digest go-live"
	case newsletter.Stopped:
		return "digest go-live, once mail may leave again"
	case newsletter.Copied:
		return "digest go-live --already-sent, or --send if the original is gone"
	}
	return "nothing; cron or `digest serve` does the rest"
}

func statusView(s newsletter.Status) any {
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
	}{s.Standing == newsletter.Live, standings[s.Standing], s.Posts, s.Subscribers, s.Mail, nil, advice(s)}
	for _, g := range s.Digests {
		v := digestView{Name: g.Name, Rhythm: g.Rhythm, Readers: g.Readers, Last: optional(g.Last.Approved), Next: g.Next, Waiting: g.Waiting, Held: []int64{}}
		for _, i := range g.Held {
			v.Held = append(v.Held, i.ID)
		}
		view.Digests = append(view.Digests, v)
	}
	return view
}
