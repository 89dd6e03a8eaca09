package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"time"

	"digest/config"
	"digest/outbox"
	"digest/subscribers"
)

// Joining is one reader the author adds.
type Joining struct {
	Address   string
	Name      string
	Digest    string // "" = the default one
	Confirmed bool   // they agreed; otherwise they are asked by mail first
	Source    string
}

// Joined says what became of it.
type Joined struct {
	Subscriber subscribers.Subscriber
	Digest     string
	Added      bool // false: they had it already
}

// Join adds a reader by the author's hand.
func (n *Newsletter) Join(ctx context.Context, j Joining, now time.Time) (Joined, error) {
	d, err := n.named(j.Digest)
	if err != nil {
		return Joined{}, err
	}
	joined := Joined{Digest: d.Name}
	if !j.Confirmed {
		if err := n.Subscribe(ctx, j.Address, d.Name, j.Source, now); err != nil {
			return Joined{}, err
		}
		return joined, nil
	}
	addr, err := subscribers.ParseAddress(j.Address)
	if err != nil {
		return Joined{}, err
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		mark, err := n.watermark(ctx, tx, d.Name)
		if err != nil {
			return err
		}
		joined.Subscriber, joined.Added, err = subscribers.Add(ctx, tx, n.Secret, subscribers.Joining{
			Address: addr, Name: j.Name, Digest: d.Name, State: subscribers.Active, Source: j.Source, Watermark: mark,
		}, now)
		return err
	})
	return joined, err
}

// named finds a digest by name; "" is the default one.
func (n *Newsletter) named(digest string) (config.Digest, error) {
	if digest == "" {
		return n.DefaultDigest(), nil
	}
	return n.digest(digest)
}

// Importing says how a list of readers is taken in.
type Importing struct {
	Digest string // "" = the default one
	Source string
	DryRun bool
}

// Imported counts what became of the rows.
type Imported struct {
	Digest      string   `json:"digest"`
	New         int      `json:"new"`
	Known       int      `json:"known"`
	KeptOut     int      `json:"kept_out"`    // left, bounced or complained, here or in the file
	Unconfirmed int      `json:"unconfirmed"` // never agreed, by the file's own account
	Invalid     []string `json:"invalid"`     // the first of them, "line N: why"
	MoreInvalid int      `json:"more_invalid"`
}

const (
	importBatch   = 1000
	invalidListed = 20
)

var errDryRun = errors.New("dry run")

// Import takes a list of readers in who agreed elsewhere, row by row. Who left
// stays out, whatever the file says; who left by the file's own account is
// suppressed here too. A file that breaks off is imported up to there.
func (n *Newsletter) Import(ctx context.Context, r io.Reader, how Importing, now time.Time) (Imported, error) {
	d, err := n.named(how.Digest)
	if err != nil {
		return Imported{}, err
	}
	if !how.DryRun {
		return n.importRows(ctx, r, d.Name, how.Source, n.write, now)
	}
	// Everything is really done, in one transaction, and undone.
	var counted Imported
	var broken error
	err = n.write(ctx, func(tx *sql.Tx) error {
		counted, broken = n.importRows(ctx, r, d.Name, how.Source, within(tx), now)
		return errDryRun
	})
	if !errors.Is(err, errDryRun) {
		return counted, err
	}
	return counted, broken
}

// writer runs a function in a transaction.
type writer func(ctx context.Context, f func(tx *sql.Tx) error) error

// within is a writer that stays inside a transaction already begun.
func within(tx *sql.Tx) writer {
	return func(_ context.Context, f func(tx *sql.Tx) error) error { return f(tx) }
}

