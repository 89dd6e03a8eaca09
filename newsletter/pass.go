package newsletter

import (
	"context"
	"errors"
	"time"

	"digest/issue"
	"digest/outbox"
)

const (
	pollEvery   = time.Hour
	pollAgain   = 15 * time.Minute   // after a failure, while an issue waits for the feed
	heldTooLong = 7 * 24 * time.Hour // an approval that takes longer is overdue
)

// Passed is what one pass did.
type Passed struct {
	Polled   []Polled
	Made     []Made
	Sent     outbox.Summary
	Standing Standing
	ClockOff time.Duration // set: this machine's clock can't be right, so nothing was made or sent
	Overdue  bool          // an issue has waited for approval for longer than a week
	Doubts   int           // mails that came into doubt and that in_doubt = "ask" leaves to the author, who is told once
	Ahead    []Ahead       // digests answered for until later than now: this clock was wrong then, or is now
	Orphans  []Orphan      // readers of digests that are gone from the config
}

// FeedFailed reports whether a feed could not be read.
func (p Passed) FeedFailed() bool {
	for _, f := range p.Polled {
		if f.Err != nil {
			return true
		}
	}
	return false
}

// Waiting reports whether an issue that is due could not be made yet.
func (p Passed) Waiting() bool {
	for _, m := range p.Made {
		if m.Waiting {
			return true
		}
	}
	return false
}

// Pass is `digest run`: poll, publish what is due, deliver what is owed. The
// same call is always safe. now ticks; travelled says that it is a made-up
// time, which no server's clock can contradict. The error is
// outbox.ErrHeld when another courier delivers what this pass has made.
func (n *Newsletter) Pass(ctx context.Context, now func() time.Time, travelled bool) (Passed, error) {
	passed, err := n.PollAndPublish(ctx, now(), travelled)
	if passed.ClockOff != 0 {
		return passed, err
	}
	// An issue that can't be made does not keep the mail that is owed from leaving.
	passed, late := n.deliver(ctx, passed, now)
	if err != nil && errors.Is(late, outbox.ErrHeld) {
		late = nil
	}
	return passed, errors.Join(err, late)
}

// Watch is the first half of the daemon's pass: it polls and publishes once an
// hour, or when an issue is due; looked is false when it was too early.
func (n *Newsletter) Watch(ctx context.Context, now time.Time, travelled bool) (passed Passed, looked bool, err error) {
	due, err := n.wantsPoll(ctx, now)
	if err != nil || !due {
		return Passed{}, false, err
	}
	passed, err = n.PollAndPublish(ctx, now, travelled)
	return passed, true, err
}

// Carry is the other half: it delivers what is owed, for as long as that takes.
func (n *Newsletter) Carry(ctx context.Context, now func() time.Time) (Passed, error) {
	standing, err := n.Standing(ctx)
	if err != nil {
		return Passed{}, err
	}
	return n.deliver(ctx, Passed{Standing: standing}, now)
}

func (n *Newsletter) deliver(ctx context.Context, passed Passed, now func() time.Time) (Passed, error) {
	sent, err := n.Deliver(ctx, now)
	passed.Sent = sent
	if outbox.Policy(n.Config.Mail.InDoubt) == outbox.Ask {
		passed.Doubts = sent.Unknown
	}
	if errors.Is(err, ErrNotLive) {
		err = nil // Standing says so
	}
	return passed, err
}

// PollAndPublish is a pass without the mail.
func (n *Newsletter) PollAndPublish(ctx context.Context, now time.Time, travelled bool) (Passed, error) {
	var passed Passed
	var err error
	if passed.Standing, err = n.Standing(ctx); err != nil {
		return passed, err
	}
	if passed.Orphans, err = n.Orphans(ctx); err != nil {
		return passed, err
	}
	if passed.Polled, err = n.pollAll(ctx, now, travelled); err != nil {
		return passed, err
	}
	for _, p := range passed.Polled {
		if !travelled && p.Clock.Abs() > clockOff {
			passed.ClockOff = p.Clock
			return passed, nil
		}
	}
	if passed.Standing != Live {
		return passed, nil
	}
	if err := n.startNew(ctx, now); err != nil {
		return passed, err
	}
	if passed.Made, err = n.Publish(ctx, now); err != nil {
		return passed, err
	}
	if passed.Ahead, err = n.ahead(ctx, now); err != nil {
		return passed, err
	}
	passed.Overdue, err = n.overdue(ctx, now)
	return passed, err
}

// Ahead is a digest whose last answered period lies in the future: one pass
// under a wrong clock, and nothing is due until it catches up.
type Ahead struct {
	Digest string
	Until  time.Time
}

func (n *Newsletter) ahead(ctx context.Context, now time.Time) ([]Ahead, error) {
	var list []Ahead
	for _, d := range n.Config.Digests {
		_, last, started, err := n.last(ctx, d)
		if err != nil {
			return nil, err
		}
		if started && last.Key != "" && last.End.After(now.Add(clockOff)) {
			list = append(list, Ahead{d.Name, last.End.In(d.Schedule.Location())})
		}
	}
	return list, nil
}

// startNew gives a digest that was added to the config after go-live its start.
func (n *Newsletter) startNew(ctx context.Context, now time.Time) error {
	for _, d := range n.Config.Digests {
		_, started, err := n.startOf(ctx, d.Name)
		if err != nil {
			return err
		}
		if started {
			continue
		}
		if err := n.setStart(ctx, d.Name, now.Add(time.Second)); err != nil {
			return err
		}
	}
	return nil
}

func (n *Newsletter) overdue(ctx context.Context, now time.Time) (bool, error) {
	for _, d := range n.Config.Digests {
		held, ok, err := issue.HeldScheduled(ctx, n.DB, d.Name)
		if err != nil {
			return false, err
		}
		if ok && now.Sub(held.Made) > heldTooLong {
			return true, nil
		}
	}
	return false, nil
}

func (n *Newsletter) wantsPoll(ctx context.Context, now time.Time) (bool, error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return false, err
	}
	resting := false
	for _, c := range n.Config.Feeds {
		f := known[c.URL]
		if f.Checked.IsZero() || now.Sub(f.Checked) >= pollEvery || f.Checked.After(now) {
			return true, nil
		}
		resting = resting || (f.Failures > 0 && now.Sub(f.Checked) < pollAgain)
	}
	if resting {
		return false, nil
	}
	for _, d := range n.Config.Digests {
		if _, due, err := n.plan(ctx, d, now); err != nil || due {
			return due, err
		}
	}
	return false, nil
}
