package newsletter_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/config"
	"digest/digesttest"
	"digest/issue"
	"digest/newsletter"
	"digest/subscribers"
)

func asChanged(err error, into **newsletter.ChangedError) bool { return errors.As(err, into) }

// heldWorld has issue 1 held on 12 January, with Post 3 in it.
func heldWorld(t *testing.T, change ...func(*config.Config)) (*world, issue.Issue) {
	t.Helper()
	w := liveWorld(t, append(change, approval)...)
	w.write()
	w.on(time.January, 12)
	return w, w.made(w.run()).Issue
}

func edit(e *digesttest.Entry) { e.Content += "<p>And a second thought.</p>" }

func TestPastIssue(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Digests[0].Name = "monthly" })
	w.blog.Set()
	for _, day := range []int{-40, -33, -6, -5, 4} { // two in November, two in December, one in January
		w.clock.Set(time.Date(2026, time.January, day, 12, 0, 0, 0, time.UTC))
		w.write()
	}
	w.on(time.January, 5)
	made, err := w.DraftPast(w.ctx, "monthly", "2025-12", w.clock.Now()) // reads the feed itself
	w.must(err)
	if made.Issue.State != issue.Held || made.Issue.Kind != issue.Past || made.Note != "" {
		t.Errorf("drafted %+v", made)
	}
	equal(t, "posts of December", w.titles(made.Issue.ID), []string{"Post 6", "Post 5"})
	if _, err := w.DraftPast(w.ctx, "monthly", "2025-12", w.clock.Now()); !errors.Is(err, newsletter.ErrNoPosts) {
		t.Errorf("drafted twice: %v", err)
	}
	if _, err := w.DraftPast(w.ctx, "monthly", "2010-02", w.clock.Now()); !errors.Is(err, newsletter.ErrNoPosts) {
		t.Errorf("a month without posts: %v", err)
	}
	if _, err := w.DraftPast(w.ctx, "yearly", "2025-12", w.clock.Now()); !errors.Is(err, newsletter.ErrNoDigest) {
		t.Errorf("an unknown digest: %v", err)
	}
	november, err := w.DraftPast(w.ctx, "monthly", "2025-11", w.clock.Now())
	w.must(err)
	if !strings.Contains(november.Note, "reaches back to") {
		t.Errorf("no word about what the feed does not show: %q", november.Note)
	}

	// It moves no watermark and answers for no scheduled period.
	w.goLive(newsletter.GoingLive{})
	ann := w.join("ann", "monthly")
	_, err = w.Approve(w.ctx, made.Issue.ID, "", w.clock.Now())
	w.must(err)
	if n := w.count(`SELECT watermark FROM subscriptions WHERE subscriber_id = $1`, ann.ID); n != 0 {
		t.Errorf("the watermark moved to %d", n)
	}
	w.clock.Advance(time.Hour)
	w.write()
	w.run()
	w.on(time.January, 12)
	w.run()
	var subjects []string
	for _, l := range w.got("ann") {
		subjects = append(subjects, l.subject())
	}
	equal(t, "mails", subjects, []string{"Post 6 and 1 more", "Post 8"})
}

func TestApprovalNamesTheProof(t *testing.T) {
	w, held := heldWorld(t)
	w.blog.Edit(edit)
	_, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	var changed *newsletter.ChangedError
	for range 2 { // the old hash stays refused
		if _, err := w.Approve(w.ctx, held.ID, held.Hash, w.clock.Now()); !asChanged(err, &changed) {
			t.Fatalf("approved what nobody saw: %v", err)
		}
	}
	if w.count(`SELECT count(*) FROM deliveries`) != 0 {
		t.Fatal("mail is owed for it")
	}
	now, err := issue.Get(w.ctx, w.DB, held.ID)
	w.must(err)
	if now.Hash == held.Hash || !strings.Contains(now.Proof, "second thought") {
		t.Fatal("the new look is not on record")
	}
	_, err = w.Approve(w.ctx, held.ID, now.Hash, w.clock.Now())
	w.must(err)
	w.run()
	if !strings.Contains(w.only("reader.weekly").text, "second thought") {
		t.Error("the mail is the old one")
	}
}

// Without a hash the refusal shows the difference, and asking again approves it.
func TestApprovalShowsWhatChanged(t *testing.T) {
	w, held := heldWorld(t)
	w.blog.Edit(edit)
	_, err := w.Poll(w.ctx, w.clock.Now())
	w.must(err)
	var changed *newsletter.ChangedError
	if _, err := w.Approve(w.ctx, held.ID, "", w.clock.Now()); !asChanged(err, &changed) {
		t.Fatalf("approved unseen: %v", err)
	}
	if !strings.Contains(changed.Diff, "\n+And a second thought.") {
		t.Errorf("the difference: %s", changed.Diff)
	}
	_, err = w.Approve(w.ctx, held.ID, "", w.clock.Now())
	w.must(err)
	if _, err := w.Approve(w.ctx, held.ID, "", w.clock.Now()); !errors.Is(err, issue.ErrState) {
		t.Errorf("approved a second time: %v", err)
	}
}

