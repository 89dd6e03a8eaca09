package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"digest/digesttest"
	"digest/outbox"
)

// disk is a small file system that a test can fill up.
type disk struct {
	*scene
	filler string
}

// onDisk moves a scene to a small disk of its own. It needs the right to mount,
// as root has it or anybody in a user namespace; elsewhere it answers nil, and
// what is left is TestWriteFails.
func onDisk(t *testing.T, p plot) *disk {
	t.Helper()
	if os.Geteuid() != 0 {
		inNamespace(t)
		return nil
	}
	w := newScene(t, p)
	w.dir = w.path("disk")
	check(t, os.Mkdir(w.dir, 0o700))
	if err := syscall.Mount("tmpfs", w.dir, "tmpfs", 0, "size=24m,mode=0700"); err != nil {
		t.Logf("no small disk: mounting it: %v", err)
		return nil
	}
	t.Cleanup(func() { check(t, syscall.Unmount(w.dir, syscall.MNT_DETACH)) })
	for _, name := range []string{"digest.db", "digest.toml", "feed.xml"} {
		data, err := os.ReadFile(w.path("../" + name))
		check(t, err)
		w.write(name, string(data))
	}
	return &disk{w, w.path("filler")}
}

const inside = "DIGEST_TEST_NAMESPACE"

// inNamespace runs the test once more as root of a namespace of its own.
func inNamespace(t *testing.T) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run", "^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	var failed *exec.ExitError
	switch {
	case errors.As(err, &failed):
		t.Errorf("in a namespace: %v\n%s", err, out)
	case err != nil:
		t.Logf("no small disk: %v", err)
	default:
		t.Logf("in a namespace: %s", out)
	}
}

func (d *disk) fill() error { return fill(d.filler) }

func (d *disk) free() {
	d.Helper()
	check(d.T, os.Remove(d.filler))
}

// TestFullDisk fills the disk before a run, before a freeze and while mail goes
// out: no dot without its mark, no mail lost or twice, and the next run
// completes by itself.
func TestFullDisk(t *testing.T) {
	t.Run("before the run", func(t *testing.T) {
		t.Parallel()
		d := onDisk(t, plot{approved: true, inDoubt: outbox.Ask})
		if d == nil {
			return
		}
		check(t, d.fill())
		d.failed(d.run("run"), exitFailed, "disk")
		d.free()
		d.mended()
	})
	t.Run("before the freeze", func(t *testing.T) {
		t.Parallel()
		d := onDisk(t, plot{readers: many, inDoubt: outbox.Ask})
		if d == nil {
			return
		}
		d.must(0, "issue", "draft", "monthly", "2026-01")
		check(t, d.fill())
		d.failed(d.run("issue", "approve", "1"), exitFailed, "disk")
		d.failed(d.run("run"), exitFailed, "disk")
		d.free()
		if list, _ := d.ledger(); len(list) != 0 {
			t.Errorf("%d mails are owed", len(list))
		}
		d.must(0, "run")
		d.must(0, "issue", "approve", "1")
		d.mended()
	})
	t.Run("while mail goes out", func(t *testing.T) {
		t.Parallel()
		var d *disk
		var mu sync.Mutex
		taken := 0
		d = onDisk(t, plot{readers: crowd, connections: 4, approved: true, inDoubt: outbox.Ask, sink: digesttest.SinkConfig{
			OnData: func(digesttest.Received) error {
				mu.Lock()
				defer mu.Unlock()
				if taken++; taken == 100 {
					return d.fill()
				}
				return nil
			}}})
		if d == nil {
			return
		}
		e := d.run("run")
		sent := len(d.sink.Accepted())
		if e.code != exitFailed || strings.Count(e.stderr, "\n") != 2 || !strings.Contains(e.stderr, "disk") || !strings.Contains(e.stderr, "\nhint: ") {
			t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
		}
		if sent < 100 || sent == crowd {
			t.Errorf("%d mails were sent: the disk was not full in the middle", sent)
		}
		d.free()
		if s := d.audit(); s[outbox.Sent] != sent || s[outbox.Dotting]+s[outbox.Unknown] != 0 {
			t.Errorf("the server took %d mails, the ledger says %v", sent, s)
		}
		d.mended()
	})
}

// TestReadOnlyDisk is a disk that went read-only, as a failing one does.
func TestReadOnlyDisk(t *testing.T) {
	t.Parallel()
	d := onDisk(t, plot{approved: true, inDoubt: outbox.Ask})
	if d == nil {
		return
	}
	const remount = syscall.MS_REMOUNT
	check(t, syscall.Mount("", d.dir, "", remount|syscall.MS_RDONLY, ""))
	d.failed(d.run("run"), exitFailed, "read-only")
	check(t, syscall.Mount("", d.dir, "", remount, ""))
	d.mended()
}

// TestWriteFails lets the disk refuse a write while mail goes out, in another
// way than by being full: the run stops at once, and what was out is in doubt.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: crowd, connections: 4, approved: true, inDoubt: outbox.Ask})
	w.write("digest.db.ballast", string(make([]byte, 8<<20))) // it is not what may not be written
	info, err := os.Stat(w.path("digest.db"))
	check(t, err)
	e := w.startWith([]string{fmt.Sprintf("%s=%d", fileLimit, info.Size()+256<<10)}, "run").end(t)
	sent := len(w.sink.Accepted())
	if e.code != exitFailed || strings.Count(e.stderr, "\n") != 2 || !strings.Contains(e.stderr, "\nhint: ") {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	if sent == 0 || sent == crowd {
		t.Errorf("%d mails were sent: the write did not fail in the middle", sent)
	}
	if s := w.audit(); s[outbox.Dotting] > 4 || s[outbox.Sent]+s[outbox.Dotting] < sent {
		t.Errorf("the server took %d mails, the ledger says %v", sent, s)
	}
	if e := w.run("run"); !slices.Contains(settledCodes, e.code) {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	w.settled(outbox.Ask, 1)
	if s := w.audit(); s[outbox.Unknown] > 4 || s[outbox.Sent]+s[outbox.Unknown] != crowd {
		t.Errorf("states %v", s)
	}
}
