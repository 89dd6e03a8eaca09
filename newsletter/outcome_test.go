package newsletter_test

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/config"
	"digest/digesttest"
	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

// refusals are the answers of a mail server to RCPT, by the name of a reader;
// they may change while it runs.
type refusals struct {
	sync.Mutex
	of map[string]*smtp.SMTPError
}

var (
	noUser   = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "No such user"}
	disabled = &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 2, 1}, Message: "Mailbox disabled"}
)

// refusing gives the world a mail server that refuses readers.
func (w *world) refusing() *refusals {
	r := &refusals{of: map[string]*smtp.SMTPError{}}
	w.sink = digesttest.NewSinkWith(w.t, digesttest.SinkConfig{OnRcpt: func(to string) error {
		r.Lock()
		defer r.Unlock()
		name, _, _ := strings.Cut(to, "@")
		if e := r.of[name]; e != nil {
			said := *e
			said.Message += " <" + to + ">" // as servers like to
			return &said
		}
		return nil
	}})
	w.Config.Mail.SMTP = w.sink.URL()
	return r
}

func (r *refusals) set(e *smtp.SMTPError, names ...string) {
	r.Lock()
	defer r.Unlock()
	for _, name := range names {
		r.of[name] = e
	}
}

func (w *world) reader(name string) subscribers.Subscriber {
	w.t.Helper()
	a, err := subscribers.ParseAddress(address(name))
	w.must(err)
	s, _, err := subscribers.Find(w.ctx, w.DB, a)
	w.must(err)
	return s
}

// issue writes a post and runs at nine of a Monday.
func (w *world) issue(month time.Month, day int) newsletter.Passed {
	w.t.Helper()
	w.write()
	w.on(month, day)
	return w.run()
}

// An address that will never take mail gets none any more, and whatever else is
// owed to it is skipped; the author is told once, without a name, and can bring
// it back.
func TestNeverAgain(t *testing.T) {
	w := liveWorld(t, both(t))
	r := w.refusing()
	r.set(noUser, "ann")
	w.join("ann", "weekly")
	w.join("ann", "monthly")
	w.join("bob", "weekly")
	_, err := w.DB.Exec(`UPDATE subscriptions SET watermark = 0`)
	w.must(err)
	w.write()
	w.on(time.February, 2) // both are due
	w.run()
	if s := w.reader("ann"); s.State != subscribers.Bounced || len(s.Digests) != 0 {
		t.Errorf("ann stands %s and gets %q", s.State, s.Digests)
	}
	equal(t, "ann's mail", w.column(`SELECT state FROM deliveries WHERE address = $1 ORDER BY state`, address("ann")), []string{"failed", "skipped"})
	equal(t, "suppressed", w.column(`SELECT reason FROM suppressions`), []string{"bounced"})
	equal(t, "on record", w.column(`SELECT source FROM consents WHERE event = 'bounced'`), []string{"issue/1"})
	w.only("bob")
	told := w.told("1 refused")
	for _, words := range []string{"550 5.1.1 No such user <…>", "1 address will never take any", "digest issue send-missing 1"} {
		if !strings.Contains(told.text, words) {
			t.Errorf("%q is missing in: %s", words, told.text)
		}
	}
	if strings.Contains(told.text, "ann@") {
		t.Errorf("the notice names a reader: %s", told.text)
	}
	w.clock.Advance(time.Hour)
	w.run()
	w.alarmed(1)

	r.set(nil, "ann")
	joined := w.join("ann", "weekly")
	if joined.State != subscribers.Active || w.count(`SELECT count(*) FROM suppressions`) != 0 {
		t.Errorf("brought back, ann stands %s", joined.State)
	}
	w.issue(time.February, 9)
	if n := len(w.got("ann")); n != 1 {
		t.Errorf("ann got %d mails", n)
	}
	w.audited()
}

// Other refusals suppress after three issues in a row over thirty days; a mail
// that arrives begins the count anew.
func TestSoftBounces(t *testing.T) {
	w := liveWorld(t)
	r := w.refusing()
	w.join("ann", "weekly")
	w.join("bob", "weekly")
	for week := range 8 {
		r.set(disabled, "ann", "bob")
		if week == 2 {
			r.set(nil, "bob")
		}
		day := time.Date(2026, 1, 12+7*week, 9, 0, 0, 0, time.UTC)
		w.issue(day.Month(), day.Day())
		// Ann: the first on the 12th of January, the first a month after it on the 16th of February.
		if s := w.reader("ann"); (s.State == subscribers.Bounced) != (week >= 5) {
			t.Errorf("week %d: ann stands %s", week, s.State)
		}
		// Bob: counted from the 2nd of February.
		if s := w.reader("bob"); s.State != subscribers.Active {
			t.Errorf("week %d: bob stands %s", week, s.State)
		}
	}
	equal(t, "counted", w.column(`SELECT bounces || ' ' || date(first_at, 'unixepoch') FROM bounce_counts`), []string{"5 2026-02-02"})
	w.audited()
}

