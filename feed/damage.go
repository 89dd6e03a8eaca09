package feed

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// Damage records, within the caller's transaction and after [Keep], whether a
// good look found f damaged ([Document].Partial). It returns how many good looks
// in a row have, and when the first of them was; 0 and the zero time after a
// whole one. A look that was not modified says nothing new.
func Damage(ctx context.Context, q Querier, f Feed, partial bool, now time.Time) (looks int, since time.Time, err error) {
	var first sql.NullInt64
	err = q.QueryRowContext(ctx, `
		UPDATE feeds SET damaged_looks = iif($2, damaged_looks + 1, 0), damaged_since = iif($2, coalesce(damaged_since, $3), NULL)
		WHERE id = $1 RETURNING damaged_looks, damaged_since`, f.ID, partial, now.Unix()).Scan(&looks, &first)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("recording whether the feed is damaged: %w", err)
	}
	return looks, moment(first), nil
}
