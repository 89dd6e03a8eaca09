package outbox_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"digest/database"
	"digest/digesttest"
	"digest/outbox"
)

// diary is a server that outlives its client: a file to which every accepted mail is appended and synced.
type diary struct {
	name string
	mail outbox.Mail
}

func (d *diary) Offer(_ context.Context, m outbox.Mail) (outbox.Reply, error) {
	d.mail = m
	return ready, nil
}

func (d *diary) Dot(context.Context, *outbox.Mail) (outbox.Reply, error) {
	f, err := os.OpenFile(d.name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return outbox.Reply{}, err
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s %d\n", d.mail.Address, d.mail.Date.Unix()); err != nil {
		return outbox.Reply{}, err
	}
	return accepted, f.Sync()
}

func (*diary) Pipelining() bool { return false }
func (*diary) Closed() bool     { return false }

func (d *diary) Close() error { return nil }

func (d *diary) dial(context.Context) (outbox.Line, error) { return &diary{name: d.name}, nil }

// TestMain lets the test binary be a courier that dies at a point of a mail.
func TestMain(m *testing.M) {
	if path := os.Getenv("OUTBOX_CRASH_DB"); path != "" {
		dieAt(path, os.Getenv("OUTBOX_CRASH_POINT"))
	}
	os.Exit(m.Run())
}

func dieAt(path, point string) {
	ctx := context.Background()
	nth, _ := strconv.Atoi(os.Getenv("OUTBOX_CRASH_NTH"))
	db, err := database.Open(ctx, path)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	seen := 0
	c := outbox.Courier{
		DB: db, Path: path, Dial: (&diary{name: path + ".sink"}).dial, Connections: 1, Patience: -1,
		InDoubt: outbox.Policy(os.Getenv("OUTBOX_CRASH_POLICY")),
		Hook: func(p string) {
			if p != point {
				return
			}
			if seen++; seen == nth {
				os.Exit(9) // nothing deferred runs, as with a kill
			}
		},
	}
	c.Work(ctx)
	os.Exit(0)
}

// TestCrashPoints dies at every point, of the first, a middle and the last mail, under both policies; a new courier
// then works the rest off.
func TestCrashPoints(t *testing.T) {
	// doubt says whether a mail is in doubt after a crash there, and whether it had been accepted.
	doubt := map[string]struct{ marked, accepted bool }{
		outbox.PointAfterMark: {true, false}, outbox.PointBeforeDot: {true, false},
		outbox.PointAfterDot: {true, true}, outbox.PointBeforeOutcome: {true, true},
	}
	for _, point := range outbox.Points() {
		for _, nth := range []int{1, 3, 5} {
			for _, policy := range []outbox.Policy{outbox.Repeat, outbox.Ask} {
				if strings.HasSuffix(point, "claim") && nth > 1 {
					continue // one claim takes them all
				}
				t.Run(fmt.Sprintf("%s %d %s", point, nth, policy), func(t *testing.T) {
					t.Parallel()
					copies, unknown := crash(t, point, nth, policy)
					d := doubt[point]
					want, wantUnknown := 1, 0
					switch {
					case d.marked && policy == outbox.Ask:
						wantUnknown = 1
						if !d.accepted {
							want = 0
						}
					case d.marked && d.accepted:
						want = 2
					}
					// An outcome is handed over without waiting: the mail before may still be the one in doubt, or the
					// one after already.
					other := map[string]int{outbox.PointOffered: nth - 1, outbox.PointBeforeMark: nth - 1,
						outbox.PointAfterOutcome: nth + 1}[point]
					if unknown > 1 || unknown < wantUnknown || unknown > wantUnknown && other == 0 {
						t.Errorf("%d unknown, want %d", unknown, wantUnknown)
					}
					for i := 1; i <= 5; i++ {
						switch {
						case i == nth && copies[i] != want:
							t.Errorf("%d copies of mail %d, want %d", copies[i], i, want)
						case i == other && (copies[i] > 2 || copies[i] == 0 && unknown == 0):
							t.Errorf("%d copies of mail %d", copies[i], i)
						case i != nth && i != other && copies[i] != 1:
							t.Errorf("%d copies of mail %d, want 1", copies[i], i)
						}
					}
				})
			}
		}
	}
}

// crash runs a courier into its death and another to the end, and returns the copies of each mail by number.
func crash(t *testing.T, point string, nth int, policy outbox.Policy) (map[int]int, int) {
	t.Helper()
	ctx := t.Context()
	db, path := digesttest.NewDBPath(t)
	owe(t, db, time.Now(), many(5)...)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "OUTBOX_CRASH_DB="+path, "OUTBOX_CRASH_POINT="+point,
		"OUTBOX_CRASH_NTH="+strconv.Itoa(nth), "OUTBOX_CRASH_POLICY="+string(policy))
	if out, err := cmd.CombinedOutput(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != 9 {
		t.Fatalf("the courier did not die at %s: %v\n%s", point, err, out)
	}
	late := time.Now().Add(time.Hour)
	sink := &diary{name: path + ".sink"}
	for _, now := range []time.Time{time.Now(), late} {
		c := outbox.Courier{DB: db, Path: path, Dial: sink.dial, Connections: 1, InDoubt: policy, Patience: -1,
			Now: func() time.Time { return now }}
		if sum, err := c.Work(ctx); err != nil || sum.Reason != "" {
			t.Fatalf("%+v, %v", sum, err)
		}
	}
	if open, err := outbox.Open(ctx, db, "issue/1"); err != nil || open != 0 {
		t.Errorf("%d open (%v)", open, err)
	}
	log, err := os.ReadFile(sink.name)
	if err != nil {
		t.Fatal(err)
	}
	copies, dates := make(map[int]int), make(map[int]string)
	for line := range bytes.Lines(log) {
		address, date, _ := strings.Cut(string(line), " ")
		i, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(address, "r"), "@example.com"))
		copies[i]++
		if dates[i] != "" && dates[i] != date {
			t.Errorf("copies of mail %d are dated %s and %s", i, dates[i], date)
		}
		dates[i] = date
	}
	return copies, audit(t, db).States[outbox.Unknown]
}
