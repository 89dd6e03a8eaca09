package mailer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

// Dial connects, secures the way as Server.Security says and logs in. Every error is a [*DialError], and leaves no
// socket behind. Cancelling ctx later does no harm to the session.
func (s Server) Dial(ctx context.Context) (*Session, error) {
	if s.User != "" && s.Password == "" {
		return nil, s.failed(PhaseAuth, fmt.Errorf("%w: there is a user but no password", ErrAuth))
	}
	timeouts := s.Timeouts.filled()
	connect := s.Connect
	if connect == nil {
		connect = (&net.Dialer{}).DialContext
	}
	dialing, cancel := context.WithTimeout(ctx, timeouts.Connect)
	defer cancel()
	raw, err := connect(dialing, "tcp", s.Address())
	if err != nil {
		return nil, s.failed(PhaseConnect, err)
	}
	session := &Session{server: s.Address(), timeouts: timeouts, socket: newSocket(raw), shut: func() { _ = raw.Close() }}
	stop := context.AfterFunc(ctx, session.shut)
	phase, err := s.open(session)
	if !stop() && err == nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		session.drop()
		if cause := context.Cause(ctx); cause != nil {
			err = fmt.Errorf("%w: %w", ErrUnreachable, cause)
		}
		return nil, s.failed(phase, err)
	}
	return session, nil
}

// opening is a session that is not open yet, in the hands of go-mail's client.
type opening struct {
	*Session
	client *smtp.Client
}

// open takes a fresh connection through greeting, EHLO, TLS and login.
func (s Server) open(session *Session) (Phase, error) {
	o := &opening{Session: session}
	if s.Security == ImplicitTLS {
		if err := o.encrypt(s.tls()); err != nil {
			return PhaseTLS, err
		}
	}
	if phase, err := o.greet(s.Host, s.greeting(o.socket.raw), nil); err != nil {
		return phase, err
	}
	if phase, err := s.secure(o); err != nil {
		return phase, err
	}
	if s.User != "" {
		if err := s.login(o); err != nil {
			return PhaseAuth, err
		}
	}
	return PhaseHello, o.settle()
}

// bound begins a step of the opening: it has so long, and so much may arrive.
func (o *opening) bound() error {
	o.socket.below.bound()
	return o.socket.raw.SetDeadline(time.Now().Add(o.timeouts.Greeting))
}

func (o *opening) encrypt(config *tls.Config) error {
	if err := o.bound(); err != nil {
		return err
	}
	return o.socket.encrypt(config)
}

// greet hears the greeting and says EHLO. A server does not greet again after STARTTLS, and go-mail's client does not
// begin without: it is told the greeting it has had, in heard.
func (o *opening) greet(host, name string, heard []byte) (Phase, error) {
	if err := o.bound(); err != nil {
		return PhaseGreeting, err
	}
	conn := o.socket.conn()
	o.replies = newReplies(conn)
	client, err := smtp.NewClient(&guard{Conn: conn, replies: o.replies, rest: heard}, host)
	if err != nil {
		return PhaseGreeting, err
	}
	if o.early() {
		return PhaseGreeting, errEarly
	}
	if err := o.bound(); err != nil {
		return PhaseHello, err
	}
	o.client = client
	if err := client.Hello(name); err != nil {
		return PhaseHello, err
	}
	if o.early() {
		return PhaseHello, errEarly
	}
	return PhaseHello, nil
}

// secure turns the connection into TLS where Server.Security wants it.
func (s Server) secure(o *opening) (Phase, error) {
	offered, _ := o.client.Extension("STARTTLS")
	switch s.Security {
	case ImplicitTLS:
		return PhaseTLS, nil
	case Loopback:
		login, _ := o.client.Extension("AUTH")
		if s.User == "" || login || !offered {
			return PhaseTLS, nil
		}
	default:
		if !offered {
			return PhaseTLS, ErrNoTLS
		}
	}
	if err := o.startTLS(); err != nil {
		return PhaseTLS, err
	}
	if err := o.encrypt(s.tls()); err != nil {
		return PhaseTLS, err
	}
	return o.greet(s.Host, s.greeting(o.socket.raw), []byte("220 \r\n"))
}

// startTLS asks for TLS. What follows the answer in plain text was slipped in by someone (CVE-2011-0411).
func (o *opening) startTLS() error {
	if err := o.bound(); err != nil {
		return err
	}
	if _, err := o.client.Text.Cmd("STARTTLS"); err != nil {
		return err
	}
	if _, _, err := o.client.Text.ReadResponse(220); err != nil {
		return err
	}
	if o.replies.waiting() {
		return fmt.Errorf("%w: %w", ErrTLS, errEarly)
	}
	return nil
}

