package outbox_test

import (
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// A hundred mails that were owed a day ago, and a hundred owed now, one of which was in doubt.
func TestLate(t *testing.T) {
	db, now := digesttest.NewDB(t), time.Unix(1_800_000_000, 0)
	if _, err := outbox.AddLetter(t.Context(), db, "issue:1", []byte("words"), now); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		owed, state, doubts := now, "queued", 0
		if i < 100 {
			owed = now.Add(-24 * time.Hour)
		}
		if i == 199 {
			state, doubts = "unknown", 1
		}
		_, err := db.Exec(`INSERT INTO deliveries (mailing, subscriber_id, letter_id, address, name, token_version, state, doubts, due_at, owed_at, changed_at)
			VALUES ('issue:1', $1, 1, 'a@example.com', '', 1, $2, $3, $4, $5, $5)`, i+1, state, doubts, now.Unix(), owed.Unix())
		if err != nil {
			t.Fatal(err)
		}
	}
	for hours, want := range map[int]int{0: 0, 48: 0, 72: 0, 80: 20, 144: 34 + 99} {
		got, err := outbox.Late(t.Context(), db, now.Add(time.Duration(hours)*time.Hour), now)
		if err != nil || got != want {
			t.Errorf("sent within %d h: %d late, %v, want %d", hours, got, err, want)
		}
	}
}
