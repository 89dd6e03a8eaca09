package database_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"digest/database"
	"digest/digesttest"
)

// closed makes a database, lets edit at it, closes it and returns its path.
func closed(t *testing.T, edit ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "digest.db")
	db, err := database.Create(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range edit {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stranger makes a database of another program, or none at all.
func stranger(t *testing.T, path string) {
	t.Helper()
	must(t, os.Remove(path))
	db, err := sql.Open("sqlite", path)
	must(t, err)
	_, err = db.Exec("CREATE TABLE t (a); INSERT INTO t VALUES (1)")
	must(t, errors.Join(err, db.Close()))
}

func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteAt(b, at)
	must(t, errors.Join(err, f.Close()))
}

func TestOpenRefuses(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(t *testing.T, path string)
		want  error
	}{
		{"missing", func(t *testing.T, path string) { must(t, os.Remove(path)) }, database.ErrMissing},
		{"dangling link", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Symlink(path+"-gone", path))
		}, database.ErrMissing},
		{"a directory", func(t *testing.T, path string) {
			must(t, os.Remove(path))
			must(t, os.Mkdir(path, 0o700))
		}, database.ErrForeign},
		{"zero bytes", func(t *testing.T, path string) { must(t, os.Truncate(path, 0)) }, database.ErrForeign},
		{"text", func(t *testing.T, path string) {
			must(t, os.WriteFile(path, []byte(strings.Repeat("not a database\n", 500)), 0o600))
		}, database.ErrForeign},
		{"less than a header", func(t *testing.T, path string) { must(t, os.Truncate(path, 50)) }, database.ErrForeign},
		{"another program's", stranger, database.ErrForeign},
		{"a page is missing", func(t *testing.T, path string) {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, info.Size()-4096))
		}, database.ErrCorrupt},
		{"half is missing", func(t *testing.T, path string) { must(t, os.Truncate(path, 20000)) }, database.ErrCorrupt},
		{"a damaged page", func(t *testing.T, path string) { overwrite(t, path, 5*4096, make([]byte, 4096)) }, database.ErrCorrupt},
		{"read-only file", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o400)) }, database.ErrReadOnly},
		{"read-only directory", func(t *testing.T, path string) {
			dir := filepath.Dir(path)
			must(t, os.Chmod(dir, 0o500))
			t.Cleanup(func() { os.Chmod(dir, 0o700) })
		}, database.ErrReadOnly},
		{"writable by others", func(t *testing.T, path string) { must(t, os.Chmod(path, 0o660)) }, database.ErrMode},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := closed(t)
			tt.spoil(t, path)
			before := listing(t, path)
			db, err := database.Open(t.Context(), path)
			if err == nil {
				db.Close()
			}
			if !errors.Is(err, tt.want) {
				t.Fatalf("Open: %v, want %v", err, tt.want)
			}
			if !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "\n") {
				t.Errorf("not one sentence that names the file: %q", err)
			}
			if tt.name == "zero bytes" && !strings.Contains(err.Error(), "empty") {
				t.Errorf("does not say that it is empty: %q", err)
			}
			if after := listing(t, path); after != before {
				t.Errorf("the refused file was touched:\nbefore %s\nafter  %s", before, after)
			}
		})
	}
}

// listing is what lies at path: mode, size and bytes, or nothing.
func listing(t *testing.T, path string) string {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		return "nothing"
	}
	b, _ := os.ReadFile(path)
	return fmt.Sprintf("%v %d %x", info.Mode(), len(b), identity(b))
}

func TestOpenRefusesOtherSchema(t *testing.T) {
	newer := closed(t, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)")
	for _, open := range []func(context.Context, string) (*sql.DB, error){database.Open, database.OpenReadOnly} {
		if _, err := open(t.Context(), newer); !errors.Is(err, database.ErrNewer) {
			t.Errorf("newer: %v, want ErrNewer", err)
		}
	}
	older := closed(t, "DELETE FROM goose_db_version WHERE version_id > 0")
	if _, err := database.OpenReadOnly(t.Context(), older); !errors.Is(err, database.ErrOlder) {
		t.Errorf("older, read-only: %v, want ErrOlder", err)
	}
}

func TestCreateNeverOverwrites(t *testing.T) {
	for _, taken := range []string{"", "-wal", "-shm", "-journal"} {
		path := filepath.Join(t.TempDir(), "digest.db")
		must(t, os.WriteFile(path+taken, []byte("mine"), 0o600))
		if _, err := database.Create(t.Context(), path); !errors.Is(err, database.ErrExists) {
			t.Errorf("%q: %v, want ErrExists", taken, err)
		}
		if b, _ := os.ReadFile(path + taken); string(b) != "mine" {
			t.Errorf("%q was overwritten", taken)
		}
	}
}

func TestCreateAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "digest.db")
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() {
			db, err := database.Create(context.Background(), path)
			if err == nil {
				err = db.Close()
			}
			errs[i] = err
		})
	}
	wg.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
		} else if !errors.Is(err, database.ErrExists) {
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("%d of 4 made it, want 1", made)
	}
	left, err := os.ReadDir(filepath.Dir(path))
	must(t, err)
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
}

