package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"digest/outbox"
)

// The environment by which the test binary is the command.
const (
	asCommand = "DIGEST_AS_COMMAND" // "1": be digest
	happensAt = "DIGEST_TEST_AT"    // "what:point:n:file": and let that happen at the n-th mail's passage of the point
	fileLimit = "DIGEST_TEST_FSIZE" // bytes: no file may grow beyond
	openLimit = "DIGEST_TEST_OPEN"  // descriptors: no more may be open
	builtIn   = "DIGEST_TEST_BUILT" // the folder of the binaries that tests build
	sameFor   = "DIGEST_TEST_SAME"  // how long a second signal is the same one
	toldTo    = "DIGEST_TEST_TOLD"  // a file that is made once a signal has been heard
	graceOf   = "DIGEST_TEST_GRACE" // what mail in flight gets once the run is told to end
)

// TestMain lets the test binary be the command, so that every test runs it as a
// process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "" {
		dir, err := os.MkdirTemp("", "digest-built-")
		if err != nil {
			panic(err)
		}
		os.Setenv(builtIn, dir)
		code := m.Run()
		os.RemoveAll(dir)
		os.Exit(code)
	}
	if limit, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
		limitFiles(limit)
	}
	if limit, err := strconv.ParseUint(os.Getenv(openLimit), 10, 64); err == nil {
		if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	same := sameSignal
	if d, err := time.ParseDuration(os.Getenv(sameFor)); err == nil {
		same = d
	}
	ctx, stop := untilSignal(context.Background(), same)
	if file := os.Getenv(toldTo); file != "" {
		context.AfterFunc(ctx, func() { os.WriteFile(file, nil, 0o600) })
	}
	if what, point, nth, file := spot(os.Getenv(happensAt)); nth > 0 {
		testHook = newTurn(point, nth, happening(ctx, what, file)).pass
	}
	testGrace, _ = time.ParseDuration(os.Getenv(graceOf))
	code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// spot reads "what:point:n:file"; n is 0 when nothing is asked for.
func spot(text string) (what, point string, nth int, file string) {
	part := strings.SplitN(text+":::", ":", 4)
	nth, _ = strconv.Atoi(part[2])
	return part[0], part[1], nth, strings.TrimRight(part[3], ":")
}

// What may happen at a point.
const (
	beKilled   = "kill"       // as the kernel kills
	waitThere  = "pause"      // until the writer of the pipe closes it
	loseDisk   = "write fail" // no file can be written any more: the disk answers with an error
	fillDisk   = "disk full"  // not a byte is left; the file is what fills it
	getSIGTERM = "terminated"
	getStopped = "stopped"   // by the panic button, from another process
	noMemory   = "no memory" // the machine has none left
)

func happening(ctx context.Context, what, file string) func() {
	switch what {
	case waitThere:
		return func() { os.ReadFile(file) }
	case loseDisk:
		return func() { limitFiles(0) }
	case fillDisk:
		return func() {
			if err := fill(file); err != nil {
				panic(err)
			}
		}
	case getSIGTERM:
		return func() {
			syscall.Kill(os.Getpid(), syscall.SIGTERM)
			<-ctx.Done()
		}
	case getStopped:
		return pressButton
	case noMemory:
		return eat
	}
	return func() {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

func limitFiles(size uint64) {
	signal.Ignore(syscall.SIGXFSZ) // so that the write is told
	limit := syscall.Rlimit{Cur: size, Max: syscall.RLIM_INFINITY & (1<<63 - 1)}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		panic(err)
	}
}

// eat asks for memory until there is none.
func eat() {
	limit := syscall.Rlimit{Cur: 1 << 30, Max: 1 << 30}
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &limit); err != nil {
		panic(err)
	}
	for all := [][]byte{}; ; {
		all = append(all, make([]byte, 1<<26))
	}
}

// fill leaves not a byte free beside the file it makes.
func fill(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// pressButton runs `digest stop` on this command's config.
func pressButton() {
	cmd := exec.Command(os.Args[0], append([]string{"stop"}, os.Args[slices.Index(os.Args, "--config"):]...)...)
	cmd.Env = append(os.Environ(), happensAt+"=")
	if out, err := cmd.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("digest stop: %v\n%s", err, out))
	}
}

// turn is where something happens to the n-th mail. So that its outcome is
// exact, the mails before it are on disk by then and none after it has been
// offered: an outcome is written behind the back of the connection.
type turn struct {
	point  string
	nth    int
	happen func()

	mu     sync.Mutex
	cond   *sync.Cond
	passed map[string]int
	over   bool
}

func newTurn(point string, nth int, happen func()) *turn {
	x := &turn{point: point, nth: nth, happen: happen, passed: map[string]int{}}
	x.cond = sync.NewCond(&x.mu)
	return x
}

// mails is how many may be offered before it happens: up to the n-th, or all of
// the claims before.
func (x *turn) mails() int {
	if claims(x.point) {
		return (x.nth - 1) * claimed
	}
	return x.nth
}

// claimed is how many mails a run takes from the ledger at once.
const claimed = 64

func claims(point string) bool {
	return point == outbox.PointBeforeClaim || point == outbox.PointAfterClaim
}

// pass is the courier's hook. It waits with the mutex given up, so that its
// other goroutines go on.
func (x *turn) pass(point string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.passed[point]++
	nth := x.passed[point]
	x.cond.Broadcast()
	for point == outbox.PointOffered && !x.over && (x.passed[outbox.PointAfterOutcome] < nth-1 || nth > x.mails()) {
		x.cond.Wait()
	}
	if point == x.point && nth == x.nth {
		for claims(point) && x.passed[outbox.PointAfterOutcome] < x.mails() {
			x.cond.Wait()
		}
		x.happen()
		x.over = true
		x.cond.Broadcast()
	}
}
