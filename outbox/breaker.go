package outbox

import (
	"fmt"
	"strings"
	"unicode"
)

// The bounds of the breaker.
const (
	sameFirst = 5   // recipients refused with one text before any other answer
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
// crash sends a withheld mail again (it was definitely not accepted), and what trips the breaker is given back.
type jury struct {
	answers, refused int
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

// plain is a reply without what differs from one recipient to the next: the address, and words with digits in them
// (queue ids, times).
func plain(r Reply, address string) string {
	text := strings.ToLower(r.Text)
	if address != "" {
		text = strings.ReplaceAll(text, strings.ToLower(address), "")
	}
	words := strings.Fields(text)
	kept := words[:0]
	for _, w := range words {
		if !strings.ContainsFunc(w, unicode.IsDigit) && strings.Trim(w, "<>:;,.") != "" {
			kept = append(kept, w)
		}
	}
	return strings.TrimSpace(r.Enhanced + " " + strings.Join(kept, " "))
}
