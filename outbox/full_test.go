package outbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/outbox"
)

// limit caps the size of the database at spare pages above what it has: SQLITE_FULL without a small disk.
func (w *world) limit(spare int) {
	w.Helper()
	var pages int
	if err := w.db.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		w.Error(err)
	}
	if _, err := w.db.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+spare)); err != nil {
		w.Error(err)
	}
}

// yield gives the database the room of the ballast, once that is gone: a cap is no disk, where this comes by itself.
// wait answers whether it went, within 20 seconds of the test's clock.
func (w *world) yield() (wait func() bool) {
	over := make(chan bool, 1)
	go func() {
		for range 200 {
			time.Sleep(100 * time.Millisecond)
			if _, err := os.Stat(w.path + ".ballast"); errors.Is(err, fs.ErrNotExist) {
				w.limit(8 << 20 / 4096)
				over <- true
				return
			}
		}
		over <- false
	}()
	return func() bool { return <-over }
}

// The disk fills up while mails go out: no dot without its mark, no mail lost, none in doubt, no mail twice, and the
// next run completes by itself. An outcome needs room of its own, for its attempt: the ballast has it.
func TestDiskFull(t *testing.T) {
	inWorld(t, func(w *world) {
		w.db.SetMaxOpenConns(1) // the cap is the connection's
		w.owe(many(2000)...)
		w.Connections, w.Patience = 4, -1
		w.limit(3)
		freed := w.yield()
		sum, err := w.Work(context.Background())
		if !errors.Is(err, outbox.ErrFull) {
			w.Errorf("%+v, %v", sum, err)
		}
		if sum.Sent == 0 || sum.Sent == 2000 || !freed() {
			w.Errorf("the disk was not full in the middle: %+v", sum)
		}
		var marks int
		if err := w.db.QueryRow(`SELECT count(*) FROM attempts WHERE dotting_at IS NOT NULL`).Scan(&marks); err != nil || marks != w.server.dots {
			w.Errorf("%d dots, %d marks (%v)", w.server.dots, marks, err)
		}
		w.limit(1 << 20)
		if sum := w.work(); sum.Queued+w.count(outbox.Unknown) > 0 {
			w.Errorf("%+v", sum)
		}
		for a, n := range w.server.copies() {
			if n != 1 {
				w.Errorf("%d copies to %s", n, a)
			}
		}
		if n := w.count(outbox.Sent) + w.count(outbox.Unknown); n != 2000 {
			w.Errorf("%d of 2000", n)
		}
	})
}

// Outcomes that find the disk full are kept until the ballast has made room: nothing comes into doubt.
func TestOutcomeOnAFullDisk(t *testing.T) {
	inWorld(t, func(w *world) {
		const n = 20
		w.db.SetMaxOpenConns(1)
		w.owe(many(n)...)
		w.Connections, w.Patience = n, -1
		var all sync.WaitGroup
		all.Add(n)
		w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == n {
				w.limit(0)
			}
			all.Done()
			all.Wait()
			return outbox.Reply{Verdict: outbox.Deferred, Code: 451, Text: strings.Repeat("x", 500)}, nil
		}
		freed := w.yield()
		if _, err := w.Work(context.Background()); !errors.Is(err, outbox.ErrFull) || !freed() {
			w.Errorf("the ballast did not help: %v", err)
		}
		if w.count(outbox.Retry) != n {
			w.Errorf("%d of %d outcomes kept", w.count(outbox.Retry), n)
		}
	})
}
