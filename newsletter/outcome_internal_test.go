package newsletter

import (
	"context"
	"slices"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/issue"
	"digest/outbox"
)

// What lasts is told when it begins and when it is over, whatever else happens;
// a run that took nothing can't tell that it is over.
func TestTroublesBeginAndEnd(t *testing.T) {
	schedule, err := issue.ParseSchedule(issue.Spec{Every: "week", On: "monday", At: "09:00", Timezone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	n := &Newsletter{DB: digesttest.NewDB(t), Config: config.Config{
		Site: config.Site{Name: "A Blog"}, Digests: []config.Digest{{Name: "weekly", Schedule: schedule}},
	}}
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	if _, err := n.DB.Exec(`
		INSERT INTO letters (id, mailing, words, made_at) VALUES (1, 'issue/1', x'00', 1);
		INSERT INTO deliveries (mailing, subscriber_id, letter_id, address, name, token_version, state, due_at, owed_at, changed_at)
		VALUES ('issue/1', 1, 1, 'ann@readers.test', '', 1, 'queued', 1, 1, 1)`); err != nil {
		t.Fatal(err)
	}
	const halted, relay = "No more mail leaves to the readers of A Blog", "Mail goes out by the second relay"
	for i, step := range []struct {
		run  outbox.Summary
		open []string
	}{
		{outbox.Summary{Sent: 3}, nil},
		{outbox.Summary{Sent: 3, Fallback: "not reached"}, []string{relay}},
		{outbox.Summary{Sent: 3, Fallback: "not reached"}, []string{relay}},
		{outbox.Summary{}, []string{relay}},
		{outbox.Summary{Halted: true, Fallback: "not reached", Reason: "550"}, []string{halted, relay}},
		{outbox.Summary{Sent: 1, Halted: true, Reason: "550"}, []string{halted}}, // by the first again
		{outbox.Summary{Queued: 5, Reason: "not reached"}, []string{halted}},
		{outbox.Summary{Sent: 1}, nil},
		{outbox.Summary{Sent: 1}, nil},
		{outbox.Summary{Halted: true, Reason: "550"}, []string{halted}},
	} {
		now = now.Add(time.Hour)
		if err := n.outcomes(context.Background(), step.run, nil, now); err != nil {
			t.Fatal(err)
		}
		got, err := n.Troubles(context.Background())
		if err != nil || !slices.Equal(got, step.open) {
			t.Errorf("after step %d: %q, %v, want %q", i, got, err, step.open)
		}
	}
	all, err := noticesAfter(context.Background(), n.DB, 0)
	if err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, notice := range all {
		subjects = append(subjects, notice.Subject)
	}
	if _, err := n.DB.Exec(`UPDATE deliveries SET state = 'skipped', due_at = NULL`); err != nil {
		t.Fatal(err)
	}
	if got, err := n.Troubles(context.Background()); err != nil || len(got) != 0 {
		t.Errorf("with nothing owed: %q, %v", got, err)
	}
	want := []string{relay, halted, "Mail goes out by the first relay again", "Mail leaves again to the readers of A Blog", halted}
	if !slices.Equal(subjects, want) {
		t.Errorf("told %q, want %q", subjects, want)
	}
}
