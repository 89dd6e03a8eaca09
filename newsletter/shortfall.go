package newsletter

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

const (
	recently      = 30 * 24 * time.Hour // since an issue was approved: its shortfall is told
	haltingsNamed = 3                   // readers whose answers halted a run, by name
)

// Shortfall is a recent issue that has not reached all of its readers and by itself never will.
type Shortfall struct {
	Issue   issue.Issue
	Failed  int // mails refused
	Expired int // mails not taken in time
	Doubt   int // mails that may have arrived, left to the author
	Missing int // of those refused and expired, whose reader still wants the issue: send-missing mails them
}

// shortfalls lists them, the newest first.
func (n *Newsletter) shortfalls(ctx context.Context, now time.Time) (list []Shortfall, err error) {
	all, err := issue.List(ctx, n.DB, "", 100)
	if err != nil {
		return nil, err
	}
	for _, i := range all {
		if !i.State.Frozen() || now.Sub(i.Approved) > recently {
			continue
		}
		s, err := n.shortfall(ctx, i)
		if err != nil {
			return nil, err
		}
		if s.Failed+s.Expired+s.Doubt > 0 {
			list = append(list, s)
		}
	}
	return list, nil
}

func (n *Newsletter) shortfall(ctx context.Context, i issue.Issue) (Shortfall, error) {
	mail, err := n.IssueMail(ctx, i)
	s := Shortfall{Issue: i, Failed: mail[outbox.Failed], Expired: mail[outbox.Expired]}
	if err == nil && mail[outbox.Unknown] > 0 {
		s.Doubt, err = outbox.LeftInDoubt(ctx, n.DB, mailingOf(i))
	}
	if err != nil || s.Failed+s.Expired == 0 {
		return s, err
	}
	all, err := without(ctx, n.DB, i)
	for _, l := range all {
		if l.kept() == "" {
			s.Missing++
		}
	}
	return s, err
}

// halting are readers whose mail met the answers that halted the last run, the newest first: their mail is owed still.
func (n *Newsletter) halting(ctx context.Context) ([]outbox.Delivery, error) {
	return outbox.Halting(ctx, n.DB, haltingsNamed)
}

// met names them with the server's words, a paragraph of a notice.
func met(list []outbox.Delivery) string {
	if len(list) == 0 {
		return ""
	}
	var text strings.Builder
	text.WriteString("The answer came to the mail of:\n")
	for _, d := range list {
		fmt.Fprintf(&text, "\n  %s: %d %s", d.Address, d.Code, plainLine(d.Reply, 200))
	}
	text.WriteString("\n\nThe others' mail goes first in the next run. If the words are about that reader alone, take them off the list: digest subscribers unsubscribe ADDRESS\n\n")
	return text.String()
}

// forgetIn takes an address out of what the author was told.
func forgetIn(ctx context.Context, tx *sql.Tx, s subscribers.Subscriber) error {
	_, err := tx.ExecContext(ctx, `UPDATE notices SET text = replace(text, $1, '…') WHERE instr(text, $1) > 0`, s.Address)
	if err != nil {
		return fmt.Errorf("forgetting a reader in notices: %w", err)
	}
	return nil
}
