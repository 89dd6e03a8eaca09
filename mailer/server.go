package mailer

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// Security says how the way to the server is protected.
type Security int

const (
	// StartTLS begins in plain text and must become TLS, certificate verified, before anything else is said.
	StartTLS Security = iota
	// ImplicitTLS is TLS from the first byte (RFC 8314), certificate verified.
	ImplicitTLS
	// Loopback is for a server on this machine: nobody stands between, so plain text will do.
	Loopback
)

// Server is where mail is handed over, and how. [ParseServer] makes one.
type Server struct {
	Host     string // name or IP address, without brackets
	Port     int
	User     string // empty: no login
	Password Secret

	// Security is StartTLS for smtp://, ImplicitTLS for smtps://, and Loopback for smtp:// to 127.0.0.0/8, ::1 or
	// localhost. On loopback plain text is used; STARTTLS only when there is a login and the server takes none without
	// it, and then with any certificate (a local Postfix has a self-made one). A tunnel that merely begins on loopback
	// needs the rule of all others: smtp://localhost:2525?tls=required.
	Security Security

	Name     string         // what EHLO says; empty: the full host name of this machine, else its address
	Roots    *x509.CertPool // certificates to trust; nil: the system's
	Timeouts Timeouts

	// Connect opens the connection; nil: a net.Dialer, which tries IPv6 and IPv4 side by side (RFC 8305).
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
}

// Timeouts limit each request, its whole answer included, not each read. Zero means the value given here, from
// RFC 5321 §4.5.3.2 where it has one.
type Timeouts struct {
	Connect  time.Duration // opening the connection; 1 min
	Greeting time.Duration // the greeting, EHLO, STARTTLS with its handshake, and AUTH; 5 min
	Mail     time.Duration // MAIL and RSET; 5 min
	Rcpt     time.Duration // 5 min
	Data     time.Duration // 2 min
	Block    time.Duration // writing each 64 KiB of the body; 3 min
	Dot      time.Duration // 10 min
	Quit     time.Duration // 5 s
}

func (t Timeouts) filled() Timeouts {
	return Timeouts{
		Connect:  cmp.Or(t.Connect, time.Minute),
		Greeting: cmp.Or(t.Greeting, 5*time.Minute),
		Mail:     cmp.Or(t.Mail, 5*time.Minute),
		Rcpt:     cmp.Or(t.Rcpt, 5*time.Minute),
		Data:     cmp.Or(t.Data, 2*time.Minute),
		Block:    cmp.Or(t.Block, 3*time.Minute),
		Dot:      cmp.Or(t.Dot, 10*time.Minute),
		Quit:     cmp.Or(t.Quit, 5*time.Second),
	}
}

// ErrNotSMTP is the answer of [ParseServer] to another kind of address.
var ErrNotSMTP = errors.New("not an smtp:// or smtps:// address")

// ParseServer reads smtp://host:port or smtps://host:port, either with a user before the host. The user reaches up to
// the last @, so that smtp://me@example.com@smtp.example.com:587 needs no escaping; %40 is understood too. Without a
// port it is 587 for smtp:// and 465 for smtps:// (RFC 8314 §3.3). A password has no place here: set Server.Password.
func ParseServer(raw string) (Server, error) {
	scheme, rest, _ := strings.Cut(raw, "://")
	s := Server{Port: 587}
	switch strings.ToLower(scheme) {
	case "smtp":
	case "smtps":
		s.Security, s.Port = ImplicitTLS, 465
	default:
		return Server{}, fmt.Errorf("reading server address: %w", ErrNotSMTP)
	}
	rest, query, _ := strings.Cut(rest, "?")
	rest = strings.TrimSuffix(rest, "/")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, err := url.PathUnescape(rest[:at])
		if err != nil || strings.ContainsFunc(user, isControl) || user == "" {
			return Server{}, errors.New("reading server address: the user before the last @ is not readable")
		}
		if strings.Contains(rest[:at], ":") {
			return Server{}, errors.New("reading server address: a password has no place in it; a ':' in the user is %3A")
		}
		s.User, rest = user, rest[at+1:]
	}
	if err := s.parseHost(rest); err != nil {
		return Server{}, err
	}
	if s.Security == StartTLS && isLoopback(s.Host) && query != "tls=required" {
		s.Security = Loopback
	}
	if query != "" && query != "tls=required" {
		return Server{}, fmt.Errorf("reading server address: only tls=required may follow the '?', not %q", query)
	}
	return s, nil
}

func (s *Server) parseHost(hostport string) error {
	host, port := hostport, ""
	if i := strings.LastIndexByte(hostport, ':'); i > strings.LastIndexByte(hostport, ']') {
		host, port = hostport[:i], hostport[i+1:]
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		inner, closed := strings.CutSuffix(inner, "]")
		if address, err := netip.ParseAddr(inner); !closed || err != nil || !address.Is6() {
			return fmt.Errorf("reading server address: %q is not an IPv6 address", host)
		}
		host = inner
	} else if !isASCII(host) || !isHostName(strings.TrimSuffix(host, ".")) {
		return fmt.Errorf("reading server address: %q is not a host name", host)
	}
	s.Host = host
	if port == "" && host == hostport || strings.HasSuffix(hostport, "]") {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return fmt.Errorf("reading server address: %q is not a port", port)
	}
	s.Port = int(n)
	return nil
}

func isLoopback(host string) bool {
	if strings.EqualFold(strings.TrimSuffix(host, "."), "localhost") {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.Unmap().IsLoopback()
}

// Address is host:port.
func (s Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// String is the address without user and password.
func (s Server) String() string {
	if s.Security == ImplicitTLS {
		return "smtps://" + s.Address()
	}
	return "smtp://" + s.Address()
}

// greeting is what EHLO says over a connection.
func (s Server) greeting(conn net.Conn) string {
	if isHostName(s.Name) {
		return s.Name
	}
	host, _ := os.Hostname()
	return greetingOf(host, conn.LocalAddr())
}

// greetingOf is the name of a host, or the address literal of the connection where no full name is known (RFC 5321
// §4.1.4): to some servers a bare name is a syntax error.
func greetingOf(host string, local net.Addr) string {
	if isHostName(host) && strings.Contains(host, ".") {
		return host
	}
	address, ok := local.(*net.TCPAddr)
	if !ok {
		return "localhost"
	}
	ip := address.AddrPort().Addr().Unmap().WithZone("")
	if ip.Is6() {
		return "[IPv6:" + ip.String() + "]"
	}
	return "[" + ip.String() + "]"
}
