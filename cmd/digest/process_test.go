package main

import (
	"bytes"
	"cmp"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ended is what a command said, and its exit code; -1: killed.
type ended struct {
	stdout, stderr string
	code           int
}

// process is a command at work.
type process struct {
	*exec.Cmd
	out, err tape
	done     chan struct{} // closed when it has ended
}

// start starts the command in the scene.
func (w *scene) start(args ...string) *process {
	w.Helper()
	return w.startWith(nil, args...)
}

func (w *scene) startWith(env []string, args ...string) *process {
	w.Helper()
	if !slices.Contains(args, "--config") {
		args = append(args, "--config", w.path("digest.toml"))
	}
	if !w.at.IsZero() {
		args = append(args, "--at", w.at.Format(time.RFC3339))
	}
	line := slices.Concat(w.wrap, []string{cmp.Or(w.self, os.Args[0])}, args)
	p := &process{Cmd: exec.CommandContext(w.Context(), line[0], line[1:]...), done: make(chan struct{})}
	p.Env = append(append(os.Environ(), asCommand+"=1", happensAt+"="), append(w.env, env...)...)
	p.Dir = w.dir
	p.Stdout, p.Stderr = &p.out, &p.err
	if err := p.Start(); err != nil {
		w.Fatal(err)
	}
	go func() {
		p.Wait()
		close(p.done)
	}()
	return p
}

// end waits for the command's end.
func (p *process) end(t testing.TB) ended {
	t.Helper()
	p.await(t, p.done, "the end of "+strings.Join(p.Args[1:], " "))
	return ended{p.out.String(), p.err.String(), p.ProcessState.ExitCode()}
}

// endLate waits for the end of a command that waits for somebody else.
func (p *process) endLate(t testing.TB) ended {
	t.Helper()
	select {
	case <-p.done:
	case <-time.After(5 * time.Minute):
		t.Fatalf("five minutes went by without an end: %s%s", p.out.String(), p.err.String())
	}
	return p.end(t)
}

// await waits for a condition and gives up in a minute.
func (p *process) await(t testing.TB, c <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(time.Minute):
		t.Fatalf("a minute went by without %s\n%s%s", what, p.out.String(), p.err.String())
	}
}

// run runs the command to its end.
func (w *scene) run(args ...string) ended {
	w.Helper()
	return w.start(args...).end(w)
}

// must runs a command that has to end with this code.
func (w *scene) must(code int, args ...string) ended {
	w.Helper()
	e := w.run(args...)
	if e.code != code {
		w.Fatalf("digest %v: exit code %d, want %d\n%s%s", args, e.code, code, e.stdout, e.stderr)
	}
	return e
}

// tape is a buffer that may be read while it is written.
type tape struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (t *tape) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.Write(p)
}

func (t *tape) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.buf.String()
}
