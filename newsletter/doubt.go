package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

// ErrNotInDoubt says that no mail of the issue to that address is in doubt.
var ErrNotInDoubt = errors.New("no mail to this address is in doubt")

// Doubt is a reader whose mail is in doubt.
type Doubt struct {
	Delivery int64      `json:"delivery"`
	Address  string     `json:"address"`
	Since    time.Time  `json:"since"`             // when it came into doubt, or was decided about
	Doubts   int        `json:"doubts"`            // times it may have arrived
	Repeat   *time.Time `json:"repeat,omitempty"`  // not before then; absent: final, left to the author
	Asked    bool       `json:"asked,omitempty"`   // … because the author asked for it
	Planned  bool       `json:"planned,omitempty"` // said to have arrived while it waited to be repeated by itself
	Left     bool       `json:"left,omitempty"`    // the reader has left since, so it is never repeated
	Why      string     `json:"why"`
}

// InDoubt lists by name who may or may not have got an issue.
func (n *Newsletter) InDoubt(ctx context.Context, issueID int64) ([]Doubt, error) {
	i, err := n.issue(ctx, issueID)
	if err != nil {
		return nil, err
	}
	rows, err := questions(ctx, n.DB, i)
	if err != nil {
		return nil, err
	}
	list := []Doubt{}
	for _, q := range rows {
		if q.Said.IsZero() {
			list = append(list, n.doubt(q))
		}
	}
	return list, nil
}

// questions are an issue's mails in doubt, and those settled by hand. The ledger
// bars what was open when its reader left; that they left later their own room
// knows.
func questions(ctx context.Context, q Querier, i issue.Issue) ([]outbox.Question, error) {
	all, err := outbox.Questions(ctx, q, mailingOf(i))
	for k, x := range all {
		sub, _, err := subscribers.Get(ctx, q, x.Subscriber)
		if err != nil {
			return nil, err
		}
		all[k].Left = x.Left || sub.State != subscribers.Active
	}
	return all, err
}

func (n *Newsletter) doubt(q outbox.Question) Doubt {
	x := Doubt{Delivery: q.ID, Address: q.Address, Since: q.Changed.In(n.Zone()), Doubts: q.Doubts, Asked: q.Asked, Planned: q.Planned, Left: q.Left, Why: q.Reply}
	if !q.Due.IsZero() {
		due := q.Due.In(n.Zone())
		x.Repeat = &due
	}
	return x
}

// Decision is what the author makes of mails in doubt.
type Decision string

// The decisions.
const (
	DecideRepeat Decision = "repeat" // once more, the same bytes
	DecideSent   Decision = "sent"   // they have arrived, by the author's word
	DecideUndo   Decision = "undo"   // neither: take that back, where no copy has left since; what was to be repeated by itself is
)

// Decided is what a decision has changed, and what not.
type Decided struct {
	Mails []Doubt
	Kept  []Kept
}

// Kept is a mail that a decision leaves as it is.
type Kept struct {
	Address string `json:"address"`
	Why     string `json:"why"`
}

// Decide settles the mails of an issue that are in doubt: those to the addresses,
// or all. What is to be repeated by itself can be said to have arrived, which
// keeps the second copy back. It is one transaction over rows that no courier
// holds, so it is safe while one works.
//
// What is repeated is the same delivery, not a new one: its first copy may have
// arrived, and a second one of the same Message-ID is what a mailbox can tell
// for one. The ledger keeps that a person asked for it.
func (n *Newsletter) Decide(ctx context.Context, issueID int64, what Decision, addresses []string, now time.Time) (d Decided, err error) {
	err = n.write(ctx, func(tx *sql.Tx) error {
		i, err := issue.Get(ctx, tx, issueID)
		if err != nil {
			return err
		}
		all, err := questions(ctx, tx, i)
		if err != nil {
			return err
		}
		if all, err = about(all, what, addresses); err != nil {
			return err
		}
		done, err := decide(ctx, tx, what, all, now)
		if err != nil {
			return err
		}
		open := what == DecideRepeat && len(done) > 0
		for _, q := range all {
			if slices.Contains(done, q.ID) {
				open = open || q.Planned
				d.Mails = append(d.Mails, n.doubt(q))
			} else {
				d.Kept = append(d.Kept, Kept{q.Address, n.undecided(q, what)})
			}
		}
		if open {
			return issue.Reopen(ctx, tx, i.ID)
		}
		return nil
	})
	return d, err
}

func decide(ctx context.Context, tx *sql.Tx, what Decision, all []outbox.Question, now time.Time) ([]int64, error) {
	var ids []int64
	for _, q := range all {
		if what != DecideRepeat || !q.Left {
			ids = append(ids, q.ID)
		}
	}
	switch what {
	case DecideRepeat:
		return outbox.RepeatDoubtful(ctx, tx, ids, now)
	case DecideSent:
		return outbox.SayArrived(ctx, tx, ids, now)
	case DecideUndo:
		return outbox.Undecide(ctx, tx, ids, now)
	}
	return nil, fmt.Errorf("deciding about mails in doubt: %q is no decision", what)
}

// about are the mails that a decision is about: those to the addresses, and
// without any all but those that are settled already.
func about(all []outbox.Question, what Decision, addresses []string) ([]outbox.Question, error) {
	if len(addresses) == 0 {
		return slices.DeleteFunc(all, func(q outbox.Question) bool {
			return what != DecideUndo && !q.Said.IsZero() || what == DecideUndo && q.Said.IsZero() && !q.Asked
		}), nil
	}
	var list []outbox.Question
	for _, typed := range addresses {
		want, err := subscribers.ParseAddress(typed)
		if err != nil {
			return nil, fmt.Errorf("%.80q is %w", typed, err)
		}
		i := slices.IndexFunc(all, func(q outbox.Question) bool {
			a, err := subscribers.ParseAddress(q.Address)
			return err == nil && a.Key == want.Key
		})
		if i < 0 {
			return nil, fmt.Errorf("%s: %w", typed, ErrNotInDoubt)
		}
		list = append(list, all[i])
	}
	return list, nil
}

// undecided is why a decision leaves a mail as it is.
func (n *Newsletter) undecided(q outbox.Question, what Decision) string {
	switch {
	case what == DecideUndo:
		return "nothing was decided about it that could be taken back"
	case !q.Said.IsZero():
		return "you said on " + n.day(q.Said) + " that it arrived"
	case q.Left:
		return "they have left since"
	case q.Asked:
		return "it is repeated with the next run already"
	case !q.Due.IsZero():
		return "it is repeated by itself after " + n.day(q.Due)
	}
	return "its state has changed meanwhile"
}
