package newsletter

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"digest/feed"
	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

// issueMailing begins the name of every issue's mailing on the ledger.
const issueMailing = "issue/"

// mailingOf names an issue's mailing on the ledger.
func mailingOf(i issue.Issue) string { return fmt.Sprintf("%s%d", issueMailing, i.ID) }

// freeze turns an issue into mail that is owed: the letter is frozen, the
// audience of this moment is owed it, and the issue is approved. From then on
// nothing edits it; who confirms later gets the next one.
func (n *Newsletter) freeze(ctx context.Context, tx *sql.Tx, i issue.Issue, now time.Time) (Made, error) {
	made, err := n.render(ctx, tx, i)
	if err != nil {
		return Made{}, err
	}
	l := n.letter(made.digest, i, made.mail)
	// What makes no message for the author makes none for anyone: found here,
	// nobody is owed it.
	if _, err := l.Message(n.authorReader(n.authorAddress(), now)); err != nil {
		return Made{}, fmt.Errorf("making the mail of issue %d: %w", i.ID, err)
	}
	words, err := n.freezeWords(l)
	if err != nil {
		return Made{}, err
	}
	letter, err := outbox.AddLetter(ctx, tx, mailingOf(i), words, now)
	if err != nil {
		return Made{}, err
	}
	readers, err := owe(ctx, tx, i, letter, now)
	if err != nil {
		return Made{}, err
	}
	if err := issue.SetProof(ctx, tx, i.ID, made.proof()); err != nil {
		return Made{}, err
	}
	if err := issue.Freeze(ctx, tx, i.ID, made.number, now); err != nil {
		return Made{}, err
	}
	i, err = issue.Get(ctx, tx, i.ID)
	return Made{Issue: i, Posts: len(made.posts), Readers: readers}, err
}

// owe writes one delivery for every active reader of the issue's digest, and
// moves the watermarks of a scheduled one.
//
// It is the one place where a statement reaches into tables of two rooms
// (subscribers' and outbox's): a million readers are owed in one statement, not
// one by one. The columns are the contract that outbox documents with Owed.
// Whoever has seen this cut already, by a digest they switched from, is not
// owed it again; a past issue stands outside the watermarks.
func owe(ctx context.Context, tx *sql.Tx, i issue.Issue, letter int64, now time.Time) (int, error) {
	scheduled := i.Kind == issue.Scheduled
	result, err := tx.ExecContext(ctx, `
		INSERT INTO deliveries (mailing, subscriber_id, letter_id, address, name, token_version, since, state, due_at, owed_at, changed_at)
		SELECT $1, s.id, $2, s.address, s.name, s.token_version, coalesce(s.confirmed_at, s.created_at), 'queued', $3, $3, $3
		FROM subscriptions AS u JOIN subscribers AS s ON s.id = u.subscriber_id
		WHERE u.digest = $4 AND s.state = 'active' AND (u.watermark < $5 OR NOT $6)
		ORDER BY s.id`,
		mailingOf(i), letter, now.Unix(), i.Digest, i.Cut.Unix(), scheduled)
	if err != nil {
		return 0, fmt.Errorf("owing the audience: %w", err)
	}
	readers, err := result.RowsAffected()
	if err != nil || !scheduled {
		return int(readers), err
	}
	return int(readers), subscribers.MoveWatermark(ctx, tx, i.Digest, i.Cut)
}

// posts of an issue, in its order, as the feed tells them now.
func (n *Newsletter) posts(ctx context.Context, q Querier, id int64) ([]feed.Post, error) {
	list, err := issue.PostIDs(ctx, q, id)
	if err != nil {
		return nil, err
	}
	return feed.ByID(ctx, q, list)
}
