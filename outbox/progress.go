package outbox

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Progress is how far a run of the courier is. While it works it keeps this in its row of the ledger, once a second at
// most, so that other processes can tell.
type Progress struct {
	Sent    int       `json:"sent"`
	Retry   int       `json:"retry"`
	Failed  int       `json:"failed"`
	Unknown int       `json:"unknown"`
	Skipped int       `json:"skipped"`
	Expired int       `json:"expired"`
	Owed    int       `json:"owed"`           // still to be sent
	Rate    float64   `json:"rate"`           // mails sent a second, over the last ten
	Until   time.Time `json:"until,omitzero"` // about when what is owed will have been sent; zero = not known
}

// Run is what the ledger knows of the newest run of a courier.
type Run struct {
	Epoch    int64
	Started  time.Time
	Ended    time.Time // zero: it has not said that it ended
	Ending   string    // why it ended early, as a sentence; "" = it did all there was to do
	Working  bool      // a courier is at work now: one that died is not, whatever it wrote last
	Progress Progress
	At       time.Time // of Progress; zero = it has not said
}

// LastRun returns the newest run of the courier of the database at path; false before the first.
func LastRun(ctx context.Context, q Querier, path string) (Run, bool, error) {
	var r Run
	var started, ended, at sql.NullInt64
	var text string
	err := q.QueryRowContext(ctx, `
		SELECT epoch, started_at, ended_at, ending, progress, progress_at FROM couriers ORDER BY epoch DESC LIMIT 1`).
		Scan(&r.Epoch, &started, &ended, &r.Ending, &text, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return Run{}, false, nil
	}
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &r.Progress)
	}
	if err != nil {
		return Run{}, false, fmt.Errorf("reading the newest run: %w", err)
	}
	r.Started, r.Ended, r.At = moment(started), moment(ended), moment(at)
	r.Working = !ended.Valid && locked(path+".lock")
	return r, true, nil
}

// endings are how the sentences of Run.Ending begin, by their kind.
var endings = []struct{ kind, begins string }{
	{"interrupted", "interrupted"},
	{"rate", "the rate "},
	{"sender_refused", "the server refuses this sender"},
	{"too_large", tooLarge},
	{"content_refused", "the server refuses the content"},
	{"busy", "the server is busy"},
	{"stopped", errStopped.Error()},
	{"taken_over", errTaken.Error()},
	{"disk_full", ErrFull.Error()},
}

// Kind is how the run stands or ended, as one word of a short list: "working", "done", "died" (it never said that it
// ended), one of the reasons to end early, or "other". It holds nothing that a server said.
func (r Run) Kind() string {
	switch {
	case r.Working:
		return "working"
	case r.Ended.IsZero():
		return "died"
	case r.Ending == "":
		return "done"
	}
	return KindOf(r.Ending)
}

// KindOf is the kind of a reason to end early, be it in Run.Ending or in Summary.Reason.
func KindOf(reason string) string {
	if strings.Contains(reason, "connections in a row failed") {
		return "unreachable"
	}
	for _, e := range endings {
		if strings.HasPrefix(reason, e.begins) {
			return e.kind
		}
	}
	return "other"
}

const tooLarge = "the mail is too large for the server"

// locked reports whether somebody holds a lock file. While it asks it shares the lock for a moment, which a courier that
// starts waits out; see flock.
func locked(name string) bool {
	file, err := openLock(name, os.O_RDONLY)
	if err != nil {
		return false
	}
	defer unlock(file)
	return errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

// Takes answers how many mails are owed and about when they will have been sent: at the pace, within the limits of
// their domains, no earlier than the last of them is due, and no faster than rate mails a second, where one has been
// measured (0 = none has). With none owed the time is zero.
func Takes(ctx context.Context, q Querier, p *Pace, d *Domains, rate float64, now time.Time) (int, time.Time, error) {
	var owed int
	var last sql.NullInt64
	err := q.QueryRowContext(ctx, `SELECT count(*), max(due_at) FROM deliveries WHERE due_at IS NOT NULL`).Scan(&owed, &last)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("counting what is owed: %w", err)
	}
	var out int
	err = q.QueryRowContext(ctx, `SELECT count(*) FROM deliveries WHERE state IN ('claimed', 'dotting')`).Scan(&out)
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("counting what is on its way: %w", err)
	}
	if owed += out; owed == 0 {
		return 0, time.Time{}, nil
	}
	end := p.Until(owed, now)
	if due := moment(last); due.After(end) {
		end = due
	}
	if rate > 0 {
		if t := now.Add(time.Duration(float64(owed) / rate * float64(time.Second))); t.After(end) {
			end = t
		}
	}
	if d == nil {
		return owed, end, nil
	}
	byDomain, err := owedByDomain(ctx, q)
	if t := d.Until(byDomain, now); t.After(end) {
		end = t
	}
	return owed, end, err
}

// Late answers about how many of the mails owed will be too old by the time they are sent, if the last of them is sent
// at end, the others evenly until then, and the oldest first. A mail that was in doubt does not expire.
func Late(ctx context.Context, q Querier, end, now time.Time) (int, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT owed_at, count(*), sum(doubts = 0) FROM deliveries WHERE due_at IS NOT NULL GROUP BY owed_at ORDER BY owed_at`)
	if err != nil {
		return 0, fmt.Errorf("counting what will be late: %w", err)
	}
	defer rows.Close()
	type owing struct {
		owed      time.Time
		all, able int // able: those that can expire
	}
	var list []owing
	total := 0
	for rows.Next() {
		var owed int64
		var b owing
		if err := rows.Scan(&owed, &b.all, &b.able); err != nil {
			return 0, fmt.Errorf("counting what will be late: %w", err)
		}
		b.owed = time.Unix(owed, 0)
		list, total = append(list, b), total+b.all
	}
	late, before := 0, 0
	for _, b := range list {
		inTime := total // mails sent before those of b are too old
		if left := max(0, b.owed.Add(ExpireAfter).Sub(now)); end.Sub(now) > left {
			inTime = int(float64(total) * float64(left) / float64(end.Sub(now)))
		}
		late += min(b.able, max(0, before+b.all-max(inTime, before)))
		before += b.all
	}
	return late, rows.Err()
}

func owedByDomain(ctx context.Context, q Querier) (map[string]int, error) {
	rows, err := q.QueryContext(ctx, `
		SELECT substr(address, instr(address, '@') + 1), count(*) FROM deliveries WHERE due_at IS NOT NULL GROUP BY 1`)
	if err != nil {
		return nil, fmt.Errorf("counting what is owed by domain: %w", err)
	}
	defer rows.Close()
	owed := make(map[string]int)
	for rows.Next() {
		var domain string
		var n int
		if err := rows.Scan(&domain, &n); err != nil {
			return nil, fmt.Errorf("counting what is owed by domain: %w", err)
		}
		owed[domain] += n
	}
	return owed, rows.Err()
}

// Seeded reads what earlier runs have used up of a pace and of the limits of domains. Either may be nil.
func Seeded(ctx context.Context, q Querier, p *Pace, d *Domains, now time.Time) error {
	if p != nil {
		sent, err := SentSince(ctx, q, now.Add(-p.span()))
		if err != nil {
			return err
		}
		p.Seed(sent, now)
	}
	return d.Load(ctx, q, now)
}
