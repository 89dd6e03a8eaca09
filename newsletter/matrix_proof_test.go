package newsletter_test

import (
	"context"
	"strconv"
	"strings"
	"testing/synctest"

	"golang.org/x/net/idna"

	"digest/newsletter"
	"digest/outbox"
)

// wireAddress is an address as RCPT has it.
func wireAddress(address string) string {
	local, domain, _ := strings.Cut(address, "@")
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return address
	}
	return local + "@" + ascii
}

// proved holds after every pass of every row, whatever went wrong in it: the ledger in itself, and against what the
// server has accepted, in both directions. The numbers are those of the invariants I1 to I11.
func (w *trial) proved(p newsletter.Passed) {
	w.t.Helper()
	a, err := w.Audit(context.Background())
	w.must(err)
	for _, broken := range a.Broken { // I3, I4, I6, I10, and parts of the others
		w.t.Error("the audit: ", broken)
	}
	mails := w.mails()
	if sum := len(mails); sum != len(w.readers) || a.Owed != sum { // I1, I11
		w.t.Errorf("%d mails for %d readers, %d by the audit", sum, len(w.readers), a.Owed)
	}
	synctest.Wait()
	s := w.server
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, wrong := range s.wrong {
		w.t.Error("the client: ", wrong)
	}
	if s.open != 0 {
		w.t.Errorf("%d connections are left open", s.open)
	}
	due, known := 0, map[string]bool{w.Config.Author.Email: true}
	for _, d := range mails {
		known[wireAddress(d.Address)] = true
		w.provedMail(d)
		if !d.Due.IsZero() {
			due++
		}
	}
	if due != p.Sent.Queued && p.Standing == newsletter.Live && p.Sent != (outbox.Summary{}) {
		w.t.Errorf("%d mails are due, the courier says %d", due, p.Sent.Queued)
	}
	for _, r := range s.dots {
		if !known[r.to] {
			w.t.Errorf("a mail to %q, whom nobody knows", r.to)
		}
	}
}

func (w *trial) provedMail(d outbox.Delivery) {
	w.t.Helper()
	to := wireAddress(d.Address)
	name, _, _ := strings.Cut(d.Address, "@")
	copies, marks := 0, w.marks(d.ID)
	ids, sums := map[string]bool{}, map[string]bool{}
	for _, r := range w.server.accepted {
		if r.to != to {
			continue
		}
		copies++
		ids[r.id], sums[r.sum] = true, true
		if left, gone := w.left[name]; gone && r.at.After(left) { // I7
			w.t.Errorf("%s got a mail after leaving", name)
		}
	}
	if len(ids) > 1 || len(sums) > 1 || ids[""] { // I9: a second copy comes of a doubt only
		w.t.Errorf("%s got %d copies with %d Message-IDs and %d contents", name, copies, len(ids), len(sums))
	}
	budget := 2
	if w.Config.Mail.InDoubt == "ask" {
		budget = 1
	}
	switch d.State { // I2, I8
	case outbox.Sent:
		if copies < 1 {
			w.t.Errorf("%s is sent, and the server has no copy", name)
		}
	case outbox.Unknown:
		budget = min(budget, d.Doubts)
	default:
		budget = 0
	}
	if copies > budget {
		w.t.Errorf("%s is %s and got %d copies", name, d.State, copies)
	}
	dots := 0
	for _, r := range w.server.dots {
		if r.to != to {
			continue
		}
		if dots < len(marks) && r.at.Unix() < marks[dots] || dots >= len(marks) { // I5
			w.t.Errorf("dot %d to %s has no mark before it, of %d", dots+1, name, len(marks))
		}
		dots++
	}
}

// marks are when the dots of a mail were let go.
func (w *trial) marks(id int64) (all []int64) {
	w.t.Helper()
	for _, at := range w.column(`SELECT dotting_at FROM attempts WHERE delivery_id = $1 AND dotting_at IS NOT NULL ORDER BY id`, id) {
		second, err := strconv.ParseInt(at, 10, 64)
		w.must(err)
		all = append(all, second)
	}
	return all
}
