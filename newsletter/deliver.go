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
	pace, err := outbox.ParsePace(n.Config.Mail.Rate)
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
	courier := outbox.Courier{
		DB:          n.DB,
		Path:        n.Path,
		Dial:        n.dial,
		Connections: n.Config.Mail.Connections,
		Pace:        pace,
		InDoubt:     outbox.Policy(n.Config.Mail.InDoubt),
		Now:         now,
		Stopped:     n.stopped,
		Hook:        n.Hook,
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
			if open == 0 {
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

// dial opens one way out: the configured server, or a Maildir.
func (n *Newsletter) dial(ctx context.Context) (outbox.Line, error) {
	c, err := n.connect(ctx)
	if err != nil {
		return nil, err
	}
	return &line{n: n, conn: c}, nil
}

func (n *Newsletter) connect(ctx context.Context) (conn, error) {
	if dir, ok := mailer.ParseSpool(n.Config.Mail.SMTP); ok {
		return mailer.OpenSpool(dir)
	}
	server, err := n.server()
	if err != nil {
		return nil, err
	}
	return server.Dial(ctx)
}

func (n *Newsletter) server() (mailer.Server, error) {
	server, err := mailer.ParseServer(n.Config.Mail.SMTP)
	if err != nil {
		return mailer.Server{}, err
	}
	server.Password = mailer.Secret(n.Config.Mail.Password.Reveal())
	server.Name = n.Config.Mail.Helo
	return server, nil
}

// login tries the way out and sends nothing.
func (n *Newsletter) login(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := n.connect(ctx)
	if err != nil {
		return err
	}
	return c.Close()
}

// send hands one mail over outside the ledger, for the author's eyes: a lost
// proof is asked for again, no reader waits for it.
func (n *Newsletter) send(ctx context.Context, letter mailer.Letter, to mailer.Reader) error {
	message, err := letter.Message(to)
	if err != nil {
		return err
	}
	c, err := n.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := c.Offer(ctx, letter.From.Mailbox, to.Address, message)
	if err == nil && answer.Class == mailer.Ready {
		answer, err = c.Dot(ctx)
	}
	if err != nil {
		return err
	}
	if answer.Class != mailer.Accepted {
		return &RefusedError{Server: n.Config.Mail.SMTP, Said: strings.TrimSpace(fmt.Sprintf("%d %s %s", answer.Code, answer.Enhanced, answer.Text))}
	}
	return nil
}

// RefusedError is a mail to the author that the server did not take.
type RefusedError struct{ Server, Said string }

func (e *RefusedError) Error() string { return "the mail server refused the mail: " + e.Said }
