package newsletter_test

import (
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"digest/newsletter"
	"digest/outbox"
)

// What a courier at work wrote a moment ago is not counted again; what it wrote long ago, or before it died, is.
func TestSendingOfACourierAtWork(t *testing.T) {
	w := newWorld(t)
	now := w.clock.Now()
	_, err := w.DB.Exec(`
		INSERT INTO couriers (epoch, pid, started_at, progress, progress_at)
		VALUES (7, 1, $1, '{"sent": 5, "owed": 412, "until": "2030-01-02T03:04:05Z"}', $1)`, now.Unix())
	w.must(err)
	lock, err := os.Create(w.Path + ".lock")
	w.must(err)
	defer lock.Close()
	w.must(unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	owed := func(at time.Time, want int) {
		t.Helper()
		s, err := w.Sending(w.ctx, at)
		w.must(err)
		if s.Owed != want || s.Until.IsZero() != (want == 0) {
			t.Errorf("%d owed until %v, want %d", s.Owed, s.Until, want)
		}
	}
	owed(now.Add(2*time.Second), 412)
	owed(now.Add(time.Hour), 0)
	w.must(unix.Flock(int(lock.Fd()), unix.LOCK_UN))
	owed(now.Add(2*time.Second), 0)
}

// What a person says has arrived no server has accepted.
func TestFiguresOfWhatWasSaid(t *testing.T) {
	w := inDoubt(t, outbox.Ask)
	w.decide(newsletter.DecideSent, "dropdot.ann")
	f, err := w.Figures(w.ctx, w.clock.Now())
	w.must(err)
	if f.Mail[outbox.Sent] != 2 || f.Said != 1 {
		t.Errorf("%d sent, %d of them said to be", f.Mail[outbox.Sent], f.Said)
	}
}
