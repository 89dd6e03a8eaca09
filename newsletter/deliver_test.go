package newsletter_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/issue"
	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

// The links of a mail are its reader's, and do what they say.
func TestPersonalLinks(t *testing.T) {
	w := liveWorld(t, both(t))
	w.join("ann", "weekly")
	w.write()
	w.on(time.January, 12)
	w.run()
	mine := w.only("ann")
	if h := mine.header.Get("List-Unsubscribe"); h != "<"+w.Config.Site.PublicURL+"/leave/"+mine.link("leave")+">" {
		t.Errorf("List-Unsubscribe: %s", h)
	}
	if !strings.Contains(mine.html, "/leave/"+mine.link("leave")+`"`) {
		t.Error("the HTML part has another leave link than the text part")
	}
	r, err := w.Reader(w.ctx, subscribers.PurposeLeave, mine.link("leave"))
	w.must(err)
	if r.Masked != "a•••@readers.net" || r.State != subscribers.Active {
		t.Errorf("the reader behind it: %+v", r)
	}
	preferences := mine.link("preferences")
	w.must(w.Prefer(w.ctx, preferences, []string{"monthly"}, "test", w.clock.Now()))
	if r, err = w.Reader(w.ctx, subscribers.PurposePreferences, preferences); err != nil || !slices.Equal(r.Digests, []string{"monthly"}) {
		t.Errorf("after choosing: %+v, %v", r, err)
	}
	leave := mine.link("leave")
	for what, link := range map[string]string{
		"a preferences link": preferences, "one letter more": leave + "A", "another id": "1" + leave, "a zero before": "0" + leave, "nothing": "",
	} {
		if err := w.Leave(w.ctx, link, "test", w.clock.Now()); !errors.Is(err, newsletter.ErrLink) {
			t.Errorf("leaving by %s: %v", what, err)
		}
	}
	for range 2 {
		w.must(w.Leave(w.ctx, leave, "test", w.clock.Now()))
	}
	if r, err = w.Reader(w.ctx, subscribers.PurposeLeave, leave); err != nil || r.State != subscribers.Unsubscribed || len(r.Digests) > 0 {
		t.Errorf("after leaving: %+v, %v", r, err)
	}
	if err := w.Prefer(w.ctx, preferences, []string{"weekly"}, "test", w.clock.Now()); !errors.Is(err, newsletter.ErrLink) {
		t.Errorf("an old link brings one who left back: %v", err)
	}
	w.only("reader.weekly")
}

// A mail in doubt is repeated as the very same bytes; two readers' differ.
func TestMessageIDIsStable(t *testing.T) {
	w := liveWorld(t)
	w.join("dropdot.ann", "weekly") // the server takes her mail, and the connection breaks before it says so
	w.write()
	w.on(time.January, 12)
	first := w.run()
	if first.Sent.Unknown != 1 {
		t.Fatalf("nothing is in doubt: %+v", first.Sent)
	}
	w.Config.Site.Name = "Another Name"
	w.clock.Advance(31 * time.Minute)
	w.run()
	ids := map[string]int{}
	var sums []string
	for _, r := range w.sink.Accepted() {
		if r.To == w.Config.Author.Email {
			continue // is told of the second doubt
		}
		ids[r.MessageID]++
		if r.To == address("dropdot.ann") {
			sums = append(sums, r.SHA256)
		}
	}
	if len(sums) != 2 || sums[0] != sums[1] {
		t.Errorf("the repeated mail has other bytes: %q", sums)
	}
	if len(ids) != 2 {
		t.Errorf("%d Message-IDs for two readers", len(ids))
	}
	w.audited()
}

// A person waits for a confirmation, so it goes before any issue.
func TestConfirmationGoesFirst(t *testing.T) {
	w := liveWorld(t)
	w.join("ann", "weekly")
	w.write()
	w.on(time.January, 12)
	w.publish()
	w.must(w.Subscribe(w.ctx, address("bob"), "", "page", w.clock.Now()))
	w.clock.Advance(time.Minute)
	w.must(w.Subscribe(w.ctx, address("bob"), "", "page", w.clock.Now())) // once a day is enough
	w.run()
	var to []string
	for _, r := range w.sink.Accepted() {
		to = append(to, r.To)
	}
	equal(t, "order", to, []string{address("bob"), address("reader.weekly"), address("ann")})

	confirm := w.only("bob")
	if confirm.header.Get("List-Unsubscribe") != "" || strings.Contains(confirm.text, "Post 3") {
		t.Error("the confirmation looks like an issue")
	}
	token := confirm.link("confirm")
	if inv, err := w.Invitation(w.ctx, token, w.clock.Now()); err != nil || inv.Digest != "weekly" {
		t.Errorf("invited to %+v, %v", inv, err)
	}
	welcome, err := w.Confirm(w.ctx, token, "page", w.clock.Now())
	w.must(err)
	if welcome.Next.Day() != 19 || welcome.Latest == 0 {
		t.Errorf("welcome %+v", welcome)
	}
	w.run()
	w.only("bob") // the issue of the freeze before is not theirs
	if _, err := w.Confirm(w.ctx, "nonsense", "page", w.clock.Now()); !errors.Is(err, newsletter.ErrLink) {
		t.Errorf("a made-up token: %v", err)
	}
	w.clock.Advance(49 * time.Hour)
	if _, err := w.Invitation(w.ctx, token, w.clock.Now()); !errors.Is(err, newsletter.ErrLink) {
		t.Errorf("an old token: %v", err)
	}
}

