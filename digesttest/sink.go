package digesttest

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/mail"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Sink is an SMTP server on loopback that keeps what it accepts.
//
// The first word of a recipient's local part (up to '.', '+' or '-') steers it, so 550@ and 550.ann@ are both refused:
//
//	550, 451, …   RCPT is answered with that code
//	quota         RCPT is answered 552 5.2.2
//	greylist      the first RCPT for the address is answered 450, later ones are taken
//	droprcpt      the connection is dropped at RCPT
//	dropdata      the connection is dropped in the middle of the body
//	dropbefore    the connection is dropped at the dot, nothing accepted
//	dropdot       the mail is accepted, and the connection dropped without an answer
//	deferdot      451 after the dot
//	rejectdot     554 after the dot
//
// Anyone else gets their mail accepted.
type Sink struct {
	Addr  string         // host:port
	Roots *x509.CertPool // trusts the sink's certificate; nil without TLS

	config SinkConfig
	server *smtp.Server
	log    *os.File

	mutex       sync.Mutex
	accepted    []Received
	greylisted  map[string]bool
	connections int
}

// SinkConfig says how a sink behaves. The zero value accepts everything in plain text.
type SinkConfig struct {
	Addr string // where to listen; empty: a free port of 127.0.0.1

	// Log is a file to which a JSON line is appended for each accepted mail before its 250 is sent, so that it outlives
	// the process; see [ReadSinkLog]. Empty: none.
	Log string

	User, Password string // both set: AUTH PLAIN is required

	TLS         bool                             // offer STARTTLS; AUTH is offered only after it
	ImplicitTLS bool                             // speak TLS from the first byte
	Certificate func(template *x509.Certificate) // changes the certificate before it is signed; nil: as is
	TLSConfig   func(config *tls.Config)         // changes the TLS configuration; nil: as is
	SMTPUTF8    bool                             // announce it
	MaxBytes    int64                            // announced as SIZE; zero: none
	PerSession  int                              // after so many mails MAIL is answered 421; zero: no limit
	RefuseFrom  int                              // MAIL FROM is answered with this code; zero: accepted
	OnRcpt      func(to string) error            // called for each RCPT; an error refuses it; nil: none
	OnData      func(r Received) error           // called with the whole mail before it is kept; an error refuses it; nil: none
}

// Received is one accepted mail for one recipient.
type Received struct {
	From, To  string // envelope
	Data      []byte // as sent, without dot-stuffing; nil when read from a log
	MessageID string // with its angle brackets
	SHA256    string // of Data, hex
}

// NewSink starts a sink that accepts everything, and stops it when the test ends.
func NewSink(t testing.TB) *Sink {
	t.Helper()
	return NewSinkWith(t, SinkConfig{})
}

// NewSinkWith is [StartSink] for the length of a test.
func NewSinkWith(t testing.TB, config SinkConfig) *Sink {
	t.Helper()
	sink, err := StartSink(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sink.Close() })
	return sink
}

// StartSink starts a sink; stop it with Close.
func StartSink(config SinkConfig) (*Sink, error) {
	s := &Sink{config: config, greylisted: map[string]bool{}}
	s.server = smtp.NewServer(smtp.BackendFunc(s.session))
	s.server.Domain = "sink.test"
	s.server.ErrorLog = log.New(io.Discard, "", 0)
	s.server.AllowInsecureAuth = !config.TLS
	s.server.EnableSMTPUTF8 = config.SMTPUTF8
	s.server.MaxMessageBytes = config.MaxBytes

	listener, err := net.Listen("tcp", cmp.Or(config.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("starting sink: %w", err)
	}
	s.Addr = listener.Addr().String()
	if config.TLS || config.ImplicitTLS {
		if err := s.secure(); err != nil {
			_ = listener.Close()
			return nil, err
		}
	}
	if config.ImplicitTLS {
		listener = tls.NewListener(listener, s.server.TLSConfig)
		s.server.TLSConfig = nil
	}
	if config.Log != "" {
		s.log, err = os.OpenFile(config.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			_ = listener.Close()
			return nil, fmt.Errorf("starting sink: %w", err)
		}
	}
	go func() { _ = s.server.Serve(listener) }()
	return s, nil
}

// Close drops all connections.
func (s *Sink) Close() error {
	err := s.server.Close()
	if s.log != nil {
		err = errors.Join(err, s.log.Close())
	}
	return err
}

// URL is the sink's address for a config: smtp://127.0.0.1:1234.
func (s *Sink) URL() string {
	if s.config.ImplicitTLS {
		return "smtps://" + s.Addr
	}
	return "smtp://" + s.Addr
}

// Accepted gives the mails kept so far, in order.
func (s *Sink) Accepted() []Received {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.accepted)
}

// Copies counts the accepted mails by recipient.
func (s *Sink) Copies() map[string]int {
	copies := map[string]int{}
	for _, r := range s.Accepted() {
		copies[r.To]++
	}
	return copies
}

// Connections counts the connections made so far.
func (s *Sink) Connections() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.connections
}

