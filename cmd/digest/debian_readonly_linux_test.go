//go:build debian

package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestSubscribeOnReadOnlyDisk lets the disk go read-only under a daemon, as it
// does when it fails: nobody is told that a mail is on its way while it can't be
// noted down, and once the disk is back the form works again.
func TestSubscribeOnReadOnlyDisk(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{})
	p, base := w.serve("--pages")
	subscribe := func(want int) {
		t.Helper()
		resp, err := http.PostForm(base+"/subscribe", url.Values{"address": {"new@readers.test"}})
		check(t, err)
		defer resp.Body.Close()
		if resp.StatusCode != want || (want == http.StatusServiceUnavailable) != (resp.Header.Get("Retry-After") != "") {
			t.Errorf("the form answers %d, want %d; %v", resp.StatusCode, want, resp.Header)
		}
	}
	readOnly := w.refuseWrites(p)
	subscribe(http.StatusServiceUnavailable)
	if code, _, err := get(base + "/subscribe"); err != nil || code != http.StatusOK {
		t.Errorf("the page answers %d, %v", code, err)
	}
	readOnly()
	subscribe(http.StatusOK)
	if e := w.terminate(p); e.code != 0 {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
}

// refuseWrites answers each write of a process to the database with EROFS, until the returned function is called.
func (w *scene) refuseWrites(p *process) (end func()) {
	w.Helper()
	const calls = "pwrite64,write,ftruncate,fsync,fdatasync"
	cmd := exec.CommandContext(w.Context(), "strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-P", w.path("digest.db-wal"), "-P", w.path("digest.db"),
		"-e", "trace="+calls, "-e", "inject="+calls+":error=EROFS", "-p", fmt.Sprint(p.Process.Pid))
	check(w.T, cmd.Start())
	w.traced(p, true)
	return func() {
		check(w.T, cmd.Process.Signal(syscall.SIGINT))
		cmd.Wait()
		w.traced(p, false)
	}
}

// traced waits until all threads of a process are traced, or none is.
func (w *scene) traced(p *process, want bool) {
	w.Helper()
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(time.Millisecond) {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", p.Process.Pid))
		check(w.T, err)
		all := true
		for _, task := range tasks {
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/status", p.Process.Pid, task.Name()))
			all = all && err == nil && strings.Contains(string(status), "\nTracerPid:\t0\n") != want
		}
		if all {
			return
		}
	}
	w.Fatalf("a minute went by, and it is not traced: %t", want)
}
