package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"digest/newsletter"
	"digest/outbox"
)

func (d *door) auditCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "audit",
		Short: "prove the ledger",
		Long: `audit adds the ledger up: over all states the sum is the audience, every mail marked sent had its dot on record
before, no row belongs to a courier that never was. Exit code 1 and a line for each thing that does not hold.`,
		Example: "  digest audit --json",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			report, err := h.Audit(cmd.Context())
			if err != nil {
				return err
			}
			if err := d.tellAudit(report); err != nil {
				return err
			}
			if len(report.Broken) > 0 {
				return exit(exitFailed)
			}
			return nil
		},
	}
}

func (d *door) tellAudit(r newsletter.Audited) error {
	for _, line := range r.Broken {
		fmt.Fprintln(d.err, "broken:", line)
	}
	if d.json {
		return d.printJSON(struct {
			Issues int                  `json:"issues"`
			Owed   int                  `json:"owed"`
			States map[outbox.State]int `json:"states"`
			Said   int                  `json:"said_to_have_arrived"` // of the sent ones
			OK     bool                 `json:"ok"`
		}{r.Issues, r.Owed, r.States, r.Said, len(r.Broken) == 0})
	}
	d.say("%s, %s owed", plural(r.Issues, "issue"), plural(r.Owed, "mail"))
	for _, s := range outbox.States() {
		if r.States[s] == 0 {
			continue
		}
		line := fmt.Sprintf("  %-8s %d", s, r.States[s])
		if s == outbox.Sent && r.Said > 0 {
			line += fmt.Sprintf(" (%d by your word, not by a server's)", r.Said)
		}
		d.say("%s", line)
	}
	if len(r.Broken) == 0 {
		d.say("ok: the sums hold")
	}
	return nil
}
