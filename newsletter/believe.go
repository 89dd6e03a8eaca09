package newsletter

import (
	"context"
	"database/sql"

	"digest/issue"
	"digest/outbox"
)

// Believe takes the server's word for the readers of an issue whom it refuses,
// however many they are: the next run marks them and goes on.
func (n *Newsletter) Believe(ctx context.Context, issueID int64) error {
	return n.write(ctx, func(tx *sql.Tx) error {
		i, err := issue.Get(ctx, tx, issueID)
		if err != nil {
			return err
		}
		return outbox.Believe(ctx, tx, mailingOf(i))
	})
}
