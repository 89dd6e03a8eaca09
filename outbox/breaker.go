package outbox

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// The bounds of the breaker.
const (
	sameFirst = 5   // recipients refused with one text before any other answer
	few       = 5   // recipients refused at the end of a run of less than a block
	small     = 10  // of those answers, one in 10 may be a refusal
	block     = 100 // answers, of which
	tolerated = 20  // one in 20 may be a refusal
)

// refusal is a mail refused for its recipient, not yet on disk as such.
type refusal struct {
	mail  Delivery
	reply Reply
	shut  bool // its dot had left: an attempt says so already
}

// jury decides whether refusals are the recipients' or the sender's. It withholds them, claimed in the ledger, until
// the first five recipients have not all been refused alike, and then block by block: of every hundred answers, the
// refusals go down as failed unless more than one in twenty of all so far are refusals. So its memory is bounded, a
// crash sends a withheld mail again (it was definitely not accepted), and what trips the breaker is given back. It begins
// with what earlier runs were answered about the mailings that are due, and where a run ends below a block, five
// recipients refused that are more than one in ten trip it, too: a bad import.
type jury struct {
	answers, refused int
	before           int             // of the refused, settled by earlier runs
	text             string          // of the refusals so far, while all are the same
	seen             map[string]bool // the recipients refused so, up to sameFirst
	mixed            bool            // some answer was another
	held             []refusal
}

// heard counts an answer that is no refusal and returns the refusals that are now known to be the recipients' own.
func (j *jury) heard() []refusal {
	j.answers++
	j.mixed = true
	return j.release()
}

// refuse hears one refusal. A reason that is not empty means that the breaker has tripped: all that is withheld goes
// back. Otherwise it returns the refusals known to be the recipients' own.
func (j *jury) refuse(r refusal) (decided []refusal, reason string) {
	j.answers++
	j.refused++
	j.held = append(j.held, r)
	if reason := j.alike(r); reason != "" {
		return nil, reason
	}
	if j.answers >= block && j.refused*tolerated > j.answers {
		return nil, fmt.Sprintf("%d of %d recipients were refused, the last with: %d %s", j.refused, j.answers,
			r.reply.Code, plain(r.reply, r.mail.Address))
	}
	return j.release(), ""
}

// verdict is why the breaker trips at the end of a run; "" = it does not.
func (j *jury) verdict() string {
	if len(j.held) == 0 || j.answers >= block || j.refused*small <= j.answers {
		return ""
	}
	who := make(map[string]bool)
	for _, r := range j.held {
		who[r.mail.Address] = true
	}
	if j.before+len(who) < few {
		return ""
	}
	last := j.held[len(j.held)-1]
	return fmt.Sprintf("%d of %d recipients were refused, the last with: %d %s", j.refused, j.answers,
		last.reply.Code, plain(last.reply, last.mail.Address))
}

// earlier is the jury as earlier runs have left it, and the mailings whose refusals a person believes: of those it is
// told nothing.
func earlier(ctx context.Context, q Querier) (j jury, believed map[string]bool, err error) {
	if believed, err = believedMailings(ctx, q); err != nil {
		return j, nil, err
	}
	err = q.QueryRowContext(ctx, `
		SELECT count(*), coalesce(sum(state = 'failed'), 0) FROM deliveries
		WHERE mailing IN (SELECT mailing FROM deliveries WHERE due_at IS NOT NULL
			EXCEPT SELECT mailing FROM letters WHERE believed = 1)
			AND (state = 'sent' AND said_at IS NULL OR state = 'failed' AND code >= 500)`).Scan(&j.answers, &j.before)
	if err != nil {
		return j, nil, fmt.Errorf("counting earlier answers: %w", err)
	}
	j.refused, j.mixed = j.before, j.answers > j.before
	return j, believed, nil
}

// Believe takes the refusals of a mailing's recipients for true from now on, however many there are: what the breaker
// has given back is marked as failed by the next run that hears them again.
func Believe(ctx context.Context, q Querier, mailing string) error {
	if _, err := q.ExecContext(ctx, `UPDATE letters SET believed = 1 WHERE mailing = $1`, mailing); err != nil {
		return fmt.Errorf("believing the refusals of %s: %w", mailing, err)
	}
	return nil
}

func believedMailings(ctx context.Context, q Querier) (map[string]bool, error) {
	rows, err := q.QueryContext(ctx, `SELECT DISTINCT mailing FROM letters WHERE believed = 1`)
	if err != nil {
		return nil, fmt.Errorf("reading whose refusals are believed: %w", err)
	}
	defer rows.Close()
	believed := make(map[string]bool)
	for rows.Next() {
		var mailing string
		if err := rows.Scan(&mailing); err != nil {
			return nil, fmt.Errorf("reading whose refusals are believed: %w", err)
		}
		believed[mailing] = true
	}
	return believed, rows.Err()
}

func (j *jury) alike(r refusal) string {
	text := fmt.Sprintf("%d %s", r.reply.Code, plain(r.reply, r.mail.Address))
	switch {
	case j.mixed:
		return ""
	case j.seen == nil:
		j.text, j.seen = text, make(map[string]bool)
	case j.text != text:
		j.mixed = true
		return ""
	}
	j.seen[r.mail.Address] = true
	if len(j.seen) < sameFirst {
		return ""
	}
	return fmt.Sprintf("the first %d recipients were all refused with: %s", sameFirst, text)
}

func (j *jury) release() []refusal {
	if !j.mixed || j.answers < block || j.answers%block != 0 {
		return nil
	}
	return j.rest()
}

// rest returns what is still withheld, and forgets it.
func (j *jury) rest() []refusal {
	held := j.held
	j.held = nil
	return held
}

// plain is a reply without what differs from one recipient to the next: the address, words that hold its local part or a
// part of that, and words with digits in them (queue ids, times).
func plain(r Reply, address string) string {
	text := strings.ToLower(r.Text)
	if address != "" {
		text = strings.ReplaceAll(text, strings.ToLower(address), "")
	}
	local, _, _ := strings.Cut(strings.ToLower(address), "@")
	parts := strings.FieldsFunc(local, punctuation)
	words := strings.Fields(text)
	kept := words[:0]
	for _, w := range words {
		names := slices.ContainsFunc(strings.FieldsFunc(w, punctuation), func(s string) bool { return slices.Contains(parts, s) })
		if !names && !strings.ContainsFunc(w, unicode.IsDigit) && strings.Trim(w, "<>:;,.") != "" {
			kept = append(kept, w)
		}
	}
	return strings.TrimSpace(r.Enhanced + " " + strings.Join(kept, " "))
}

func punctuation(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
