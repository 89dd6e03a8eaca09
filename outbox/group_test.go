package outbox_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"digest/database"
	"digest/outbox"
)

// slowly lets everybody say what they have to say before the next group is written, and counts the groups.
func (w *world) slowly() *atomic.Int64 {
	var groups atomic.Int64
	before := w.Hook
	w.Hook = func(point string) {
		if before != nil {
			before(point)
		}
		if point == outbox.PointCommitted {
			groups.Add(1)
			time.Sleep(time.Second)
		}
	}
	return &groups
}

// A group in which some readers have left goes down for the others, and the dots of those who left stay.
func TestGroupOfWhichSomeHaveLeft(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe(many(8)...)
		w.Connections, w.Patience = 8, -1
		var once sync.Once
		w.Hook = func(point string) {
			if point == outbox.PointBeforeMark {
				once.Do(func() {
					for _, subscriber := range []int64{3, 5} {
						if _, err := outbox.Skip(context.Background(), w.db, subscriber, "left", time.Now()); err != nil {
							w.Error(err)
						}
					}
				})
			}
		}
		groups := w.slowly()
		sum := w.work()
		if sum.Sent != 6 || sum.Skipped != 2 || w.server.dots != 6 {
			w.Errorf("%+v, %d dots", sum, w.server.dots)
		}
		for a, state := range w.states() {
			if want := map[bool]string{true: "skipped", false: "sent"}[a == "r3@example.com" || a == "r5@example.com"]; state != want {
				w.Errorf("%s is %s", a, state)
			}
		}
		if n := groups.Load(); n > 6 {
			w.Errorf("%d groups for 8 mails", n)
		}
	})
}

// What a server says stands in the attempt, byte for byte.
func TestWordsOfAnAcceptedMail(t *testing.T) {
	inWorld(t, func(w *world) {
		words := []string{`2.0.0 Ok: "queued" as 4F\1a`, "grüße", "", "plain"}
		w.owe(many(len(words))...)
		w.Connections, w.Patience = len(words), -1
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			return outbox.Reply{Verdict: outbox.Accepted, Code: 250 + int(m.Subscriber)%2, Text: words[m.Subscriber-1]}, nil
		}
		w.slowly()
		w.work()
		for i, want := range words {
			var reply string
			var code int
			if err := w.db.QueryRow(`SELECT reply, code FROM attempts WHERE delivery_id = $1`, i+1).Scan(&reply, &code); err != nil {
				w.Fatal(err)
			}
			if d := w.delivery(many(len(words))[i]); reply != want || code != 250+(i+1)%2 || d.Code != code || d.Attempts != 1 {
				w.Errorf("%d %q, and %+v", code, reply, d)
			}
		}
	})
}

// A successor has settled what was dotting: what the server told the courier thought dead changes nothing any more.
func TestZombieHearsAnswers(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe(many(4)...)
		w.Connections, w.Patience, w.InDoubt = 4, -1, outbox.Ask
		var once sync.Once
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			time.Sleep(time.Second) // until all are marked
			once.Do(func() {
				os.Remove(w.path + ".lock")
				l, doubts, err := outbox.Take(context.Background(), w.db, w.path, outbox.Ask, time.Now())
				if err != nil || doubts != 4 {
					w.Errorf("%d in doubt, %v", doubts, err)
					return
				}
				l.Release(context.Background(), "", time.Now())
			})
			if m.Subscriber == 4 {
				return deferred, nil
			}
			return accepted, nil
		}
		w.slowly()
		w.Work(context.Background())
		var heard int
		if err := w.db.QueryRow(`SELECT count(*) FROM attempts WHERE outcome <> 'unknown'`).Scan(&heard); err != nil {
			w.Error(err)
		}
		if n := w.count(outbox.Unknown); n != 4 || heard > 0 {
			w.Errorf("%d of 4 in doubt, %d answers written", n, heard)
		}
	})
}

var errDisk = errors.New("input/output error")

