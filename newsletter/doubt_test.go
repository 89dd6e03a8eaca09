package newsletter_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/config"
	"digest/issue"
	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

// inDoubt is a world in which the mails of two readers of issue 1 are in doubt
// for good: the server took each, as often as the policy let it leave, and
// dropped the connection.
func inDoubt(t *testing.T, policy outbox.Policy) *world {
	t.Helper()
	w := liveWorld(t, func(c *config.Config) { c.Mail.InDoubt = string(policy) })
	w.join("dropdot.ann", "weekly")
	w.join("dropdot.bob", "weekly")
	w.issue(time.January, 12)
	if policy == outbox.Repeat {
		w.clock.Advance(31 * time.Minute)
		w.run()
	}
	equal(t, "ledger", w.column(`SELECT state FROM deliveries ORDER BY id`), []string{"sent", "unknown", "unknown"})
	equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
	return w
}

func (w *world) decide(what newsletter.Decision, names ...string) newsletter.Decided {
	w.t.Helper()
	var addresses []string
	for _, name := range names {
		addresses = append(addresses, address(name))
	}
	d, err := w.Decide(w.ctx, 1, what, addresses, w.clock.Now())
	w.must(err)
	w.audited()
	return d
}

// copies are the hashes of what the server took for a reader.
func (w *world) copies(name string) (sums []string) {
	for _, r := range w.sink.Accepted() {
		if r.To == address(name) {
			sums = append(sums, r.SHA256)
		}
	}
	return sums
}

// What a person has repeated leaves once more, as the same bytes, whatever the
// policy; in doubt again it is theirs again, and so on.
func TestRepeatedByHand(t *testing.T) {
	for _, policy := range []outbox.Policy{outbox.Repeat, outbox.Ask} {
		t.Run(string(policy), func(t *testing.T) {
			w := inDoubt(t, policy)
			before := len(w.copies("dropdot.ann"))
			for round := range 3 {
				if d := w.decide(newsletter.DecideRepeat, "dropdot.ann"); len(d.Mails) != 1 || len(d.Kept) != 0 {
					t.Fatalf("decided %+v", d)
				}
				if d := w.decide(newsletter.DecideRepeat, "dropdot.ann"); len(d.Mails) != 0 || len(d.Kept) != 1 {
					t.Errorf("decided twice: %+v", d)
				}
				equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"sending"})
				for range 2 { // the second run finds nothing to do
					w.run()
					w.clock.Advance(31 * time.Minute)
				}
				w.audited()
				equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
				if n := len(w.copies("dropdot.ann")); n != before+round+1 {
					t.Errorf("round %d: %d copies", round, n)
				}
			}
			w.decide(newsletter.DecideRepeat, "dropdot.ann")
			if d := w.decide(newsletter.DecideUndo); len(d.Mails) != 1 { // what left before stays allowed
				t.Errorf("taken back: %+v", d)
			}
			if sums := w.copies("dropdot.ann"); len(slices.Compact(sums)) != 1 {
				t.Errorf("the copies differ: %q", sums)
			}
			if n := len(w.copies("dropdot.bob")); n != before {
				t.Errorf("bob has %d copies, want %d", n, before)
			}
		})
	}
}

// One copy more than the policy and a person allowed breaks the audit.
func TestACopyTooManyIsFound(t *testing.T) {
	w := inDoubt(t, outbox.Repeat)
	w.decide(newsletter.DecideRepeat, "dropdot.ann")
	w.run()
	w.audited()
	_, err := w.DB.Exec(`UPDATE deliveries SET asked = 1`)
	w.must(err)
	if a, err := w.Audit(w.ctx); err != nil || len(a.Broken) != 1 {
		t.Errorf("%q, %v", a.Broken, err)
	}
}

