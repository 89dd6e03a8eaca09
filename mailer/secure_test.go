package mailer

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
)

// overTLS makes a script's server one that is reached over TLS, its certificate not looked at.
func overTLS(t *testing.T, lines string) *script {
	p := play(t, lines)
	p.server.User, p.server.Password = "me", "canary" // on loopback nothing else wants TLS
	return p
}

const (
	helloTLS = "S: 220 hi\nC: EHLO client.test\nS: 250-here\nS: 250-PIPELINING\nS: 250-SIZE 5\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\n"
	loginTLS = "C:\nS: 235 welcome\n"
)

// What counts is what EHLO says under TLS; what it said before may be anybody's.
func TestSessionUnderTLS(t *testing.T) {
	big := mailFrom(from, to, []byte(letter+strings.Repeat(strings.Repeat("x", 998)+"\r\n", 200)))
	commands := "C: MAIL FROM:<digest@example.com>\nC: RCPT TO:<ann@example.net>\nC: DATA\n"
	lines := helloTLS + "C: EHLO client.test\nS: 250-here\nS: 250-PIPELINING\nS: 250 AUTH PLAIN\n" + loginTLS +
		commands + flightYes + "BODY\n" + commands + "S: 250 ok\n" + flightYes + "BODY\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
	p := overTLS(t, lines)
	s := p.dial(t)
	for _, next := range []*Envelope{&big, nil} {
		if a, err := s.Offer(t.Context(), big); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		if a, err := s.Dot(t.Context(), next); err != nil || a.Class != Accepted {
			t.Fatal(a, err)
		}
	}
	_ = s.Close()
	p.finish()
	if !bytes.Equal([]byte(p.body), big.Message.Bytes()) {
		t.Errorf("the body has %d bytes", len(p.body))
	}

	p = overTLS(t, helloTLS+"C: EHLO client.test\nS: 250-here\nS: 250 AUTH PLAIN\n"+loginTLS+
		"C: MAIL FROM:<digest@example.com>\nS: 250 ok\n"+rcptLine+dataLine+"BODY\nS: 250 ok\n")
	if s := offered(t, p); s.Pipelining() {
		t.Error("pipelines what was announced before TLS")
	} else if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
		t.Error(a, err)
	}
}

// A connection that ends, or a server that speaks, between body and dot is noticed under TLS, too.
func TestSessionUnderTLSBrokenInBody(t *testing.T) {
	for name, then := range map[string]string{"closed": "CLOSE\n", "speaks": "S: 421 bye\nMARK\n"} {
		t.Run(name, func(t *testing.T) {
			p := overTLS(t, helloTLS+"C:\nS: 250-here\nS: 250-PIPELINING\nS: 250 AUTH PLAIN\n"+loginTLS+"C:\nC:\nC:\n"+flightYes+"PART 24\n"+then)
			s := offered(t, p)
			<-p.marked
			// The body took longer than the answer to DATA might have taken.
			if err := s.socket.raw.SetReadDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Fatal(err)
			}
			if a, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrNoDot) {
				t.Error(a, err)
			}
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q", rest)
			}
		})
	}
}

