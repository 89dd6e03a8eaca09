// Package newsletter is the recipe: it calls the rooms in the right order and
// keeps what spans them in one transaction. Poll reads the feeds, Publish makes
// the issues that are due, Deliver works the ledger off, Preview shows what
// would go now; Subscribe, Confirm and Leave are what a reader can do.
//
// It never talks SMTP or HTML itself, asks nothing over HTTP but whether its own
// pages answer, and never reads the clock: now is an argument everywhere.
//
// Its invariant: an issue is frozen, its readers are owed and its posts are
// used up in the same transaction, or none of it happened.
package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"digest/config"
	"digest/feed"
	"digest/mailer"
	"digest/outbox"
)

// Querier is what a statement needs; *sql.DB and *sql.Tx satisfy it.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// Settings keeps the few facts that are no room's rows: whether this copy is
// live, whether it was stopped, when each digest started.
type Settings interface {
	Get(ctx context.Context, key string) (value string, ok bool, err error)
	Set(ctx context.Context, key, value string) error
	Drop(ctx context.Context, key string) error
}

// Newsletter is one blog's newsletter: a database, a config, and the ways out.
type Newsletter struct {
	DB       *sql.DB
	Path     string // of the database file: the courier's lock stands beside it
	Config   config.Config
	Secret   []byte // 32 bytes; signs leave and preference links and Message-IDs
	Settings Settings
	Instance string       // identity of this copy of the database, see Live
	Fetch    feed.Fetcher // zero: the guarded default
	Log      *slog.Logger // nil discards

	// Source stands in for what a fetch would say about a file's address and
	// content type; empty: the feed's own address, and a guess.
	Source struct{ URL, ContentType string }

	// Progress is told how far the courier is, once a second at most. It must not block; nil does nothing.
	Progress func(outbox.Progress)

	// Relay changes how a way out is reached, before it is dialled. Tests only; nil does nothing.
	Relay func(*mailer.Server)

	// Hook is called at the courier's crash points. Tests only; nil does nothing.
	Hook func(point string)

	// Grace is the courier's. Tests only; 0 = its own.
	Grace time.Duration
}

var (
	// ErrNotLive says that no mail may go to a subscriber yet.
	ErrNotLive = errors.New("this newsletter is not live")
	// ErrNoDigest says that the config names no such digest.
	ErrNoDigest = errors.New("no such digest")
	// ErrLink says that a link is not one we mailed, or is void by now.
	ErrLink = errors.New("this link is not valid")
)

func (n *Newsletter) log() *slog.Logger {
	if n.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return n.Log
}

// write runs f in one transaction. The database opens every transaction
// immediate, so what f reads is still true when it writes.
func (n *Newsletter) write(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := n.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("committing: %w", err)
	}
	return nil
}

// digest finds a digest of the config by name.
func (n *Newsletter) digest(name string) (config.Digest, error) {
	for _, d := range n.Config.Digests {
		if d.Name == name {
			return d, nil
		}
	}
	return config.Digest{}, fmt.Errorf("%w: %q", ErrNoDigest, name)
}

// DefaultDigest is where a subscriber goes who names none: the only digest,
// else the one marked default, else the first.
func (n *Newsletter) DefaultDigest() config.Digest {
	for _, d := range n.Config.Digests {
		if d.Default {
			return d
		}
	}
	return n.Config.Digests[0]
}

// Zone is the time zone of the default digest, in which times are told.
func (n *Newsletter) Zone() *time.Location {
	return n.DefaultDigest().Schedule.Location()
}
