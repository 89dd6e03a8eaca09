package mailer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	gomail "github.com/wneessen/go-mail"

	"digest/digesttest"
)

// remote gives a server that is dialled like one elsewhere, though the sink is here.
func remote(t *testing.T, sink *digesttest.Sink, raw string) Server {
	t.Helper()
	s, err := ParseServer(raw)
	if err != nil {
		t.Fatal(err)
	}
	s.Name, s.Roots, s.Password = "client.test", sink.Roots, "canary"
	s.Connect = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, sink.Addr)
	}
	return s
}

func send(t *testing.T, s *Session, to string) (Answer, error) {
	t.Helper()
	l, r := sampleLetter(), sampleReader()
	r.Address, r.MessageID = to, MessageID(nil, to, "example.com")
	if a, err := s.Offer(t.Context(), mailFrom(from, to, build(t, l, r))); err != nil || a.Class != Ready {
		return a, err
	}
	return s.Dot(t.Context(), nil)
}

func TestDialAndSend(t *testing.T) {
	login := digesttest.SinkConfig{TLS: true, User: "me@example.com", Password: "canary"}
	implicit := login
	implicit.TLS, implicit.ImplicitTLS = false, true
	plain := login
	plain.TLS = false
	for name, test := range map[string]struct {
		config digesttest.SinkConfig
		raw    string
		change func(s *Server)
	}{
		"starttls":                   {login, "smtp://me@example.com@sink.test", nil},
		"starttls without login":     {digesttest.SinkConfig{TLS: true}, "smtp://sink.test", nil},
		"implicit":                   {implicit, "smtps://me@example.com@sink.test", nil},
		"loopback":                   {digesttest.SinkConfig{}, "smtp://127.0.0.1", nil},
		"loopback with login":        {plain, "smtp://me@example.com@localhost", nil},
		"loopback, AUTH needs TLS":   {login, "smtp://me@example.com@localhost", func(s *Server) { s.Roots = nil }},
		"loopback, TLS not wanted":   {digesttest.SinkConfig{TLS: true}, "smtp://localhost", func(s *Server) { s.Roots = nil }},
		"loopback with tls=required": {login, "smtp://me@example.com@localhost?tls=required", nil},
	} {
		t.Run(name, func(t *testing.T) {
			sink := digesttest.NewSinkWith(t, test.config)
			server := remote(t, sink, test.raw)
			if test.change != nil {
				test.change(&server)
			}
			session, err := server.Dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if a, err := send(t, session, "ann@example.net"); err != nil || a.Class != Accepted {
					t.Fatal(a, err)
				}
			}
			if err := session.Close(); err != nil {
				t.Fatal(err)
			}
			if got := sink.Accepted(); len(got) != 2 || got[0].To != "ann@example.net" || got[0].From != from || got[0].SHA256 != got[1].SHA256 {
				t.Errorf("sink has %v", got)
			}
		})
	}
}

