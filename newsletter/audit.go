package newsletter

import (
	"context"
	"database/sql"
	"fmt"

	"digest/issue"
	"digest/outbox"
)

// Audited is the proof of the ledger, and of what spans it and the issues.
type Audited struct {
	outbox.Report
	Issues int
	Said   int // of the sent mails, those that a person, not a server, said arrived
}

// Audit proves the ledger at one moment: a transaction that only reads holds
// nobody up.
func (n *Newsletter) Audit(ctx context.Context) (a Audited, err error) {
	tx, err := n.DB.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return Audited{}, fmt.Errorf("reading the ledger: %w", err)
	}
	defer tx.Rollback()
	if a.Report, err = outbox.Audit(ctx, tx); err != nil {
		return Audited{}, err
	}
	if a.Said, err = outbox.SaidToHaveArrived(ctx, tx); err != nil {
		return Audited{}, err
	}
	a.Issues, err = n.auditIssues(ctx, tx, &a.Report)
	return a, err
}

// auditIssues holds the issues against the ledger: who is owed an issue is owed
// a frozen one, and an issue that is done has nothing open.
func (n *Newsletter) auditIssues(ctx context.Context, q Querier, r *outbox.Report) (int, error) {
	all, err := issue.List(ctx, q, "", 0)
	if err != nil {
		return 0, err
	}
	made := make(map[string]bool, len(all))
	for _, i := range all {
		name := mailingOf(i)
		made[name] = i.State.Frozen()
		if i.State != issue.Done {
			continue
		}
		open, err := outbox.Open(ctx, q, name)
		if err != nil {
			return 0, err
		}
		if open > 0 {
			r.Broken = append(r.Broken, fmt.Sprintf("issue %d is done, but %d of its mails are not", i.ID, open))
		}
	}
	mailings, err := outbox.Mailings(ctx, q, "issue/")
	if err != nil {
		return 0, err
	}
	for _, name := range mailings {
		if !made[name] {
			r.Broken = append(r.Broken, fmt.Sprintf("mail is owed for %s, but no such issue was frozen", name))
		}
	}
	return len(all), nil
}
