package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"

	"digest/subscribers"
)

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

// importing is one import on its way.
type importing struct {
	n      *Newsletter
	digest string
	source string
	now    time.Time
	count  Imported
}

// Import takes a list of readers in who agreed elsewhere, row by row, a batch
// in a transaction: a courier and the pages get their turn between two of them.
// Who left stays out, whatever the file says; who left by the file's own
// account is suppressed here too. A file that breaks off is imported up to
// there. digest "" is the default one; source is kept as proof of consent.
func (n *Newsletter) Import(ctx context.Context, r io.Reader, digest, source string, now time.Time) (Imported, error) {
	d, err := n.named(digest)
	if err != nil {
		return Imported{}, err
	}
	m := &importing{n: n, digest: d.Name, source: source, now: now, count: Imported{Digest: d.Name, Invalid: []string{}}}
	rows := &list{Reader: r}
	batch := make([]subscribers.Row, 0, importBatch)
	for row, err := range subscribers.Import(rows) {
		if err != nil {
			m.count.invalid(err)
			continue
		}
		if batch = append(batch, row); len(batch) < importBatch {
			continue
		}
		if err := m.batch(ctx, batch); err != nil {
			return m.count, err
		}
		batch = batch[:0]
	}
	if err := m.batch(ctx, batch); err != nil {
		return m.count, err
	}
	return m.count, rows.broken
}

// list is a reader that remembers why it broke off: what ends the file is told
// from what is wrong with one row of it.
type list struct {
	io.Reader
	broken error
}

func (l *list) Read(p []byte) (int, error) {
	n, err := l.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		l.broken = fmt.Errorf("reading the list: %w", err)
	}
	return n, err
}

func (c *Imported) invalid(err error) {
	if len(c.Invalid) < invalidListed {
		c.Invalid = append(c.Invalid, err.Error())
	} else {
		c.MoreInvalid++
	}
}

func (m *importing) batch(ctx context.Context, rows []subscribers.Row) error {
	return m.n.write(ctx, func(tx *sql.Tx) error {
		mark, err := m.n.watermark(ctx, tx, m.digest)
		if err != nil {
			return err
		}
		for _, row := range rows {
			if err := m.row(ctx, tx, row, mark); err != nil {
				return err
			}
		}
		return nil
	})
}

func (m *importing) row(ctx context.Context, tx *sql.Tx, row subscribers.Row, mark time.Time) error {
	if row.Left {
		stays, err := m.leftElsewhere(ctx, tx, row)
		if stays {
			m.count.Known++
		} else {
			m.count.KeptOut++
		}
		return err
	}
	if row.Unconfirmed {
		m.count.Unconfirmed++
		return nil
	}
	_, added, err := subscribers.Add(ctx, tx, m.n.Secret, subscribers.Joining{
		Address: row.Address, Name: row.Name, Digest: m.digest, State: subscribers.Active,
		Source: m.source, Watermark: mark, Import: true,
	}, m.now)
	var suppressed subscribers.ErrSuppressed
	switch {
	case errors.As(err, &suppressed):
		m.count.KeptOut++
		return nil
	case err != nil:
		return err
	case added:
		m.count.New++
	default:
		m.count.Known++
	}
	return nil
}

// leftElsewhere respects a goodbye that was said to another service. Whoever
// agreed here before stays: an old list does not speak for them. Whom this very
// import brought in, by another row, does not.
func (m *importing) leftElsewhere(ctx context.Context, tx *sql.Tx, row subscribers.Row) (stays bool, err error) {
	known, found, err := subscribers.Find(ctx, tx, row.Address)
	switch {
	case err != nil:
		return false, err
	case !found:
		return false, subscribers.Suppress(ctx, tx, m.n.Secret, row.Address, subscribers.ReasonUnsubscribed, m.now)
	case known.State == subscribers.Active && known.Confirmed.Unix() != m.now.Unix():
		return true, nil
	}
	return false, m.n.leave(ctx, tx, known.ID, subscribers.ReasonUnsubscribed, m.source, m.now)
}
