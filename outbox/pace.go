package outbox

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Pace is a rate: one or more limits, each on a window that slides, so that no span of that length ever sees more.
// A nil Pace is unlimited. It is safe for concurrent use.
type Pace struct {
	text    string
	mu      sync.Mutex
	windows []*window
	dots    *Pace // the same limits on what Dot has counted; nil in itself
}

var spans = map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}

// ParsePace reads a rate such as "1/s, 200/h", "30/m", "5000/d" or "unlimited" (also "", and a nil Pace).
func ParsePace(s string) (*Pace, error) {
	s = strings.TrimSpace(s)
	if s == "" || s == "unlimited" {
		return nil, nil
	}
	p := &Pace{text: s}
	for part := range strings.SplitSeq(s, ",") {
		count, unit, _ := strings.Cut(strings.TrimSpace(part), "/")
		n, err := strconv.Atoi(strings.TrimSpace(count))
		span := spans[strings.TrimSpace(unit)]
		if err != nil || n < 1 || n > 1e9 || span == 0 {
			return nil, fmt.Errorf("reading rate %q: %q is not a number of mails per s, m, h or d, as in \"1/s, 200/h\"", s, part)
		}
		p.windows = append(p.windows, &window{limit: n, width: span / steps})
	}
	p.dots = p.clone()
	return p, nil
}

// String is the rate as it was written.
func (p *Pace) String() string {
	if p == nil {
		return "unlimited"
	}
	return p.text
}

// Take takes one token and answers 0, or takes none and answers how long to wait until one is free.
func (p *Pace) Take(now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	_, wait := p.free(now)
	if wait > 0 {
		return wait
	}
	p.add(now, 1)
	return 0
}

// Dot answers 0 when a final dot may leave now, and counts it. Take lets mails begin at the rate; however long one then
// takes to come to its end, Dot keeps the ends of all within it. One that was counted before at the time at (zero = it
// was not) is moved to now. Otherwise it counts for nothing any more, and Dot answers how long to wait.
func (p *Pace) Dot(at, now time.Time) time.Duration {
	if p == nil {
		return 0
	}
	p = p.dots
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.stale(at, now) {
		return 0
	}
	if !at.IsZero() {
		p.drop(at)
	}
	_, wait := p.free(now)
	if wait == 0 {
		p.add(now, 1)
	}
	return wait
}

// stale reports whether now is in another step of some window than at.
func (p *Pace) stale(at, now time.Time) bool {
	for _, w := range p.windows {
		if at.IsZero() || w.step(at) != w.step(now) {
			return true
		}
	}
	return false
}

func (p *Pace) drop(at time.Time) {
	for _, w := range p.windows {
		w.drop(at)
	}
}

