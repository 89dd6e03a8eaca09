package main

import (
	"context"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"digest/outbox"
)

// The environment by which the test binary is the command.
const (
	asCommand = "DIGEST_AS_COMMAND" // "1": be digest
	crashAt   = "DIGEST_TEST_CRASH" // "point:n": and die at the n-th mail's passage of that point
	fileLimit = "DIGEST_TEST_FSIZE" // bytes: no file may grow beyond
	toldTo    = "DIGEST_TEST_TOLD"  // a file that is made once a signal has been heard
	pauseAt   = "DIGEST_TEST_PAUSE" // "point:n:fifo": and wait there until the writer of the pipe closes it
)

// TestMain lets the test binary be the command, so that every test runs it as a
// process that can be killed.
func TestMain(m *testing.M) {
	if os.Getenv(asCommand) == "" {
		os.Exit(m.Run())
	}
	if point, nth, _ := spot(crashAt); nth > 0 {
		testHook = newTurn(point, nth, func() {
			syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {}
		}).pass
	}
	if limit, err := strconv.ParseUint(os.Getenv(fileLimit), 10, 64); err == nil {
		signal.Ignore(syscall.SIGXFSZ) // so that the write is told
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
			panic(err)
		}
	}
	if point, nth, pipe := spot(pauseAt); nth > 0 {
		testHook = newTurn(point, nth, func() { os.ReadFile(pipe) }).pass
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	if file := os.Getenv(toldTo); file != "" {
		context.AfterFunc(ctx, func() { os.WriteFile(file, nil, 0o600) })
	}
	code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	cancel()
	os.Exit(code)
}

// spot reads "point:n" or "point:n:file" from the environment; n is 0 when
// nothing is asked for.
func spot(variable string) (point string, nth int, file string) {
	point, rest, _ := strings.Cut(os.Getenv(variable), ":")
	number, file, _ := strings.Cut(rest, ":")
	nth, _ = strconv.Atoi(number)
	return point, nth, file
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

// pass is the courier's hook. It waits with the mutex given up, so that its
// other goroutines go on.
func (x *turn) pass(point string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.passed[point]++
	nth := x.passed[point]
	x.cond.Broadcast()
	for point == outbox.PointOffered && !x.over && (x.passed[outbox.PointAfterOutcome] < nth-1 || nth > x.nth) {
		x.cond.Wait()
	}
	if point == x.point && nth == x.nth {
		x.happen()
		x.over = true
		x.cond.Broadcast()
	}
}
