package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Joining is what Add is told of a reader.
type Joining struct {
	Address Address
	Name    string // cleaned by Add; "" keeps the name there is
	Digest  string
	// State is Pending for one who must confirm, or Active for one who has
	// already agreed elsewhere. No other state can be joined with.
	State State
	// Source is the page, command or file it came by, kept as proof.
	Source string
	// Watermark is the cut of the digest's last issue: what came before is not
	// owed. The zero time means that there was none.
	Watermark time.Time
	// Again lets an Active one come back who left: the author vouches that
	// they asked. Never after a complaint, and never for an import.
	Again bool
	// Import says that a file is read, not a single request.
	Import bool
}

// Add takes a reader in. added is true when that changed whom a digest reaches,
// or when a Pending one was not known at all.
//
// A Pending one gets no digest before Confirm, and whoever is known already
// (active, pending or gone) stays exactly as they are: what a stranger types
// into a form changes nothing. An Active one who left is refused with
// ErrSuppressed; see Joining.Again.
func Add(ctx context.Context, q Querier, secret []byte, j Joining, now time.Time) (s Subscriber, added bool, err error) {
	if j.State != Pending && j.State != Active {
		return Subscriber{}, false, fmt.Errorf("adding subscriber: cannot join as %q", j.State)
	}
	s, known, err := Find(ctx, q, j.Address)
	if err != nil {
		return Subscriber{}, false, err
	}
	if j.State == Active {
		if err := readmit(ctx, q, secret, j); err != nil {
			return s, false, err
		}
	}
	switch {
	case !known:
		s.ID, err = insert(ctx, q, j, now)
		added = true
	case j.State == Active:
		added, err = activate(ctx, q, s, j.Name, now)
	}
	if err != nil {
		return Subscriber{}, false, fmt.Errorf("adding subscriber: %w", err)
	}
	if j.State == Active {
		joined, err := subscribe(ctx, q, s.ID, j.Digest, j.Watermark, now)
		if err != nil {
			return Subscriber{}, false, err
		}
		added = added || joined
	}
	if added {
		if err := consent(ctx, q, s.ID, j.event(), j.Source, now); err != nil {
			return Subscriber{}, false, err
		}
	}
	s, err = get(ctx, q, s.ID)
	return s, added, err
}

func (j Joining) event() string {
	switch {
	case j.State == Pending:
		return "asked"
	case j.Import:
		return "imported"
	}
	return "added"
}

// readmit refuses a suppressed address, or lifts its suppression where Again says so.
func readmit(ctx context.Context, q Querier, secret []byte, j Joining) error {
	reason, suppressed, err := Suppressed(ctx, q, secret, j.Address)
	if err != nil || !suppressed {
		return err
	}
	if !j.Again || j.Import || reason == ReasonComplained {
		return ErrSuppressed{Reason: reason}
	}
	return lift(ctx, q, secret, j.Address)
}

func insert(ctx context.Context, q Querier, j Joining, now time.Time) (int64, error) {
	var confirmed any
	if j.State == Active {
		confirmed = now.Unix()
	}
	var id int64
	err := q.QueryRowContext(ctx, `
		INSERT INTO subscribers (address, address_key, name, state, created_at, confirmed_at)
		VALUES ($1, $2, $3, $4, $5, $6) RETURNING id`,
		j.Address.Mailbox, j.Address.Key, cleanName(j.Name), j.State, now.Unix(), confirmed).Scan(&id)
	return id, err
}

// activate makes a known subscriber active. One who is so already keeps the
// date of their confirmation.
func activate(ctx context.Context, q Querier, s Subscriber, name string, now time.Time) (bool, error) {
	_, err := q.ExecContext(ctx, `
		UPDATE subscribers SET state = 'active', left_at = NULL,
			confirmed_at = CASE WHEN state = 'active' THEN confirmed_at ELSE $2 END,
			name = CASE WHEN $3 = '' THEN name ELSE $3 END
		WHERE id = $1`, s.ID, now.Unix(), cleanName(name))
	return s.State != Active, err
}

// subscribe adds digest to a subscriber's; a subscription already there keeps its watermark.
func subscribe(ctx context.Context, q Querier, id int64, digest string, watermark, now time.Time) (bool, error) {
	r, err := q.ExecContext(ctx, `
		INSERT INTO subscriptions (subscriber_id, digest, watermark, created_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (subscriber_id, digest) DO NOTHING`, id, digest, seconds(watermark), now.Unix())
	if err != nil {
		return false, fmt.Errorf("subscribing to %s: %w", digest, err)
	}
	n, err := r.RowsAffected()
	return n == 1, err
}

