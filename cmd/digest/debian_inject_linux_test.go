//go:build debian

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"digest/outbox"
)

// TestInjected lets the kernel answer with errors while mail goes out: no dot
// leaves without its mark on disk, what was out is in doubt at most, and the
// next run completes by itself.
func TestInjected(t *testing.T) {
	for _, fault := range []struct{ name, calls, error string }{
		{"syncing fails once", "fsync,fdatasync", "EIO:when=8"},
		{"syncing fails from now on", "fsync,fdatasync", "EIO:when=8+"},
		{"writing fails once", "pwrite64", "EIO:when=50"},
		{"writing fails from now on", "pwrite64", "EIO:when=50+"},
		{"the disk is full once", "pwrite64", "ENOSPC:when=50"},
	} {
		t.Run(fault.name, func(t *testing.T) {
			t.Parallel()
			w := newScene(t, plot{readers: crowd, connections: 4, approved: true, inDoubt: outbox.Ask})
			w.write("digest.db.ballast", string(make([]byte, 8<<20))) // it is not what fails
			w.wrap = []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-P", w.path("digest.db-wal"),
				"-e", "trace=" + fault.calls, "-e", "inject=" + fault.calls + ":error=" + fault.error}
			e := w.run("run")
			w.wrap = nil
			taken := w.sink.Copies()
			t.Logf("exit code %d after %d mails: %s", e.code, len(taken), e.stderr)
			if e.code != exitFailed || !strings.Contains(e.stderr, "\nhint: ") {
				t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			list, _ := w.ledger()
			dotting := 0
			for _, d := range list {
				switch {
				case d.State == outbox.Dotting:
					dotting++
				case taken[d.Address] > 0 && d.State != outbox.Sent:
					t.Errorf("%s was taken, and stands %s", d.Address, d.State)
				}
			}
			if len(taken) == 0 || len(taken) == crowd || dotting > w.from.connections {
				t.Errorf("%d mails were taken, %d are in doubt", len(taken), dotting)
			}
			if e := w.run("run"); !slices.Contains(settledCodes, e.code) {
				t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			w.settled(outbox.Ask, 1)
		})
	}
}

// TestFullAtEachWrite lets the disk be full at every seventh write of a run, once
// at each: no dot leaves without its mark on disk, nothing comes to be in doubt,
// since the ballast makes room for what is known, and the next run completes.
func TestFullAtEachWrite(t *testing.T) {
	for nth := 1; nth <= 85; nth += 7 {
		t.Run(fmt.Sprint("write ", nth), func(t *testing.T) {
			t.Parallel()
			w := newScene(t, plot{readers: 40, approved: true, inDoubt: outbox.Ask})
			w.write("digest.db.ballast", string(make([]byte, 8<<20)))
			w.wrap = []string{"strace", "-f", "-qq", "-o", "/dev/null", "-e", "signal=none", "-P", w.path("digest.db-wal"), "-P", w.path("digest.db"),
				"-e", "trace=pwrite64", "-e", fmt.Sprintf("inject=pwrite64:error=ENOSPC:when=%d", nth)}
			e := w.run("run")
			w.wrap = nil
			t.Logf("exit code %d after %d mails: %s", e.code, len(w.sink.Accepted()), e.stderr)
			if e.code != exitFailed || !strings.Contains(e.stderr, "digest.db: ") || !strings.Contains(e.stderr, "\nhint: ") {
				t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			taken, dotting := w.sink.Copies(), 0
			list, _ := w.ledger()
			for _, d := range list {
				switch {
				case d.State == outbox.Dotting:
					dotting++
				case taken[d.Address] > 0 && d.State != outbox.Sent:
					t.Errorf("%s was taken, and stands %s", d.Address, d.State)
				}
			}
			if dotting > 0 {
				t.Errorf("%d mails are in doubt", dotting)
			}
			w.mended()
		})
	}
}