// importRows takes the rows in, a batch in a transaction: a courier and the
// pages get their turn between two of them.
func (n *Newsletter) importRows(ctx context.Context, r io.Reader, digest, source string, write writer, now time.Time) (Imported, error) {
	counted := Imported{Digest: digest, Invalid: []string{}}
	var broken error
	batch := make([]subscribers.Row, 0, importBatch)
	flush := func() error {
		err := write(ctx, func(tx *sql.Tx) error { return n.importBatch(ctx, tx, batch, digest, source, &counted, now) })
		batch = batch[:0]
		return err
	}
	for row, err := range subscribers.Import(r) {
		if err != nil {
			broken = errors.Join(broken, unreadable(err))
			counted.invalid(err)
			continue
		}
		batch = append(batch, row)
		if len(batch) == importBatch {
			if err := flush(); err != nil {
				return counted, err
			}
		}
	}
	if err := flush(); err != nil {
		return counted, err
	}
	return counted, broken
}

// unreadable is an error of the file itself, not of one row in it.
func unreadable(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil
}

func (c *Imported) invalid(err error) {
	if len(c.Invalid) < invalidListed {
		c.Invalid = append(c.Invalid, err.Error())
	} else {
		c.MoreInvalid++
	}
}

func (n *Newsletter) importBatch(ctx context.Context, tx *sql.Tx, batch []subscribers.Row, digest, source string, c *Imported, now time.Time) error {
	mark, err := n.watermark(ctx, tx, digest)
	for _, row := range batch {
		if err != nil {
			return err
		}
		err = n.importRow(ctx, tx, row, digest, source, mark, c, now)
	}
	return err
}

func (n *Newsletter) importRow(ctx context.Context, tx *sql.Tx, row subscribers.Row, digest, source string, mark time.Time, c *Imported, now time.Time) error {
	if row.Left {
		stays, err := n.leftElsewhere(ctx, tx, row, source, now)
		if stays {
			c.Known++
		} else {
			c.KeptOut++
		}
		return err
	}
	if row.Unconfirmed {
		c.Unconfirmed++
		return nil
	}
	_, added, err := subscribers.Add(ctx, tx, n.Secret, subscribers.Joining{
		Address: row.Address, Name: row.Name, Digest: digest, State: subscribers.Active,
		Source: source, Watermark: mark, Import: true,
	}, now)
	var suppressed subscribers.ErrSuppressed
	switch {
	case errors.As(err, &suppressed):
		c.KeptOut++
		return nil
	case err != nil:
		return err
	case added:
		c.New++
	default:
		c.Known++
	}
	return nil
}

// leftElsewhere respects a goodbye that was said to another service. Whoever
// agreed here before stays: an old list does not speak for them. Whom this very
// import brought in, by another row, does not.
func (n *Newsletter) leftElsewhere(ctx context.Context, tx *sql.Tx, row subscribers.Row, source string, now time.Time) (stays bool, err error) {
	known, found, err := subscribers.Find(ctx, tx, row.Address)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, subscribers.Suppress(ctx, tx, n.Secret, row.Address, subscribers.ReasonUnsubscribed, now)
	case known.State == subscribers.Active && known.Confirmed.Unix() != now.Unix():
		return true, nil
	}
	return false, n.leave(ctx, tx, known.ID, subscribers.ReasonUnsubscribed, source, now)
}

// Doubt is a reader whose mail is in doubt.
type Doubt struct {
	Delivery int64      `json:"delivery"`
	Address  string     `json:"address"`
	Repeat   *time.Time `json:"repeat,omitempty"` // not before then; absent: final, left to the author
	Why      string     `json:"why"`
}

// InDoubt lists by name who may or may not have got an issue.
func (n *Newsletter) InDoubt(ctx context.Context, issueID int64) ([]Doubt, error) {
	i, err := n.issue(ctx, issueID)
	if err != nil {
		return nil, err
	}
	rows, err := outbox.InDoubt(ctx, n.DB, mailingOf(i), 1_000_000)
	if err != nil {
		return nil, err
	}
	list := []Doubt{}
	for _, r := range rows {
		x := Doubt{Delivery: r.ID, Address: r.Address, Why: r.Reply}
		if !r.Due.IsZero() {
			due := r.Due.In(n.Zone())
			x.Repeat = &due
		}
		list = append(list, x)
	}
	return list, nil
}
