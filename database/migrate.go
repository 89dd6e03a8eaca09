package database

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*.sql
var migrations embed.FS

// provider is goose on our files: no registry, no output.
func provider(db *sql.DB) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectSQLite3, db, files,
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
}

// target is the schema version this program was built with.
func target(p *goose.Provider) int64 {
	var version int64
	for _, s := range p.ListSources() {
		version = max(version, s.Version)
	}
	return version
}

// version is the schema version of the file; 0 when it has none yet.
func version(ctx context.Context, db *sql.DB) (int64, error) {
	var tables int
	err := db.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'").Scan(&tables)
	if err != nil || tables == 0 {
		return 0, named(err)
	}
	var v int64
	err = db.QueryRowContext(ctx, "SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied = 1").Scan(&v)
	return v, named(err)
}

// current returns nil when the file has this program's schema.
func current(ctx context.Context, db *sql.DB) error {
	p, err := provider(db)
	if err != nil {
		return err
	}
	have, err := version(ctx, db)
	if err != nil {
		return err
	}
	want := target(p)
	switch {
	case have > want:
		return fmt.Errorf("%w: its schema is version %d, this program knows %d", ErrNewer, have, want)
	case have < want:
		return fmt.Errorf("%w: its schema is version %d, this program has %d", ErrOlder, have, want)
	}
	return nil
}

// migrate brings the schema up to date, each step in a transaction of its own.
// Several programs may try at once: who comes second to a step fails there,
// sees that the version has moved, and goes on from it.
func migrate(ctx context.Context, db *sql.DB) error {
	before := int64(-1)
	for {
		err := current(ctx, db)
		if !errors.Is(err, ErrOlder) {
			return err
		}
		now, err := version(ctx, db)
		if err != nil {
			return err
		}
		p, err := provider(db)
		if err != nil {
			return err
		}
		_, err = p.Up(ctx)
		if err != nil && now == before {
			return fmt.Errorf("migrating from version %d: %w", now, named(err))
		}
		before = now
	}
}
