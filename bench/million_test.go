package bench_test

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const million = 1_000_000

// BenchmarkMillion sends one issue to 1,000,000 readers over 64 connections to
// the fast server, and watches the process's memory on the way.
func BenchmarkMillion(b *testing.B) {
	h := newHouse(b, build(b), million)
	to := fastSink(b, pipelining)
	for b.Loop() {
		w := &watched{}
		took := h.deliver(b, setting{smtp: "smtp://" + to.addr, connections: 64}, w.watch)
		first, last := w.ends()
		b.Logf("%d mails in %.1f s (%.0f/s), %.1f CPU-s (%.0f µs a mail), peak %d MB; mean in the first tenth of the time %.0f MB, in the last %.0f MB",
			million, took.wall.Seconds(), million/took.wall.Seconds(), took.cpu.Seconds(), perMail(took.cpu, million), took.rss>>20, first, last)
	}
}

// watched is a process's resident memory over time.
type watched struct {
	mu sync.Mutex
	mb []float64 // every 100 ms
}

func (w *watched) watch(pid int, done <-chan struct{}) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
			if mb, err := resident(pid); err == nil {
				w.mu.Lock()
				w.mb = append(w.mb, mb)
				w.mu.Unlock()
			}
		}
	}
}

// ends are the means of the first and the last tenth, without the very start
// and end of the process.
func (w *watched) ends() (first, last float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	tenth := max(1, len(w.mb)/10)
	if len(w.mb) < 4*tenth {
		return 0, 0
	}
	mean := func(list []float64) (sum float64) {
		for _, mb := range list {
			sum += mb
		}
		return sum / float64(len(list))
	}
	return mean(w.mb[tenth : 2*tenth]), mean(w.mb[len(w.mb)-2*tenth : len(w.mb)-tenth])
}

func resident(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(status) {
		if value, ok := strings.CutPrefix(string(line), "VmRSS:"); ok {
			kb, err := strconv.Atoi(strings.Fields(value)[0])
			return float64(kb) / 1024, err
		}
	}
	return 0, os.ErrNotExist
}
