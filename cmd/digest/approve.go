package main

import (
	"github.com/spf13/cobra"

	"digest/issue"
)

// printIssue is how a command that changed an issue answers in JSON.
func (d *door) printIssue(cmd *cobra.Command, h *house, id int64) error {
	i, err := issue.Get(cmd.Context(), h.db, id)
	if err != nil {
		return err
	}
	v, err := d.viewIssue(cmd, h, i)
	return firstError(err, func() error { return d.printJSON(v) })
}

func (d *door) issueDraftCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "draft NAME PERIOD",
		Short: "make an issue of a past period, held for approval",
		Long: `draft makes an issue of the posts published in a past period that are in no issue of that digest yet.
PERIOD is a month (2010-02), an ISO week (2010-W08) or a day (2010-02-26). It goes out once it is approved.`,
		Example: "  digest issue draft monthly 2010-02",
		Args:    usage(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			made, err := h.DraftPast(cmd.Context(), args[0], args[1], d.now())
			if err != nil {
				return err
			}
			if d.json {
				v, err := d.viewIssue(cmd, h, made.Issue)
				return firstError(err, func() error { return d.printJSON(v) })
			}
			d.say("issue %d: %q with %s, held", made.Issue.ID, made.Issue.Subject, plural(made.Posts, "post"))
			if made.Note != "" {
				d.say("note: %s", made.Note)
			}
			id := made.Issue.ID
			d.say("look:    %s\napprove: %s\nundo:    %s", d.typed("issue show %d", id), d.typed("issue approve %d", id), d.typed("issue cancel %d --keep", id))
			return nil
		},
	}
}

func (d *door) issueApproveCommand() *cobra.Command {
	var hash string
	cmd := &cobra.Command{
		Use:   "approve ID",
		Short: "freeze an issue as its proof shows it; `run` sends it",
		Long: `approve freezes the issue and owes it to the readers of this moment. If the feed has changed the issue since its
proof, nothing is approved: the difference is shown, and approving again approves the new look.`,
		Example: "  digest issue approve 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			made, err := h.Approve(cmd.Context(), id, hash, d.now())
			if err != nil {
				return err
			}
			if d.json {
				v, err := d.viewIssue(cmd, h, made.Issue)
				return firstError(err, func() error { return d.printJSON(v) })
			}
			d.say("issue %d is approved: owed to %s, nothing edits it any more", id, plural(made.Readers, "reader"))
			live, err := h.Live(cmd.Context())
			if err != nil {
				return err
			}
			if live {
				d.say("it goes out with the next `%s`; `%s` halts all mail", d.typed("run"), d.typed("stop"))
			} else {
				d.say("it waits: no mail leaves before `%s`", d.typed("go-live"))
			}
			d.tellTakes(cmd.Context(), h)
			return nil
		}),
	}
	cmd.Flags().StringVar(&hash, "hash", "", "only if its proof still has this `HASH`")
	return cmd
}

func (d *door) issueHoldCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "hold ID",
		Short:   "keep an issue that is not frozen until it is approved",
		Example: "  digest issue hold 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			if err := h.Hold(cmd.Context(), id, d.now()); err != nil {
				return err
			}
			if d.json {
				return d.printIssue(cmd, h, id)
			}
			d.say("issue %d is held; `%s` lets it go", id, d.typed("issue approve %d", id))
			return nil
		}),
	}
}

func (d *door) issueCancelCommand() *cobra.Command {
	var keep bool
	cmd := &cobra.Command{
		Use:     "cancel ID",
		Short:   "drop an issue that is not frozen",
		Long:    "cancel drops an issue and uses its posts up; with --keep they go into the next one.",
		Example: "  digest issue cancel 3 --keep",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			if err := h.Cancel(cmd.Context(), id, keep, d.now()); err != nil {
				return err
			}
			if d.json {
				return d.printIssue(cmd, h, id)
			}
			if keep {
				d.say("issue %d is cancelled; its posts wait for the next one", id)
			} else {
				d.say("issue %d is cancelled; its posts are used up (`--keep` would have kept them)", id)
			}
			return nil
		}),
	}
	cmd.Flags().BoolVar(&keep, "keep", false, "give its posts back to the pool")
	return cmd
}