// S13, S14: where the way isn't safe nothing is said, the password least of all, and the run ends.
func TestDialRefuses(t *testing.T) {
	secured := digesttest.SinkConfig{TLS: true, User: "me", Password: "canary"}
	with := func(change func(c *digesttest.SinkConfig)) digesttest.SinkConfig {
		c := secured
		change(&c)
		return c
	}
	old := with(func(c *digesttest.SinkConfig) {
		c.TLSConfig = func(t *tls.Config) { t.MinVersion, t.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }
	})
	for name, test := range map[string]struct {
		config digesttest.SinkConfig
		raw    string
		change func(s *Server)
		want   error
		phase  Phase
	}{
		"no STARTTLS":        {digesttest.SinkConfig{User: "me", Password: "canary"}, "smtp://me@sink.test", nil, ErrNoTLS, PhaseTLS},
		"no STARTTLS needed": {digesttest.SinkConfig{}, "smtp://sink.test", nil, ErrNoTLS, PhaseTLS},
		"tls=required":       {digesttest.SinkConfig{}, "smtp://localhost?tls=required", nil, ErrNoTLS, PhaseTLS},
		"expired": {with(func(c *digesttest.SinkConfig) {
			c.Certificate = func(x *x509.Certificate) { x.NotAfter = time.Now().Add(-time.Minute) }
		}), "smtp://me@sink.test", nil, ErrTLS, PhaseTLS},
		"wrong name":        {secured, "smtp://me@other.test", nil, ErrTLS, PhaseTLS},
		"unknown authority": {secured, "smtp://me@sink.test", func(s *Server) { s.Roots = x509.NewCertPool() }, ErrTLS, PhaseTLS},
		"TLS 1.0 only":      {old, "smtp://me@sink.test", nil, ErrTLS, PhaseTLS},
		"implicit, unknown authority": {
			with(func(c *digesttest.SinkConfig) { c.TLS, c.ImplicitTLS = false, true }), "smtps://me@localhost",
			func(s *Server) { s.Roots = x509.NewCertPool() }, ErrTLS, PhaseTLS,
		},
		"implicit to plain":      {digesttest.SinkConfig{}, "smtps://sink.test", nil, ErrTLS, PhaseTLS},
		"wrong password":         {secured, "smtp://me@sink.test", func(s *Server) { s.Password = "canary2" }, ErrAuth, PhaseAuth},
		"no password":            {secured, "smtp://me@sink.test", func(s *Server) { s.Password = "" }, ErrAuth, PhaseAuth},
		"no AUTH":                {digesttest.SinkConfig{TLS: true}, "smtp://me@sink.test", nil, ErrAuth, PhaseAuth},
		"loopback, wrong passwd": {digesttest.SinkConfig{User: "me", Password: "x"}, "smtp://me@localhost", nil, ErrAuth, PhaseAuth},
	} {
		t.Run(name, func(t *testing.T) {
			sink := digesttest.NewSinkWith(t, test.config)
			server := remote(t, sink, test.raw)
			if test.change != nil {
				test.change(&server)
			}
			heard := &recorder{}
			dial := server.Connect
			server.Connect = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := dial(ctx, network, address)
				heard.Conn = conn
				return heard, err
			}
			_, err := server.Dial(t.Context())
			var failure *DialError
			if !errors.As(err, &failure) || !errors.Is(err, test.want) || !failure.Halt() || failure.Phase != test.phase {
				t.Fatalf("%v", err)
			}
			if name == "no password" && heard.Conn != nil {
				t.Error("connected for nothing")
			}
			if heard.Conn != nil && !heard.closed {
				t.Error("the socket is still open")
			}
			if said := heard.said.String(); test.phase == PhaseTLS && strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL") {
				t.Errorf("said %q", said)
			}
			if strings.Contains(err.Error(), "canary") {
				t.Errorf("shows the password: %v", err)
			}
		})
	}
}

// recorder notes what is written to a connection, and whether it was closed.
type recorder struct {
	net.Conn
	said   strings.Builder
	closed bool
}

func (r *recorder) Write(p []byte) (int, error) {
	r.said.Write(p)
	return r.Conn.Write(p)
}

func (r *recorder) Close() error {
	r.closed = true
	return r.Conn.Close()
}

// What the network or a busy server does is no reason to stop for good.
func TestDialLater(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  error
		halt  bool
	}{
		"closed at once":    {"CLOSE", ErrUnreachable, false},
		"closed after EHLO": {"S: 220 hi\nC:\nCLOSE", ErrUnreachable, false},
		"421 greeting":      {"S: 421 4.3.2 busy", ErrBusy, false},
		"450 greeting":      {"S: 450 busy", ErrBusy, false},
		"554 greeting":      {"S: 554 5.7.1 go away", ErrTurnedAway, true},
		"250 greeting":      {"S: 250 what", ErrUnreachable, false},
		"garbage":           {"S: HTTP/1.1 400 Bad Request", ErrUnreachable, false},
		"endless greeting":  {strings.Repeat("S: 220-"+strings.Repeat("x", 990)+"\n", 400), ErrUnreachable, false},
		"EHLO refused":      {"S: 220 hi\nC:\nS: 550 bad name\nC:\nS: 550 bad name", ErrTurnedAway, true},
		"silent":            {"WAIT", ErrUnreachable, false},
		"reply too many":    {"S: 220 hi\nC:\nS- 250 hello\\r\\n250 again\\r\\n", ErrUnreachable, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, test.lines)
			if name == "silent" {
				p.server.Timeouts.Greeting = 50 * time.Millisecond
			}
			_, err := p.server.Dial(t.Context())
			var failure *DialError
			if !errors.As(err, &failure) || !errors.Is(err, test.want) || failure.Halt() != test.halt {
				t.Errorf("%v", err)
			}
			p.finishEarly()
		})
	}
}

func TestDialUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, err := ParseServer("smtp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	var failure *DialError
	if _, err := server.Dial(t.Context()); !errors.As(err, &failure) || failure.Halt() || failure.Phase != PhaseConnect || !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	p := play(t, "MARK\nWAIT")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-p.marked; cancel() }()
	if _, err := p.server.Dial(ctx); !errors.As(err, &failure) || failure.Halt() || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// S13: what someone puts behind the 220 in plain text is not read as the server's answer under TLS.
