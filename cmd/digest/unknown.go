package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/newsletter"
)

func (d *door) issueUnknownCommand() *cobra.Command {
	var is struct{ repeat, sent, undo bool }
	cmd := &cobra.Command{
		Use:   "unknown ID [ADDRESS…]",
		Short: "who may or may not have got an issue, and what becomes of it",
		Long: `unknown lists the readers whose mail is in doubt: its last byte went out, and the connection or this program died
before the answer was kept. With in_doubt = "repeat" each is mailed once more; those listed as final are not.

What is final is yours to decide, for all of them or for the addresses named: --repeat mails them once more, the very
same mail, so that a mailbox that got the first may drop the second; --sent takes it that they have it, and also keeps
back what is still to be mailed once more. --undo takes either back, as long as no copy has left since. All three are safe while mail is being delivered.`,
		Example: "  digest issue unknown 3\n  digest issue unknown 3 --repeat --dry-run\n  digest issue unknown 3 --sent ann@example.com",
		Args:    atLeastID,
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			var what []newsletter.Decision
			for decision, said := range map[newsletter.Decision]bool{
				newsletter.DecideRepeat: is.repeat, newsletter.DecideSent: is.sent, newsletter.DecideUndo: is.undo,
			} {
				if said {
					what = append(what, decision)
				}
			}
			addresses := cmd.Flags().Args()[1:]
			switch {
			case len(what) > 1:
				return wrong("choose one", errors.New("--repeat, --sent and --undo contradict each other"))
			case len(what) == 1:
				return d.decideDoubts(cmd, h, id, what[0], addresses)
			case len(addresses) > 0:
				return wrong("say --repeat, --sent or --undo", errors.New("addresses are named, but not what becomes of their mail"))
			}
			list, err := h.InDoubt(cmd.Context(), id)
			if err != nil {
				return err
			}
			return d.tellDoubts(id, list)
		}),
	}
	cmd.Flags().BoolVar(&is.repeat, "repeat", false, "mail those that are final once more")
	cmd.Flags().BoolVar(&is.sent, "sent", false, "take it that they arrived")
	cmd.Flags().BoolVar(&is.undo, "undo", false, "take --repeat or --sent back")
	return cmd
}

// atLeastID wants an issue, and takes addresses after it.
func atLeastID(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return wrong("`digest issue list` shows them", errors.New(cmd.CommandPath()+" needs the ID of an issue"))
	}
	return nil
}

func (d *door) tellDoubts(id int64, list []newsletter.Doubt) error {
	if d.json {
		return d.printJSON(list)
	}
	final := 0
	for _, x := range list {
		what := "final, left to you"
		switch {
		case x.Left:
			what = "final, for they have left"
		case x.Asked:
			what = "to be repeated with the next run, as you asked"
		case x.Repeat != nil:
			what = "to be repeated after " + x.Repeat.Format(time.DateTime)
		default:
			final++
		}
		d.say("%s: %s; %s, since %s", printable(x.Address), what, timesInDoubt(x.Doubts), x.Since.Format(time.DateTime))
		if x.Why != "" {
			d.say("  %s", shown(printable(x.Why)))
		}
	}
	switch {
	case len(list) == 0:
		d.say("nobody is in doubt")
	case final > 0:
		d.say("once more: %s\nit arrived: %s", d.typed("issue unknown %d --repeat", id), d.typed("issue unknown %d --sent", id))
	case slices.ContainsFunc(list, func(x newsletter.Doubt) bool { return !x.Left }):
		d.say("it arrived, so not again: %s", d.typed("issue unknown %d --sent ADDRESS", id))
	}
	return nil
}

func timesInDoubt(n int) string {
	if n == 1 {
		return "one copy may have arrived"
	}
	return fmt.Sprintf("up to %d copies may have arrived", n)
}