func TestPaths(t *testing.T) {
	for _, name := range []string{"a b", "what?mode=memory", "x#y", "100%", "%41", "ä;&=", "file:x", "'q'"} {
		dir := filepath.Join(t.TempDir(), name)
		must(t, os.Mkdir(dir, 0o700))
		path := filepath.Join(dir, name+".db")
		db, err := database.Create(t.Context(), path)
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		must(t, database.SetSetting(t.Context(), db, "k", "v"))
		must(t, db.Close())
		if _, err := os.Stat(path); err != nil {
			t.Errorf("%q is elsewhere: %v", name, err)
		}
	}
}

func TestModes(t *testing.T) {
	path := closed(t)
	must(t, os.Chmod(path, 0o644))
	link := filepath.Join(t.TempDir(), "link.db")
	must(t, os.Symlink(path, link))
	db, err := database.Open(t.Context(), link)
	must(t, err)
	defer db.Close()
	must(t, database.SetSetting(t.Context(), db, "k", "v"))
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		info, err := os.Stat(name)
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", filepath.Base(name), info.Mode())
		}
	}
}

func TestOpenAfterCrash(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	must(t, database.SetSetting(t.Context(), db, "k", "v"))
	// What a crash leaves: a file and its -wal, no -shm.
	crashed := filepath.Join(t.TempDir(), "digest.db")
	for _, suffix := range []string{"", "-wal"} {
		b, err := os.ReadFile(path + suffix)
		must(t, err)
		must(t, os.WriteFile(crashed+suffix, b, 0o600))
	}
	again, err := database.Open(t.Context(), crashed)
	must(t, err)
	defer again.Close()
	if v, _, err := database.Setting(t.Context(), again, "k"); err != nil || v != "v" {
		t.Errorf("got %q, %v", v, err)
	}
}

func TestReadOnly(t *testing.T) {
	db, path := digesttest.NewDBPath(t)
	must(t, database.SetSetting(t.Context(), db, "k", "v"))
	ro, err := database.OpenReadOnly(t.Context(), path)
	must(t, err)
	defer ro.Close()
	if v, ok, err := database.Setting(t.Context(), ro, "k"); err != nil || !ok || v != "v" {
		t.Errorf("got %q, %v, %v", v, ok, err)
	}
	err = database.SetSetting(t.Context(), ro, "k", "w")
	if database.Cause(err) != database.ErrReadOnly {
		t.Errorf("writing: %v, want ErrReadOnly", err)
	}
	err = database.Write(t.Context(), ro, func(tx *sql.Tx) error { return database.DropSetting(t.Context(), tx, "k") })
	if !errors.Is(err, database.ErrReadOnly) {
		t.Errorf("writing in a transaction: %v, want ErrReadOnly", err)
	}
}

func TestWrite(t *testing.T) {
	ctx := t.Context()
	db := digesttest.NewDB(t)
	broken := errors.New("broken")
	err := database.Write(ctx, db, func(tx *sql.Tx) error {
		must(t, database.SetSetting(ctx, tx, "a", "1"))
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	func() {
		defer func() { recover() }()
		database.Write(ctx, db, func(tx *sql.Tx) error {
			must(t, database.SetSetting(ctx, tx, "a", "1"))
			panic("broken")
		})
	}()
	if _, ok, _ := database.Setting(ctx, db, "a"); ok {
		t.Error("a failed transaction left something behind")
	}
	must(t, database.Write(ctx, db, func(tx *sql.Tx) error { return database.SetSetting(ctx, tx, "a", "1") }))
	if v, ok, _ := database.Setting(ctx, db, "a"); !ok || v != "1" {
		t.Error("a good transaction left nothing behind")
	}
	must(t, database.DropSetting(ctx, db, "a"))
	if _, ok, _ := database.Setting(ctx, db, "a"); ok {
		t.Error("the setting is still there")
	}
}

// Read, then write: without immediate transactions most of these fail at once,
// whatever the busy timeout.
func TestWriteAtOnce(t *testing.T) {
	ctx := t.Context()
	db := digesttest.NewDB(t)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 10 {
				err := database.Write(ctx, db, func(tx *sql.Tx) error {
					v, _, err := database.Setting(ctx, tx, "n")
					if err != nil {
						return err
					}
					return database.SetSetting(ctx, tx, "n", v+"x")
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if v, _, _ := database.Setting(ctx, db, "n"); len(v) != 80 {
		t.Errorf("%d of 80 counted", len(v))
	}
}

func TestBusyIsNamed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	db, _ := digesttest.NewDBPath(t)
	conn, err := db.Conn(ctx)
	must(t, err)
	_, err = conn.ExecContext(ctx, "PRAGMA busy_timeout = 1")
	must(t, err)
	must(t, database.Write(ctx, db, func(*sql.Tx) error {
		_, err := conn.ExecContext(ctx, "INSERT INTO settings VALUES ('a', 'b')")
		if database.Cause(err) != database.ErrBusy {
			t.Errorf("got %v, want ErrBusy", err)
		}
		return nil
	}))
	cancel()
	conn.Close()
}

func TestSecret(t *testing.T) {
	a, err := database.Secret(t.Context(), digesttest.NewDB(t))
	must(t, err)
	b, err := database.Secret(t.Context(), digesttest.NewDB(t))
	must(t, err)
	if len(a) != 32 || string(a) == string(b) {
		t.Errorf("secrets %x and %x", a, b)
	}
	spoilt := digesttest.NewDB(t)
	must(t, database.SetSetting(t.Context(), spoilt, "secret", "abcd"))
	if _, err := database.Secret(t.Context(), spoilt); !errors.Is(err, database.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
}