func TestDialPlaintextInjection(t *testing.T) {
	p := play(t, "S: 220 hi\nC:\nS: 250-hi\nS: 250 STARTTLS\nC: STARTTLS\nS- 220 go\\r\\n250-evil\\r\\n250 AUTH PLAIN\\r\\n")
	p.server.Security, p.server.User, p.server.Password = StartTLS, "me", "canary"
	var failure *DialError
	go func() { <-p.marked }()
	server := p.server
	server.Timeouts.Greeting = 200 * time.Millisecond
	if _, err := server.Dial(t.Context()); !errors.As(err, &failure) || failure.Phase != PhaseTLS {
		t.Error(err)
	}
	if rest := p.finish(); strings.Contains(rest, "AUTH") {
		t.Errorf("said %q", rest)
	}
}

// The sink's steering, seen through a session: S1, S2, S3, S5, S7, S8, S11, S12, S23.
func TestSessionAndSink(t *testing.T) {
	sink := digesttest.NewSinkWith(t, digesttest.SinkConfig{PerSession: 2})
	server := remote(t, sink, "smtp://127.0.0.1")
	for _, test := range []struct {
		to   string
		want Class // Odd: the connection is lost
	}{
		{"550.a@example.net", BadRecipient}, {"451@example.net", Temporary}, {"quota@example.net", Temporary}, {"554-x@example.net", BadRecipient},
		{"greylist@example.net", Temporary}, {"greylist@example.net", Accepted}, {"deferdot@example.net", Temporary}, {"rejectdot@example.net", BadMessage},
		{"droprcpt@example.net", Odd}, {"dropdata@example.net", Odd}, {"dropbefore@example.net", Odd}, {"dropdot@example.net", Odd}, {"fine@example.net", Accepted},
	} {
		session, err := server.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		a, err := send(t, session, test.to)
		if (test.want == Odd) != (err != nil) || err == nil && a.Class != test.want {
			t.Errorf("%s: %v %v", test.to, a, err)
		}
		_ = session.Close()
	}
	copies := sink.Copies()
	for to, want := range map[string]int{"greylist@example.net": 1, "dropdot@example.net": 1, "fine@example.net": 1, "dropbefore@example.net": 0, "550.a@example.net": 0} {
		if copies[to] != want {
			t.Errorf("%s: %d copies, want %d", to, copies[to], want)
		}
	}

	session, err := server.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []Class{Accepted, Accepted, Busy} {
		if a, err := send(t, session, "many@example.net"); err != nil || a.Class != want {
			t.Errorf("mail %d: %v %v", i, a, err)
		}
	}
}

func benchmarkLetter() (Letter, Reader) {
	l, r := sampleLetter(), sampleReader()
	l.HTML += strings.Repeat("<p>A paragraph about live migration, and <b>some</b> more words.</p>\n", 400)
	l.Text += strings.Repeat("A paragraph about live migration, and some more words.\n", 60)
	return l, r
}

// BenchmarkSend compares one mail over an open Session with one over go-mail's Client.Send, both to the same sink.
func BenchmarkSend(b *testing.B) {
	l, r := benchmarkLetter()
	message, err := l.Message(r)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("session", func(b *testing.B) {
		sink := digesttest.NewSinkWith(b, digesttest.SinkConfig{OnData: func(digesttest.Received) error { return nil }})
		server, err := ParseServer(sink.URL())
		if err != nil {
			b.Fatal(err)
		}
		session, err := server.Dial(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		defer session.Close()
		b.ReportAllocs()
		for b.Loop() {
			if a, err := session.Offer(b.Context(), mailFrom(from, r.Address, message)); err != nil || a.Class != Ready {
				b.Fatal(a, err)
			}
			if a, err := session.Dot(b.Context(), nil); err != nil || a.Class != Accepted {
				b.Fatal(a, err)
			}
		}
	})
	b.Run("go-mail", func(b *testing.B) {
		sink := digesttest.NewSink(b)
		host, port, _ := net.SplitHostPort(sink.Addr)
		number, _ := net.LookupPort("tcp", port)
		client, err := gomail.NewClient(host, gomail.WithPort(number), gomail.WithTLSPolicy(gomail.NoTLS))
		if err != nil {
			b.Fatal(err)
		}
		if err := client.DialWithContext(b.Context()); err != nil {
			b.Fatal(err)
		}
		defer client.Close()
		b.ReportAllocs()
		for b.Loop() {
			m := gomail.NewMsg(gomail.WithEncoding(gomail.NoEncoding))
			if err := errors.Join(m.From(from), m.To(r.Address)); err != nil {
				b.Fatal(err)
			}
			m.SetBodyWriter(gomail.TypeTextPlain, func(w io.Writer) (int64, error) {
				n, err := w.Write(message)
				return int64(n), err
			})
			if err := client.Send(m); err != nil {
				b.Fatal(err)
			}
		}
	})
}