func (s Server) tls() *tls.Config {
	return &tls.Config{
		ServerName:         strings.TrimSuffix(s.Host, "."),
		RootCAs:            s.Roots,
		MinVersion:         tls.VersionTLS12, // RFC 8996
		InsecureSkipVerify: s.Security == Loopback,

		DynamicRecordSizingDisabled: true, // bodies are long, and nobody waits for their first bytes
	}
}

// login says who we are, by the first way the server knows. PLAIN comes first where the way is TLS: it works wherever it
// is announced, which can't be said of the others.
func (s Server) login(o *opening) error {
	if o.socket.secured == nil && s.Security != Loopback {
		return ErrNoTLS
	}
	_, announced := o.client.Extension("AUTH")
	known := strings.Fields(strings.ToUpper(announced))
	for _, way := range []struct {
		name string
		auth smtp.Auth
	}{
		{"PLAIN", smtp.PlainAuth("", s.User, s.Password.Reveal(), s.Host, true)},
		{"LOGIN", smtp.LoginAuth(s.User, s.Password.Reveal(), s.Host, true)},
		{"SCRAM-SHA-256", smtp.ScramSHA256Auth(s.User, s.Password.Reveal())},
		{"SCRAM-SHA-1", smtp.ScramSHA1Auth(s.User, s.Password.Reveal())},
		{"CRAM-MD5", smtp.CRAMMD5Auth(s.User, s.Password.Reveal())},
	} {
		if !slices.Contains(known, way.name) {
			continue
		}
		if err := o.bound(); err != nil {
			return err
		}
		return o.client.Auth(way.auth)
	}
	return fmt.Errorf("%w: the server offers no login we know", ErrAuth)
}

// settle notes what the server can do, and takes the connection over from go-mail's client.
func (o *opening) settle() error {
	s := o.Session
	if ok, limit := o.client.Extension("SIZE"); ok {
		s.sizes = true
		s.size, _ = strconv.ParseInt(limit, 10, 64)
	}
	s.utf8, _ = o.client.Extension("SMTPUTF8")
	s.eightBit, _ = o.client.Extension("8BITMIME")
	s.pipelining, _ = o.client.Extension("PIPELINING")
	s.socket.below.bounded = false
	s.replies.until = s.socket.raw.SetReadDeadline
	if err := s.socket.raw.SetDeadline(time.Time{}); err != nil {
		return err
	}
	if s.early() {
		return errEarly
	}
	return nil
}

// failed makes the error of Dial, and finds out which sentinel it is.
func (s Server) failed(phase Phase, err error) *DialError {
	failure := &DialError{Server: s.Address(), Phase: phase, Err: err}
	for _, known := range []error{ErrNoTLS, ErrTLS, ErrAuth, ErrUnreachable} {
		if errors.Is(err, known) {
			return failure
		}
	}
	for _, broken := range []error{errEarly, errGarbled, errLong} { // says nothing about the certificate or the login
		if errors.Is(err, broken) {
			failure.Err = fmt.Errorf("%w: %w", ErrUnreachable, err)
			return failure
		}
	}
	var said *textproto.Error
	switch {
	case errors.As(err, &said):
		failure.Answer = answer(phase, said.Code, said.Msg)
		failure.Err = fmt.Errorf("%w: %d %s", refusal(failure.Answer), said.Code, NewHeaderText(said.Msg))
	case phase == PhaseTLS && !isNetwork(err):
		failure.Err = fmt.Errorf("%w: %w", ErrTLS, err)
	case phase == PhaseAuth && !isNetwork(err):
		failure.Err = fmt.Errorf("%w: %w", ErrAuth, err)
	default:
		failure.Err = fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	return failure
}

func refusal(a Answer) error {
	switch {
	case a.Class == Odd || a.Class == Ready:
		return ErrUnreachable
	case a.Class != BadSender:
		return ErrBusy
	case a.Phase == PhaseAuth:
		return ErrAuth
	case a.Phase == PhaseTLS:
		return ErrNoTLS
	}
	return ErrTurnedAway
}

// isNetwork tells a connection that broke from a handshake that failed.
func isNetwork(err error) bool {
	var network net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) ||
		errors.Is(err, syscall.EPIPE) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, net.ErrClosed) ||
		errors.As(err, &network) && network.Timeout()
}
