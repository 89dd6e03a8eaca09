package outbox

import (
	"fmt"
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
	for _, w := range p.windows {
		w.add(now, 1)
	}
	return 0
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

func (p *Pace) free(now time.Time) (n int, wait time.Duration) {
	n = 1 << 30
	for _, w := range p.windows {
		free, until := w.free(now)
		n, wait = min(n, free), max(wait, until)
	}
	return n, wait
}

// Seed counts the dots of earlier runs, so that a budget holds across them.
func (p *Pace) Seed(sent []Dots, now time.Time) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, s := range sent {
		at := s.At.Add(time.Second - 1) // the ledger keeps seconds: the latest it can have been
		if at.After(now) {
			at = now
		}
		for _, w := range p.windows {
			w.add(at, s.Count)
		}
	}
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

// steps is how finely a window is cut. What was taken anywhere in a step counts until the whole step is out of the
// window: a wait may be 1/1000 too long, never too short, and a million mails a day need no more memory than ten.
const steps = 1000

type window struct {
	limit int
	width time.Duration
	head  int64          // number of the newest step, counted from 1970
	count [steps + 1]int // by step number modulo its length
	sum   int
}

// advance makes the step of now the newest. A clock that goes back stays in the newest step.
func (w *window) advance(now time.Time) {
	step := now.UnixNano() / int64(w.width)
	if step-w.head > steps {
		w.count, w.sum, w.head = [steps + 1]int{}, 0, step
	}
	for w.head < step {
		w.head++
		slot := &w.count[w.head%(steps+1)]
		w.sum -= *slot
		*slot = 0
	}
}

// add counts n at the time at; what is out of the window already counts for nothing.
func (w *window) add(at time.Time, n int) {
	w.advance(at)
	step := at.UnixNano() / int64(w.width)
	if w.head-step > steps {
		return
	}
	w.count[step%(steps+1)] += n
	w.sum += n
}

func (w *window) free(now time.Time) (int, time.Duration) {
	w.advance(now)
	if w.sum < w.limit {
		return w.limit - w.sum, 0
	}
	left := w.sum
	for step := w.head - steps; step <= w.head; step++ {
		left -= w.count[step%(steps+1)]
		if left < w.limit {
			out := time.Unix(0, (step+steps+1)*int64(w.width))
			return 0, out.Sub(now)
		}
	}
	return 0, w.width * steps
}
