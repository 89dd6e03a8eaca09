package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Bounce is what a refusal says of the address it was for.
type Bounce int

const (
	NoBounce   Bounce = iota // nothing: the server, the message or the way there was at fault
	SoftBounce               // it took no mail this time
	HardBounce               // it will never take any
)

// A soft bounce says little by itself: mailboxes are emptied, servers mended.
const (
	softIssues = 3                   // as many issues in a row …
	softFor    = 30 * 24 * time.Hour // … over that long are as good as never
)

// enhanced begins a reply that has an enhanced status code (RFC 3463 §2).
var enhanced = regexp.MustCompile(`^([245])(\.\d{1,3}\.\d{1,3})(?:\s|$)`)

// never are the codes of an address that does not exist, cannot exist or has moved away (RFC 3463 §3.2; RFC 7505 §4
// for the last, a domain that says it takes no mail).
var never = []string{".1.1", ".1.2", ".1.3", ".1.6", ".1.10"}

// BounceOf reads what became of a mail to one recipient off the server's last reply: its basic code and its text, which
// begins with the enhanced code where there is one. refused says that the server refused the recipient for good; else
// the mail ran out of time, and counts only against a mailbox that was full. An enhanced code that contradicts the
// basic one is not believed.
func BounceOf(code int, reply string, refused bool) Bounce {
	detail := ""
	if m := enhanced.FindStringSubmatch(reply); m != nil && int(m[1][0]-'0') == code/100 {
		detail = m[2]
	}
	full := detail == ".2.2" || detail == "" && code == 552 // RFC 5321 §4.2.3
	switch {
	case !refused && (full && (code/100 == 4 || code/100 == 5)):
		return SoftBounce
	case !refused, code/100 != 5:
		return NoBounce
	case slices.Contains(never, detail):
		return HardBounce
	case detail == ".6.7": // the way there can't carry the address (RFC 6531 §3.5): another could
		return NoBounce
	}
	return SoftBounce
}

// Bounces are the soft bounces of an address, one issue after the other.
type Bounces struct {
	Issues      int
	First, Last time.Time
	Reply       string // the server's last words
}

// Enough says whether they are as good as a hard one.
func (b Bounces) Enough() bool { return b.Issues >= softIssues && b.Last.Sub(b.First) >= softFor }

// And counts one more. well says that a mail has arrived since the last one, so that the row begins anew.
func (b Bounces) And(well bool, reply string, now time.Time) Bounces {
	if well || b.Issues == 0 {
		b = Bounces{First: now}
	}
	return Bounces{Issues: b.Issues + 1, First: b.First, Last: now, Reply: reply}
}

// BouncesOf reads the soft bounces of a subscriber; the zero value when there are none. A mail that arrives does not
// take them back by itself, for that would be a write for every mail: see [Bounces.And].
func BouncesOf(ctx context.Context, q Querier, id int64) (b Bounces, err error) {
	var first, last int64
	err = q.QueryRowContext(ctx, "SELECT bounces, first_at, last_at, reply FROM bounce_counts WHERE subscriber_id = $1", id).
		Scan(&b.Issues, &first, &last, &b.Reply)
	if errors.Is(err, sql.ErrNoRows) {
		return Bounces{}, nil
	}
	if err != nil {
		return Bounces{}, fmt.Errorf("reading the bounces of subscriber %d: %w", id, err)
	}
	b.First, b.Last = moment(first), moment(last)
	return b, nil
}

// KeepBounces writes the soft bounces of a subscriber down.
func KeepBounces(ctx context.Context, q Querier, id int64, b Bounces) error {
	_, err := q.ExecContext(ctx, `
		INSERT INTO bounce_counts (subscriber_id, bounces, first_at, last_at, reply) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (subscriber_id) DO UPDATE SET bounces = excluded.bounces, first_at = excluded.first_at,
			last_at = excluded.last_at, reply = excluded.reply`,
		id, b.Issues, seconds(b.First), seconds(b.Last), b.Reply)
	if err != nil {
		return fmt.Errorf("counting a bounce of subscriber %d: %w", id, err)
	}
	return nil
}

// forgiveBounces forgets them: for one who leaves, is erased or comes back.
func forgiveBounces(ctx context.Context, q Querier, id int64) error {
	if _, err := q.ExecContext(ctx, "DELETE FROM bounce_counts WHERE subscriber_id = $1", id); err != nil {
		return fmt.Errorf("forgetting the bounces of subscriber %d: %w", id, err)
	}
	return nil
}

// BouncedBy counts who was suppressed after t for the bounce of a mail from this source, as Leave was told.
func BouncedBy(ctx context.Context, q Querier, source string, t time.Time) (int, error) {
	var n int
	err := q.QueryRowContext(ctx, "SELECT count(*) FROM consents WHERE event = 'bounced' AND source = $1 AND at > $2",
		source, t.Unix()).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("counting who bounced: %w", err)
	}
	return n, nil
}
