package newsletter

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"

	"digest/issue"
	"digest/outbox"
)

const heldTooLong = 7 * 24 * time.Hour // an approval that takes longer is overdue

// Passed is what one pass did.
type Passed struct {
	Polled   []Polled
	Made     []Made
	Sent     outbox.Summary
	Halting  []outbox.Delivery // where Sent is Halted: whose mail met the answer, up to three
	Standing Standing
	ClockOff time.Duration // set: this machine's clock can't be right, so nothing was made or sent
	Overdue  bool          // an issue has waited for approval for longer than a week
	Doubts   int           // mails that came into doubt and that in_doubt = "ask" leaves to the author, who is told once
	Doubtful int64         // the ID of the issue they belong to; 0 = they are of several
	Ahead    []Ahead       // digests answered for until later than now: this clock was wrong then, or is now
	Orphans  []Orphan      // readers of digests that are gone from the config

	Notices   []Notice // what the author is told because of this pass, by mail where there is an address
	Told      bool     // the author has them by mail
	Unreached error    // why that mail, or an earlier one, did not leave; the next pass tries again
}

// InDoubt names the issue that has mails in doubt which are left to the author; "ID" where it is not one alone.
func (p Passed) InDoubt() string {
	if p.Doubtful == 0 {
		return "ID"
	}
	return strconv.FormatInt(p.Doubtful, 10)
}

// FeedFailed reports whether a feed could not be read, or was not asked since it
// could not be read before.
func (p Passed) FeedFailed() bool { return slices.ContainsFunc(p.Polled, Polled.Failed) }

// FeedGone reports whether a feed is asked no more.
func (p Passed) FeedGone() bool {
	return slices.ContainsFunc(p.Polled, func(f Polled) bool { return f.Feed.Stopped })
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
	passed, untold := n.reached(ctx, passed, now())
	err = errors.Join(err, untold)
	// An issue that can't be made does not keep the mail that is owed from leaving.
	passed, late := n.deliver(ctx, passed, now)
	if err != nil && errors.Is(late, outbox.ErrHeld) {
		late = nil
	}
	return passed, errors.Join(err, late)
}

// Watch is the first half of the daemon's pass: it polls each feed about once an
// hour, and more often when an issue is due, and publishes; looked is false when
// there was nothing to do yet.
func (n *Newsletter) Watch(ctx context.Context, now time.Time, travelled bool) (passed Passed, looked bool, err error) {
	due, err := n.due(ctx, now)
	if err != nil {
		return Passed{}, false, err
	}
	ask := asking{hourly: true, due: due}
	wanted, err := n.wantsPoll(ctx, ask, now)
	switch {
	case err != nil:
		return Passed{}, false, err
	case wanted:
		passed, err = n.pollAndPublish(ctx, now, travelled, ask)
	case due.IsZero():
		return Passed{}, false, nil
	default: // the feeds have just been asked, or rest; perhaps the wait for them is over
		passed.Standing = Live
		passed, err = n.issues(ctx, passed, now)
		passed.Made = slices.DeleteFunc(passed.Made, func(m Made) bool { return m.Waiting })
		if len(passed.Made) == 0 {
			return passed, false, err
		}
	}
	passed, untold := n.reached(ctx, passed, now)
	return passed, true, errors.Join(err, untold)
}

// issues makes those that are due, and tells which posts they leave out.
func (n *Newsletter) issues(ctx context.Context, passed Passed, now time.Time) (Passed, error) {
	made, err := n.Publish(ctx, now)
	notices, untold := n.leftOutNotices(ctx, made, now)
	passed.Made, passed.Notices = made, append(passed.Notices, notices...)
	return passed, errors.Join(err, untold)
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
	before, err := lastNotice(ctx, n.DB)
	if err != nil {
		return passed, err
	}
	sent, err := n.Deliver(ctx, now)
	passed.Sent = sent
	if outbox.Policy(n.Config.Mail.InDoubt) == outbox.Ask {
		passed.Doubts = sent.Unknown
	}
	if passed.Doubts > 0 {
		short, errs := n.shortfalls(context.WithoutCancel(ctx), now())
		short = slices.DeleteFunc(short, func(s Shortfall) bool { return s.Doubt == 0 })
		if err = errors.Join(err, errs); len(short) == 1 {
			passed.Doubtful = short[0].Issue.ID
		}
	}
	if errors.Is(err, ErrNotLive) {
		err = nil // Standing says so
	}
	passed, untold := n.tellOutcomes(ctx, passed, before, now())
	return passed, errors.Join(err, untold)
}

