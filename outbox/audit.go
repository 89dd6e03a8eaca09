package outbox

import (
	"context"
	"fmt"
)

// Report is what Audit found.
type Report struct {
	Owed   int           // deliveries owed in all
	States map[State]int // how many of them stand in each state
	Broken []string      // one sentence for each invariant that does not hold; none: the ledger is sound
}

// invariants are questions whose answer must be no row. Each row is one id, or one mailing, that breaks it.
var invariants = [...]struct{ broken, query string }{
	{"mailings whose states do not add up to what they owe", `
		SELECT mailing FROM deliveries GROUP BY mailing
		HAVING count(*) <> sum(state IN ('queued', 'claimed', 'dotting', 'sent', 'retry', 'failed', 'unknown', 'skipped', 'expired'))
			OR count(*) <> count(DISTINCT subscriber_id || '/' || generation)`},
	{"final deliveries that are due again", `
		SELECT id FROM deliveries WHERE due_at IS NOT NULL AND state NOT IN ('queued', 'retry', 'unknown')`},
	{"open deliveries that nobody may claim", `
		SELECT id FROM deliveries WHERE due_at IS NULL AND state IN ('queued', 'retry')`},
	{"barred deliveries that are due", `
		SELECT id FROM deliveries WHERE due_at IS NOT NULL AND barred = 1`},
	{"deliveries once in doubt that stand as if they had not been", `
		SELECT id FROM deliveries WHERE doubts > 0 AND state IN ('queued', 'retry', 'failed', 'expired', 'skipped')
			OR doubts = 0 AND state = 'unknown'`},
	{"sent deliveries without a mark and an answer of the same courier", `
		SELECT id FROM deliveries AS d WHERE state = 'sent' AND said_at IS NULL AND NOT EXISTS (
			SELECT 1 FROM attempts AS a WHERE a.delivery_id = d.id AND a.epoch = d.epoch AND a.outcome = 'sent'
				AND a.dotting_at IS NOT NULL AND a.ended_at IS NOT NULL)`},
	{"deliveries said by a person to have arrived that were not in doubt", `
		SELECT d.id FROM deliveries AS d WHERE said_at IS NOT NULL AND (state <> 'sent' OR doubts = 0 OR EXISTS (
			SELECT 1 FROM attempts AS a WHERE a.delivery_id = d.id AND a.outcome = 'sent'))`},
	{"accepted attempts of deliveries that are not sent", `
		SELECT delivery_id FROM attempts AS a WHERE outcome = 'sent' AND NOT EXISTS (
			SELECT 1 FROM deliveries AS d WHERE d.id = a.delivery_id AND d.state = 'sent')`},
	{"attempts without an end", `
		SELECT id FROM attempts WHERE ended_at IS NULL`},
	{"claimed or dotting deliveries that are not the newest courier's", `
		SELECT id FROM deliveries WHERE state IN ('claimed', 'dotting')
			AND epoch <> (SELECT coalesce(max(epoch), 0) FROM couriers)`},
	{"deliveries or attempts of a courier that never was", `
		SELECT id FROM deliveries WHERE epoch <> 0 AND epoch NOT IN (SELECT epoch FROM couriers)
		UNION ALL SELECT delivery_id FROM attempts WHERE epoch NOT IN (SELECT epoch FROM couriers)`},
	{"deliveries of which more copies may have left than two and those a person asked for", `
		SELECT id FROM deliveries JOIN (
			SELECT delivery_id, count(*) AS copies FROM attempts WHERE outcome IN ('sent', 'unknown')
			GROUP BY delivery_id HAVING count(*) > 2) ON delivery_id = id
		WHERE copies > asked + 1`},
	{"deliveries whose doubts are not those of their attempts", `
		SELECT d.id FROM deliveries AS d LEFT JOIN attempts AS a ON a.delivery_id = d.id AND a.outcome = 'unknown'
			AND a.dotting_at IS NOT NULL
		WHERE d.doubts > 0 OR a.id IS NOT NULL
		GROUP BY d.id HAVING count(a.id) <> d.doubts`},
	{"attempts after which the epoch went down", `
		SELECT id FROM (SELECT id, epoch, lag(epoch) OVER (ORDER BY id) AS before FROM attempts) AS a
		WHERE before > epoch`},
}

// Audit proves the ledger from its own tables: every delivery in one state, none final and due, every sent one marked
// and answered under one courier or in doubt and settled by a person, one repetition and those a person asked for,
// epochs that only rise. It runs several queries, so beside a working courier it needs one transaction to see one
// moment.
func Audit(ctx context.Context, q Querier) (Report, error) {
	var r Report
	var err error
	if r.States, err = CountsAll(ctx, q); err != nil {
		return Report{}, err
	}
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries`).Scan(&r.Owed)
	if err != nil {
		return Report{}, fmt.Errorf("auditing: %w", err)
	}
	sum := 0
	for _, n := range r.States {
		sum += n
	}
	if sum != r.Owed {
		r.Broken = append(r.Broken, fmt.Sprintf("%d deliveries are owed, %d stand in some state", r.Owed, sum))
	}
	for _, i := range invariants {
		var n int
		var first string
		err := q.QueryRowContext(ctx, `
			WITH broken (it) AS (`+i.query+`) SELECT count(*), coalesce(min(it), '') FROM broken`).Scan(&n, &first)
		if err != nil {
			return Report{}, fmt.Errorf("auditing %s: %w", i.broken, err)
		}
		if n > 0 {
			r.Broken = append(r.Broken, fmt.Sprintf("%d %s (first: %s)", n, i.broken, first))
		}
	}
	return r, nil
}
