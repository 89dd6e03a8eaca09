package database

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// machineFiles hold the number of this installation (machine-id(5)).
var machineFiles = []string{"/etc/machine-id", "/var/lib/dbus/machine-id"}

// Instance identifies this copy of the database at path: 32 hexadecimal digits.
// A copied directory, a restored backup and a cloned machine have another one;
// a moved or renamed file keeps its own, and the name of the host never counts.
//
// name, when not empty, stands in for all of it: it is what DIGEST_INSTANCE
// says, for machines whose files move, such as containers. Otherwise it is the
// machine-id, which does not leave this function (machine-id(5) asks for a keyed
// hash), with the number and birth of the file. A backup copied over the very
// file it was taken from can't be told that way: Backup can drop the settings
// that say a copy is live.
func Instance(name, path string) (string, error) {
	return instance(name, path, machineFiles)
}

func instance(name, path string, machines []string) (string, error) {
	if name != "" {
		return identity("", "named "+name), nil
	}
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", fmt.Errorf("identifying database %s: %w", path, err)
	}
	file, err := born(real)
	if err != nil {
		return "", fmt.Errorf("identifying database %s: %w", path, err)
	}
	return identity(machine(machines), "file "+file), nil
}

func identity(key, text string) string {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte("digest instance\x00" + text))
	return hex.EncodeToString(m.Sum(nil)[:16])
}

// machine is the first machine-id there is; "" in a container without one, or
// before the first boot has made it.
func machine(files []string) string {
	for _, name := range files {
		b, err := os.ReadFile(name)
		id := strings.TrimSpace(string(b))
		if err == nil && id != "" && id != "uninitialized" {
			return id
		}
	}
	return ""
}

// Backup writes a whole and checked copy of db to the file at to, mode 0600,
// while others go on working. drop names settings the copy does not get, such
// as the one that says it is live. ErrExists when anything has that name.
func Backup(ctx context.Context, db *sql.DB, to string, drop ...string) error {
	if err := vacant(to); err != nil {
		return err
	}
	err := place(to, func(draft string) error { return copyTo(ctx, db, draft, drop) })
	if err != nil {
		return fmt.Errorf("backing up to %s: %w", to, err)
	}
	return nil
}

func copyTo(ctx context.Context, db *sql.DB, draft string, drop []string) error {
	// An absolute path, so that none is taken for a "file:" URI.
	if _, err := db.ExecContext(ctx, "VACUUM INTO $1", draft); err != nil {
		return named(err)
	}
	made, err := connect(draft, writing)
	if err != nil {
		return err
	}
	defer made.Close()
	for _, key := range drop {
		if err := DropSetting(ctx, made, key); err != nil {
			return named(err)
		}
	}
	if err := Check(ctx, made); err != nil {
		return err
	}
	return made.Close()
}
