// Package database is the file everything is kept in: it creates, opens,
// checks, migrates and copies one SQLite file, and keeps the settings table.
//
// It never makes a file where one was expected, never touches a file that is
// not ours, and knows nothing of what the other rooms keep in their tables.
//
// Its one invariant: every connection it hands out writes durably. WAL with
// synchronous=FULL, foreign keys and immediate transactions are asked for and
// read back on each new connection, and a connection that is not as asked is
// refused: with synchronous=NORMAL a power cut forgets that a mail was sent.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Each of these is wrapped into one sentence that names the file.
var (
	// ErrMissing: no such file.
	ErrMissing = errors.New("no database there")
	// ErrExists: Create or Backup would overwrite something.
	ErrExists = errors.New("something is there already")
	// ErrForeign: not a database of this program, or empty.
	ErrForeign = errors.New("not a database of digest")
	// ErrNewer: written by a newer version.
	ErrNewer = errors.New("written by a newer digest")
	// ErrOlder: OpenReadOnly met a schema that Open would migrate.
	ErrOlder = errors.New("written by an older digest")
	// ErrCorrupt: damaged.
	ErrCorrupt = errors.New("damaged")
	// ErrReadOnly: the file, its directory or its disk cannot be written.
	ErrReadOnly = errors.New("read-only")
	// ErrNetworkFS: on a network file system, whose locks do not hold.
	ErrNetworkFS = errors.New("on a network file system")
	// ErrMode: others may write to the file.
	ErrMode = errors.New("open to other users")
	// ErrBusy: another program held the write lock longer than the busy timeout.
	ErrBusy = errors.New("held by another program")
	// ErrIO: the disk failed a read or a write.
	ErrIO = errors.New("disk failure")
	// ErrFull: no space left.
	ErrFull = errors.New("disk full")
)

// applicationID marks a file as ours in its header (SQLite file format,
// section 1.3.15): "DGST".
const applicationID = 0x44475354

// Querier is what reads and writes: a *sql.DB or a *sql.Tx.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Create makes a new database at path, mode 0600, with today's schema and a
// new secret, and opens it. The file appears whole or not at all: it is built
// beside path and linked into place. ErrExists when anything has that name.
func Create(ctx context.Context, path string) (*sql.DB, error) {
	if err := vacant(path); err != nil {
		return nil, err
	}
	if err := refuseNetwork(filepath.Dir(path)); err != nil {
		return nil, fmt.Errorf("creating database %s: %w", path, err)
	}
	err := place(path, func(draft string) error { return build(ctx, draft) })
	if err != nil {
		return nil, fmt.Errorf("creating database %s: %w", path, err)
	}
	return Open(ctx, path)
}

// build fills the empty file at path.
func build(ctx context.Context, path string) error {
	db, err := connect(path, writing)
	if err != nil {
		return err
	}
	return errors.Join(fill(ctx, db), db.Close())
}

func fill(ctx context.Context, db *sql.DB) error {
	if _, err := db.ExecContext(ctx, fmt.Sprintf("PRAGMA application_id = %d", applicationID)); err != nil {
		return named(err)
	}
	if err := migrate(ctx, db); err != nil {
		return err
	}
	return makeSecret(ctx, db)
}

// Open opens the database at path and brings an older schema up to date. It
// never creates one. The errors above say what it refuses; the file is then as
// it was.
func Open(ctx context.Context, path string) (*sql.DB, error) {
	real, err := inspect(path)
	if err == nil {
		err = writable(real)
	}
	if err == nil {
		err = recognise(ctx, real)
	}
	if err == nil {
		err = tighten(real)
	}
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	db, err := connect(real, writing)
	if err == nil {
		err = ready(ctx, db, real)
	}
	if err != nil {
		if db != nil {
			db.Close()
		}
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	return db, nil
}

// ready runs the checks that need a connection as we want it.
func ready(ctx context.Context, db *sql.DB, path string) error {
	if err := probe(ctx, db); err != nil {
		return err
	}
	if err := checkSmall(ctx, db, path); err != nil {
		return err
	}
	return migrate(ctx, db)
}

// OpenReadOnly opens the database at path for reading only: every write fails.
// It never migrates; ErrOlder and ErrNewer say that the schema is not today's.
func OpenReadOnly(ctx context.Context, path string) (*sql.DB, error) {
	real, err := inspect(path)
	if err == nil {
		err = recognise(ctx, real)
	}
	if err != nil {
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	db, err := connect(real, reading)
	if err == nil {
		err = current(ctx, db)
	}
	if err != nil {
		if db != nil {
			db.Close()
		}
		return nil, fmt.Errorf("opening database %s: %w", path, err)
	}
	return db, nil
}

// inspect looks at the file without opening it and returns its real path. To
// open and close it here would drop the locks SQLite holds on it elsewhere in
// this process (POSIX: closing any descriptor of a file releases them all).
func inspect(path string) (string, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return "", ErrMissing
	}
	if err != nil {
		return "", err
	}
	info, err := os.Stat(real)
	switch {
	case err != nil:
		return "", err
	case !info.Mode().IsRegular():
		return "", fmt.Errorf("%w: it is not a regular file", ErrForeign)
	case info.Size() == 0:
		return "", fmt.Errorf("%w: it is empty", ErrForeign)
	}
	return real, refuseNetwork(real)
}

// writable refuses what is plainly meant to be read only, even where root
// could write: the courier must not start what a later run cannot go on with.
func writable(path string) error {
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o222 == 0 {
			return fmt.Errorf("%w: %s has mode %04o", ErrReadOnly, name, info.Mode().Perm())
		}
		if err := mayWrite(name); err != nil {
			return fmt.Errorf("%w: %s: %w", ErrReadOnly, name, err)
		}
	}
	return nil
}

// tighten makes the file and its companions readable by their owner only. A
// file others could write is refused instead: what it holds may not be ours.
func tighten(path string) error {
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		if errors.Is(err, fs.ErrNotExist) && name != path {
			continue
		}
		if err != nil {
			return err
		}
		perm := info.Mode().Perm()
		if perm&0o022 != 0 {
			return fmt.Errorf("%w: %s has mode %04o", ErrMode, name, perm)
		}
		if perm&0o077 == 0 {
			continue
		}
		if err := os.Chmod(name, perm&^0o077); err != nil {
			return fmt.Errorf("%w: %s has mode %04o: %w", ErrMode, name, perm, err)
		}
	}
	return nil
}
