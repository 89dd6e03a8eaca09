package outbox_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"digest/database"
	"digest/digesttest"
	"digest/outbox"
)

func TestOneCourier(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	ctx := t.Context()
	first, _, err := outbox.Take(ctx, db, path, outbox.Repeat, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = outbox.Take(ctx, db, path, outbox.Repeat, time.Now())
	if !errors.Is(err, outbox.ErrHeld) || !strings.Contains(err.Error(), "process") {
		t.Errorf("taken twice: %v", err)
	}
	c := outbox.Courier{DB: db, Path: path}
	if sum, err := c.Work(ctx); err != nil || !sum.Held {
		t.Errorf("%+v, %v", sum, err)
	}
	if err := first.Release(ctx, "done", time.Now()); err != nil {
		t.Fatal(err)
	}
	second, _, err := outbox.Take(ctx, db, path, outbox.Repeat, time.Now())
	if err != nil || second.Epoch != first.Epoch+1 {
		t.Fatalf("%+v, %v", second, err)
	}
	defer second.Release(ctx, "", time.Now())
	if last, err := outbox.LastEpoch(path + ".lock"); err != nil || last != second.Epoch {
		t.Errorf("lock file says %d, %v", last, err)
	}
}

// Who asks whether a courier is at work shares the lock for a moment: a courier that starts just then gets it.
func TestLockBesideAQuestion(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	asking, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer asking.Close()
	if err := unix.Flock(int(asking.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	file, err := outbox.Flock(name, func() { unix.Flock(int(asking.Fd()), unix.LOCK_UN) })
	if err != nil {
		t.Fatal(err)
	}
	defer outbox.Unlock(file)
	tries := 0
	if _, err := outbox.Flock(name, func() { tries++ }); !errors.Is(err, outbox.ErrHeld) || tries != 1 {
		t.Errorf("beside a courier: %v, after %d pauses", err, tries)
	}
}

// A database put back from a copy is behind its lock file, and its next courier is above both.
func TestEpochOfACopy(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	ctx := t.Context()
	if err := os.WriteFile(path+".lock", []byte("41 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	epoch, err := outbox.Epoch(ctx, db)
	last, err2 := outbox.LastEpoch(path + ".lock")
	if err != nil || err2 != nil || epoch != 0 || last != 41 {
		t.Errorf("epoch %d, lock file %d", epoch, last)
	}
	l, _, err := outbox.Take(ctx, db, path, outbox.Repeat, time.Now())
	if err != nil || l.Epoch != 42 {
		t.Fatalf("%+v, %v", l, err)
	}
	l.Release(ctx, "", time.Now())
	if _, err := outbox.LastEpoch(filepath.Join(t.TempDir(), "none")); err != nil {
		t.Error(err)
	}
}

func TestTenCouriersAtOnce(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	owe(t, db, time.Now(), many(300)...)
	s := &server{}
	var all sync.WaitGroup
	held := make(chan bool, 10)
	for range 10 {
		all.Go(func() {
			own, err := database.Open(context.Background(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer own.Close()
			c := outbox.Courier{DB: own, Path: path, Dial: s.Dial, Connections: 2, Patience: -1}
			sum, err := c.Work(context.Background())
			if err != nil {
				t.Error(err)
			}
			held <- sum.Held
		})
	}
	all.Wait()
	if got := s.copies(); len(got) != 300 || len(s.accepted) != 300 {
		t.Errorf("%d mails to %d readers", len(s.accepted), len(got))
	}
	audit(t, db)
}

// A courier that was thought dead wakes up after another has taken over: it marks nothing and claims nothing.
func TestZombie(t *testing.T) {
	inWorld(t, func(w *world) {
		w.owe(many(5)...)
		w.Patience = -1
		once := false
		w.Hook = func(point string) {
			if point != outbox.PointBeforeMark || once {
				return
			}
			once = true
			if err := os.Remove(w.path + ".lock"); err != nil { // another file is another lock
				w.Error(err)
			}
			other := w.Courier
			other.Hook = nil
			if sum, err := other.Work(context.Background()); err != nil || sum.Sent != 5 {
				w.Errorf("%+v, %v", sum, err)
			}
		}
		sum := w.work()
		if sum.Sent != 0 || !sum.Taken || len(w.server.accepted) != 5 {
			w.Errorf("the zombie sent: %+v", sum)
		}
	})
}

// The row a zombie is about to mark is claimed by its successor meanwhile: the mark asks for the epoch too.
func TestZombieMarksNothingOfItsSuccessor(t *testing.T) {
	inWorld(t, func(w *world) {
		ctx := context.Background()
		w.owe("reader@example.com")
		w.Patience = -1
		w.Hook = func(point string) {
			if point != outbox.PointBeforeMark {
				return
			}
			os.Remove(w.path + ".lock")
			l, _, err := outbox.Take(ctx, w.db, w.path, outbox.Repeat, time.Now())
			if err != nil {
				w.Error(err)
				return
			}
			if _, err := w.db.Exec(`UPDATE deliveries SET state = 'claimed', epoch = $1, due_at = NULL`, l.Epoch); err != nil {
				w.Error(err)
			}
			l.Release(ctx, "", time.Now())
		}
		w.work()
		if w.server.dots != 0 {
			w.Error("the zombie sent a dot")
		}
		w.Hook = nil
		if sum := w.work(); sum.Sent != 1 {
			w.Errorf("%+v", sum)
		}
	})
}

func TestRecover(t *testing.T) {
	tests := map[string]struct {
		row    string
		policy outbox.Policy
		want   outbox.State
		due    bool
	}{
		"claimed":                 {`state = 'claimed'`, outbox.Repeat, outbox.Queued, true},
		"claimed for repetition":  {`state = 'claimed', doubts = 1`, outbox.Repeat, outbox.Unknown, true},
		"the same under ask":      {`state = 'claimed', doubts = 1`, outbox.Ask, outbox.Unknown, false},
		"dotting":                 {`state = 'dotting'`, outbox.Repeat, outbox.Unknown, true},
		"dotting under ask":       {`state = 'dotting'`, outbox.Ask, outbox.Unknown, false},
		"dotting a second time":   {`state = 'dotting', doubts = 1`, outbox.Repeat, outbox.Unknown, false},
		"dotting, and left since": {`state = 'dotting', barred = 1`, outbox.Repeat, outbox.Unknown, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			db, path := digesttest.NewDBPath(t)
			owe(t, db, time.Now(), "reader@example.com")
			if _, err := db.Exec(`UPDATE deliveries SET due_at = NULL, ` + test.row); err != nil {
				t.Fatal(err)
			}
			l, _, err := outbox.Take(t.Context(), db, path, test.policy, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			defer l.Release(t.Context(), "", time.Now())
			d, _, err := outbox.Get(t.Context(), db, 1)
			if err != nil || d.State != test.want || d.Due.IsZero() == test.due {
				t.Errorf("%s, due %v (%v)", d.State, d.Due, err)
			}
		})
	}
}
