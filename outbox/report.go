package outbox

import (
	"context"
	"encoding/json"
	"time"
)

const (
	reportEvery = time.Second
	recount     = 10 // reports between two counts of all that is owed
)

// reporter writes a run's progress down while it lasts. The counts it writes are taken inside the saying that writes
// them, so that they hold every outcome said before.
type reporter struct {
	*run
	meter   meter
	ticks   int
	seen    Summary   // at the last report
	owed    int       // when last counted
	settled int       // mails that were no longer owed then, by the summary
	until   time.Time // by that count
}

// report begins to report and returns how to end it, which writes the last one.
func (r *run) report(ctx context.Context) (end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	over := make(chan struct{})
	p := &reporter{run: r, seen: r.counts()}
	began := p.seen
	go func() {
		defer close(over)
		tick := time.NewTicker(reportEvery)
		defer tick.Stop()
		for {
			p.tick(ctx)
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	return func() {
		cancel()
		<-over
		if p.counts() != began {
			p.count(context.WithoutCancel(ctx), 0)
			p.say()
		}
	}
}

// tick reports what has changed. A run that waits writes nothing, once its rate has come down to nothing.
func (p *reporter) tick(ctx context.Context) {
	seen := p.counts()
	p.meter.add(p.now(), seen.Sent)
	rate := p.meter.rate(p.now())
	if p.ticks%recount == 0 {
		p.count(ctx, rate)
	}
	p.ticks++
	if seen == p.seen && rate == 0 {
		return
	}
	p.seen = seen
	p.say()
}

// count counts all that is owed, which costs a read of the index: not at each report.
func (p *reporter) count(ctx context.Context, rate float64) {
	gone := p.counts().gone()
	owed, until, err := Takes(ctx, p.DB, p.Pace, p.Domains, rate, p.now())
	if err != nil {
		return // the next report tries again, and what matters fails elsewhere
	}
	p.owed, p.settled, p.until = owed, gone, until
}

func (p *reporter) say() {
	now, rate := p.now(), p.meter.rate(p.now())
	now = now.UTC().Truncate(time.Second)
	before, until := p.owed+p.settled, p.until
	var at Progress
	p.out.say(saying{
		do: func(ctx context.Context, l *ledger) error {
			at = p.counts().progress(before, rate, until)
			text, err := json.Marshal(at)
			if err != nil {
				return err
			}
			_, err = l.tx.ExecContext(ctx, `UPDATE couriers SET progress = $1, progress_at = $2 WHERE epoch = $3`,
				string(text), now.Unix(), p.lock.Epoch)
			return err
		},
		after: func() {
			if p.Report != nil {
				p.Report(at)
			}
		},
	})
}

// gone is how many mails are owed no more.
func (s Summary) gone() int { return s.Sent + s.Failed + s.Skipped + s.Expired }

// progress is how far a run is that was owed so many mails before it began.
func (s Summary) progress(before int, rate float64, until time.Time) Progress {
	owed := max(0, before-s.gone())
	if owed == 0 {
		until = time.Time{}
	}
	return Progress{Sent: s.Sent, Retry: s.Retry, Failed: s.Failed, Unknown: s.Unknown, Skipped: s.Skipped,
		Expired: s.Expired, Owed: owed, Rate: rate, Until: until.Truncate(time.Second)}
}

// meter measures a rate over the last seconds.
type meter struct{ list []sample }

type sample struct {
	at time.Time
	n  int // so far
}

const measured = 10 * time.Second

func (m *meter) add(at time.Time, n int) {
	m.list = append(m.list, sample{at, n})
	for len(m.list) > 2 && at.Sub(m.list[1].at) >= measured {
		m.list = m.list[1:]
	}
}

// rate is per second, 0 while it can't be told.
func (m *meter) rate(now time.Time) float64 {
	if len(m.list) < 2 {
		return 0
	}
	first, last := m.list[0], m.list[len(m.list)-1]
	span := max(now.Sub(first.at), last.at.Sub(first.at)).Seconds()
	if span <= 0 {
		return 0
	}
	return float64(last.n-first.n) / span
}
