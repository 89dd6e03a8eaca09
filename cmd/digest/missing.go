package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"digest/newsletter"
	"digest/outbox"
)

func (d *door) issueMissingCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "send-missing ID",
		Short: "mail an issue to whoever was left without it",
		Long: `send-missing owes a frozen issue again to those of its readers whose mail was refused or expired: no copy was taken,
none may have been, and they still want it. They get the same words, at the address they have now. Who left stays left;
who is in doubt is settled by ` + "`digest issue unknown`" + `; an address that was suppressed is brought back first by
` + "`digest subscribers add ADDRESS --confirmed`" + `.`,
		Example: "  digest issue send-missing 3 --dry-run\n  digest issue send-missing 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			if d.mayAsk() {
				return d.askMissing(cmd, h, id)
			}
			s, err := h.SendMissing(cmd.Context(), id, d.now())
			if err != nil {
				return err
			}
			return d.tellMissing(cmd, h, id, s)
		}),
	}
}

// askMissing shows a person who it would be before it is done.
func (d *door) askMissing(cmd *cobra.Command, h *house, id int64) error {
	dry, err := d.openCopy(cmd.Context(), h.Config)
	if err != nil {
		return err
	}
	s, err := dry.SendMissing(cmd.Context(), id, d.now())
	dry.close()
	if err != nil {
		return err
	}
	if len(s.Readers) > 0 {
		sure, err := d.yes(cmd.Context(), fmt.Sprintf("mail issue %d to %s?", id, plural(len(s.Readers), "reader")))
		if err != nil || !sure {
			return err
		}
	}
	if s, err = h.SendMissing(cmd.Context(), id, d.now()); err != nil {
		return err
	}
	return d.tellMissing(cmd, h, id, s)
}

// missingView is who is owed an issue again, as --json prints it.
type missingView struct {
	DryRun  bool                 `json:"dry_run,omitempty"`
	Readers []newsletter.Missed  `json:"readers"`
	Kept    []newsletter.Kept    `json:"kept"`
	Mail    map[outbox.State]int `json:"mail"` // of the issue, before
}

func (d *door) tellMissing(cmd *cobra.Command, h *house, id int64, s newsletter.SentMissing) error {
	if d.json {
		view := missingView{d.dryRun, s.Readers, s.Kept, s.Mail}
		if view.Readers == nil {
			view.Readers = []newsletter.Missed{}
		}
		if view.Kept == nil {
			view.Kept = []newsletter.Kept{}
		}
		return d.printJSON(view)
	}
	for _, r := range s.Readers {
		d.say("%s: once more; it was %s: %s", printable(r.Address), r.State, shown(printable(r.Why)))
	}
	for _, k := range s.Kept {
		d.say("%s: not again, since %s", printable(k.Address), k.Why)
	}
	d.say("%s", d.others(id, s))
	live, err := h.Live(cmd.Context())
	switch {
	case err != nil || len(s.Readers) == 0:
		return err
	case live:
		d.say("it goes out with the next `%s`; to stop one of them for good, which only they can take back: %s", d.typed("run"), d.typed("subscribers unsubscribe ADDRESS"))
	default:
		d.say("it waits: no mail leaves before `%s`", d.typed("go-live"))
	}
	return nil
}

// others says what stands about everyone else.
func (d *door) others(id int64, s newsletter.SentMissing) string {
	line := fmt.Sprintf("issue %d is owed again to %s", id, plural(len(s.Readers), "reader"))
	if len(s.Readers) == 0 {
		line = fmt.Sprintf("nothing was changed: nobody who still wants issue %d was left without it", id)
	}
	settle := " (" + d.typed("issue unknown %d", id) + ")"
	var rest []string
	for _, x := range []struct {
		states []outbox.State
		one    string
		more   string
	}{
		{[]outbox.State{outbox.Sent}, "has it", "have it"},
		{[]outbox.State{outbox.Queued, outbox.Claimed, outbox.Dotting, outbox.Retry}, "is owed it still", "are owed it still"},
		{[]outbox.State{outbox.Unknown}, "is in doubt" + settle, "are in doubt" + settle},
		{[]outbox.State{outbox.Skipped}, "left before it went", "left before it went"},
	} {
		n := 0
		for _, state := range x.states {
			n += s.Mail[state]
		}
		switch {
		case n == 1:
			rest = append(rest, "1 "+x.one)
		case n > 1:
			rest = append(rest, fmt.Sprintf("%d %s", n, x.more))
		}
	}
	if len(rest) > 0 {
		line += "; of the others " + strings.Join(rest, ", ")
	}
	return line
}