func consent(ctx context.Context, q Querier, id int64, event, source string, now time.Time) error {
	_, err := q.ExecContext(ctx, "INSERT INTO consents (subscriber_id, at, event, source) VALUES ($1, $2, $3, $4)",
		id, now.Unix(), event, source)
	if err != nil {
		return fmt.Errorf("recording consent: %w", err)
	}
	return nil
}

const fields = "id, address, name, state, token_version, created_at, confirmed_at, left_at"

func scan(row interface{ Scan(...any) error }) (Subscriber, error) {
	var s Subscriber
	var created int64
	var confirmed, left sql.NullInt64
	err := row.Scan(&s.ID, &s.Address, &s.Name, &s.State, &s.TokenVersion, &created, &confirmed, &left)
	s.Created, s.Confirmed, s.Left = moment(created), moment(confirmed.Int64), moment(left.Int64)
	return s, err
}

// Find looks an address up, in whichever spelling.
func Find(ctx context.Context, q Querier, a Address) (Subscriber, bool, error) {
	s, err := scan(q.QueryRowContext(ctx, "SELECT "+fields+" FROM subscribers WHERE address_key = $1", a.Key))
	return found(ctx, q, s, err)
}

// Get looks a subscriber up by number; the erased are found, too.
func Get(ctx context.Context, q Querier, id int64) (Subscriber, bool, error) {
	s, err := scan(q.QueryRowContext(ctx, "SELECT "+fields+" FROM subscribers WHERE id = $1", id))
	return found(ctx, q, s, err)
}

// get is Get for a number that must be there.
func get(ctx context.Context, q Querier, id int64) (Subscriber, error) {
	s, ok, err := Get(ctx, q, id)
	if err == nil && !ok {
		err = fmt.Errorf("subscriber %d: %w", id, ErrNotFound)
	}
	return s, err
}

// found tells no row from an error, and adds the digests.
func found(ctx context.Context, q Querier, s Subscriber, err error) (Subscriber, bool, error) {
	if errors.Is(err, sql.ErrNoRows) {
		return Subscriber{}, false, nil
	}
	list := []Subscriber{s}
	if err == nil {
		err = fillDigests(ctx, q, list)
	}
	if err != nil {
		return Subscriber{}, false, fmt.Errorf("finding subscriber: %w", err)
	}
	return list[0], true, nil
}

// List returns up to limit subscribers with an id above after, in its order:
// start with 0, go on with the last id. It includes those who left or were erased.
func List(ctx context.Context, q Querier, after int64, limit int) ([]Subscriber, error) {
	list, err := page(ctx, q, after, limit)
	if err == nil {
		err = fillDigests(ctx, q, list)
	}
	if err != nil {
		return nil, fmt.Errorf("listing subscribers: %w", err)
	}
	return list, nil
}

func page(ctx context.Context, q Querier, after int64, limit int) ([]Subscriber, error) {
	rows, err := q.QueryContext(ctx, "SELECT "+fields+" FROM subscribers WHERE id > $1 ORDER BY id LIMIT $2", after, limit)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Subscriber
	for rows.Next() {
		s, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// fillDigests reads the digests of subscribers that stand in the order of their ids.
func fillDigests(ctx context.Context, q Querier, list []Subscriber) error {
	if len(list) == 0 {
		return nil
	}
	rows, err := q.QueryContext(ctx, `
		SELECT subscriber_id, digest FROM subscriptions
		WHERE subscriber_id BETWEEN $1 AND $2 ORDER BY subscriber_id, digest`, list[0].ID, list[len(list)-1].ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	i := 0
	for rows.Next() {
		var id int64
		var digest string
		if err := rows.Scan(&id, &digest); err != nil {
			return err
		}
		for i < len(list) && list[i].ID < id {
			i++
		}
		if i < len(list) && list[i].ID == id {
			list[i].Digests = append(list[i].Digests, digest)
		}
	}
	return rows.Err()
}

// moment and seconds turn unix seconds, where 0 is none, into a time and back.
func moment(unix int64) time.Time {
	if unix == 0 {
		return time.Time{}
	}
	return time.Unix(unix, 0).UTC()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}
