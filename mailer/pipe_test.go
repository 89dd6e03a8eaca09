package mailer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// dialogue is two mails, one of them refused at first, in either way.
func dialogue(pipelined bool) string {
	no := "S: 550-5.1.1 nobody\nS: 550 5.1.1 of that name\n"
	if pipelined {
		return helloFlight + flight + "S: 250 ok\n" + no + "S: 554 5.5.1 none\n" +
			"C: RSET\n" + flight + "S: 250 ok\n" + flightYes + "BODY\n" + flight + "S: 250-2.0.0 queued\nS: 250 2.0.0 as 12\n" + flightYes + "BODY\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
	}
	return hello + mailLine + "C: RCPT TO:<ann@example.net>\n" + no + "C: RSET\nS: 250 ok\n" +
		envelope + "BODY\nS: 250-2.0.0 queued\nS: 250 2.0.0 as 12\n" + envelope + "BODY\nS: 250 ok\nC: QUIT\nS: 221 bye\n"
}

// S16, S27: what a server says means the same wherever the network cuts it.
func TestSessionCutAnywhere(t *testing.T) {
	for _, pipelined := range []bool{false, true} {
		for cut := -1; cut < 500; cut++ {
			p := playPipe(t, dialogue(pipelined), cut)
			s, e := p.dial(t), sample()
			if a, err := s.Offer(t.Context(), e); err != nil || a.Class != BadRecipient || a.Text != "nobody of that name" {
				t.Fatal(cut, a, err)
			}
			if a, err := s.Offer(t.Context(), e); err != nil || a.Class != Ready {
				t.Fatal(cut, a, err)
			}
			if a, err := s.Dot(t.Context(), &e); err != nil || a.Class != Accepted || a.Text != "queued as 12" {
				t.Fatal(cut, a, err)
			}
			if a, err := s.Offer(t.Context(), e); err != nil || a.Class != Ready {
				t.Fatal(cut, a, err)
			}
			if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
				t.Fatal(cut, a, err)
			}
			_ = s.Close()
			if rest := p.finish(); rest != "" || s.Pipelining() != pipelined {
				t.Fatal(cut, rest)
			}
		}
	}
}

// writes notes each write to a connection.
type writes struct {
	net.Conn
	said []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.said = append(w.said, string(p))
	return w.Conn.Write(p)
}

// A mail is two writes: its body, and its dot with the next envelope.
func TestFlightWrites(t *testing.T) {
	p := playPipe(t, helloFlight+flight+flightYes+"BODY\n"+flight+"S: 250 ok\n"+flightYes+"BODY\nS: 250 ok\n", 0)
	heard := &writes{}
	connect := p.server.Connect
	p.server.Connect = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := connect(ctx, network, address)
		heard.Conn = conn
		return heard, err
	}
	s, e := p.dial(t), sample()
	e.Message.pieces = [][]byte{[]byte(letter[:5]), []byte(letter[5:9]), nil, []byte(letter[9:])}
	for _, next := range []*Envelope{&e, nil} {
		if a, err := s.Offer(t.Context(), e); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		if a, err := s.Dot(t.Context(), next); err != nil || a.Class != Accepted {
			t.Fatal(a, err)
		}
	}
	commands := "MAIL FROM:<digest@example.com> SIZE=24\r\nRCPT TO:<ann@example.net>\r\nDATA\r\n"
	want := []string{"EHLO client.test\r\n", commands, letter, ".\r\n" + commands, letter, ".\r\n"}
	if !slices.Equal(heard.said, want) {
		t.Errorf("wrote %q", heard.said)
	}
}