// ReadSinkLog reads the file of [SinkConfig].Log. A last line cut off by a crash is an error.
func ReadSinkLog(path string) ([]Received, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading sink log: %w", err)
	}
	var all []Received
	for decoder := json.NewDecoder(bytes.NewReader(data)); ; {
		var r Received
		err := decoder.Decode(&r)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading sink log: %w", err)
		}
		all = append(all, r)
	}
}

func (s *Sink) keep(r Received) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.log != nil {
		line, err := json.Marshal(Received{From: r.From, To: r.To, MessageID: r.MessageID, SHA256: r.SHA256})
		if err != nil {
			return err
		}
		if _, err := s.log.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	s.accepted = append(s.accepted, r)
	return nil
}

func (s *Sink) session(conn *smtp.Conn) (smtp.Session, error) {
	s.mutex.Lock()
	s.connections++
	s.mutex.Unlock()
	session := &sinkSession{sink: s, conn: conn}
	if s.config.User != "" {
		return &sinkLogin{sinkSession: session}, nil
	}
	session.known = true
	return session, nil
}

// sinkSession is one connection.
type sinkSession struct {
	sink  *Sink
	conn  *smtp.Conn
	known bool // logged in, or no need to
	mails int
	from  string
	to    []string
}

// sinkLogin is a connection that asks for a login.
type sinkLogin struct{ *sinkSession }

func (s *sinkLogin) AuthMechanisms() []string { return []string{sasl.Plain} }

func (s *sinkLogin) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.sink.config.User || password != s.sink.config.Password {
			return smtp.ErrAuthFailed
		}
		s.known = true
		return nil
	}), nil
}

func (s *sinkSession) Reset()        { s.from, s.to = "", nil }
func (s *sinkSession) Logout() error { return nil }

func (s *sinkSession) Mail(from string, _ *smtp.MailOptions) error {
	limit := s.sink.config.PerSession
	switch {
	case !s.known:
		return reply(530, "5.7.0", "Authentication required")
	case s.sink.config.RefuseFrom != 0:
		return reply(s.sink.config.RefuseFrom, "", "Sender refused")
	case limit > 0 && s.mails >= limit:
		_, _ = io.WriteString(s.conn.Conn(), "421 4.7.0 Enough for one connection\r\n")
		return s.drop()
	}
	s.from = from
	return nil
}

func (s *sinkSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	if hook := s.sink.config.OnRcpt; hook != nil {
		if err := hook(to); err != nil {
			return err
		}
	}
	word := steer(to)
	if code, err := strconv.Atoi(word); err == nil && 400 <= code && code <= 599 {
		return reply(code, "", "Steered by recipient")
	}
	switch word {
	case "quota":
		return reply(552, "5.2.2", "Mailbox full")
	case "droprcpt":
		return s.drop()
	case "greylist":
		if s.sink.firstTime(to) {
			return reply(450, "4.7.1", "Greylisted, try again later")
		}
	}
	s.to = append(s.to, to)
	return nil
}

func (s *sinkSession) Data(r io.Reader) error {
	word := ""
	if len(s.to) > 0 {
		word = steer(s.to[0])
	}
	if word == "dropdata" {
		_, _ = io.ReadFull(r, make([]byte, 256))
		return s.drop()
	}
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	switch word {
	case "dropbefore":
		return s.drop()
	case "deferdot":
		return reply(451, "4.3.0", "Not now")
	case "rejectdot":
		return reply(554, "5.6.0", "Content refused")
	}
	for _, to := range s.to {
		if err := s.accept(to, data); err != nil {
			return err
		}
	}
	s.mails++
	if word == "dropdot" {
		return s.drop()
	}
	return nil
}

func (s *sinkSession) accept(to string, data []byte) error {
	sum := sha256.Sum256(data)
	received := Received{From: s.from, To: to, Data: data, SHA256: hex.EncodeToString(sum[:])}
	if message, err := mail.ReadMessage(bytes.NewReader(data)); err == nil {
		received.MessageID = message.Header.Get("Message-Id")
	}
	if hook := s.sink.config.OnData; hook != nil {
		if err := hook(received); err != nil {
			return err
		}
	}
	return s.sink.keep(received)
}

func (s *sinkSession) drop() error {
	_ = s.conn.Conn().Close()
	return errors.New("connection dropped")
}

func (s *Sink) firstTime(to string) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	seen := s.greylisted[to]
	s.greylisted[to] = true
	return !seen
}

func steer(to string) string {
	if i := strings.IndexAny(to, ".+-@"); i >= 0 {
		return to[:i]
	}
	return to
}

// reply is an SMTP answer; without an enhanced code one that fits is chosen.
func reply(code int, enhanced, text string) error {
	e := smtp.EnhancedCode{code / 100, 0, 0}
	if enhanced != "" {
		_, _ = fmt.Sscanf(enhanced, "%d.%d.%d", &e[0], &e[1], &e[2])
	} else if code == 550 {
		e = smtp.EnhancedCode{5, 1, 1}
	}
	return &smtp.SMTPError{Code: code, EnhancedCode: e, Message: text}
}
