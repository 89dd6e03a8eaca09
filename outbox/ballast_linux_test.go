package outbox_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"digest/digesttest"
	"digest/outbox"
)

// What is no regular file in the lock's place is refused, and nobody waits for it.
func TestLockIsNoPipe(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	courier := outbox.Courier{DB: db, Path: path}
	if err := unix.Mkfifo(path+".lock", 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := courier.Work(t.Context()); err == nil {
		t.Error("taken")
	}
	if _, err := outbox.LastEpoch(path + ".lock"); err == nil {
		t.Error("read")
	}
	if _, _, err := outbox.LastRun(t.Context(), db, path); err != nil {
		t.Error(err)
	}
}

// The ballast takes what a small disk has, and leaves as much.
func TestSmallBallast(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=4m"); err != nil {
		t.Logf("no small disk: mounting it: %v", err)
		return
	}
	defer unix.Unmount(dir, unix.MNT_DETACH)
	name := filepath.Join(dir, "ballast")
	if err := outbox.Ballast(name); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Size() < 1<<20 || info.Size() > 2<<20 {
		t.Errorf("%v, %v", info.Size(), err)
	}
	if err := os.Remove(name); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filler"), make([]byte, 8<<20), 0o600); !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	if err := outbox.Ballast(name); !errors.Is(err, outbox.ErrFull) {
		t.Errorf("on a full disk: %v", err)
	}
}
