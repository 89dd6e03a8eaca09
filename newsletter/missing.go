package newsletter

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

// ErrNotFrozen says that an issue has gone to nobody yet, so nobody misses it.
var ErrNotFrozen = errors.New("this issue has not been sent")

// Missed is a reader who was left without an issue.
type Missed struct {
	Address string       `json:"address"`
	State   outbox.State `json:"state"` // failed or expired
	Why     string       `json:"why"`   // the server's last words
}

// SentMissing is what SendMissing has done.
type SentMissing struct {
	Readers []Missed             // are owed it again
	Kept    []Kept               // were left without it too, and stay so
	Mail    map[outbox.State]int // the issue's, as IssueMail counts it, before
}

// SendMissing owes an issue again to those of its audience who were left without
// it: no copy was taken nor may have been, and they still want it. They get the
// frozen letter at the address they have now, as a new generation with a
// Message-ID of its own, for there is no copy it could be taken for. Who left
// stays left, and what is in doubt is decided by Decide.
func (n *Newsletter) SendMissing(ctx context.Context, issueID int64, now time.Time) (s SentMissing, err error) {
	err = n.write(ctx, func(tx *sql.Tx) error {
		i, err := issue.Get(ctx, tx, issueID)
		if err != nil {
			return err
		}
		if !i.State.Frozen() {
			return fmt.Errorf("%w: issue %d is %s", ErrNotFrozen, i.ID, i.State)
		}
		if s.Mail, err = issueMail(ctx, tx, i); err != nil {
			return err
		}
		all, err := without(ctx, tx, i)
		if err != nil {
			return err
		}
		var ids []int64
		for _, w := range all {
			if why := w.kept(); why != "" {
				s.Kept = append(s.Kept, Kept{w.Address, why})
				continue
			}
			ids = append(ids, w.delivery)
			s.Readers = append(s.Readers, w.Missed)
		}
		if len(ids) == 0 {
			return nil
		}
		if err := oweAgain(ctx, tx, ids, now); err != nil {
			return err
		}
		return issue.Reopen(ctx, tx, i.ID)
	})
	return s, err
}

// left is one whose last delivery of an issue ended without a copy.
type left struct {
	Missed
	delivery   int64
	standing   subscribers.State
	subscribed bool // to the issue's digest, still
}

// kept is why they are not owed it again; "" = they are.
func (l left) kept() string {
	switch {
	case l.standing == subscribers.Bounced:
		return "the address does not take mail"
	case l.standing != subscribers.Active:
		return "they have left since"
	case !l.subscribed:
		return "they get another digest now"
	}
	return ""
}

// without reads who was left without an issue. Like owe it looks into the
// tables of two rooms at once.
func without(ctx context.Context, tx Querier, i issue.Issue) ([]left, error) {
	rows, err := tx.QueryContext(ctx, `
		SELECT d.id, d.address, d.state, trim(CASE d.code WHEN 0 THEN '' ELSE d.code END || ' ' || d.reply), s.state,
			EXISTS (SELECT 1 FROM subscriptions AS u WHERE u.subscriber_id = s.id AND u.digest = $2)
		FROM deliveries AS d JOIN subscribers AS s ON s.id = d.subscriber_id
		WHERE d.mailing = $1 AND d.state IN ('failed', 'expired') AND NOT EXISTS (
			SELECT 1 FROM deliveries AS later WHERE later.mailing = d.mailing AND later.subscriber_id = d.subscriber_id
				AND later.generation > d.generation)
		ORDER BY d.id`, mailingOf(i), i.Digest)
	if err != nil {
		return nil, fmt.Errorf("finding who was left without issue %d: %w", i.ID, err)
	}
	defer rows.Close()
	var all []left
	for rows.Next() {
		var l left
		if err := rows.Scan(&l.delivery, &l.Address, &l.State, &l.Why, &l.standing, &l.subscribed); err != nil {
			return nil, fmt.Errorf("finding who was left without issue %d: %w", i.ID, err)
		}
		l.Why = plainLine(l.Why, 300)
		all = append(all, l)
	}
	return all, rows.Err()
}

// oweAgain owes the letters of deliveries once more, at the address of now.
func oweAgain(ctx context.Context, tx *sql.Tx, deliveries []int64, now time.Time) error {
	list, err := json.Marshal(deliveries)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
		INSERT INTO deliveries (mailing, subscriber_id, generation, letter_id, address, name, token_version, since,
			state, due_at, owed_at, changed_at)
		SELECT d.mailing, d.subscriber_id, d.generation + 1, d.letter_id, s.address, s.name, s.token_version,
			coalesce(s.confirmed_at, s.created_at), 'queued', $1, $1, $1
		FROM deliveries AS d JOIN subscribers AS s ON s.id = d.subscriber_id
		WHERE d.id IN (SELECT value FROM json_each($2)) ORDER BY d.id`, now.Unix(), string(list))
	if err != nil {
		return fmt.Errorf("owing an issue again: %w", err)
	}
	return nil
}