// decidedDoubtsView is what was decided about mails in doubt, as --json prints it.
type decidedDoubtsView struct {
	DryRun   bool                `json:"dry_run,omitempty"`
	Decision newsletter.Decision `json:"decision"`
	Changed  []newsletter.Doubt  `json:"changed"` // as they stood before
	Kept     []newsletter.Kept   `json:"kept"`
	Undo     string              `json:"undo,omitempty"`
}

func (d *door) decideDoubts(cmd *cobra.Command, h *house, id int64, what newsletter.Decision, addresses []string) error {
	sure, err := d.sure(cmd, h, id, what, addresses)
	if err != nil || !sure {
		return err
	}
	decided, err := h.Decide(cmd.Context(), id, what, addresses, d.now())
	if errors.Is(err, newsletter.ErrNotInDoubt) {
		return wrong(fmt.Sprintf("`%s` lists them", d.typed("issue unknown %d", id)), err)
	}
	if err != nil {
		return err
	}
	undo := ""
	if what != newsletter.DecideUndo && len(decided.Mails) > 0 {
		whom := ""
		for _, address := range addresses {
			whom += " " + quoted(address)
		}
		undo = d.typed("issue unknown %d --undo%s", id, whom)
	}
	if d.json {
		view := decidedDoubtsView{d.dryRun, what, decided.Mails, decided.Kept, undo}
		if view.Changed == nil {
			view.Changed = []newsletter.Doubt{}
		}
		if view.Kept == nil {
			view.Kept = []newsletter.Kept{}
		}
		return d.printJSON(view)
	}
	d.tellDecidedDoubts(what, decided, undo)
	return nil
}

func (d *door) tellDecidedDoubts(what newsletter.Decision, decided newsletter.Decided, undo string) {
	done := map[newsletter.Decision]string{
		newsletter.DecideRepeat: "once more, with the next run",
		newsletter.DecideSent:   "counts as sent",
		newsletter.DecideUndo:   "in doubt again, left to you",
	}
	for _, x := range decided.Mails {
		if x.Planned { // only --undo finds one
			d.say("%s: in doubt again, to be repeated by itself", printable(x.Address))
			continue
		}
		d.say("%s: %s", printable(x.Address), done[what])
	}
	for _, k := range decided.Kept {
		d.say("%s: left as it is, since %s", printable(k.Address), k.Why)
	}
	switch {
	case len(decided.Mails) == 0:
		d.say("nothing was changed: no mail of this issue waits for that decision")
	case what == newsletter.DecideRepeat:
		d.say("undo, until it has left: %s", undo)
	case undo != "":
		d.say("undo: %s", undo)
	}
}

// sure asks a person at a terminal, and nobody else.
func (d *door) sure(cmd *cobra.Command, h *house, id int64, what newsletter.Decision, addresses []string) (bool, error) {
	if what == newsletter.DecideUndo || !d.mayAsk() {
		return true, nil
	}
	whom := strings.Join(addresses, ", ")
	if whom == "" {
		list, err := h.InDoubt(cmd.Context(), id)
		if err != nil {
			return false, err
		}
		n := 0
		for _, x := range list {
			if !x.Left && (x.Repeat == nil || what == newsletter.DecideSent) {
				n++
			}
		}
		if n == 0 {
			return true, nil // there is nothing to be sure of
		}
		whom = plural(n, "reader")
	}
	question := fmt.Sprintf("mail %s once more? Who got it may get it twice", whom)
	if what == newsletter.DecideSent {
		question = fmt.Sprintf("take it that %s got it? Who did not never will", whom)
	}
	return d.yes(cmd.Context(), question)
}

// mayAsk says that a person sits here, and that what they do counts.
func (d *door) mayAsk() bool { return d.asks() && !d.dryRun && !d.json }

// yes asks a person; anything but a yes is none.
func (d *door) yes(ctx context.Context, question string) (bool, error) {
	answer, _, err := d.answer(ctx, printable(question)+" [y/N] ", bufio.NewScanner(d.in))
	if err != nil {
		return false, err
	}
	switch strings.ToLower(answer) {
	case "y", "yes":
		return true, nil
	}
	d.say("nothing was changed")
	return false, nil
}
