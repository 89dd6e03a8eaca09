package database_test

import (
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"digest/database"
	"digest/digesttest"
)

func identity(b []byte) []byte { sum := sha256.Sum256(b); return sum[:4] }

func TestInstance(t *testing.T) {
	of := func(name, path string) string {
		t.Helper()
		id, err := database.Instance(name, path)
		must(t, err)
		if len(id) != 32 {
			t.Errorf("instance %q", id)
		}
		return id
	}
	path := closed(t)
	first := of("", path)
	b, err := os.ReadFile(path)
	must(t, err)

	copied := filepath.Join(filepath.Dir(path), "copy.db")
	must(t, os.WriteFile(copied, b, 0o600))
	if of("", copied) == first {
		t.Error("a copy has the identity of its original")
	}
	moved := filepath.Join(filepath.Dir(path), "moved.db")
	must(t, os.Rename(path, moved))
	if of("", moved) != first {
		t.Error("a renamed file has lost its identity")
	}
	// The number of a removed file may be given to the next one at once.
	must(t, os.Remove(moved))
	must(t, os.WriteFile(moved, b, 0o600))
	if of("", moved) == first {
		t.Error("a restored file has the identity of the one it replaces")
	}
	if of("blue", copied) != of("blue", moved) || of("blue", copied) == of("green", copied) {
		t.Error("a given name does not decide")
	}
}

func TestBackup(t *testing.T) {
	ctx := t.Context()
	db := digesttest.NewDB(t)
	must(t, database.SetSetting(ctx, db, "live", "here"))
	must(t, database.SetSetting(ctx, db, "kept", "yes"))
	to := filepath.Join(t.TempDir(), "copy ?#%.db")
	must(t, database.Backup(ctx, db, to, "live"))
	info, err := os.Stat(to)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
	made, err := database.Open(ctx, to)
	must(t, err)
	defer made.Close()
	if _, ok, _ := database.Setting(ctx, made, "live"); ok {
		t.Error("the copy is live")
	}
	if v, _, _ := database.Setting(ctx, made, "kept"); v != "yes" {
		t.Error("the copy is not whole")
	}
	if v, _, _ := database.Setting(ctx, db, "live"); v != "here" {
		t.Error("the original was changed")
	}
	if err := database.Backup(ctx, db, to); !errors.Is(err, database.ErrExists) {
		t.Errorf("a second time: %v, want ErrExists", err)
	}
}