// S13, S14: the ways a server can be unsafe on the wire. Nothing of the login is said, and nobody tries again by himself.
func TestDialUnsafe(t *testing.T) {
	plain := "S: 220 hi\nC: EHLO client.test\n"
	for name, test := range map[string]struct {
		lines string
		want  error
		halt  bool
	}{
		"STARTTLS not offered":       {plain + "S: 250-here\nS: 250 AUTH PLAIN LOGIN\n", ErrNoTLS, true},
		"STARTTLS refused":           {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS: 502 no\n", ErrNoTLS, true},
		"STARTTLS not now":           {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS: 454 not now\n", ErrBusy, false},
		"injection with the 220":     {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS- 220 go\\r\\n250 AUTH PLAIN\\r\\n\n", ErrTLS, true},
		"no TLS behind the 220":      {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nPART 20\nS: 250 AUTH PLAIN\n", ErrTLS, true},
		"closed behind the 220":      {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nCLOSE\n", ErrUnreachable, false},
		"garbled 220":                {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS- 220 g\\x00\\r\\n\n", ErrUnreachable, false},
		"self-made certificate":      {plain + "S: 250-here\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC:\n", ErrTLS, true},
		"STARTTLS stripped to EHLO2": {plain + "S: 500 what\nC: HELO client.test\nS: 250 here\n", ErrNoTLS, true},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, test.lines)
			p.server.Security, p.server.User, p.server.Password = StartTLS, "me", "canary"
			heard := &recorder{}
			p.server.Connect = func(ctx context.Context, network, address string) (net.Conn, error) {
				conn, err := (&net.Dialer{}).DialContext(ctx, network, address)
				heard.Conn = conn
				return heard, err
			}
			_, err := p.server.Dial(t.Context())
			var failure *DialError
			if !errors.As(err, &failure) || !errors.Is(err, test.want) || failure.Halt() != test.halt || failure.Phase != PhaseTLS {
				t.Errorf("%v", err)
			}
			if said := heard.said.String(); strings.Contains(said, "AUTH") || strings.Contains(said, "MAIL") || !heard.closed {
				t.Errorf("said %q, closed %v", said, heard.closed)
			}
			p.finishEarly()
		})
	}
}

// S14: a login that is offered only before TLS is none.
func TestDialLoginBeforeTLSOnly(t *testing.T) {
	sink := digesttest.NewSinkWith(t, digesttest.SinkConfig{TLS: true}) // only its certificate is of use
	p := overTLS(t, "S: 220 hi\nC:\nS: 250-here\nS: 250-AUTH PLAIN LOGIN\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO client.test\nS: 250 here\n")
	p.server.Security = StartTLS
	p.server.Roots = sink.Roots
	_, err := p.server.Dial(t.Context())
	if !errors.Is(err, ErrTLS) {
		t.Error(err)
	}
	p.finishEarly()

	certificate := scriptCertificate()
	p = playWith(t, "S: 220 hi\nC:\nS: 250-here\nS: 250-AUTH PLAIN LOGIN\nS: 250 STARTTLS\nC: STARTTLS\nS: 220 go\nTLS\nC: EHLO client.test\nS: 250 here\n", certificate)
	leaf, err := x509.ParseCertificate(certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	p.server.Security, p.server.User, p.server.Password, p.server.Roots = StartTLS, "me", "canary", x509.NewCertPool()
	p.server.Roots.AddCert(leaf)
	var failure *DialError
	if _, err := p.server.Dial(t.Context()); !errors.As(err, &failure) || !errors.Is(err, ErrAuth) || !failure.Halt() || failure.Phase != PhaseAuth {
		t.Error(err)
	}
	if rest := p.finish(); rest != "" {
		t.Errorf("said %q", rest)
	}
}

// S18: greeting and EHLO have to be proper answers, before TLS and under it.
func TestDialGarbled(t *testing.T) {
	for name, bad := range map[string]string{
		"NUL":        "S- %s o\\x00k\\r\\n\n",
		"bare LF":    "S- %s ok\\n\n",
		"bare CR":    "S- %s o\\rk\\r\\n\n",
		"long line":  "S: %s " + strings.Repeat("x", replyLine) + "\n",
		"1 MB":       "S: %s " + strings.Repeat("x", 1<<20) + "\n",
		"endless":    strings.Repeat("S: %s-x\n", replyLines+1),
		"64 KiB":     strings.Repeat("S: %s-"+strings.Repeat("x", 1000)+"\n", 70),
		"two codes":  "S: %s-a\nS: 299 b\n",
		"no digits":  "S: x%s ok\n",
		"half":       "S- %s ok\nCLOSE\n",
		"two in one": "S- %s ok\\r\\n250 ok\\r\\n\n",
	} {
		for where, test := range map[string]struct{ before, code string }{
			"greeting":       {"", "220"},
			"EHLO":           {"S: 220 hi\nC:\n", "250"},
			"EHLO under TLS": {helloTLS + "C:\n", "250"},
		} {
			t.Run(name+"/"+where, func(t *testing.T) {
				p := overTLS(t, test.before+strings.ReplaceAll(bad, "%s", test.code))
				if where != "EHLO under TLS" {
					p.server.User, p.server.Password = "", ""
				}
				_, err := p.server.Dial(t.Context())
				var failure *DialError
				if !errors.As(err, &failure) || !errors.Is(err, ErrUnreachable) || failure.Halt() {
					t.Error(err)
				}
				p.finishEarly()
			})
		}
	}
}

// A message in many pieces and of several blocks arrives as it is, however it is written.
func TestSessionPieces(t *testing.T) {
	e := mailFrom(from, to, []byte(letter+strings.Repeat(".dots and words\r\n", 20000)))
	whole := e.Message.pieces[0]
	e.Message.pieces = nil
	for n := 1; len(whole) > 0; n = (n*7 + 11) % 90000 {
		e.Message.pieces = append(e.Message.pieces, whole[:min(n, len(whole))], nil)
		whole = whole[min(n, len(whole)):]
	}
	open := "S: 220 hi\nC:\nS: 250-here\nS: 250 PIPELINING\nC:\nC:\nC:\n" + flightYes + "BODY\nS: 250 ok\n"
	for name, p := range map[string]*script{"socket": play(t, open), "pipe": playPipe(t, open, 0)} {
		s := p.dial(t)
		if a, err := s.Offer(t.Context(), e); err != nil || a.Class != Ready {
			t.Fatal(name, a, err)
		}
		if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
			t.Fatal(name, a, err)
		}
		if got := strings.ReplaceAll(p.body, "\r\n.", "\r\n"); got != string(e.Message.Bytes()) {
			t.Errorf("%s: the body has %d bytes", name, len(got))
		}
	}
}