// A mail that a person says arrived is sent by their word, which is not a
// server's; and neither is final for them.
func TestSaidToHaveArrived(t *testing.T) {
	w := inDoubt(t, outbox.Ask)
	if d := w.decide(newsletter.DecideSent, "dropdot.ann"); len(d.Mails) != 1 {
		t.Fatalf("decided %+v", d)
	}
	a, err := w.Audit(w.ctx)
	w.must(err)
	if a.Said != 1 || a.States[outbox.Sent] != 2 || a.States[outbox.Unknown] != 1 {
		t.Errorf("audited: %+v", a)
	}
	if list, err := w.InDoubt(w.ctx, 1); err != nil || len(list) != 1 {
		t.Errorf("in doubt: %+v, %v", list, err)
	}
	if d := w.decide(newsletter.DecideRepeat); len(d.Mails) != 1 || d.Mails[0].Address != address("dropdot.bob") {
		t.Errorf("repeated %+v", d)
	}
	if d := w.decide(newsletter.DecideUndo); len(d.Mails) != 2 || len(d.Kept) != 0 {
		t.Errorf("taken back: %+v", d)
	}
	w.run()
	if n := len(w.copies("dropdot.bob")); n != 1 {
		t.Errorf("taken back, and yet %d copies left", n)
	}
	equal(t, "ledger", w.column(`SELECT state FROM deliveries ORDER BY id`), []string{"sent", "unknown", "unknown"})
	equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
	// What a server has not answered is not sent but by a word on record.
	w.decide(newsletter.DecideSent)
	_, err = w.DB.Exec(`UPDATE deliveries SET said_at = NULL WHERE doubts > 0`)
	w.must(err)
	if a, err := w.Audit(w.ctx); err != nil || len(a.Broken) != 1 {
		t.Errorf("%q, %v", a.Broken, err)
	}
}

// Who has left is not mailed again by any decision, and nobody is decided about
// who is not in doubt.
func TestUndecided(t *testing.T) {
	w := inDoubt(t, outbox.Repeat)
	ann := w.reader("dropdot.ann")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, ann.ID, ann.TokenVersion), "test", w.clock.Now()))
	_, err := w.UnsubscribeByAuthor(w.ctx, address("dropdot.bob"), w.clock.Now())
	w.must(err)
	d := w.decide(newsletter.DecideRepeat)
	if len(d.Mails) != 0 || len(d.Kept) != 2 || d.Kept[0].Why != "they have left since" {
		t.Errorf("decided %+v", d)
	}
	if _, err := w.Decide(w.ctx, 1, newsletter.DecideRepeat, []string{address("reader.weekly")}, w.clock.Now()); !errors.Is(err, newsletter.ErrNotInDoubt) {
		t.Errorf("not in doubt: %v", err)
	}
	if _, err := w.Decide(w.ctx, 1, newsletter.DecideRepeat, []string{"no address"}, w.clock.Now()); !errors.Is(err, subscribers.ErrAddress) {
		t.Errorf("no address: %v", err)
	}
	if _, err := w.Decide(w.ctx, 9, newsletter.DecideSent, nil, w.clock.Now()); !errors.Is(err, issue.ErrNotFound) {
		t.Errorf("no issue: %v", err)
	}
}

// Deciding while a courier works is safe: at whatever point of another mail.
func TestDecidedBesideACourier(t *testing.T) {
	for _, point := range outbox.Points() {
		t.Run(point, func(t *testing.T) {
			w := inDoubt(t, outbox.Repeat)
			w.must(w.Subscribe(w.ctx, address("new"), "", "page", w.clock.Now()))
			decided := false
			w.Hook = func(at string) {
				if at == point && !decided {
					decided = true
					_, err := w.Decide(w.ctx, 1, newsletter.DecideRepeat, []string{address("dropdot.ann")}, w.clock.Now())
					w.must(err)
					_, err = w.Decide(w.ctx, 1, newsletter.DecideSent, []string{address("dropdot.bob")}, w.clock.Now())
					w.must(err)
				}
			}
			w.run()
			w.run()
			if n := len(w.copies("dropdot.ann")); n != 3 || !decided {
				t.Errorf("%d copies for ann, decided: %t", n, decided)
			}
			equal(t, "ledger", w.column(`SELECT state FROM deliveries ORDER BY id`), []string{"sent", "unknown", "sent", "sent"})
			w.audited()
		})
	}
}

