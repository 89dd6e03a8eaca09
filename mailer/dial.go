package mailer

import (
	"bufio"
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
	session := &Session{server: s.Address(), timeouts: timeouts, raw: raw, meter: &meter{Conn: raw}}
	stop := context.AfterFunc(ctx, func() { _ = raw.Close() })
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

// open takes a fresh connection through greeting, EHLO, TLS and login.
func (s Server) open(session *Session) (Phase, error) {
	if phase, err := s.greet(session); err != nil {
		return phase, err
	}
	if phase, err := s.secure(session); err != nil {
		return phase, err
	}
	if s.User != "" {
		if err := s.login(session); err != nil {
			return PhaseAuth, err
		}
	}
	return PhaseHello, session.settle()
}

func (s Server) greet(session *Session) (Phase, error) {
	session.meter.reset()
	var conn net.Conn = session.meter
	limit := session.timeouts.Greeting
	if s.Security == ImplicitTLS {
		secured := tls.Client(conn, s.tls())
		handshaking, cancel := context.WithTimeout(context.Background(), limit) // Dial closes the socket when its own ctx ends
		defer cancel()
		if err := secured.HandshakeContext(handshaking); err != nil {
			return PhaseTLS, err
		}
		conn, session.secure = secured, true
	}
	greeting, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	late := context.AfterFunc(greeting, func() { _ = session.raw.Close() })
	client, err := smtp.NewClient(conn, s.Host)
	late()
	if err != nil {
		return PhaseGreeting, err
	}
	session.client = client
	session.meter.reset()
	if err := client.UpdateDeadline(limit); err != nil {
		return PhaseHello, err
	}
	return PhaseHello, client.Hello(s.name())
}

// secure turns the connection into TLS where Server.Security wants it.
func (s Server) secure(session *Session) (Phase, error) {
	client := session.client
	offered, _ := client.Extension("STARTTLS")
	switch s.Security {
	case ImplicitTLS:
		return PhaseTLS, nil
	case Loopback:
		login, _ := client.Extension("AUTH")
		if s.User == "" || login || !offered {
			return PhaseTLS, nil
		}
	default:
		if !offered {
			return PhaseTLS, ErrNoTLS
		}
	}
	session.meter.reset()
	if err := client.UpdateDeadline(session.timeouts.Greeting); err != nil {
		return PhaseTLS, err
	}
	// go-mail starts a new reader on top of TLS: what someone slipped in after the 220 in plain text is thrown away.
	err := client.StartTLS(s.tls())
	state, ok := client.TLSConnectionState()
	session.secure = ok && state.HandshakeComplete
	switch {
	case err != nil && session.secure: // the EHLO after it
		return PhaseHello, err
	case err == nil && !session.secure:
		return PhaseTLS, ErrTLS
	}
	return PhaseTLS, err
}

func (s Server) tls() *tls.Config {
	return &tls.Config{
		ServerName:         strings.TrimSuffix(s.Host, "."),
		RootCAs:            s.Roots,
		MinVersion:         tls.VersionTLS12, // RFC 8996
		InsecureSkipVerify: s.Security == Loopback,
	}
}

// login says who we are, by the first way the server knows. PLAIN comes first where the way is TLS: it works wherever it
// is announced, which can't be said of the others.
func (s Server) login(session *Session) error {
	if !session.secure && s.Security != Loopback {
		return ErrNoTLS
	}
	// Not ServerInfo.Auth: go-mail keeps there what was announced before TLS.
	_, announced := session.client.Extension("AUTH")
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
		session.meter.reset()
		if err := session.client.UpdateDeadline(session.timeouts.Greeting); err != nil {
			return err
		}
		return session.client.Auth(way.auth)
	}
	return fmt.Errorf("%w: the server offers no login we know", ErrAuth)
}

// settle notes what the server can do, and puts the guard between it and the reader of answers.
func (s *Session) settle() error {
	if ok, limit := s.client.Extension("SIZE"); ok {
		s.sizes = true
		s.size, _ = strconv.ParseInt(limit, 10, 64)
	}
	s.utf8, _ = s.client.Extension("SMTPUTF8")
	s.eightBit, _ = s.client.Extension("8BITMIME")
	s.under = s.client.Text.R
	s.replies = &replies{source: s.under}
	s.client.Text.R = bufio.NewReader(s.replies)
	if s.pending() {
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
