package newsletter

import (
	"context"
	"database/sql"
	"time"

	"digest/config"
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
		// That an address bounced says nothing of its owner's will: the author, who
		// knows it works again, may bring it back.
		reason, _, err := subscribers.Suppressed(ctx, tx, n.Secret, addr)
		if err != nil {
			return err
		}
		joined.Subscriber, joined.Added, err = subscribers.Add(ctx, tx, n.Secret, subscribers.Joining{
			Address: addr, Name: j.Name, Digest: d.Name, State: subscribers.Active, Source: j.Source, Watermark: mark,
			Again: reason == subscribers.ReasonBounced,
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
