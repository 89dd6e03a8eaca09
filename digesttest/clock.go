package digesttest

import (
	"sync"
	"time"
)

// Clock stands still until told otherwise. The zero Clock says 2026-01-05
// 09:00 UTC, a Monday. It may be used by several goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now returns what the clock says, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

// Set makes the clock say t.
func (c *Clock) Set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = t.UTC()
}

// Advance moves the clock by d and returns what it says then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.read().Add(d)
	return c.now
}

func (c *Clock) read() time.Time {
	if c.now.IsZero() {
		return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	}
	return c.now
}
