package newsletter

import (
	"context"
	"strings"

	"digest/outbox"
	"digest/subscribers"
)

// refused is what a mail that ended unsent says of its reader's address. It runs
// inside the courier's transaction that settles the mail as failed or expired:
// an address that will never take mail is suppressed together with the refusal,
// and whatever else is owed to it is skipped.
//
// Only an issue counts. A refused confirmation suppresses nobody: whoever typed
// a wrong address has gone anyway, and the owner of a mailbox that is not there
// yet may ask again once it is; a form that said yes and never mailed again
// would help nobody, and asks an address once a day at most.
func (n *Newsletter) refused(ctx context.Context, q outbox.Querier, d outbox.Delivery) error {
	if !strings.HasPrefix(d.Mailing, issueMailing) {
		return nil
	}
	switch subscribers.BounceOf(d.Code, d.Reply, d.State == outbox.Failed) {
	case subscribers.HardBounce:
		return n.leave(ctx, q, d.Subscriber, subscribers.ReasonBounced, d.Mailing, d.Changed)
	case subscribers.SoftBounce:
		return n.softBounce(ctx, q, d)
	}
	return nil
}

// softBounce counts a mail that bounced, and suppresses once there have been
// enough. Whether mail has arrived in between is looked up when it matters, so
// that a mail that arrives costs no write. What was sent again counts with the
// first time: one issue is one bounce.
func (n *Newsletter) softBounce(ctx context.Context, q outbox.Querier, d outbox.Delivery) error {
	if d.Generation > 0 {
		return nil
	}
	sub, found, err := subscribers.Get(ctx, q, d.Subscriber)
	if err != nil || !found || sub.State != subscribers.Active {
		return err
	}
	before, err := subscribers.BouncesOf(ctx, q, d.Subscriber)
	if err != nil {
		return err
	}
	well, err := outbox.Got(ctx, q, d.Subscriber, issueMailing, before.Last)
	if err != nil {
		return err
	}
	b := before.And(well, d.Reply, d.Changed)
	if b.Enough() {
		return n.leave(ctx, q, d.Subscriber, subscribers.ReasonBounced, d.Mailing, d.Changed)
	}
	return subscribers.KeepBounces(ctx, q, d.Subscriber, b)
}
