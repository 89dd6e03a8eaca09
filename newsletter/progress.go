package newsletter

import (
	"context"
	"fmt"
	"time"

	"digest/issue"
	"digest/outbox"
)

// Sending is how far the mail is.
type Sending struct {
	Now    time.Time     // when it was read
	Run    outbox.Run    // the newest of the courier; Epoch 0 = there was none
	Owed   int           // mails
	Until  time.Time     // about when they will have been sent, if mail may leave; zero = none is owed
	Issues []issue.Issue // being sent
}

// fresh is how old what a courier wrote of its progress may be to be taken as it stands.
const fresh = 30 * time.Second

// Sending reads it. What a courier at work wrote a moment ago is taken as it stands: to count all that is owed takes a
// second where the ledger is large.
func (n *Newsletter) Sending(ctx context.Context, now time.Time) (s Sending, err error) {
	s.Now = now
	if s.Run, _, err = outbox.LastRun(ctx, n.DB, n.Path); err != nil {
		return s, err
	}
	if p := s.Run.Progress; s.Run.Working && now.Sub(s.Run.At) < fresh {
		s.Owed, s.Until = p.Owed, p.Until
	} else if s.Owed, s.Until, err = n.takes(ctx, s.Run, now); err != nil {
		return s, err
	}
	frozen, err := issue.Sendable(ctx, n.DB)
	for _, i := range frozen {
		if i.State == issue.Sending {
			s.Issues = append(s.Issues, i)
		}
	}
	return s, err
}

// takes counts what is owed, and reckons how long it takes.
func (n *Newsletter) takes(ctx context.Context, run outbox.Run, now time.Time) (owed int, until time.Time, err error) {
	measured := 0.0
	if run.Working {
		measured = run.Progress.Rate
	}
	pace, domains, err := n.limits()
	if err == nil {
		err = outbox.Seeded(ctx, n.DB, pace, domains, now)
	}
	if err != nil {
		return 0, time.Time{}, err
	}
	return outbox.Takes(ctx, n.DB, pace, domains, measured, now)
}

// limits are the config's: of all mail, and by recipient domain. Either may be nil.
func (n *Newsletter) limits() (*outbox.Pace, *outbox.Domains, error) {
	pace, err := outbox.ParsePace(n.Config.Mail.Rate)
	if err != nil {
		return nil, nil, fmt.Errorf("[mail] rate: %w", err)
	}
	domains, err := outbox.ParseDomains(n.Config.Mail.Domains)
	if err != nil {
		return nil, nil, fmt.Errorf("[mail.domains]: %w", err)
	}
	return pace, domains, nil
}

// Figures are what `/metrics` shows: counts and times, no reader and no address.
type Figures struct {
	Sending     Sending
	Mail        map[outbox.State]int
	Said        int // of those sent: by a person's word alone
	Feeds       int
	FeedsFailed int // feeds whose last look failed
	Failures    int // looks in a row that failed, of all feeds together
	Live        bool
}

// Figures counts.
func (n *Newsletter) Figures(ctx context.Context, now time.Time) (f Figures, err error) {
	if f.Sending, err = n.Sending(ctx, now); err != nil {
		return f, err
	}
	if f.Live, err = n.Live(ctx); err != nil {
		return f, err
	}
	if f.Mail, err = outbox.CountsAll(ctx, n.DB); err != nil {
		return f, err
	}
	if f.Said, err = outbox.SaidToHaveArrived(ctx, n.DB); err != nil {
		return f, err
	}
	for _, s := range outbox.States() {
		f.Mail[s] += 0 // so that each state is there
	}
	feeds, err := n.feeds(ctx)
	if err != nil {
		return f, fmt.Errorf("counting feeds: %w", err)
	}
	for _, c := range n.Config.Feeds {
		f.Feeds++
		f.Failures += feeds[c.URL].Failures
		if feeds[c.URL].Failures > 0 {
			f.FeedsFailed++
		}
	}
	return f, nil
}
