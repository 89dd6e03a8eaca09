package newsletter

import (
	"context"
	"time"

	"digest/outbox"
)

// Doubt is a reader whose mail is in doubt.
type Doubt struct {
	Delivery int64      `json:"delivery"`
	Address  string     `json:"address"`
	Repeat   *time.Time `json:"repeat,omitempty"` // not before then; absent: final, left to the author
	Why      string     `json:"why"`
}

// InDoubt lists by name who may or may not have got an issue.
func (n *Newsletter) InDoubt(ctx context.Context, issueID int64) ([]Doubt, error) {
	i, err := n.issue(ctx, issueID)
	if err != nil {
		return nil, err
	}
	rows, err := outbox.InDoubt(ctx, n.DB, mailingOf(i), 1_000_000)
	if err != nil {
		return nil, err
	}
	list := []Doubt{}
	for _, r := range rows {
		x := Doubt{Delivery: r.ID, Address: r.Address, Why: r.Reply}
		if !r.Due.IsZero() {
			due := r.Due.In(n.Zone())
			x.Repeat = &due
		}
		list = append(list, x)
	}
	return list, nil
}
