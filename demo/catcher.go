package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/emersion/go-smtp"
	"golang.org/x/net/netutil"
)

// CatcherConfig sets up a [Catcher]. The zero value is ready to use.
type CatcherConfig struct {
	Now      func() time.Time // clock for Mail.Received; nil: time.Now
	Log      *slog.Logger     // nil: discard; sees numbers and sizes, no addresses
	MaxMails int              // mails kept before new ones are refused with 452; 0: 1,000
	MaxBytes int64            // bytes of one mail before it is refused with 552; 0: 25 MiB
	MaxTotal int64            // bytes of all mails before new ones are refused with 452; 0: 512 MiB
}

func (c CatcherConfig) withDefaults() CatcherConfig {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.MaxMails == 0 {
		c.MaxMails = 1000
	}
	if c.MaxBytes == 0 {
		c.MaxBytes = 25 << 20
	}
	if c.MaxTotal == 0 {
		c.MaxTotal = 512 << 20
	}
	return c
}

// Catcher is an SMTP server on loopback that accepts every mail and keeps it
// in memory. It forgets nothing to make room: once full it answers 452, so a
// sender tries again instead of losing a mail. It is safe for concurrent use.
type Catcher struct {
	config   CatcherConfig
	listener net.Listener
	server   *smtp.Server
	served   chan struct{} // closed when the accept loop has ended
	detach   func() bool   // stops watching the context

	mu    sync.Mutex
	mails []Mail
	bytes int64
}

// Catch starts a catcher on a free port of 127.0.0.1. It runs until ctx is
// done or Close is called.
func Catch(ctx context.Context, config CatcherConfig) (*Catcher, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("starting the mail catcher: %w", err)
	}
	c := &Catcher{
		config:   config.withDefaults(),
		listener: netutil.LimitListener(listener, 64),
		served:   make(chan struct{}),
	}
	c.server = c.newServer()
	go func() {
		defer close(c.served)
		if err := c.server.Serve(c.listener); err != nil && !errors.Is(err, net.ErrClosed) {
			c.config.Log.Error("serving the mail catcher", "err", err)
		}
	}()
	c.detach = context.AfterFunc(ctx, func() { c.Close() })
	return c, nil
}

func (c *Catcher) newServer() *smtp.Server {
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) {
		return &session{catcher: c}, nil
	}))
	s.Domain = "localhost"
	s.MaxMessageBytes = c.config.MaxBytes
	s.MaxRecipients = 1000
	s.EnableSMTPUTF8 = true
	s.ReadTimeout = 5 * time.Minute // RFC 5321, section 4.5.3.2.7
	s.WriteTimeout = time.Minute
	s.ErrorLog = slog.NewLogLogger(c.config.Log.Handler(), slog.LevelWarn)
	return s
}

// Addr is where the catcher listens, as "127.0.0.1:port".
func (c *Catcher) Addr() string { return c.listener.Addr().String() }

// Mails lists what was caught, oldest first. The slice is the caller's; the
// raw bytes in it are shared and must not be changed.
func (c *Catcher) Mails() []Mail {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.mails)
}

// Close stops listening, drops open connections and waits for the accept loop
// to end. What was caught stays readable. Closing twice does no harm.
func (c *Catcher) Close() error {
	c.detach()
	err := c.server.Close()
	if errors.Is(err, smtp.ErrServerClosed) {
		err = nil
	}
	// The server only closes listeners it has begun to serve.
	if closing := c.listener.Close(); err == nil && !errors.Is(closing, net.ErrClosed) {
		err = closing
	}
	<-c.served
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("closing the mail catcher: %w", err)
	}
	return nil
}

// full is the answer to a mail for which there is no room (RFC 3463, X.3.1).
func full() error {
	return &smtp.SMTPError{
		Code:         452,
		EnhancedCode: smtp.EnhancedCode{4, 3, 1},
		Message:      "The mail catcher is full",
	}
}

// room says whether another mail of that size fits. The caller holds c.mu.
func (c *Catcher) room(size int64) bool {
	return len(c.mails) < c.config.MaxMails && c.bytes+size <= c.config.MaxTotal
}

func (c *Catcher) hasRoom() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.room(0)
}

func (c *Catcher) keep(from string, to []string, raw []byte) error {
	m := Mail{From: from, To: to, Subject: subject(raw), Received: c.config.Now().UTC(), Raw: raw}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.room(int64(len(raw))) {
		return full()
	}
	m.N = len(c.mails) + 1
	c.mails = append(c.mails, m)
	c.bytes += int64(len(raw))
	c.config.Log.Debug("mail caught", "mail", m.N, "bytes", len(raw))
	return nil
}

// session is one SMTP conversation.
type session struct {
	catcher *Catcher
	from    string
	to      []string
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if !s.catcher.hasRoom() {
		return full()
	}
	s.from = from
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.to = append(s.to, to)
	return nil
}

// Data keeps a mail only when its final dot has come: a connection that drops
// before it leaves nothing behind.
func (s *session) Data(r io.Reader) error {
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r); err != nil {
		return err
	}
	return s.catcher.keep(s.from, s.to, raw.Bytes())
}

func (s *session) Reset() { s.from, s.to = "", nil }

func (s *session) Logout() error { return nil }