// The disk fails a commit, or is full: no dot leaves after it. What was marked and has no outcome on disk is in doubt, one
// mail a connection at most; a full disk loses no outcome as long as the ballast has room for it. The next courier, which looks at the file first after a failure, sends the rest.
func TestFaultAtEachCommit(t *testing.T) {
	for _, point := range []string{"claim", "mark", "outcome"} {
		for name, fault := range map[string]error{"full": outbox.ErrFull, "failed": errDisk} {
			t.Run(point+" "+name, func(t *testing.T) {
				inWorld(t, func(w *world) {
					const n, k = 200, 4
					w.owe(many(n)...)
					w.Connections, w.Patience = k, -1
					seen, dots := 0, 0
					w.Fault = func(p string) error {
						if p != point {
							return nil
						}
						if seen++; seen < 3 {
							return nil
						}
						if seen == 3 {
							dots = w.dots()
						}
						return fault
					}
					sum, err := w.Work(context.Background())
					if !errors.Is(err, fault) || sum.Sent == n || w.dots() > dots+k {
						w.Errorf("%+v, %d dots before it, %d after: %v", sum, dots, w.dots(), err)
					}
					var suspect bool
					if err := w.db.QueryRow(`SELECT suspect FROM couriers ORDER BY epoch DESC`).Scan(&suspect); err != nil || suspect != (fault == errDisk) {
						w.Errorf("suspect %v (%v)", suspect, err)
					}
					w.Fault, w.InDoubt = nil, outbox.Ask
					w.work()
					unknown := w.count(outbox.Unknown)
					if unknown > k || unknown > 0 && fault == outbox.ErrFull && point != "outcome" || w.count(outbox.Sent)+unknown != n {
						w.Errorf("%d in doubt, %d sent", unknown, w.count(outbox.Sent))
					}
					for a, copies := range w.server.copies() {
						if copies > 1 {
							w.Errorf("%d copies to %s", copies, a)
						}
					}
				})
			})
		}
	}
}

func (w *world) dots() int {
	w.server.mu.Lock()
	defer w.server.mu.Unlock()
	return w.server.dots
}

// A backup holds the database for half a minute: the courier waits, and goes on.
func TestHeldForHalfAMinute(t *testing.T) { held(t, 30*time.Second) }

// It is held for an hour: the courier stops, and no dot leaves meanwhile.
func TestHeldForLong(t *testing.T) { held(t, time.Hour) }

func held(t *testing.T, span time.Duration) {
	inWorld(t, func(w *world) {
		const n, k = 40, 2
		other, err := database.Open(context.Background(), w.path)
		if err != nil {
			w.Fatal(err)
		}
		defer other.Close()
		w.db.SetMaxOpenConns(1)
		if _, err := w.db.Exec(`PRAGMA busy_timeout = 1`); err != nil { // the rest of the wait is by the test's clock
			w.Fatal(err)
		}
		w.owe(many(n)...)
		w.Connections, w.Patience = k, -1
		released := make(chan struct{})
		held := 0
		w.server.dot = func(_ outbox.Mail, nth int) (outbox.Reply, error) {
			if nth == 10 {
				tx, err := other.BeginTx(context.Background(), nil)
				if err != nil {
					w.Error(err)
				}
				held = w.dots()
				go func() {
					defer close(released)
					time.Sleep(span)
					tx.Rollback()
				}()
			}
			return accepted, nil
		}
		start := time.Now()
		sum, err := w.Work(context.Background())
		if span < time.Minute {
			if err != nil || sum.Sent != n || time.Since(start) < span {
				w.Errorf("after %v: %+v, %v", time.Since(start), sum, err)
			}
		} else if err == nil || time.Since(start) >= span || w.dots() > held+k {
			w.Errorf("after %v: %+v, %d dots, then %d: %v", time.Since(start), sum, held, w.dots(), err)
		}
		<-released
		w.InDoubt = outbox.Ask
		w.work()
		unknown := w.count(outbox.Unknown)
		if unknown > k || unknown > 0 && span < time.Minute || w.count(outbox.Sent)+unknown != n {
			w.Errorf("%d in doubt, %d sent", unknown, w.count(outbox.Sent))
		}
	})
}

// After a courier that did not end well the file is read, and a damaged one sends nothing; after one that did it is not.
func TestDamagedFile(t *testing.T) {
	for suspect, want := range map[bool]error{true: outbox.ErrDamaged, false: nil} {
		inWorld(t, func(w *world) {
			w.owe("reader@example.com")
			l, _, err := outbox.Take(context.Background(), w.db, w.path, outbox.Repeat, time.Now())
			if err != nil {
				w.Fatal(err)
			}
			if err := l.Release(context.Background(), "", time.Now()); err != nil {
				w.Fatal(err)
			}
			var page int64
			if err := w.db.QueryRow(`UPDATE couriers SET suspect = $1 RETURNING (SELECT rootpage FROM sqlite_schema WHERE name = 'consents_subscriber')`,
				suspect).Scan(&page); err != nil {
				w.Fatal(err)
			}
			if _, err := w.db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); err != nil {
				w.Fatal(err)
			}
			file, err := os.OpenFile(w.path, os.O_WRONLY, 0)
			if err != nil {
				w.Fatal(err)
			}
			defer file.Close()
			if _, err := file.WriteAt(make([]byte, 4096), (page-1)*4096); err != nil {
				w.Fatal(err)
			}
			if _, _, err := outbox.Take(context.Background(), w.db, w.path, outbox.Repeat, time.Now()); !errors.Is(err, want) {
				w.Errorf("suspect %v: %v", suspect, err)
			}
		})
	}
}
