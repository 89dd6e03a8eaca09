package database

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"syscall"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// purpose is what the connections of a pool are for.
type purpose int

const (
	writing purpose = iota
	reading         // query_only(1): sql.TxOptions{ReadOnly} would not block writes
	looking         // nothing but patience, mode=ro: to look at a file that may not be ours
)

// connections bounds a pool: SQLite has one writer, the others read. More only
// costs page cache (2 MB each).
const connections = 8

// smallFile is the size up to which Open checks every page: some tens of
// milliseconds. A larger file is checked by Check, when somebody asks.
const smallFile = 16 << 20

// pragma is one setting, as asked for and as it reads back.
type pragma struct{ name, ask, want string }

// pragmas are those of one purpose. An empty ask is read back only.
func pragmas(p purpose) []pragma {
	patience := pragma{"busy_timeout", "10000", "10000"}
	if p == looking {
		return []pragma{patience}
	}
	list := []pragma{
		patience,
		{"journal_mode", "WAL", "wal"},
		{"synchronous", "FULL", "2"},
		{"foreign_keys", "1", "1"},
		{"mmap_size", "0", "0"},
		{"secure_delete", "1", "1"}, // an erased address leaves no trace in free pages
	}
	if p == reading {
		list[1].ask = "" // asking would write
		list = append(list, pragma{"query_only", "1", "1"})
	}
	return list
}

// dsn is a URI, so that mode= counts and no byte of a path is taken for a
// parameter (SQLite drops the query of a plain path in silence).
func dsn(path string, p purpose) string {
	q := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}}
	switch p {
	case reading:
		q.Set("_txlock", "deferred")
	case looking:
		q.Set("mode", "ro")
	}
	for _, s := range pragmas(p) {
		if s.ask != "" {
			q.Add("_pragma", s.name+"("+s.ask+")")
		}
	}
	return (&url.URL{Scheme: "file", Path: path, RawQuery: q.Encode()}).String()
}

// connect makes a pool of connections to path, an absolute path. It opens none yet.
func connect(path string, p purpose) (*sql.DB, error) {
	base, err := sqlite.NewConnector(dsn(path, p))
	if err != nil {
		return nil, err
	}
	db := sql.OpenDB(checked{base, pragmas(p)})
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	return db, nil
}

// checked reads the pragmas back on every new connection: a misspelt one is
// ignored by SQLite without a word.
type checked struct {
	driver.Connector
	want []pragma
}

func (c checked) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range c.want {
		got, err := readBack(ctx, conn, s.name)
		if err == nil && got != s.want {
			err = fmt.Errorf("refusing a connection with %s = %s instead of %s", s.name, got, s.want)
		}
		if err != nil {
			conn.Close()
			return nil, err
		}
	}
	return conn, nil
}

func readBack(ctx context.Context, conn driver.Conn, name string) (string, error) {
	rows, err := conn.(driver.QueryerContext).QueryContext(ctx, "PRAGMA "+name, nil)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	value := make([]driver.Value, len(rows.Columns()))
	if err := rows.Next(value); err != nil {
		return "", fmt.Errorf("reading %s back: %w", name, err)
	}
	return fmt.Sprint(value[0]), nil
}

// recognise refuses a file that is not ours before anything is asked of it:
// journal_mode(WAL) alone would change a stranger's database.
func recognise(ctx context.Context, path string) error {
	db, err := connect(path, looking)
	if err != nil {
		return err
	}
	defer db.Close()
	var id int64
	if err := db.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return named(err)
	}
	if id != applicationID {
		return ErrForeign
	}
	return nil
}

// probe makes sure that we may write, and leaves nothing behind.
func probe(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return named(err)
	}
	defer tx.Rollback()
	_, err = tx.ExecContext(ctx, "INSERT INTO settings (key, value) VALUES ('probe', '') ON CONFLICT (key) DO NOTHING")
	return named(err)
}

func checkSmall(ctx context.Context, db *sql.DB, path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() > smallFile {
		return nil
	}
	return checkPages(ctx, db, "quick_check")
}

// Check reads the whole file and returns ErrCorrupt when a page or an index is
// damaged. It takes about a second per 100 MB.
func Check(ctx context.Context, db *sql.DB) error {
	return checkPages(ctx, db, "integrity_check")
}

func checkPages(ctx context.Context, db *sql.DB, how string) error {
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA "+how+"(1)").Scan(&answer); err != nil {
		return named(err)
	}
	if answer != "ok" {
		return fmt.Errorf("%w: %s", ErrCorrupt, strings.ReplaceAll(answer, "\n", " "))
	}
	return nil
}

// Write runs f in one transaction that holds the write lock from its start
// (BEGIN IMMEDIATE). When f fails or panics nothing of it stays. The error of
// f comes back as it is, joined with the sentinel Cause finds in it.
func Write(ctx context.Context, db *sql.DB, f func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning transaction: %w", named(err))
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return named(err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing transaction: %w", named(err))
	}
	return nil
}

// Cause names an error that came out of a statement: ErrBusy, ErrFull,
// ErrReadOnly, ErrCorrupt, ErrForeign or ErrIO, or nil when it is none of these.
func Cause(err error) error {
	for _, known := range []error{ErrBusy, ErrFull, ErrReadOnly, ErrCorrupt, ErrForeign, ErrIO} {
		if errors.Is(err, known) {
			return known
		}
	}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return ErrFull
	case errors.Is(err, syscall.EROFS), errors.Is(err, fs.ErrPermission):
		return ErrReadOnly
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return nil
	}
	if e.Code() == sqlite3.SQLITE_IOERR_SHMSIZE { // no room for the -shm beside a WAL
		return ErrFull
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrBusy
	case sqlite3.SQLITE_FULL:
		return ErrFull
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM:
		return ErrReadOnly
	case sqlite3.SQLITE_CORRUPT:
		return ErrCorrupt
	case sqlite3.SQLITE_NOTADB:
		return ErrForeign
	case sqlite3.SQLITE_IOERR:
		return ErrIO
	}
	return nil
}

// named joins err with its Cause, so that errors.Is finds it.
func named(err error) error {
	cause := Cause(err)
	if cause == nil || errors.Is(err, cause) {
		return err
	}
	return fmt.Errorf("%w: %w", cause, err)
}