// Whoever is subscribed, was, or never was: a form is told the same, and only
// one who may get a confirmation does.
func TestSubscribeTellsNothing(t *testing.T) {
	w := liveWorld(t)
	bounced := w.join("bounced", "weekly")
	_, _, err := subscribers.Leave(w.ctx, w.DB, w.Secret, bounced.ID, subscribers.ReasonBounced, "test", w.clock.Now())
	w.must(err)
	left := w.join("left", "weekly")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, left.ID, left.TokenVersion), "test", w.clock.Now()))
	for name, mails := range map[string]int{"reader.weekly": 0, "bounced": 0, "left": 1, "stranger": 1} {
		w.must(w.Subscribe(w.ctx, address(name), "weekly", "page", w.clock.Now()))
		if n := w.count(`SELECT count(*) FROM deliveries WHERE address = $1`, address(name)); n != mails {
			t.Errorf("%s is owed %d mails, want %d", name, n, mails)
		}
	}
	if err := w.Subscribe(w.ctx, "no address", "weekly", "page", w.clock.Now()); !errors.Is(err, subscribers.ErrAddress) {
		t.Errorf("no address: %v", err)
	}
	if err := w.Subscribe(w.ctx, address("x"), "yearly", "page", w.clock.Now()); !errors.Is(err, newsletter.ErrNoDigest) {
		t.Errorf("no digest: %v", err)
	}
}

func TestLeavingInBetween(t *testing.T) {
	for _, point := range []string{"", outbox.PointAfterClaim, outbox.PointOffered, outbox.PointBeforeMark} {
		t.Run("at "+point, func(t *testing.T) {
			w := liveWorld(t)
			reader, _, err := subscribers.Get(w.ctx, w.DB, 1)
			w.must(err)
			w.write()
			w.on(time.January, 12)
			w.publish()
			left := false
			leave := func() {
				if !left {
					left = true
					w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, reader.ID, reader.TokenVersion), "test", w.clock.Now()))
				}
			}
			if point == "" {
				leave()
			}
			w.Hook = func(at string) {
				if at == point {
					leave()
				}
			}
			w.run()
			if n := len(w.sink.Accepted()); n > 0 || !left {
				t.Errorf("%d mails went to one who had left (%t)", n, left)
			}
			equal(t, "ledger", w.column(`SELECT state FROM deliveries`), []string{"skipped"})
			equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
			w.audited()
		})
	}
}

// Whoever switches to a digest whose cut lies behind what they have seen is not
// owed it; who has not seen it is.
func TestWatermarkCarriesOver(t *testing.T) {
	monthly := digest(t, "monthly", issue.Spec{Every: "month", On: "12", At: "10:00", Timezone: "UTC"})
	monthly.Cut = issue.CutMidnight
	w := liveWorld(t, func(c *config.Config) { c.Digests = append(c.Digests, monthly) })
	ann := w.join("ann", "weekly")
	w.write()
	w.run()
	w.on(time.January, 12)
	w.run()
	w.must(w.Prefer(w.ctx, w.Link(subscribers.PurposePreferences, ann.ID, ann.TokenVersion), []string{"monthly"}, "test", w.clock.Now()))
	w.clock.Advance(time.Hour)
	if m := w.made(w.run()); m.Issue.Digest != "monthly" || m.Readers != 1 {
		t.Errorf("made %+v", m)
	}
	w.only("ann")
	w.only("reader.monthly")
}

func TestIssueIsDoneWhenEveryMailIsFinal(t *testing.T) {
	w := liveWorld(t)
	w.join("dropdot.ann", "weekly")
	w.write()
	w.on(time.January, 12)
	for _, state := range []string{"sending", "done"} { // a second doubt is final
		w.run()
		equal(t, "issue", w.column(`SELECT state FROM issues`), []string{state})
		w.clock.Advance(31 * time.Minute)
	}
	equal(t, "ledger", w.column(`SELECT state FROM deliveries ORDER BY id`), []string{"sent", "unknown"})
	w.audited()
}

// An erased reader's address stands nowhere any more, and the sums still hold.
func TestErase(t *testing.T) {
	w := liveWorld(t)
	ann := w.join("ann", "weekly")
	w.write()
	w.on(time.January, 12)
	w.run()
	w.clock.Advance(time.Hour)
	w.write()
	w.on(time.January, 19)
	w.publish()
	found, err := w.Erase(w.ctx, "Ann@Readers.net", w.clock.Now())
	w.must(err)
	if !found {
		t.Error("she was not found")
	}
	w.run()
	w.only("ann")
	for _, query := range []string{`SELECT count(*) FROM deliveries WHERE address || name || reply LIKE '%ann@%'`,
		`SELECT count(*) FROM subscribers WHERE address || coalesce(address_key, '') LIKE '%ann@%'`,
		`SELECT count(*) FROM letters WHERE cast(words AS TEXT) LIKE '%ann@readers%'`,
		`SELECT count(*) FROM attempts WHERE reply LIKE '%ann@%'`} {
		if n := w.count(query); n > 0 {
			t.Errorf("%d rows of %s", n, query)
		}
	}
	if n := w.count(`SELECT count(*) FROM deliveries WHERE subscriber_id = $1`, ann.ID); n != 2 {
		t.Errorf("%d rows count her, want 2", n)
	}
	w.audited()
	if found, err := w.Erase(w.ctx, address("ann"), w.clock.Now()); found || err != nil {
		t.Errorf("again: %t, %v", found, err)
	}
	found, err = w.UnsubscribeByAuthor(w.ctx, address("reader.weekly"), w.clock.Now())
	w.must(err)
	if n, err := subscribers.CountActive(w.ctx, w.DB, "weekly"); n != 0 || !found || err != nil {
		t.Errorf("%d readers are left, %v", n, err)
	}
}