// Free answers how many tokens there are now, and when there are none how long to wait for one. It takes none.
func (p *Pace) Free(now time.Time) (int, time.Duration) {
	if p == nil {
		return 1 << 30, 0
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.free(now)
}

// Until answers when the last of n mails has its token, if from now on each is taken as soon as it is free. It takes
// none.
func (p *Pace) Until(n int, now time.Time) time.Time {
	if p == nil {
		return now
	}
	p.mu.Lock()
	future := p.clone()
	p.mu.Unlock()
	for n > 0 {
		free, wait := future.free(now)
		if free == 0 {
			now = now.Add(wait)
			continue
		}
		taken := min(n, free)
		future.add(now, taken)
		n -= taken
	}
	return now
}

func (p *Pace) clone() *Pace {
	c := &Pace{text: p.text}
	for _, w := range p.windows {
		copied := *w
		copied.taken = slices.Clone(w.taken)
		c.windows = append(c.windows, &copied)
	}
	return c
}

func (p *Pace) free(now time.Time) (n int, wait time.Duration) {
	n = 1 << 30
	for _, w := range p.windows {
		free, until := w.free(now)
		n, wait = min(n, free), max(wait, until)
	}
	return n, wait
}

func (p *Pace) add(at time.Time, n int) {
	for _, w := range p.windows {
		w.add(at, n)
	}
}

// Seed counts the dots of earlier runs, so that a budget holds across them. What is dated further ahead than the longest
// window was dated by a clock that was wrong, and counts for nothing.
func (p *Pace) Seed(sent []Dots, now time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range sent {
		p.seed(s.At, s.Count, now)
	}
}

func (p *Pace) seed(at time.Time, n int, now time.Time) {
	p.count(at, n, now)
	p.dots.count(at, n, now)
}

func (p *Pace) count(at time.Time, n int, now time.Time) {
	if at.Sub(now) <= p.span() {
		p.add(latest(at, now), n)
	}
}

// latest is the latest that something can have been which the ledger, in whole seconds, dates at.
func latest(at, now time.Time) time.Time {
	if at = at.Add(time.Second - 1); at.After(now) {
		return now
	}
	return at
}

// span is the longest window: how far back Seed needs to see.
func (p *Pace) span() time.Duration {
	var longest time.Duration
	if p != nil {
		for _, w := range p.windows {
			longest = max(longest, w.width*steps)
		}
	}
	return longest
}

// idle reports whether nothing counts any more.
func (p *Pace) idle(now time.Time) bool {
	for _, w := range p.windows {
		if w.advance(now); w.sum > 0 {
			return false
		}
	}
	return true
}

// steps is how finely a window is cut. What was taken anywhere in a step counts until the whole step is out of the
// window: a wait may be 1/1000 too long, never too short, and a million mails a day need no more memory than a
// thousand.
const steps = 1000

type window struct {
	limit int
	width time.Duration // of a step
	head  int64         // number of the newest step, counted from 1970
	taken []tokens      // oldest first, none older than the window
	sum   int
}

// tokens were taken in one step.
type tokens struct {
	step int64
	n    int
}

// advance makes the step of now the newest. A clock that goes back stays in the newest step, unless it goes back by more
// than the window: then it was set, and all that counts is as of now.
func (w *window) advance(now time.Time) {
	step := w.step(now)
	if w.head-step > steps {
		w.head, w.taken = step, w.taken[:0]
		if w.sum > 0 {
			w.taken = append(w.taken, tokens{step, w.sum})
		}
	}
	w.head = max(w.head, step)
	out := 0
	for out < len(w.taken) && w.head-w.taken[out].step > steps {
		w.sum -= w.taken[out].n
		out++
	}
	w.taken = w.taken[out:]
}

// add counts n at the time at; what is out of the window already counts for nothing.
func (w *window) add(at time.Time, n int) {
	step := w.step(at)
	if w.head-step > steps {
		return
	}
	w.advance(at)
	w.sum += n
	i := len(w.taken)
	for i > 0 && w.taken[i-1].step > step {
		i--
	}
	if i > 0 && w.taken[i-1].step == step {
		w.taken[i-1].n += n
		return
	}
	w.taken = slices.Insert(w.taken, i, tokens{step, n})
}

// drop takes one back of those taken at the time at; what is out of the window is none.
func (w *window) drop(at time.Time) {
	step := w.step(at)
	i := slices.IndexFunc(w.taken, func(t tokens) bool { return t.step == step && t.n > 0 })
	if i < 0 {
		return
	}
	w.taken[i].n--
	w.sum--
}

func (w *window) step(t time.Time) int64 { return t.UnixNano() / int64(w.width) }

func (w *window) free(now time.Time) (int, time.Duration) {
	w.advance(now)
	if w.sum < w.limit {
		return w.limit - w.sum, 0
	}
	left := w.sum
	for _, t := range w.taken {
		left -= t.n
		if left < w.limit {
			out := time.Unix(0, (t.step+steps+1)*int64(w.width))
			return 0, out.Sub(now)
		}
	}
	return 0, w.width * steps
}
