package main

import "github.com/spf13/cobra"

func (d *door) issueBelieveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "believe ID",
		Short: "take it that the readers of an issue whom the server refuses are gone",
		Long: `When the server refuses many readers, mail halts and nobody is marked: more often it is the sender that is refused, or
a wrong list that was imported. believe takes the server's word for the readers of one issue. The next run asks it
about them once more, marks those it refuses, and goes on with the others. Readers you know to be wrong can be taken
off instead: digest subscribers unsubscribe ADDRESS`,
		Example: "  digest issue believe 3",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: d.withIssue(func(cmd *cobra.Command, h *house, id int64) error {
			if err := h.Believe(cmd.Context(), id); err != nil {
				return err
			}
			if d.json {
				return d.printIssue(cmd, h, id)
			}
			d.say("issue %d: from the next run on its readers are marked whom the server refuses; `%s` lists those that get no more mail",
				id, d.typed("subscribers list --state bounced"))
			return nil
		}),
	}
}