// What is approved goes out as it was approved, whatever changes afterwards.
func TestLetterIsFrozen(t *testing.T) {
	w, held := heldWorld(t)
	_, err := w.Approve(w.ctx, held.ID, held.Hash, w.clock.Now())
	w.must(err)
	page, _, err := w.IssuePage(w.ctx, held.ID)
	w.must(err)
	w.blog.Edit(func(e *digesttest.Entry) { edit(e); e.Title += ", edited" })
	w.Config.Site.Name, w.Config.Digests[0].Show, w.Config.Digests[0].Theme = "Another Name", "headline", "none"
	base := w.Config.Site.PublicURL
	w.Config.Site.PublicURL, w.Config.Mail.From = "https://elsewhere.example.net", "Other <other@example.net>"
	w.clock.Advance(time.Minute)
	w.run()
	got := w.only("reader.weekly")
	_, proof, _ := strings.Cut(held.Proof, "\n\n")
	if diff := cmp.Diff(strings.TrimSpace(w.filled(proof, base, "reader.weekly", held.Made)), strings.TrimSpace(got.text)); diff != "" {
		t.Errorf("proof (-) and mail (+) differ:\n%s", diff)
	}
	if got.subject() != held.Subject || strings.Contains(got.html, "edited") || !strings.Contains(got.html, "Harbour Letters") {
		t.Errorf("it changed: %q", got.subject())
	}
	if after, _, _ := w.IssuePage(w.ctx, held.ID); after != page {
		t.Error("the page changed")
	}
}

// filled puts what stands for one reader where a proof has the author's.
func (w *world) filled(proof, base, name string, made time.Time) string {
	addr, err := subscribers.ParseAddress(address(name))
	w.must(err)
	s, _, err := subscribers.Find(w.ctx, w.DB, addr)
	w.must(err)
	day := func(t time.Time) string { return "on " + t.In(w.Zone()).Format("2 January 2006") }
	return strings.NewReplacer(
		w.Config.Author.Email, s.Address,
		base+"/leave/proof", base+"/leave/"+w.Link(subscribers.PurposeLeave, s.ID, s.TokenVersion),
		base+"/preferences/proof", base+"/preferences/"+w.Link(subscribers.PurposePreferences, s.ID, s.TokenVersion),
		day(made), day(s.Confirmed),
	).Replace(proof)
}

var slots = regexp.MustCompile(`slot[0-9a-f]{16}(address|name|since|leave|preferences)`)

// The audience is who reads at the freeze: not who came later, not who has left.
func TestAudienceOfTheFreeze(t *testing.T) {
	w, held := heldWorld(t)
	w.join("between", "weekly")
	gone := w.join("gone", "weekly")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, gone.ID, gone.TokenVersion), "test", w.clock.Now()))
	w.must(w.Subscribe(w.ctx, address("pending"), "weekly", "test", w.clock.Now()))
	made, err := w.Approve(w.ctx, held.ID, "", w.clock.Now())
	w.must(err)
	w.join("later", "weekly")
	w.run()
	if made.Readers != 2 {
		t.Errorf("owed to %d readers, want 2", made.Readers)
	}
	w.only("between")
	w.only("reader.weekly")
	if len(w.got("gone"))+len(w.got("later")) > 0 {
		t.Error("mail went to one who was no reader of it")
	}
	w.clock.Advance(time.Hour)
	w.write()
	w.on(time.January, 19)
	w.run()
	_, err = w.Approve(w.ctx, w.held(), "", w.clock.Now())
	w.must(err)
	w.run()
	if s := w.only("later").subject(); s != "Post 4" {
		t.Errorf("their first issue: %q", s)
	}
}

func (w *world) held() int64 {
	w.t.Helper()
	i, ok, err := issue.HeldScheduled(w.ctx, w.DB, "weekly")
	w.must(err)
	if !ok {
		w.t.Fatal("none is held")
	}
	return i.ID
}

func TestHold(t *testing.T) {
	w, held := heldWorld(t)
	w.must(w.Hold(w.ctx, held.ID, w.clock.Now()))
	if i, err := issue.Get(w.ctx, w.DB, held.ID); err != nil || i.Reason != "held by the author" {
		t.Errorf("%+v, %v", i.Reason, err)
	}
	_, err := w.Approve(w.ctx, held.ID, "", w.clock.Now())
	w.must(err)
	for name, move := range map[string]func() error{
		"hold":   func() error { return w.Hold(w.ctx, held.ID, w.clock.Now()) },
		"cancel": func() error { return w.Cancel(w.ctx, held.ID, true, w.clock.Now()) },
	} {
		if err := move(); !errors.Is(err, issue.ErrState) {
			t.Errorf("%s of a frozen issue: %v", name, err)
		}
	}
}

func TestCancel(t *testing.T) {
	for keep, want := range map[bool][]string{true: {"Post 4", "Post 3"}, false: {"Post 4"}} {
		w, held := heldWorld(t)
		w.must(w.Cancel(w.ctx, held.ID, keep, w.clock.Now()))
		if made := w.run().Made; len(made) > 0 {
			t.Errorf("keep %t: the period was made again: %+v", keep, made)
		}
		w.write()
		w.on(time.January, 19)
		equal(t, "the next issue", w.titles(w.made(w.run()).Issue.ID), want)
		if _, err := w.Approve(w.ctx, held.ID, "", w.clock.Now()); !errors.Is(err, issue.ErrState) {
			t.Errorf("keep %t: a cancelled issue was approved: %v", keep, err)
		}
	}
}
