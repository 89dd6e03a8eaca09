package newsletter

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"digest/issue"
	"digest/mailer"
	"digest/outbox"
)

// Deliver works the ledger off: one pass of the courier, until nothing more is
// due soon. It returns ErrNotLive before go-live, outbox.ErrHeld while another
// courier works.
func (n *Newsletter) Deliver(ctx context.Context, now func() time.Time) (outbox.Summary, error) {
	live, err := n.Live(ctx)
	if err != nil {
		return outbox.Summary{}, err
	}
	if !live {
		return outbox.Summary{}, ErrNotLive
	}
	pace, domains, err := n.limits()
	if err != nil {
		return outbox.Summary{}, err
	}
	if err := n.finish(ctx, now()); err != nil {
		return outbox.Summary{}, err
	}
	if _, owed, err := outbox.NextDue(ctx, n.DB); err != nil {
		return outbox.Summary{}, err
	} else if held, err := outbox.Unsettled(ctx, n.DB); err != nil || (!owed && !held) {
		return outbox.Summary{}, err // nothing to deliver, nothing to settle after a crash
	}
	first, second := n.ways()
	courier := outbox.Courier{
		DB:       n.DB,
		Path:     n.Path,
		Dial:     first,
		Fallback: second,

		Relay:         n.relays()[0].name(),
		FallbackRelay: n.relays()[len(n.relays())-1].name(),

		Connections: n.Config.Mail.Connections,
		Pace:        pace,
		Domains:     domains,
		InDoubt:     outbox.Policy(n.Config.Mail.InDoubt),
		Now:         now,
		Stopped:     n.stopped,
		Report:      n.Progress,
		Hook:        n.Hook,
		Grace:       n.Grace,
		Refused:     n.refused,
		Log:         n.log(),
	}
	sent, err := courier.Work(ctx)
	if err != nil {
		return sent, fmt.Errorf("%s: %w", n.Path, err)
	}
	if sent.Held {
		return sent, outbox.ErrHeld
	}
	return sent, n.finish(context.WithoutCancel(ctx), now())
}

// finish moves issues on by what the ledger says: sending once frozen, done
// when every delivery is final.
func (n *Newsletter) finish(ctx context.Context, now time.Time) error {
	// A confirmation mail holds a token in the clear; once it is settled nobody needs its words.
	if err := outbox.Redact(ctx, n.DB, "confirm/"); err != nil {
		return err
	}
	frozen, err := issue.Sendable(ctx, n.DB)
	if err != nil {
		return err
	}
	for _, i := range frozen {
		open, err := outbox.Open(ctx, n.DB, mailingOf(i))
		if err != nil {
			return err
		}
		err = n.write(ctx, func(tx *sql.Tx) error {
			if i, err := issue.Get(ctx, tx, i.ID); err != nil || i.State != issue.Approved && i.State != issue.Sending {
				return err // another process was quicker
			}
			if open == 0 { // asked again: a person may have owed more of it meanwhile
				if open, err = outbox.Open(ctx, tx, mailingOf(i)); err != nil {
					return err
				}
			}
			if open == 0 {
				if err := n.doneNotice(ctx, tx, i, now); err != nil {
					return err
				}
				return issue.MarkDone(ctx, tx, i.ID, now)
			}
			return issue.MarkSending(ctx, tx, i.ID)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// send hands one mail over outside the ledger, for the author's eyes: a lost
// proof is asked for again, no reader waits for it.
func (n *Newsletter) send(ctx context.Context, letter mailer.Letter, to mailer.Reader) error {
	raw, err := letter.Message(to)
	if err != nil {
		return err
	}
	message, err := mailer.NewMessage(raw)
	if err != nil {
		return err
	}
	signer, err := n.signer()
	if err != nil {
		return err
	}
	if err := sign(signer, message); err != nil {
		return err
	}
	c, by, err := n.open(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := c.Offer(ctx, mailer.Envelope{From: letter.From.Mailbox, To: to.Address, Message: message})
	if err == nil && answer.Class == mailer.Ready {
		answer, err = c.Dot(ctx, nil)
	}
	if err != nil {
		return err
	}
	if answer.Class != mailer.Accepted {
		return &RefusedError{Server: by.address, Said: strings.TrimSpace(fmt.Sprintf("%d %s %s", answer.Code, answer.Enhanced, answer.Text))}
	}
	return nil
}

// RefusedError is a mail to the author that the server did not take.
type RefusedError struct{ Server, Said string }

func (e *RefusedError) Error() string { return "the mail server refused the mail: " + e.Said }