// S16, S17, S25, S26: each request has its own time for the whole of its answer, however slowly it drips in.
func TestSessionPatience(t *testing.T) {
	drip := "DRIP 250 2.0.0 " + strings.Repeat("x", 300) + "\n"
	data := "C: DATA\n"
	for name, test := range map[string]struct {
		lines string
		takes time.Duration
	}{
		"greeting":                  {"WAIT\n", 5 * time.Minute},
		"greeting, dripping":        {"DRIP 220 " + strings.Repeat("x", 300) + "\n", 5 * time.Minute},
		"EHLO":                      {"S: 220 hi\nC:\nSLEEP 4m59s\nS: 250-here\nWAIT\n", 5 * time.Minute},
		"MAIL":                      {hello + "C:\nWAIT\n", 5 * time.Minute},
		"MAIL, dripping":            {hello + "C:\n" + drip, 5 * time.Minute},
		"MAIL, endless":             {hello + "C:\n" + strings.Repeat("SLEEP 1m\nS: 250-more\n", 6), 5 * time.Minute},
		"RCPT":                      {hello + mailLine + "C:\nWAIT\n", 5 * time.Minute},
		"DATA":                      {hello + mailLine + rcptLine + "C:\nWAIT\n", 2 * time.Minute},
		"zero window":               {hello + mailLine + rcptLine + "C: DATA\nS: 354 go\nWAIT\n", 3 * time.Minute},
		"dot":                       {hello + envelope + "BODY\nWAIT\n", 10 * time.Minute},
		"dot, dripping":             {hello + envelope + "BODY\n" + drip, 10 * time.Minute},
		"dot after 9:30":            {hello + envelope + "BODY\nSLEEP 9m30s\nS: 250 ok\n", 9*time.Minute + 30*time.Second},
		"dot after 10:30":           {hello + envelope + "BODY\nSLEEP 10m30s\nS: 250 ok\n", 10 * time.Minute},
		"flight: MAIL":              {helloFlight + flight + "WAIT\n", 5 * time.Minute},
		"flight: RCPT after MAIL":   {helloFlight + flight + "SLEEP 4m\nS: 250 ok\nWAIT\n", 9 * time.Minute},
		"flight: DATA after others": {helloFlight + flight + "SLEEP 4m\nS: 250 ok\nSLEEP 4m\nS: 250 ok\nWAIT\n", 10 * time.Minute},
		"flight: all in time": {
			helloFlight + flight + "SLEEP 4m\nS: 250 ok\nSLEEP 4m\nS: 250 ok\nSLEEP 1m\nS: 354 go\nBODY\nSLEEP 9m\nS: 250 ok\n", 18 * time.Minute,
		},
		"flight: zero window": {helloFlight + flight + flightYes + "WAIT\n", 3 * time.Minute},
		"lone dot":            {helloFlight + "C:\nC:\n" + data + "S: 250 ok\nS: 550 5.1.1 no\nS: 354 go\nC: .\nWAIT\n", 10 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := playPipe(t, test.lines, 0)
				begun := time.Now()
				err := patient(t, p)
				if took := time.Since(begun); took != test.takes {
					t.Errorf("took %s: %v", took, err)
				}
				if late := !strings.HasPrefix(name, "lone") && !strings.Contains(name, "9:30") && !strings.Contains(name, "in time"); late == (err == nil) {
					t.Error(err)
				}
				p.finishEarly()
			})
		})
	}
}

// patient sends one mail as far as it goes.
func patient(t *testing.T, p *script) error {
	s, err := p.server.Dial(t.Context())
	if err != nil {
		return err
	}
	defer s.drop()
	a, err := offer(t, s)
	if err == nil && a.Class == Ready {
		a, err = s.Dot(t.Context(), nil)
	}
	if err != nil && (!errors.Is(err, ErrLost) || errors.Is(err, ErrNoDot)) {
		return fmt.Errorf("not lost: %w", err)
	}
	return err
}

// S17 for a body of several blocks: each of them has its own time, and no more.
func TestSessionZeroWindowLater(t *testing.T) {
	big := mailFrom(from, to, []byte(letter+strings.Repeat(strings.Repeat("x", 998)+"\r\n", 300)))
	open := "S: 220 hi\nC:\nS: 250 ok\nC:\nS: 250 ok\nC:\nS: 250 ok\nC:\nS: 354 go\n"
	for name, test := range map[string]struct {
		lines string
		takes time.Duration
		ready bool
	}{
		"slow":  {"PART 65536\nSLEEP 2m\nPART 65536\nSLEEP 2m\nBODY\n", 4 * time.Minute, true},
		"stops": {"PART 65536\nSLEEP 2m\nPART 65536\nWAIT\n", 5 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := playPipe(t, open+test.lines, 0)
				s, begun := p.dial(t), time.Now()
				_, err := s.Offer(t.Context(), big)
				if (err == nil) != test.ready || time.Since(begun) != test.takes {
					t.Error(err, time.Since(begun))
				}
				s.drop()
				p.finishEarly()
			})
		})
	}
}

// A write of which nothing has left leaves no doubt either.
func TestSessionDotNotWritten(t *testing.T) {
	p := playPipe(t, helloFlight+flight+flightYes+"PART 24\nCLOSE\n", 0)
	s := offered(t, p)
	<-p.marked
	if a, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrNoDot) {
		t.Error(a, err)
	}
}
