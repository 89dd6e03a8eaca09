package subscribers_test

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/subscribers"

	"github.com/google/go-cmp/cmp"
)

var (
	secret = []byte("0123456789abcdef0123456789abcdef")
	start  = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
)

// desk is a database with the calls the tests make over and over.
type desk struct {
	*testing.T
	db  *sql.DB
	now time.Time
}

func newDesk(t *testing.T) *desk { return &desk{t, digesttest.NewDB(t), start} }

func (d *desk) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

func address(t testing.TB, s string) subscribers.Address {
	t.Helper()
	a, err := subscribers.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func (d *desk) add(s string, state subscribers.State, edit ...func(*subscribers.Joining)) (subscribers.Subscriber, bool, error) {
	d.Helper()
	j := subscribers.Joining{Address: address(d, s), Name: "Ann", Digest: "weekly", State: state, Source: "test"}
	for _, f := range edit {
		f(&j)
	}
	return subscribers.Add(d.Context(), d.db, secret, j, d.now)
}

func (d *desk) active(s string) subscribers.Subscriber {
	d.Helper()
	sub, _, err := d.add(s, subscribers.Active)
	d.must(err)
	return sub
}

func (d *desk) get(id int64) subscribers.Subscriber {
	d.Helper()
	s, found, err := subscribers.Get(d.Context(), d.db, id)
	d.must(err)
	if !found {
		d.Fatalf("no subscriber %d", id)
	}
	return s
}

func (d *desk) leave(id int64, reason string) bool {
	d.Helper()
	_, changed, err := subscribers.Leave(d.Context(), d.db, secret, id, reason, "page", d.now)
	d.must(err)
	return changed
}

func (d *desk) ask(s subscribers.Subscriber, digest string) string {
	d.Helper()
	token, err := subscribers.NewConfirmation(d.Context(), d.db, s, digest, d.now)
	d.must(err)
	return token
}

func (d *desk) confirm(token string) (subscribers.Subscriber, error) {
	return subscribers.Confirm(d.Context(), d.db, secret, token, "page", start.Add(-time.Hour), d.now)
}

func (d *desk) reason(s string) string {
	d.Helper()
	reason, _, err := subscribers.Suppressed(d.Context(), d.db, secret, address(d, s))
	d.must(err)
	return reason
}

func (d *desk) text(query string, args ...any) string {
	d.Helper()
	var s string
	d.must(d.db.QueryRowContext(d.Context(), query, args...).Scan(&s))
	return s
}

func (d *desk) events(id int64) string {
	return d.text("SELECT coalesce(group_concat(event, ' ' ORDER BY id), '') FROM consents WHERE subscriber_id = $1", id)
}

func again(j *subscribers.Joining)    { j.Again = true }
func imported(j *subscribers.Joining) { j.Import = true }

func TestOneSubscriberInEverySpelling(t *testing.T) {
	d := newDesk(t)
	first := d.active("Zoë@bücher.example")
	for _, s := range []string{"ZOË@BÜCHER.example", "zoe\u0308@xn--bcher-kva.example"} {
		got, added, err := d.add(s, subscribers.Active)
		if err != nil || added || got.ID != first.ID {
			t.Errorf("%q: subscriber %d, added %v, %v; want %d again", s, got.ID, added, err, first.ID)
		}
	}
	want := subscribers.Subscriber{
		ID: first.ID, Address: "Zoë@xn--bcher-kva.example", Name: "Ann", State: subscribers.Active, TokenVersion: 1,
		Created: start, Confirmed: start, Digests: []string{"weekly"},
	}
	if diff := cmp.Diff(want, d.get(first.ID)); diff != "" {
		t.Error(diff)
	}
	if got := d.events(first.ID); got != "added" {
		t.Errorf("consents %q", got)
	}
}

func TestNameIsOneLine(t *testing.T) {
	d := newDesk(t)
	s, _, err := d.add("a@example.com", subscribers.Active, func(j *subscribers.Joining) {
		j.Name = " Ann\r\nBcc: x@evil.example\x00\u202e\u2028\x1b[31m " + strings.Repeat("é", 200)
	})
	d.must(err)
	if strings.ContainsAny(s.Name, "\r\n\x00\x1b\u202e\u2028") || len([]rune(s.Name)) > 100 || !strings.HasPrefix(s.Name, "Ann Bcc") {
		t.Errorf("name %q", s.Name)
	}
}

func TestAStrangerAtTheFormChangesNothing(t *testing.T) {
	d := newDesk(t)
	s := d.active("a@example.com")
	gone := d.active("b@example.com")
	d.leave(gone.ID, subscribers.ReasonUnsubscribed)
	for _, id := range []int64{s.ID, gone.ID} {
		before := d.get(id)
		_, added, err := d.add(before.Address, subscribers.Pending, func(j *subscribers.Joining) { j.Name, j.Digest = "Eve", "monthly" })
		d.must(err)
		if diff := cmp.Diff(before, d.get(id)); diff != "" || added {
			t.Errorf("added %v, %s", added, diff)
		}
	}
	if d.reason("b@example.com") == "" {
		t.Error("asking has lifted the suppression")
	}
}

func TestConfirm(t *testing.T) {
	d := newDesk(t)
	s, added, err := d.add("a@example.com", subscribers.Pending)
	if err != nil || !added || s.State != subscribers.Pending || len(s.Digests) != 0 {
		t.Fatalf("%+v, %v, %v", s, added, err)
	}
	token := d.ask(s, "weekly")
	if len(token) != 22 || d.text("SELECT hex(token_hash) FROM confirmations") == "" {
		t.Errorf("token %q", token)
	}
	d.now = d.now.Add(time.Hour)
	who, digest, err := subscribers.FindConfirmation(d.Context(), d.db, token, d.now)
	if err != nil || who.ID != s.ID || digest != "weekly" || d.get(s.ID).State != subscribers.Pending {
		t.Fatalf("looking it up: %+v, %q, %v", who, digest, err)
	}
	for range 2 {
		s, err = d.confirm(token)
		if err != nil || s.State != subscribers.Active || !cmp.Equal(s.Digests, []string{"weekly"}) || !s.Confirmed.Equal(d.now) {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	if got := d.events(s.ID); got != "asked confirmed" {
		t.Errorf("consents %q", got)
	}
	if got := d.text("SELECT watermark FROM subscriptions"); got != "1767600000" {
		t.Errorf("watermark %s", got)
	}
}

func TestConfirmRefuses(t *testing.T) {
	d := newDesk(t)
	s, _, err := d.add("a@example.com", subscribers.Pending)
	d.must(err)
	token := d.ask(s, "weekly")
	for _, bad := range []string{"", "x", token[:21], token + "A", strings.ToUpper(token), d.text("SELECT hex(token_hash) FROM confirmations")} {
		if _, err := d.confirm(bad); !errors.Is(err, subscribers.ErrToken) {
			t.Errorf("%q: %v, want ErrToken", bad, err)
		}
	}
	d.now = start.Add(subscribers.ConfirmationLife)
	if _, err := d.confirm(token); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("after 48 hours: %v, want ErrToken", err)
	}
	d.now = start
	d.leave(s.ID, subscribers.ReasonUnsubscribed)
	if _, err := d.confirm(token); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("after leaving: %v, want ErrToken", err)
	}
	last, err := subscribers.LastConfirmation(d.Context(), d.db, s.ID)
	if err != nil || !last.Equal(start) {
		t.Errorf("the void one is forgotten: %v, %v", last, err)
	}
}

func TestTokenIsVoidOnceDigestsWereChosen(t *testing.T) {
	d := newDesk(t)
	s := d.active("a@example.com")
	token := d.ask(s, "monthly")
	_, err := d.confirm(token)
	d.must(err)
	d.must(subscribers.SetDigests(d.Context(), d.db, s.ID, []string{"weekly"}, d.now))
	if _, err := d.confirm(token); !errors.Is(err, subscribers.ErrToken) {
		t.Errorf("got %v, want ErrToken", err)
	}
}

func TestLeaveAndComeBack(t *testing.T) {
	d := newDesk(t)
	tests := []struct {
		reason    string
		state     subscribers.State
		asked     bool // comes back when the author says they asked
		forgotten bool
	}{
		{subscribers.ReasonUnsubscribed, subscribers.Unsubscribed, true, false},
		{subscribers.ReasonRemoved, subscribers.Unsubscribed, true, false},
		{subscribers.ReasonBounced, subscribers.Bounced, true, false},
		{subscribers.ReasonComplained, subscribers.Complained, false, false},
		{subscribers.ReasonErased, subscribers.Erased, true, true},
	}
	for _, tt := range tests {
		t.Run(tt.reason, func(t *testing.T) {
			d := &desk{t, d.db, start}
			who := tt.reason + "@example.com"
			s := d.active(who)
			d.now = start.Add(time.Hour)
			if tt.forgotten {
				d.must(subscribers.Erase(d.Context(), d.db, secret, s.ID, d.now))
			} else if !d.leave(s.ID, tt.reason) || d.leave(s.ID, tt.reason) {
				t.Error("leaving is not once")
			}
			left := d.get(s.ID)
			if left.State != tt.state || !left.Left.Equal(d.now) || len(left.Digests) != 0 || d.reason(who) != tt.reason {
				t.Errorf("%+v, suppressed %q", left, d.reason(who))
			}
			var refused subscribers.ErrSuppressed
			for _, edit := range [][]func(*subscribers.Joining){nil, {imported}, {imported, again}} {
				if _, _, err := d.add(strings.ToUpper(who), subscribers.Active, edit...); !errors.As(err, &refused) || refused.Reason != tt.reason {
					t.Errorf("adding: %v, want ErrSuppressed{%s}", err, tt.reason)
				}
			}
			back, added, err := d.add(who, subscribers.Active, again)
			if tt.asked != (err == nil && added) {
				t.Errorf("asked again: added %v, %v", added, err)
			}
			if tt.asked {
				d.leave(back.ID, subscribers.ReasonUnsubscribed)
			}
			p, _, err := d.add(who, subscribers.Pending)
			d.must(err)
			back, err = d.confirm(d.ask(p, "weekly"))
			if err != nil || back.State != subscribers.Active || !back.Left.IsZero() || d.reason(who) != "" {
				t.Errorf("confirming anew: %+v, %v, suppressed %q", back, err, d.reason(who))
			}
			if tt.forgotten == (back.ID == s.ID) {
				t.Errorf("subscriber %d became %d", s.ID, back.ID)
			}
		})
	}
}

func TestAHeavierReasonStays(t *testing.T) {
	d := newDesk(t)
	s := d.active("a@example.com")
	for _, step := range []struct {
		reason, stays string
		changed       bool
	}{
		{subscribers.ReasonBounced, subscribers.ReasonBounced, true},
		{subscribers.ReasonUnsubscribed, subscribers.ReasonUnsubscribed, true},
		{subscribers.ReasonBounced, subscribers.ReasonUnsubscribed, false},
		{subscribers.ReasonComplained, subscribers.ReasonComplained, true},
		{subscribers.ReasonUnsubscribed, subscribers.ReasonComplained, false},
	} {
		if changed := d.leave(s.ID, step.reason); changed != step.changed || d.reason("a@example.com") != step.stays {
			t.Errorf("%s: changed %v, now %s", step.reason, changed, d.reason("a@example.com"))
		}
	}
}

func TestSuppressKeepsTheHeavierReason(t *testing.T) {
	d := newDesk(t)
	for _, reason := range []string{subscribers.ReasonComplained, subscribers.ReasonBounced} {
		d.must(subscribers.Suppress(d.Context(), d.db, secret, address(d, "A@example.com"), reason, d.now))
	}
	if got := d.reason("a@example.com"); got != subscribers.ReasonComplained {
		t.Errorf("suppressed as %q", got)
	}
}

func TestErase(t *testing.T) {
	d := newDesk(t)
	s := d.active("a@example.com")
	d.ask(s, "weekly")
	for range 2 {
		d.must(subscribers.Erase(d.Context(), d.db, secret, s.ID, d.now))
	}
	if d.leave(s.ID, subscribers.ReasonComplained) {
		t.Error("an erased one has left again")
	}
	got := d.get(s.ID)
	if got.Address != "" || got.Name != "" || got.State != subscribers.Erased {
		t.Errorf("%+v", got)
	}
	if d.text("SELECT count(*) FROM subscribers WHERE address_key IS NOT NULL") != "0" {
		t.Error("the key is kept")
	}
	if got := d.events(s.ID); got != "added erased" {
		t.Errorf("consents %q", got)
	}
	if _, err := subscribers.NewConfirmation(d.Context(), d.db, got, "weekly", d.now); !errors.Is(err, subscribers.ErrNotFound) {
		t.Errorf("asking an erased one: %v", err)
	}
}

func TestLeavingNeedsNoGrammar(t *testing.T) {
	d := newDesk(t)
	s := d.active("a@example.com")
	_, err := d.db.Exec(`UPDATE subscribers SET address = '"a b"@example.com', address_key = '"a b"@example.com'`)
	d.must(err)
	if !d.leave(s.ID, subscribers.ReasonUnsubscribed) {
		t.Error("did not leave")
	}
}
