package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"digest/newsletter"
)

func (d *door) goLiveCommand() *cobra.Command {
	var since string
	var how newsletter.GoingLive
	cmd := &cobra.Command{
		Use:   "go-live",
		Short: "from now on mail may leave",
		Long: `go-live lets mail go to subscribers from now on. The first time it also sets the start: posts that stand in the feed
by now are never mailed by a schedule, unless --since lets those published since a day in.
It refuses while the config holds example values, the public address does not answer, the mail server refuses the
login or the author has no address; --anyway overrides that.`,
		Example: "  digest go-live\n  digest go-live --since 2026-03-01",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if err := d.copyFlags(cmd, h, how); err != nil {
				return err
			}
			if since != "" {
				if how.Since, err = time.ParseInLocation("2006-01-02", since, h.Zone()); err != nil {
					return wrong("write it as 2026-03-01", fmt.Errorf("--since %q is no day", since))
				}
			}
			went, err := h.GoLive(cmd.Context(), how, d.now())
			if err != nil {
				return err
			}
			if d.json {
				return d.printJSON(d.viewLive(h, went))
			}
			d.tellLive(h, went)
			d.tellTakes(cmd.Context(), h)
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "let posts published since this `DATE` in (first time only)")
	cmd.Flags().BoolVar(&how.Anyway, "anyway", false, "in spite of what it finds wrong")
	cmd.Flags().BoolVar(&how.AlreadySent, "already-sent", false, "this is a copy: the original has sent what was due since, mail nobody")
	cmd.Flags().BoolVar(&how.Send, "send", false, "this is a copy: what it owes goes out")
	return cmd
}

// liveView is what go-live did, as --json prints it.
type liveView struct {
	DryRun     bool                 `json:"dry_run,omitempty"`
	Live       bool                 `json:"live"`
	Was        string               `json:"was"`      // how it stood before
	Released   int                  `json:"released"` // posts that --since let in
	Dropped    int                  `json:"dropped"`  // mails a copy owed and will not send
	Overridden []string             `json:"overridden"`
	Next       map[string]time.Time `json:"next"` // issue of each digest
	Undo       string               `json:"undo"`
}

func (d *door) viewLive(h *house, went newsletter.WentLive) liveView {
	v := liveView{d.dryRun, true, standings[went.From], went.Released, went.Dropped, []string{}, map[string]time.Time{}, d.typed("stop")}
	for _, p := range went.Problems {
		v.Overridden = append(v.Overridden, shown(p))
	}
	for _, dg := range h.Config.Digests {
		v.Next[dg.Name] = dg.Schedule.Next(d.now()).End
	}
	return v
}

// copyFlags refuses what says something about a copy where there is none.
func (d *door) copyFlags(cmd *cobra.Command, h *house, how newsletter.GoingLive) error {
	if !how.AlreadySent && !how.Send {
		return nil
	}
	if how.AlreadySent && how.Send {
		return wrong("choose the one that is true of the original", errors.New("--already-sent and --send contradict each other"))
	}
	standing, err := h.Standing(cmd.Context())
	if err == nil && standing != newsletter.Copied {
		err = wrong("leave the flag out", errors.New("--already-sent and --send are for a copy of a live database, and this is none"))
	}
	return err
}

func (d *door) tellLive(h *house, went newsletter.WentLive) {
	for _, p := range went.Problems {
		fmt.Fprintln(d.err, "overridden:", p)
	}
	switch went.From {
	case newsletter.NeverLive:
		d.say("live: each new post goes into the next issue")
		if went.Released > 0 {
			d.say("%s since then go into the first one", plural(went.Released, "post"))
		}
	case newsletter.Live:
		d.say("it was live already")
	case newsletter.Stopped:
		d.say("live again: what is owed goes out with the next run")
	case newsletter.Copied:
		d.say("this copy is the live one now; %s it owed will not be sent", plural(went.Dropped, "mail"))
	}
	for _, dg := range h.Config.Digests {
		next := dg.Schedule.Next(d.now())
		d.say("next %s issue: %s", dg.Name, local(next.End, d.now(), dg.Schedule.Location()))
	}
	d.say("undo: %s", d.typed("stop"))
}

func (d *door) stopCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "stop",
		Short:   "nothing more leaves",
		Long:    "stop is the panic button: no mail leaves until `digest go-live`. A courier that is at work obeys at its next commit.",
		Example: "  digest stop",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if err := h.Stop(cmd.Context(), d.now()); err != nil {
				return err
			}
			left, err := h.Ledger(cmd.Context())
			if err != nil {
				return err
			}
			if d.json {
				return d.printJSON(struct {
					DryRun  bool   `json:"dry_run,omitempty"`
					Live    bool   `json:"live"`
					Sent    int    `json:"sent"`
					Doubt   int    `json:"in_doubt"`
					Waiting int    `json:"waiting"`
					Undo    string `json:"undo"`
				}{d.dryRun, false, left.Sent, left.Doubt, left.Waiting, d.typed("go-live")})
			}
			d.say("stopped: nothing more leaves")
			d.say("%d had it, %d in doubt, %d wait", left.Sent, left.Doubt, left.Waiting)
			d.say("undo: %s", d.typed("go-live"))
			return nil
		},
	}
}
