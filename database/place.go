package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// vacant refuses a name that is taken, and one whose -wal or -shm was left
// behind: SQLite would take that for the new file's.
func vacant(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		_, err := os.Lstat(name)
		if err == nil {
			return fmt.Errorf("making %s: %w: %s", path, ErrExists, name)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("making %s: %w", path, err)
		}
	}
	return nil
}

// place lets fill work on an empty file of mode 0600 beside path and then gives
// it that name, durably. ErrExists when somebody else took the name meanwhile.
func place(path string, fill func(draft string) error) error {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".*") // 0600
	if err != nil {
		return named(err)
	}
	draft := f.Name()
	defer func() {
		for _, suffix := range []string{"", "-wal", "-shm", "-journal"} {
			os.Remove(draft + suffix)
		}
	}()
	if err := f.Close(); err != nil {
		return err
	}
	if err := fill(draft); err != nil {
		return err
	}
	if err := syncFile(draft); err != nil {
		return err
	}
	// A link, unlike a rename, never replaces what is there.
	if err := os.Link(draft, path); errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	} else if err != nil {
		return err
	}
	return syncFile(dir)
}

func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