// tellOutcomes leaves the notices that a courier's run gives rise to, and mails
// them at once: the next pass may be an hour away. before is the last notice
// from before the run. That mail is halted the pass says itself.
func (n *Newsletter) tellOutcomes(ctx context.Context, passed Passed, before int64, now time.Time) (Passed, error) {
	sent, err := passed.Sent, error(nil)
	if sent.Queued, err = outbox.CountOwed(context.WithoutCancel(ctx), n.DB); err != nil { // where nothing is due, no run has counted
		return passed, err
	}
	if sent.Halted {
		if passed.Halting, err = n.halting(context.WithoutCancel(ctx)); err != nil {
			return passed, err
		}
	}
	if err := n.outcomes(context.WithoutCancel(ctx), sent, passed.Halting, now); err != nil {
		return passed, err
	}
	fresh, err := noticesAfter(context.WithoutCancel(ctx), n.DB, before)
	if err != nil || len(fresh) == 0 {
		return passed, err
	}
	for _, notice := range fresh {
		if !passed.Sent.Halted || !strings.HasPrefix(notice.Key, "mail halted ") {
			passed.Notices = append(passed.Notices, notice)
		}
	}
	if ctx.Err() != nil {
		return passed, nil // the next pass mails them
	}
	return n.reached(ctx, passed, now)
}

// PollAndPublish is a pass without the mail. It asks every feed that does not
// rest; of those only the servers' own wishes count when an issue is due.
func (n *Newsletter) PollAndPublish(ctx context.Context, now time.Time, travelled bool) (Passed, error) {
	due, err := n.due(ctx, now)
	if err != nil {
		return Passed{}, err
	}
	return n.pollAndPublish(ctx, now, travelled, asking{due: due})
}

func (n *Newsletter) pollAndPublish(ctx context.Context, now time.Time, travelled bool, ask asking) (Passed, error) {
	var passed Passed
	var err error
	if passed.Standing, err = n.Standing(ctx); err != nil {
		return passed, err
	}
	if passed.Orphans, err = n.Orphans(ctx); err != nil {
		return passed, err
	}
	if passed.Polled, err = n.pollAll(ctx, n.Config.Feeds, ask, now, travelled); err != nil {
		return passed, err
	}
	for _, p := range passed.Polled {
		passed.Notices = append(passed.Notices, p.Notices...)
		if !travelled && p.Clock.Abs() > clockOff {
			passed.ClockOff = p.Clock
			return passed, nil
		}
	}
	if passed, err = n.notices(ctx, passed, ask, now); err != nil {
		return passed, err
	}
	if passed.Standing != Live {
		return passed, nil
	}
	if err := n.startNew(ctx, now); err != nil {
		return passed, err
	}
	if passed, err = n.issues(ctx, passed, now); err != nil {
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

// notices reads what gaps have swallowed, and leaves the notices that no single
// look gives rise to.
func (n *Newsletter) notices(ctx context.Context, passed Passed, ask asking, now time.Time) (Passed, error) {
	read := slices.DeleteFunc(slices.Clone(passed.Polled), Polled.Failed)
	bridged, err := n.closeGaps(ctx, read, now)
	if err != nil {
		return passed, err
	}
	missed, err := n.gaps(ctx, read, bridged, now)
	if err != nil {
		return passed, err
	}
	passed.Notices = append(passed.Notices, missed...)
	if ask.due.IsZero() {
		return passed, nil
	}
	unread, err := n.stale(ctx, now)
	passed.Notices = append(passed.Notices, unread...)
	return passed, err
}

// due is when the latest issue that is not made yet fell due; zero = none has,
// or none may be made.
func (n *Newsletter) due(ctx context.Context, now time.Time) (at time.Time, err error) {
	if standing, err := n.Standing(ctx); err != nil || standing != Live {
		return time.Time{}, err
	}
	for _, d := range n.Config.Digests {
		_, last, started, err := n.last(ctx, d)
		if err != nil {
			return time.Time{}, err
		}
		if period, is := d.Schedule.Due(last, now); started && is && period.End.After(at) {
			at = period.End
		}
	}
	return at, nil
}

// wantsPoll tells whether the daemon has a feed to ask.
func (n *Newsletter) wantsPoll(ctx context.Context, ask asking, now time.Time) (bool, error) {
	known, err := n.feeds(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range n.Config.Feeds {
		if asked, _ := ask.asks(known[c.URL], now); asked {
			return true, nil
		}
	}
	return false, nil
}
