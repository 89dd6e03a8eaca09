package main

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"digest/database"
	"digest/digesttest"
	"digest/mailer"
	"digest/outbox"
)

// audit runs `digest audit --json` and returns the states it counts.
func (w *scene) audit() map[outbox.State]int {
	w.Helper()
	var report struct {
		Owed   int                  `json:"owed"`
		States map[outbox.State]int `json:"states"`
		OK     bool                 `json:"ok"`
	}
	e := w.must(0, "audit", "--json")
	w.decode(e.stdout, &report)
	sum := 0
	for _, n := range report.States {
		sum += n
	}
	if !report.OK || sum != report.Owed {
		w.Fatalf("audit: %s%s", e.stdout, e.stderr)
	}
	return report.States
}

// unknown runs `digest issue unknown ID --json`.
func (w *scene) unknown(id int) map[string]bool {
	w.Helper()
	var list []struct {
		Address string `json:"address"`
	}
	w.decode(w.must(0, "issue", "unknown", strconv.Itoa(id), "--json").stdout, &list)
	m := map[string]bool{}
	for _, x := range list {
		m[x.Address] = true
	}
	return m
}

// reading runs f in one transaction on the file, for reading.
func (w *scene) reading(f func(tx *sql.Tx) error) {
	w.Helper()
	db, err := database.OpenReadOnly(w.Context(), w.path("digest.db"))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(w.Context(), nil)
	if err != nil {
		w.Fatal(err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		w.Fatal(err)
	}
}

// ledger reads every delivery and the broken invariants from the file itself.
func (w *scene) ledger() (list []outbox.Delivery, broken []string) {
	w.Helper()
	w.reading(func(tx *sql.Tx) error {
		report, err := outbox.Audit(w.Context(), tx)
		if err != nil {
			return err
		}
		broken = report.Broken
		list, err = outbox.Deliveries(w.Context(), tx, "", 0, 1<<20)
		return err
	})
	return list, broken
}

// each checks that every one of the scene's readers has this many copies, and
// that nobody else has any.
func (w *scene) each(copies int) {
	w.Helper()
	got := w.sink.Copies()
	for i := range w.from.readers {
		if n := got[reader(i+1)]; n != copies {
			w.Errorf("%s has %d copies, want %d", reader(i+1), n, copies)
		}
		delete(got, reader(i+1))
	}
	delete(got, author) // notices stand outside the ledger
	if len(got) > 0 {
		w.Errorf("mail went to strangers: %v", got)
	}
}

// twice counts the mails that have been in doubt a second time.
func (w *scene) twice() (n int) {
	w.Helper()
	w.reading(func(tx *sql.Tx) error {
		return tx.QueryRowContext(w.Context(), "SELECT count(*) FROM deliveries WHERE doubts = 2").Scan(&n)
	})
	return n
}

// settled holds what the server took against the ledger, mail by mail in both
// directions, once nothing is open. It returns all copies, and how many mails
// were in doubt once and twice.
func (w *scene) settled(policy outbox.Policy, issues int) (all int, doubts [3]int) {
	w.Helper()
	list, broken := w.ledger()
	if len(broken) > 0 {
		w.Errorf("broken: %v", broken)
	}
	if want := issues * w.from.readers; len(list) != want {
		w.Errorf("%d mails are owed, want %d", len(list), want)
	}
	taken := w.taken()
	unknown := map[string]map[string]bool{}
	for i := range issues {
		unknown[fmt.Sprintf("issue/%d", i+1)] = w.unknown(i + 1)
	}
	for _, d := range list {
		copies := taken.of(d)
		all += len(copies)
		if d.Doubts < len(doubts) {
			doubts[d.Doubts]++
		}
		if problem := judge(policy, d, len(copies), unknown[d.Mailing][d.Address]); problem != "" {
			w.Errorf("%s, %s: %s", d.Mailing, d.Address, problem)
		}
		for _, c := range copies[min(1, len(copies)):] {
			if c.SHA256 != copies[0].SHA256 {
				w.Errorf("%s, %s: two copies differ", d.Mailing, d.Address)
			}
		}
	}
	for id, left := range taken.mails {
		if left[0].To == author {
			continue
		}
		w.Errorf("%d mails %s to %s are not on the ledger", len(left), id, left[0].To)
	}
	return all, doubts
}

// judge says what is wrong with a mail's copies, "" when nothing is.
func judge(policy outbox.Policy, d outbox.Delivery, copies int, listed bool) string {
	allowed := 1
	if policy == outbox.Repeat {
		allowed += min(d.Doubts, 1)
	}
	switch {
	case d.State != outbox.Sent && d.State != outbox.Unknown || !d.Final():
		return "it stands " + string(d.State)
	case copies > allowed:
		return fmt.Sprintf("%d copies after %d doubts", copies, d.Doubts)
	case d.State == outbox.Sent && copies == 0:
		return "lost: sent, and nobody took it"
	case listed != (d.State == outbox.Unknown):
		return fmt.Sprintf("%s, listed as unknown: %t", d.State, listed)
	case policy == outbox.Ask && d.State == outbox.Sent && d.Doubts > 0:
		return "repeated without being asked for"
	case policy == outbox.Repeat && d.State == outbox.Unknown && d.Doubts < 2:
		return "in doubt once, and not repeated"
	}
	return ""
}

// take is what the server took, by Message-ID.
type take struct {
	mails  map[string][]digesttest.Received
	secret []byte
}

func (w *scene) taken() take {
	w.Helper()
	db, err := database.OpenReadOnly(w.Context(), w.path("digest.db"))
	if err != nil {
		w.Fatal(err)
	}
	defer db.Close()
	t := take{mails: map[string][]digesttest.Received{}}
	if t.secret, err = database.Secret(w.Context(), db); err != nil {
		w.Fatal(err)
	}
	for _, r := range w.sink.Accepted() {
		t.mails[r.MessageID] = append(t.mails[r.MessageID], r)
	}
	return t
}

// of takes the copies of a delivery out, which its key names; what went to
// another address stays.
func (t take) of(d outbox.Delivery) []digesttest.Received {
	key := fmt.Sprintf("%s/%d/%d", d.Mailing, d.Subscriber, d.Generation)
	id := mailer.MessageID(t.secret, key, "blog.test")
	copies := t.mails[id]
	if slices.ContainsFunc(copies, func(r digesttest.Received) bool { return r.To != d.Address }) {
		return nil
	}
	delete(t.mails, id)
	return copies
}

// quiet waits until the outcome of every mail whose dot has left is on disk: it
// is written behind the back of the connection, which is at the next mail.
func (w *scene) quiet() {
	w.until("no mail is in doubt", func(states map[outbox.State]int) bool { return states[outbox.Dotting] == 0 })
}

// until waits for the ledger to say something.
func (w *scene) until(what string, enough func(states map[outbox.State]int) bool) {
	w.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
		db, err := database.OpenReadOnly(w.Context(), w.path("digest.db"))
		if err != nil {
			w.Error(err)
			return
		}
		states, err := outbox.CountsAll(w.Context(), db)
		db.Close()
		if err == nil && enough(states) {
			return
		}
	}
	w.Errorf("a minute went by before %s", what)
}