// Who was left without an issue and still wants it is owed it again: the same
// words, a new mail. Nobody else is.
func TestSendMissing(t *testing.T) {
	w := liveWorld(t, both(t))
	r := w.refusing()
	for _, name := range []string{"gone", "left", "switched", "back", "dropdot.ann", "deferred"} {
		w.join(name, "weekly")
	}
	r.set(noUser, "gone")
	r.set(disabled, "left", "switched", "back")
	r.set(&smtp.SMTPError{Code: 450, EnhancedCode: smtp.EnhancedCode{4, 2, 1}, Message: "Later"}, "deferred")
	w.write()
	w.on(time.January, 12)
	w.publish()
	_, err := w.SendMissing(w.ctx, 2, w.clock.Now())
	if !errors.Is(err, issue.ErrNotFound) {
		t.Errorf("no issue: %v", err)
	}
	_, err = w.DB.Exec(`UPDATE deliveries SET state = 'retry' WHERE address = $1`, address("deferred"))
	w.must(err)
	_, err = w.DB.Exec(`UPDATE deliveries SET due_at = due_at + 86400 WHERE address = $1`, address("deferred"))
	w.must(err)
	w.run()
	left := w.reader("left")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, left.ID, left.TokenVersion), "test", w.clock.Now()))
	switched := w.reader("switched")
	w.must(w.Prefer(w.ctx, w.Link(subscribers.PurposePreferences, switched.ID, switched.TokenVersion), []string{"monthly"}, "test", w.clock.Now()))

	w.Config.Site.Name = "Another Name" // the letter is frozen
	for _, name := range []string{"left", "switched", "back", "gone"} {
		r.set(nil, name)
	}
	sent := w.sendMissing()
	if len(sent.Readers) != 1 || sent.Readers[0].Address != address("back") || sent.Readers[0].State != outbox.Failed {
		t.Errorf("owed again: %+v", sent.Readers)
	}
	why := map[string]string{}
	for _, k := range sent.Kept {
		why[k.Address] = k.Why
	}
	if len(why) != 3 || why[address("gone")] != "the address does not take mail" || why[address("left")] != "they have left since" ||
		why[address("switched")] != "they get another digest now" {
		t.Errorf("not owed again: %q", why)
	}
	if again := w.sendMissing(); len(again.Readers) != 0 {
		t.Errorf("owed twice: %+v", again.Readers)
	}
	w.run()
	got := w.only("back")
	if got.header.Get("List-Id") != w.only("reader.weekly").header.Get("List-Id") || got.header.Get("Message-Id") == w.only("reader.weekly").header.Get("Message-Id") {
		t.Errorf("back got %v", got.header)
	}
	for _, name := range []string{"gone", "left", "switched", "deferred"} {
		if n := len(w.got(name)); n != 0 {
			t.Errorf("%s got %d mails", name, n)
		}
	}
	i, err := issue.Get(w.ctx, w.DB, 1)
	w.must(err)
	mail, err := w.IssueMail(w.ctx, i)
	w.must(err)
	sum := 0
	for _, n := range mail {
		sum += n
	}
	if sum != 7 || mail[outbox.Sent] != 2 || mail[outbox.Failed] != 3 {
		t.Errorf("the audience is seven: %v", mail)
	}
	w.audited()
}

func (w *world) sendMissing() newsletter.SentMissing {
	w.t.Helper()
	sent, err := w.SendMissing(w.ctx, 1, w.clock.Now())
	w.must(err)
	w.audited()
	return sent
}

// An issue is owed again for as long as its readers are left without it, and
// done each time; before its freeze nobody misses it.
func TestSendMissingAgain(t *testing.T) {
	w := liveWorld(t, approval)
	r := w.refusing()
	r.set(disabled, "ann")
	w.join("ann", "weekly")
	w.write()
	w.on(time.January, 12)
	w.run()
	if _, err := w.SendMissing(w.ctx, 1, w.clock.Now()); !errors.Is(err, newsletter.ErrNotFrozen) {
		t.Errorf("a held issue: %v", err)
	}
	_, err := w.Approve(w.ctx, 1, "", w.clock.Now())
	w.must(err)
	w.run()
	for round := range 3 {
		w.alarmed(round + 1)
		w.told("1 refused")
		w.clock.Advance(time.Hour)
		if round == 2 {
			r.set(nil, "ann")
		}
		if s := w.sendMissing(); len(s.Readers) != 1 {
			t.Fatalf("round %d: %+v", round, s)
		}
		equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"sending"})
		w.run()
		equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
	}
	w.alarmed(3) // there is nothing to tell of the last
	w.only("ann")
	equal(t, "one issue is one bounce", w.column(`SELECT bounces FROM bounce_counts`), []string{"1"})
	equal(t, "generations", w.column(`SELECT generation || state FROM deliveries WHERE address = $1 ORDER BY id`, address("ann")),
		[]string{"0failed", "1failed", "2failed", "3sent"})
	w.audited()
}
