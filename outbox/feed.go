package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// glance is how often the feeder looks for new rows while it waits.
const glance = time.Second

// feed claims what is due and hands it to the lines, until nothing more will be due within the run's patience. It
// claims no more than the lines and the rate can use soon, so memory does not grow with the list, and what is owed
// meanwhile with an earlier due time (a confirmation) need not wait behind a long queue.
func (r *run) feed(ctx context.Context, k int) {
	defer close(r.jobs)
	defer func() {
		if ctx.Err() != nil {
			r.note("interrupted", false, nil)
		}
	}()
	most := max(batch, 8*k)
	var idle time.Duration // since the last row
	for ctx.Err() == nil && !r.stopping() {
		free, wait := r.Pace.Free(r.now())
		if free == 0 {
			if !r.await(ctx, min(wait, glance), wait, &idle) {
				return
			}
			continue
		}
		list, err := r.claim(ctx, min(most, free))
		if err != nil {
			r.broken(err)
			return
		}
		if len(list) == 0 {
			if !r.pause(ctx, &idle) {
				return
			}
			continue
		}
		idle = 0
		for _, j := range list {
			r.hand(ctx, j)
		}
	}
}

// await sleeps through one step of a wait for a token.
func (r *run) await(ctx context.Context, step, wait time.Duration, idle *time.Duration) bool {
	if *idle+wait > r.patience {
		r.note(fmt.Sprintf("the rate %s is used up", r.Pace), false, nil)
		return false
	}
	*idle += step
	return r.sleep(ctx, step, nil)
}

// pause waits for a row to become due. It answers false when none will be in time.
func (r *run) pause(ctx context.Context, idle *time.Duration) bool {
	if r.open.Load() > 0 { // its outcome may be a row due soon
		return r.sleep(ctx, glance, r.done)
	}
	due, ok, err := NextDue(ctx, r.DB)
	if err != nil {
		if ctx.Err() == nil {
			r.broken(err)
		}
		return false
	}
	wait := due.Sub(r.now())
	if !ok || *idle+wait > r.patience {
		return false
	}
	step := min(max(wait, time.Millisecond), glance)
	*idle += step
	return r.sleep(ctx, step, nil)
}

func (r *run) claim(ctx context.Context, n int) ([]*job, error) {
	r.hook(PointBeforeClaim)
	var list []Delivery
	var lapsed int
	var taken bool
	err := r.out.ask(saying{
		do: func(ctx context.Context, l *ledger) (err error) {
			list, lapsed, err = l.claim(ctx, r.lock.Epoch, n, r.now(), r.expire)
			if taken = errors.Is(err, errTaken); taken {
				return nil // no fault of the store
			}
			return err
		},
		after: func() {
			r.counting.Lock()
			defer r.counting.Unlock()
			r.sum.Expired += lapsed
		},
	})
	if taken {
		err = errTaken
	}
	if err != nil {
		return nil, err
	}
	r.hook(PointAfterClaim)
	jobs, room := make([]*job, len(list)), make([]job, len(list))
	for i, d := range list {
		jobs[i] = &room[i]
		room[i].mail, room[i].from = d, d.Due
	}
	r.open.Add(int64(len(jobs)))
	store := context.WithoutCancel(ctx)
	for i, j := range jobs {
		if j.words, err = r.text(store, j.mail.Letter); err != nil {
			for _, back := range jobs[i:] {
				r.giveBack(back, back.from)
			}
			return jobs[:i], err
		}
	}
	return jobs, nil
}

func (r *run) hand(ctx context.Context, j *job) {
	select {
	case r.jobs <- j:
	case <-ctx.Done():
		r.giveBack(j, j.from)
	case <-r.quit:
		r.giveBack(j, j.from)
	}
}
