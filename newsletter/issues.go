package newsletter

import (
	"context"
	"errors"
	"time"

	"digest/issue"
	"digest/outbox"
)

// Ledger is the ledger in three numbers, for whoever pressed the panic button.
type Ledger struct{ Sent, Doubt, Waiting int }

// Ledger counts who had their mail, whose is in doubt, who waits.
func (n *Newsletter) Ledger(ctx context.Context) (Ledger, error) {
	c, err := outbox.CountsAll(ctx, n.DB)
	return Ledger{
		Sent:    c[outbox.Sent],
		Doubt:   c[outbox.Unknown] + c[outbox.Dotting],
		Waiting: c[outbox.Queued] + c[outbox.Claimed] + c[outbox.Retry],
	}, err
}

// IssueLink names an issue that can be read online.
type IssueLink struct {
	ID      int64
	Title   string // its period in words
	Subject string
	Date    time.Time
}

// IssuePage is the page of a frozen issue, without anything personal.
func (n *Newsletter) IssuePage(ctx context.Context, id int64) (html string, found bool, err error) {
	i, err := issue.Get(ctx, n.DB, id)
	if isMissing(err) {
		return "", false, nil
	}
	if err != nil || !i.State.Frozen() {
		return "", false, err
	}
	return i.HTML, true, nil
}

// IssueList lists the issues that can be read online, newest first.
func (n *Newsletter) IssueList(ctx context.Context) ([]IssueLink, error) {
	all, err := issue.List(ctx, n.DB, "", 500)
	if err != nil {
		return nil, err
	}
	var links []IssueLink
	for _, i := range all {
		if !i.State.Frozen() {
			continue
		}
		title := i.Period.Key
		if d, err := n.digest(i.Digest); err == nil {
			title = issue.Label(i.Period, i.Kind, d.Schedule.Location())
		}
		links = append(links, IssueLink{ID: i.ID, Title: title, Subject: i.Subject, Date: i.Period.End})
	}
	return links, nil
}

func isMissing(err error) bool { return errors.Is(err, issue.ErrNotFound) }

func (n *Newsletter) issue(ctx context.Context, id int64) (issue.Issue, error) {
	return issue.Get(ctx, n.DB, id)
}

// IssueMail counts an issue's mail by state; empty before the freeze. Who was
// owed it again counts once, as their last mail stands: the sum is the audience.
func (n *Newsletter) IssueMail(ctx context.Context, i issue.Issue) (map[outbox.State]int, error) {
	return issueMail(ctx, n.DB, i)
}

func issueMail(ctx context.Context, q Querier, i issue.Issue) (map[outbox.State]int, error) {
	all, err := outbox.Counts(ctx, q, mailingOf(i))
	if err != nil || len(all) == 0 {
		return all, err
	}
	replaced, err := outbox.Replaced(ctx, q, mailingOf(i))
	for state, n := range replaced {
		if all[state] -= n; all[state] == 0 {
			delete(all, state)
		}
	}
	return all, err
}
