// Package digesttest holds the stand-ins every test shares: a database, a
// clock, a blog and a mail server. Only tests import it.
package digesttest

import (
	"context"
	"database/sql"
	"path/filepath"
	"testing"

	"digest/database"
)

// NewDB makes a database in a file of its own, gone when the test ends.
func NewDB(t testing.TB) *sql.DB {
	t.Helper()
	db, _ := NewDBPath(t)
	return db
}

// NewDBPath is NewDB for a test that also opens the file a second time.
func NewDBPath(t testing.TB) (db *sql.DB, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "digest.db")
	db, err := database.Create(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db, path
}
