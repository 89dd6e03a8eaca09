package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"digest/issue"
	"digest/newsletter"
	"digest/outbox"
)

func (d *door) issueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "issue",
		Short:   "issues made, held and sent",
		Long:    "issue lists, shows, makes, approves, holds and cancels issues.",
		Example: "  digest issue list\n  digest issue draft monthly 2010-02\n  digest issue approve 3",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(d.issueListCommand(), d.issueShowCommand(), d.issueDraftCommand(), d.issueApproveCommand(),
		d.issueHoldCommand(), d.issueCancelCommand(), d.issueUnknownCommand())
	return cmd
}

// issueView is an issue as --json prints it.
type issueView struct {
	ID       int64                `json:"id"`
	Digest   string               `json:"digest"`
	Number   int                  `json:"number,omitempty"`
	Kind     issue.Kind           `json:"kind"`
	Period   string               `json:"period"`
	Start    time.Time            `json:"start"`
	End      time.Time            `json:"end"`
	State    issue.State          `json:"state"`
	Reason   string               `json:"reason,omitempty"`
	Subject  string               `json:"subject,omitempty"`
	Hash     string               `json:"hash,omitempty"`
	Posts    int                  `json:"posts"`
	Made     time.Time            `json:"made"`
	Approved *time.Time           `json:"approved,omitempty"`
	Done     *time.Time           `json:"done,omitempty"`
	Mail     map[outbox.State]int `json:"mail,omitempty"`
}

func (d *door) viewIssue(cmd *cobra.Command, h *house, i issue.Issue) (issueView, error) {
	posts, err := issue.PostIDs(cmd.Context(), h.db, i.ID)
	if err != nil {
		return issueView{}, err
	}
	mail, err := h.IssueMail(cmd.Context(), i)
	if err != nil {
		return issueView{}, err
	}
	return issueView{
		ID: i.ID, Digest: i.Digest, Number: i.Number, Kind: i.Kind, Period: i.Period.Key, Start: i.Period.Start, End: i.Period.End,
		State: i.State, Reason: i.Reason, Subject: i.Subject, Hash: i.Hash, Posts: len(posts),
		Made: i.Made, Approved: optional(i.Approved), Done: optional(i.Done), Mail: mail,
	}, nil
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func (d *door) issueListCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "the issues, newest first",
		Example: "  digest issue list --json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			list, err := issue.List(cmd.Context(), h.db, "", limit)
			if err != nil {
				return err
			}
			views := []issueView{}
			for _, i := range list {
				v, err := d.viewIssue(cmd, h, i)
				if err != nil {
					return err
				}
				views = append(views, v)
			}
			if d.json {
				return d.printJSON(views)
			}
			d.tableOfIssues(views)
			return nil
		},
	}
	cmd.Flags().IntVar(&limit, "limit", 50, "at most `N`; 0 = all")
	return cmd
}

func (d *door) tableOfIssues(views []issueView) {
	if len(views) == 0 {
		d.say("no issues yet; `digest status` tells when the next is due")
		return
	}
	t := d.table("ID", "DIGEST", "PERIOD", "STATE", "POSTS", "MAIL", "SUBJECT")
	for _, v := range views {
		owed := 0
		for _, n := range v.Mail {
			owed += n
		}
		mail := ""
		if owed > 0 {
			mail = fmt.Sprintf("%d of %d sent", v.Mail[outbox.Sent], owed)
		}
		t.row(strconv.FormatInt(v.ID, 10), v.Digest, v.Period, string(v.State), strconv.Itoa(v.Posts), mail, v.Subject)
	}
	t.print()
}

// withIssue opens the newsletter and reads the id that every such command takes.
func (d *door) withIssue(f func(cmd *cobra.Command, h *house, id int64) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		id, err := strconv.ParseInt(args[0], 10, 64)
		if err != nil {
			return wrong("give its number from `digest issue list`", fmt.Errorf("%q is no issue", args[0]))
		}
		h, err := d.open(cmd.Context())
		if err != nil {
			return err
		}
		defer h.close()
		return f(cmd, h, id)
	}
}

func (d *door) issueShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ID",
		Short:   "one issue: its state, its proof, its mail",
		Example: "  digest issue show 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			i, err := issue.Get(cmd.Context(), h.db, id)
			if err != nil {
				return err
			}
			v, err := d.viewIssue(cmd, h, i)
			if err != nil || d.json {
				return firstError(err, func() error { return d.printJSON(v) })
			}
			d.say("issue %d of %s, %s: %s", i.ID, i.Digest, i.Period.Key, i.State)
			if i.Reason != "" {
				d.say("%s", i.Reason)
			}
			for _, s := range outbox.States() {
				if v.Mail[s] > 0 {
					d.say("  %-8s %d", s, v.Mail[s])
				}
			}
			d.say("\n%s", i.Proof)
			return nil
		}),
	}
}

func firstError(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
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

func (d *door) issueUnknownCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "unknown ID",
		Short: "who may or may not have got an issue, by name",
		Long: `unknown lists the readers whose mail is in doubt: its last byte went out, and the connection or this program died
before the answer was kept. With in_doubt = "repeat" each is mailed once more; those listed as final are not.`,
		Example: "  digest issue unknown 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			list, err := h.InDoubt(cmd.Context(), id)
			if err != nil {
				return err
			}
			return d.tellDoubts(list)
		}),
	}
}

func (d *door) tellDoubts(list []newsletter.Doubt) error {
	if d.json {
		return d.printJSON(list)
	}
	for _, x := range list {
		if x.Repeat != nil {
			d.say("%s: to be repeated after %s", x.Address, x.Repeat.Format(time.DateTime))
		} else {
			d.say("%s: final, left to you", x.Address)
		}
	}
	if len(list) == 0 {
		d.say("nobody is in doubt")
	}
	return nil
}