// A mail that ran out of time counts against a mailbox that was full, and
// against no other.
func TestExpiredBounces(t *testing.T) {
	for reply, counted := range map[string]int{"5.2.2 Mailbox full": 1, "4.7.1 Greylisted": 0} {
		w := liveWorld(t)
		w.write()
		w.on(time.January, 12)
		w.publish()
		_, err := w.DB.Exec(`UPDATE deliveries SET state = 'retry', attempts = 1, code = $1, reply = $2`, map[bool]int{true: 552, false: 451}[counted == 1], reply)
		w.must(err)
		w.clock.Advance(73 * time.Hour)
		w.run()
		equal(t, "ledger", w.column(`SELECT state FROM deliveries`), []string{"expired"})
		if n := w.count(`SELECT count(*) FROM bounce_counts`); n != counted {
			t.Errorf("%s: %d counted, want %d", reply, n, counted)
		}
		if told := w.told("not sent in time"); !strings.Contains(told.text, reply) {
			t.Errorf("without the server's words: %s", told.text)
		}
		w.audited()
	}
}

// A refused confirmation keeps nobody from asking again.
func TestRefusedConfirmation(t *testing.T) {
	w := liveWorld(t)
	r := w.refusing()
	r.set(noUser, "ann")
	w.must(w.Subscribe(w.ctx, address("ann"), "", "page", w.clock.Now()))
	w.run()
	if s := w.reader("ann"); s.State != subscribers.Pending || w.count(`SELECT count(*) FROM suppressions`) != 0 {
		t.Errorf("ann stands %s", s.State)
	}
	r.set(nil, "ann")
	w.clock.Advance(25 * time.Hour)
	w.must(w.Subscribe(w.ctx, address("ann"), "", "page", w.clock.Now()))
	w.run()
	w.only("ann")
	w.audited()
}

// A list full of unknown readers stops the run, suppresses nobody, and is told
// once while it lasts, and once when it is over.
func TestBadImportSuppressesNobody(t *testing.T) {
	w := liveWorld(t)
	r := w.refusing()
	names := []string{"reader.weekly", "a", "b", "c", "d", "e", "f", "g"}
	for _, name := range names[1:] {
		w.join(name, "weekly")
	}
	r.set(noUser, names...)
	for range 2 { // that it is over ends the occasion
		before := len(w.alarms())
		w.write()
		w.clock.Set(w.clock.Now().AddDate(0, 0, 7))
		for range 3 {
			if p := w.run(); !p.Sent.Halted {
				t.Fatalf("not halted: %+v", p.Sent)
			}
			w.clock.Advance(time.Hour)
		}
		if n := w.count(`SELECT count(*) FROM subscribers WHERE state = 'active'`); n != len(names) {
			t.Errorf("%d readers are left", n)
		}
		w.alarmed(before + 1)
		if told := w.told("No more mail leaves"); !strings.Contains(told.text, "the first 5 recipients were all refused with: 550 5.1.1") {
			t.Errorf("without the server's words: %s", told.text)
		}
		r.set(nil, names...)
		w.run()
		w.alarmed(before + 2)
		w.told("Mail leaves again")
		if n := w.count(`SELECT count(*) FROM deliveries WHERE state != 'sent'`); n != 0 {
			t.Errorf("%d mails were not sent", n)
		}
		r.set(noUser, names...)
	}
	w.audited()
}

// The server that takes no mail for readers takes none for the author either:
// they hear of it once it does.
func TestHaltIsToldLater(t *testing.T) {
	w := liveWorld(t)
	w.sink = digesttest.NewSinkWith(t, digesttest.SinkConfig{RefuseFrom: 550})
	w.Config.Mail.SMTP = w.sink.URL()
	w.write()
	w.on(time.January, 12)
	for range 3 {
		w.clock.Advance(time.Minute)
		if p := w.run(); !p.Sent.Halted || p.Unreached == nil || len(p.Notices) > 0 {
			t.Errorf("halted %v, unreached %v, %d notices", p.Sent.Halted, p.Unreached, len(p.Notices))
		}
	}
	if list, err := w.Troubles(w.ctx); err != nil || len(list) != 1 {
		t.Errorf("status tells %q, %v", list, err)
	}
	w.sink = digesttest.NewSink(t)
	w.Config.Mail.SMTP = w.sink.URL()
	w.clock.Advance(time.Minute)
	w.run()
	w.alarmed(2)
	if first := w.alarms()[0]; !strings.Contains(first.text, "550") {
		t.Errorf("first told: %s", first.text)
	}
	w.told("Mail leaves again")
	if list, err := w.Troubles(w.ctx); err != nil || len(list) != 0 {
		t.Errorf("status tells %q, %v", list, err)
	}
}

// Mails in doubt are told when the issue is done, not before.
func TestDoubtsAreToldOnce(t *testing.T) {
	for _, policy := range []outbox.Policy{outbox.Repeat, outbox.Ask} {
		w := liveWorld(t, func(c *config.Config) { c.Mail.InDoubt = string(policy) })
		w.join("dropdot.ann", "weekly")
		w.issue(time.January, 12)
		if policy == outbox.Repeat {
			w.alarmed(0)
			w.clock.Advance(31 * time.Minute)
			w.run()
		}
		told := w.told("1 in doubt")
		if !strings.Contains(told.text, "digest issue unknown 1") || strings.Contains(told.text, "ann") {
			t.Errorf("%s: told %s", policy, told.text)
		}
		w.hours(3)
		w.alarmed(1)
	}
}
