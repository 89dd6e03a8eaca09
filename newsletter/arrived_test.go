package newsletter_test

import (
	"testing"
	"time"

	"digest/newsletter"
)

// Who knows that a mail arrived keeps its second copy back; taken back, the
// repetition waits again until it was due, and then leaves.
func TestSaidBeforeItIsRepeated(t *testing.T) {
	w := liveWorld(t)
	w.join("dropdot.ann", "weekly")
	w.issue(time.January, 12)
	due := w.column(`SELECT due_at FROM deliveries WHERE state = 'unknown'`)
	if d := w.decide(newsletter.DecideSent, "dropdot.ann"); len(d.Mails) != 1 || len(d.Kept) != 0 {
		t.Fatalf("decided %+v", d)
	}
	w.run()
	equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
	d := w.decide(newsletter.DecideUndo)
	if len(d.Mails) != 1 || !d.Mails[0].Planned {
		t.Errorf("taken back: %+v", d)
	}
	equal(t, "due", w.column(`SELECT due_at FROM deliveries WHERE state = 'unknown'`), due)
	equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"sending"})
	w.decide(newsletter.DecideSent)
	w.clock.Advance(31 * time.Minute)
	w.run()
	if n := len(w.copies("dropdot.ann")); n != 1 {
		t.Errorf("said to have arrived, and yet %d copies left", n)
	}
	w.decide(newsletter.DecideUndo, "dropdot.ann")
	w.run()
	if n := len(w.copies("dropdot.ann")); n != 2 {
		t.Errorf("taken back: %d copies, want 2", n)
	}
	equal(t, "issue", w.column(`SELECT state FROM issues`), []string{"done"})
	w.audited()
}
