package main

import (
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"digest/issue"
	"digest/outbox"
)

func (d *door) issueCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "issue",
		Short:   "issues made, held and sent",
		Long:    "issue lists, shows, makes, approves, holds and cancels issues, and settles what is left of their mail.",
		Example: "  digest issue list\n  digest issue draft monthly 2010-02\n  digest issue approve 3",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(d.issueListCommand(), d.issueShowCommand(), d.issueDraftCommand(), d.issueApproveCommand(),
		d.issueHoldCommand(), d.issueCancelCommand(), d.issueUnknownCommand(), d.issueMissingCommand(), d.issueBelieveCommand())
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
			d.tellMailOf(v)
			d.say("\n%s", i.Proof)
			return nil
		}),
	}
}

// tellMailOf tells an issue's mail by state, and what can be done about it.
func (d *door) tellMailOf(v issueView) {
	todo := map[outbox.State]string{
		outbox.Failed:  d.typed("issue send-missing %d --dry-run", v.ID) + " tells who and why",
		outbox.Expired: d.typed("issue send-missing %d", v.ID) + " mails them again",
		outbox.Unknown: d.typed("issue unknown %d", v.ID) + " tells who, and settles it",
		outbox.Queued:  d.typed("run") + " sends them",
		outbox.Retry:   d.typed("run") + " tries them again, once their time has come",
	}
	for _, s := range outbox.States() {
		if v.Mail[s] == 0 {
			continue
		}
		line := fmt.Sprintf("  %-8s %d", s, v.Mail[s])
		if what := todo[s]; what != "" {
			line += ": " + what
		}
		d.say("%s", line)
	}
}

func firstError(err error, f func() error) error {
	if err != nil {
		return err
	}
	return f()
}
