//go:build debian

package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
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
// the dice say. No file may be damaged, no row may stand behind where the synced
// writes alone put it, and every mail the server had accepted must stand marked.
// The same cuts of a run with synchronous=NORMAL must lose some, and a row that
// is set back must be seen: else this test would see nothing.
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
	full.setBack()
	normal := recorded(t, mutants(t), []string{mutant + "=normal"})
	lost = normal.cut(number/10, rand.New(rand.NewPCG(seed, 3)))
	t.Logf("NORMAL: %s, %d of %d cuts lost something", normal, len(lost), number/10)
	if !slices.ContainsFunc(lost, func(what string) bool { return strings.Contains(what, " was taken ") }) {
		t.Errorf("with synchronous=NORMAL nothing was lost: the cuts are no cuts")
	}
}

// recording is what a run wrote, and when the server accepted which mail.
type recording struct {
	*scene
	*trace
	taken map[string]float64 // by recipient, seconds of the clock

	folder string           // what a cut leaves
	floors map[string]floor // by what had been synced
}

// floor is how far each mail is for certain, by recipient: further than that no
// power cut may throw it back.
type floor map[string]int

// ranks are how far a mail is whose dot may leave.
var ranks = map[outbox.State]int{outbox.Dotting: 1, outbox.Sent: 2}

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
	r.self, r.wrap = "", nil
	for i := range number {
		at := dice.IntN(len(r.events) + 1)
		if i == 0 {
			at = len(r.events) // the run to its end, of which nothing may be missing in the recording
		}
		how := wear(dice.IntN(int(wears)))
		least := r.floor(at, dice)
		if what := r.missing(r.lay(at, how, dice), r.clock(at), least); what != "" {
			lost = append(lost, fmt.Sprintf("cut after %d of %d, %s: %s", at, len(r.events), how, what))
		}
	}
	return lost
}

// lay writes what a cut leaves, and answers with the name of the database.
func (r *recording) lay(at int, how wear, dice *rand.Rand) string {
	r.Helper()
	if r.folder == "" {
		r.folder = filepath.Join(r.TempDir(), "after")
		check(r.T, os.Mkdir(r.folder, 0o700))
	}
	for name, data := range r.after(at, how, dice) {
		file := filepath.Join(r.folder, name)
		if data == nil {
			os.Remove(file)
			continue
		}
		check(r.T, os.WriteFile(file, data, 0o600))
	}
	return filepath.Join(r.folder, "digest.db")
}

// floor opens what was synced before the cut, with nothing that was written
// after it.
func (r *recording) floor(at int, dice *rand.Rand) floor {
	r.Helper()
	key := fmt.Sprint(r.safe(at))
	if least, ok := r.floors[key]; ok {
		return least
	}
	least := floor{}
	check(r.T, r.rows(r.lay(at, allLost, dice), func(address string, state outbox.State) { least[address] = ranks[state] }))
	if r.floors == nil {
		r.floors = map[string]floor{}
	}
	r.floors[key] = least
	return least
}

// setBack turns one row that is sent for certain back to its mark, and expects
// that to be seen.
func (r *recording) setBack() {
	r.Helper()
	dice := rand.New(rand.NewPCG(0, 0))
	end := len(r.events)
	least := r.floor(end, dice)
	file := r.lay(end, allKept, dice)
	if what := r.missing(file, r.clock(end), least); what != "" {
		r.Fatal(what)
	}
	change(r.T, file, `UPDATE deliveries SET state = 'dotting' WHERE id = (SELECT max(id) FROM deliveries WHERE state = 'sent')`)
	if what := r.missing(file, r.clock(end), least); !strings.Contains(what, "stands behind") {
		r.Errorf("a row was set back from sent to dotting, and that is not seen: %q", what)
	}
}

// missing says what is wrong with the database after a power cut, "" for
// nothing: a page, a row behind its floor, or a mail taken before the cut that is
// not marked.
func (r *recording) missing(file string, cut float64, least floor) (what string) {
	dotting, owed := 0, 0
	err := r.rows(file, func(address string, state outbox.State) {
		owed++
		if state == outbox.Dotting {
			dotting++
		}
		switch at, taken := r.taken[address]; {
		case what != "":
		case state != outbox.Sent && state != outbox.Dotting && taken && at < cut:
			what = fmt.Sprintf("%s was taken %.3f ms before, and stands %s", address, 1000*(cut-at), state)
		case state == outbox.Sent && (!taken || at > cut):
			what = fmt.Sprintf("%s stands sent, and was not taken", address)
		case ranks[state] < least[address]:
			what = fmt.Sprintf("%s stands behind what was synced: %s", address, state)
		}
	})
	switch {
	case err != nil:
		return err.Error()
	case what == "" && (dotting > r.from.connections || owed != r.from.readers):
		return fmt.Sprintf("%d mails are owed and %d in doubt", owed, dotting)
	}
	return what
}

// rows reads every mail of a database whose pages are sound.
func (r *recording) rows(file string, each func(address string, state outbox.State)) error {
	db, err := database.OpenReadOnly(r.Context(), file)
	if err != nil {
		return err
	}
	defer db.Close()
	if err := database.Check(r.Context(), db); err != nil {
		return err
	}
	rows, err := db.QueryContext(r.Context(), "SELECT address, state FROM deliveries")
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var address string
		var state outbox.State
		if err := rows.Scan(&address, &state); err != nil {
			return err
		}
		each(address, state)
	}
	return rows.Err()
}
