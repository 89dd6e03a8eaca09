//go:build debian

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"digest/database"
	"digest/digesttest"
	"digest/outbox"
)

const (
	cuts    = 3000 // of a run; DIGEST_TEST_CUTS asks for another number
	powered = 600  // readers: enough for several checkpoints
)

// TestPowerCut records every write and sync of a run, and cuts the power at
// thousands of moments: whatever was not synced is kept, lost, torn or late, as
// the dice say. No file may be damaged, and every mail the server had accepted
// must stand marked. The same cuts of a run with synchronous=NORMAL must lose
// some: else this test would see nothing.
func TestPowerCut(t *testing.T) {
	t.Parallel()
	number := cuts
	if n, err := strconv.Atoi(os.Getenv("DIGEST_TEST_CUTS")); err == nil {
		number = n
	}
	full := recorded(t, os.Args[0], nil)
	seed := seedOf(t)
	lost := full.cut(number, rand.New(rand.NewPCG(seed, 2)))
	if t.Logf("FULL: %s, %d of %d cuts lost something", full, len(lost), number); len(lost) > 0 {
		t.Errorf("with synchronous=FULL: %s", lost[0])
	}
	normal := recorded(t, mutants(t), []string{mutant + "=normal"})
	lost = normal.cut(number/10, rand.New(rand.NewPCG(seed, 3)))
	t.Logf("NORMAL: %s, %d of %d cuts lost something", normal, len(lost), number/10)
	if len(lost) == 0 {
		t.Errorf("with synchronous=NORMAL nothing was lost: the cuts are no cuts")
	}
}

// recording is what a run wrote, and when the server accepted which mail.
type recording struct {
	*scene
	*trace
	taken map[string]float64 // by recipient, seconds of the clock
}

func (r *recording) String() string {
	return fmt.Sprintf("%d mails, %d writes, %d syncs", len(r.taken), r.count(written), r.count(synced))
}

func recorded(t *testing.T, self string, env []string) *recording {
	t.Helper()
	if _, err := exec.LookPath("strace"); err != nil {
		t.Fatal("strace is needed: scripts/setup brings it")
	}
	var mu sync.Mutex
	r := &recording{taken: map[string]float64{}}
	r.scene = newScene(t, plot{readers: powered, connections: 4, approved: true, inDoubt: outbox.Ask, sink: digesttest.SinkConfig{
		OnData: func(m digesttest.Received) error {
			mu.Lock()
			defer mu.Unlock()
			r.taken[m.To] = float64(time.Now().UnixNano()) / 1e9
			return nil
		}}})
	before, err := os.ReadFile(r.path("digest.db"))
	check(t, err)
	log := r.path("strace.log")
	r.self, r.wrap = self, []string{"strace", "-f", "-qq", "-ttt", "-y", "-xx", "-s", "1000000", "-e", "signal=none", "-o", log,
		"-e", "trace=?open,openat,pwrite64,pwritev,pwritev2,ftruncate,fallocate,fsync,fdatasync,?unlink,unlinkat,?rename,renameat,renameat2"}
	if e := r.startWith(env, "run").end(t); e.code != 0 {
		t.Fatalf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	text, err := os.ReadFile(log)
	check(t, err)
	if r.trace, err = readTrace(text, r.path("digest.db"), before); err != nil {
		t.Fatal(err)
	}
	return r
}

// cut cuts the power so many times and says what each cut lost.
func (r *recording) cut(number int, dice *rand.Rand) (lost []string) {
	r.Helper()
	folder := filepath.Join(r.TempDir(), "after")
	check(r.T, os.Mkdir(folder, 0o700))
	r.self, r.wrap = "", nil
	for i := range number {
		at := dice.IntN(len(r.events) + 1)
		if i == 0 {
			at = len(r.events) // the run to its end, of which nothing may be missing in the recording
		}
		how := wear(dice.IntN(int(wears)))
		for name, data := range r.after(at, how, dice) {
			file := filepath.Join(folder, name)
			if data == nil {
				os.Remove(file)
				continue
			}
			check(r.T, os.WriteFile(file, data, 0o600))
		}
		if what := r.missing(filepath.Join(folder, "digest.db"), r.clock(at)); what != "" {
			lost = append(lost, fmt.Sprintf("cut after %d of %d, %s: %s", at, len(r.events), how, what))
		}
	}
	return lost
}

// missing says what is wrong with the database after a power cut, "" for
// nothing: a page, or a mail taken before it that is not marked.
func (r *recording) missing(file string, cut float64) string {
	db, err := database.OpenReadOnly(r.Context(), file)
	if err != nil {
		return err.Error()
	}
	defer db.Close()
	if err := database.Check(r.Context(), db); err != nil {
		return err.Error()
	}
	rows, err := db.QueryContext(r.Context(), "SELECT address, state FROM deliveries")
	if err != nil {
		return err.Error()
	}
	defer rows.Close()
	dotting, owed := 0, 0
	for rows.Next() {
		var address string
		var state outbox.State
		if err := rows.Scan(&address, &state); err != nil {
			return err.Error()
		}
		owed++
		switch at, taken := r.taken[address]; {
		case state == outbox.Dotting:
			dotting++
		case state != outbox.Sent && taken && at < cut:
			return fmt.Sprintf("%s was taken %.3f ms before, and stands %s", address, 1000*(cut-at), state)
		case state == outbox.Sent && (!taken || at > cut):
			return fmt.Sprintf("%s stands sent, and was not taken", address)
		}
	}
	if dotting > r.from.connections || owed != r.from.readers {
		return fmt.Sprintf("%d mails are owed and %d in doubt", owed, dotting)
	}
	if err := rows.Err(); err != nil {
		return err.Error()
	}
	return ""
}
