package newsletter

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strings"
	"time"

	"digest/config"
	"digest/mailer"
	"digest/outbox"
)

// relay is a way out: a server, or a Maildir.
type relay struct {
	key      string // of the config
	address  string
	password config.Secret
}

// relays are the ways out, the first one first.
func (n *Newsletter) relays() []relay {
	m := n.Config.Mail
	list := []relay{{"[mail] smtp", m.SMTP, m.Password}}
	if m.Fallback != "" {
		list = append(list, relay{"[mail] fallback", m.Fallback, m.FallbackPassword})
	}
	return list
}

// name tells a server from others, by a number that stays the same whatever
// its place in the config: 0 = it has none.
func (r relay) name() uint32 {
	server, err := mailer.ParseServer(r.address)
	if err != nil {
		return 0
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s:%d", strings.ToLower(server.Host), server.Port)
	return max(h.Sum32(), 1)
}

// ways are the courier's dialers; the second is nil where there is no fallback.
func (n *Newsletter) ways() (first, second outbox.Dialer) {
	list, letters := n.relays(), new(press)
	first = n.dialer(list[0], letters)
	if len(list) > 1 {
		second = n.dialer(list[1], letters)
	}
	return first, second
}

func (n *Newsletter) dialer(r relay, letters *press) outbox.Dialer {
	return func(ctx context.Context) (outbox.Line, error) {
		c, err := n.connect(ctx, r)
		if err != nil {
			return nil, err
		}
		return &line{n: n, conn: c, press: letters}, nil
	}
}

func (n *Newsletter) connect(ctx context.Context, r relay) (conn, error) {
	if dir, ok := mailer.ParseSpool(r.address); ok {
		return mailer.OpenSpool(dir)
	}
	server, err := mailer.ParseServer(r.address)
	if err != nil {
		return nil, err
	}
	server.Password = mailer.Secret(r.password.Reveal())
	server.Name = n.Config.Mail.Helo
	if n.Relay != nil {
		n.Relay(&server)
	}
	return server.Dial(ctx)
}

// open connects by the first way that can be reached. One that refuses us is
// not gone round.
func (n *Newsletter) open(ctx context.Context) (c conn, by relay, err error) {
	for _, by = range n.relays() {
		c, err = n.connect(ctx, by)
		var halt interface{ Halt() bool }
		if err == nil || errors.As(err, &halt) && halt.Halt() || ctx.Err() != nil {
			break
		}
	}
	return c, by, err
}

// login tries every way out and sends nothing.
func (n *Newsletter) login(ctx context.Context) error {
	for i, r := range n.relays() {
		if err := n.try(ctx, r); err != nil && i > 0 {
			return fmt.Errorf("%s: %w", r.key, err)
		} else if err != nil {
			return err
		}
	}
	return nil
}

func (n *Newsletter) try(ctx context.Context, r relay) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	c, err := n.connect(ctx, r)
	if err != nil {
		return err
	}
	return c.Close()
}

// check looks at the address of a way out.
func (r relay) check() error {
	if _, ok := mailer.ParseSpool(r.address); ok {
		return nil
	}
	if _, err := mailer.ParseServer(r.address); err != nil {
		return fmt.Errorf("%s: %w", r.key, err)
	}
	return nil
}
