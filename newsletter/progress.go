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

// Sending reads it. While a courier is at work, what it has measured counts too.
func (n *Newsletter) Sending(ctx context.Context, now time.Time) (s Sending, err error) {
	s.Now = now
	if s.Run, _, err = outbox.LastRun(ctx, n.DB, n.Path); err != nil {
		return s, err
	}
	measured := 0.0
	if s.Run.Working {
		measured = s.Run.Progress.Rate
	}
	pace, domains, err := n.limits()
	if err == nil {
		err = outbox.Seeded(ctx, n.DB, pace, domains, now)
	}
	if err != nil {
		return s, err
	}
	if s.Owed, s.Until, err = outbox.Takes(ctx, n.DB, pace, domains, measured, now); err != nil {
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

// limits are the config's: of all mail, and by recipient domain. Either may be nil.
func (n *Newsletter) limits() (*outbox.Pace, *outbox.Domains, error) {
	pace, err := outbox.ParsePace(n.Config.Mail.Rate)
	if err != nil {
		return nil, nil, err
	}
	domains, err := outbox.ParseDomains(n.Config.Mail.Domains)
	return pace, domains, err
}

// Figures are what `/metrics` shows: counts and times, no reader and no address.
type Figures struct {
	Sending     Sending
	Mail        map[outbox.State]int
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
