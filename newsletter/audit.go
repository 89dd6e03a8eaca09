package newsletter

import (
	"context"
	"errors"
	"fmt"

	"digest/issue"
	"digest/outbox"
)

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

func isMissing(err error) bool { return errors.Is(err, issue.ErrNotFound) }

func (n *Newsletter) issue(ctx context.Context, id int64) (issue.Issue, error) {
	return issue.Get(ctx, n.DB, id)
}

// IssueMail counts an issue's mail by state; empty before the freeze.
func (n *Newsletter) IssueMail(ctx context.Context, i issue.Issue) (map[outbox.State]int, error) {
	return outbox.Counts(ctx, n.DB, mailingOf(i))
}
