package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Leave takes a subscriber out of every digest, suppresses the address and
// voids what confirmations are under way. changed is false when they had left
// already for as good a reason; a complaint is recorded whatever came before.
// reason is any Reason but ReasonErased. What is owed to them already is the
// ledger's affair: skip it in the same transaction.
func Leave(ctx context.Context, q Querier, secret []byte, id int64, reason, source string, now time.Time) (s Subscriber, changed bool, err error) {
	state, ok := stateAfter(reason)
	if !ok {
		return Subscriber{}, false, fmt.Errorf("leaving: %q is no reason", reason)
	}
	s, err = get(ctx, q, id)
	if err != nil || s.State == Erased {
		return s, false, err
	}
	a, err := stored(ctx, q, s)
	if err != nil {
		return Subscriber{}, false, err
	}
	before, suppressed, err := Suppressed(ctx, q, secret, a)
	if err != nil {
		return Subscriber{}, false, err
	}
	gone := s.State != Active && s.State != Pending
	if gone && suppressed && weight(before) >= weight(reason) {
		return s, false, nil
	}
	if err := Suppress(ctx, q, secret, a, reason, now); err != nil {
		return Subscriber{}, false, err
	}
	if err := part(ctx, q, id, state, now); err != nil {
		return Subscriber{}, false, err
	}
	event := "left"
	if reason == ReasonBounced {
		event = "bounced"
	}
	if err := consent(ctx, q, id, event, source, now); err != nil {
		return Subscriber{}, false, err
	}
	s, err = get(ctx, q, id)
	return s, err == nil, err
}

// part ends what a subscriber has: subscriptions, counted bounces and open confirmations.
func part(ctx context.Context, q Querier, id int64, state State, now time.Time) error {
	_, err := q.ExecContext(ctx, "UPDATE subscribers SET state = $2, left_at = coalesce(left_at, $3) WHERE id = $1",
		id, state, now.Unix())
	if err != nil {
		return fmt.Errorf("leaving: %w", err)
	}
	if _, err := q.ExecContext(ctx, "DELETE FROM subscriptions WHERE subscriber_id = $1", id); err != nil {
		return fmt.Errorf("leaving: %w", err)
	}
	if err := forgiveBounces(ctx, q, id); err != nil {
		return err
	}
	return voidConfirmations(ctx, q, id)
}

// Erase forgets address and name. The row stays under its number, so that sums
// still add up, and so does the suppression: the same address can come back by
// confirming anew, as a new subscriber. Erasing twice changes nothing. Copies in
// the ledger are the ledger's affair.
func Erase(ctx context.Context, q Querier, secret []byte, id int64, now time.Time) error {
	s, err := get(ctx, q, id)
	if err != nil || s.State == Erased {
		return err
	}
	a, err := stored(ctx, q, s)
	if err != nil {
		return err
	}
	if err := Suppress(ctx, q, secret, a, ReasonErased, now); err != nil {
		return err
	}
	if err := part(ctx, q, id, Erased, now); err != nil {
		return err
	}
	_, err = q.ExecContext(ctx, "UPDATE subscribers SET address = '', address_key = NULL, name = '' WHERE id = $1", id)
	if err != nil {
		return fmt.Errorf("erasing subscriber %d: %w", id, err)
	}
	return consent(ctx, q, id, "erased", "erasure", now)
}

// stored is the address of a subscriber with the key it was stored under: a
// grammar that grows stricter must not keep anyone from leaving.
func stored(ctx context.Context, q Querier, s Subscriber) (Address, error) {
	a := Address{Mailbox: s.Address}
	err := q.QueryRowContext(ctx, "SELECT address_key FROM subscribers WHERE id = $1", s.ID).Scan(&a.Key)
	if err != nil {
		return Address{}, fmt.Errorf("reading the address of subscriber %d: %w", s.ID, err)
	}
	return a, nil
}

// Suppressed reports whether an address must not be mailed, and the Reason.
func Suppressed(ctx context.Context, q Querier, secret []byte, a Address) (reason string, suppressed bool, err error) {
	err = q.QueryRowContext(ctx, "SELECT reason FROM suppressions WHERE key_hash = $1", keyHash(secret, a)).Scan(&reason)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("reading suppression: %w", err)
	}
	return reason, true, nil
}

// Suppress bars an address, known or not, as a file of those who left elsewhere
// asks for. A heavier reason replaces a lighter one. For one who is subscribed
// use Leave.
func Suppress(ctx context.Context, q Querier, secret []byte, a Address, reason string, now time.Time) error {
	before, suppressed, err := Suppressed(ctx, q, secret, a)
	if err != nil || suppressed && weight(before) >= weight(reason) {
		return err
	}
	_, err = q.ExecContext(ctx, `
		INSERT INTO suppressions (key_hash, reason, at) VALUES ($1, $2, $3)
		ON CONFLICT (key_hash) DO UPDATE SET reason = excluded.reason, at = excluded.at`,
		keyHash(secret, a), reason, now.Unix())
	if err != nil {
		return fmt.Errorf("suppressing address: %w", err)
	}
	return nil
}

func lift(ctx context.Context, q Querier, secret []byte, a Address) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM suppressions WHERE key_hash = $1", keyHash(secret, a)); err != nil {
		return fmt.Errorf("lifting suppression: %w", err)
	}
	return nil
}
