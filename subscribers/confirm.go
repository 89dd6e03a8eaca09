package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

const (
	// ConfirmationLife is how long a confirmation link works.
	ConfirmationLife = 48 * time.Hour
	// confirmationMemory is how long it is remembered after it was made, for LastConfirmation.
	confirmationMemory = 30 * 24 * time.Hour
)

// NewConfirmation makes the token of a confirmation mail: 22 characters, kept
// only as their SHA-256. It does not look at how often that was asked for; see
// LastConfirmation.
func NewConfirmation(ctx context.Context, q Querier, s Subscriber, digest string, now time.Time) (token string, err error) {
	if s.State == Erased || s.Address == "" {
		return "", fmt.Errorf("making confirmation: %w", ErrNotFound)
	}
	_, err = q.ExecContext(ctx, "DELETE FROM confirmations WHERE subscriber_id = $1 AND made_at < $2",
		s.ID, now.Add(-confirmationMemory).Unix())
	if err != nil {
		return "", fmt.Errorf("making confirmation: %w", err)
	}
	token, hash := newToken()
	_, err = q.ExecContext(ctx, `
		INSERT INTO confirmations (token_hash, subscriber_id, digest, made_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		hash, s.ID, digest, now.Unix(), now.Add(ConfirmationLife).Unix())
	if err != nil {
		return "", fmt.Errorf("making confirmation: %w", err)
	}
	return token, nil
}

// LastConfirmation is when the newest confirmation of a subscriber was made;
// the zero time when there was none in 30 days. One a day is enough for anyone
// who asked, and no more than that for anyone who did not.
func LastConfirmation(ctx context.Context, q Querier, id int64) (time.Time, error) {
	var made int64
	err := q.QueryRowContext(ctx, "SELECT coalesce(max(made_at), 0) FROM confirmations WHERE subscriber_id = $1", id).Scan(&made)
	if err != nil {
		return time.Time{}, fmt.Errorf("reading the last confirmation: %w", err)
	}
	return moment(made), nil
}

// FindConfirmation returns whom a confirmation token belongs to and which digest it is
// for, and changes nothing: it is what the page with the button asks. ErrToken
// when the token is not valid at now.
func FindConfirmation(ctx context.Context, q Querier, token string, now time.Time) (s Subscriber, digest string, err error) {
	var id int64
	err = q.QueryRowContext(ctx, `
		SELECT subscriber_id, digest FROM confirmations WHERE token_hash = $1 AND expires_at > $2`,
		hashToken(token), now.Unix()).Scan(&id, &digest)
	if errors.Is(err, sql.ErrNoRows) {
		return Subscriber{}, "", ErrToken
	}
	if err != nil {
		return Subscriber{}, "", fmt.Errorf("reading confirmation: %w", err)
	}
	s, err = get(ctx, q, id)
	return s, digest, err
}

// Confirm makes the subscriber of token active in its digest and lifts their
// suppression. watermark is the cut of that digest's last issue: who confirms
// after a freeze gets the next one. To confirm twice changes nothing more, until
// the token is void: after ConfirmationLife, or once its reader left or chose
// other digests (ErrToken).
func Confirm(ctx context.Context, q Querier, secret []byte, token, source string, watermark, now time.Time) (Subscriber, error) {
	s, digest, err := FindConfirmation(ctx, q, token, now)
	if err != nil {
		return Subscriber{}, err
	}
	a, err := stored(ctx, q, s)
	if err != nil {
		return Subscriber{}, err
	}
	if err := lift(ctx, q, secret, a); err != nil {
		return Subscriber{}, err
	}
	activated, err := activate(ctx, q, s, "", now)
	if err != nil {
		return Subscriber{}, fmt.Errorf("confirming subscriber %d: %w", s.ID, err)
	}
	joined, err := subscribe(ctx, q, s.ID, digest, watermark, now)
	if err != nil {
		return Subscriber{}, err
	}
	if activated || joined {
		if err := consent(ctx, q, s.ID, "confirmed", source, now); err != nil {
			return Subscriber{}, err
		}
	}
	return get(ctx, q, s.ID)
}

func voidConfirmations(ctx context.Context, q Querier, id int64) error {
	// Voided, not deleted: LastConfirmation still counts them.
	_, err := q.ExecContext(ctx, "UPDATE confirmations SET expires_at = 0 WHERE subscriber_id = $1", id)
	if err != nil {
		return fmt.Errorf("voiding confirmations: %w", err)
	}
	return nil
}
