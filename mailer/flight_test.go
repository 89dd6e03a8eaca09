package mailer

import (
	"context"
	"errors"
	"strings"
	"testing"
)

const (
	helloFlight = "S: 220 ready\nC: EHLO client.test\nS: 250-here\nS: 250-PIPELINING\nS: 250-8BITMIME\nS: 250 SIZE 100000\n"
	flight      = "C: MAIL FROM:<digest@example.com> SIZE=24\nC: RCPT TO:<ann@example.net>\nC: DATA\n"
	flightYes   = "S: 250 2.1.0 ok\nS: 250 2.1.5 ok\nS: 354 go\n"
)

func sample() Envelope { return mailFrom(from, to, []byte(letter)) }

// opened brings a session to the point where the first envelope of its script is to be answered: with it alone, or with
// that of the mail behind one that was accepted. The answers follow in lines.
func openedBy(t *testing.T, behind bool, lines string) (*script, *Session, Envelope) {
	t.Helper()
	e := sample()
	if !behind {
		p := play(t, helloFlight+flight+lines)
		return p, p.dial(t), e
	}
	p := play(t, helloFlight+flight+flightYes+"BODY\n"+flight+"S: 250 2.0.0 queued\n"+lines)
	s := p.dial(t)
	if a, err := s.Offer(t.Context(), e); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	if a, err := s.Dot(t.Context(), &e); err != nil || a.Class != Accepted || a.Text != "queued" {
		t.Fatal(a, err)
	}
	return p, s, e
}

// One flight a mail: an envelope leaves as a whole before any of it is answered, and that of the next mail with the dot
// of the one before; Dot does not wait for the answers to it.
func TestFlight(t *testing.T) {
	p, s, e := openedBy(t, true, "HOLD\n"+flightYes+"BODY\nS: 250 2.0.0 second\nC: QUIT\nS: 221 bye\n")
	close(p.held) // not before Dot has come back
	if !s.Pipelining() {
		t.Error("it does not pipeline")
	}
	if a, err := s.Offer(t.Context(), e); err != nil || a != (Answer{Class: Ready, Phase: PhaseData, Code: 354}) {
		t.Fatal(a, err)
	}
	if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted || a.Text != "second" {
		t.Fatal(a, err)
	}
	_ = s.Close()
	if rest := p.finish(); rest != "" || p.body != letter {
		t.Errorf("body %q, rest %q", p.body, rest)
	}
}

// What the answers to one flight mean (RFC 2920 §3.1), whether it rode with a dot or not. Where the connection is to go
// on, the next flight begins with RSET.
func TestFlightRefused(t *testing.T) {
	for name, test := range map[string]struct {
		answers string
		want    Class
		code    int
		goesOn  bool
	}{
		"sender":                    {"S: 550 5.7.1 no\nS: 503 first MAIL\nS: 503 first MAIL\n", BadSender, 550, true},
		"sender, RCPT taken":        {"S: 550 5.7.1 no\nS: 250 ok\nS: 554 none\n", BadSender, 550, true},
		"sender, DATA taken":        {"S: 550 5.7.1 no\nS: 250 ok\nS: 354 go\n", BadSender, 550, false},
		"recipient":                 {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 554 5.5.1 no valid recipients\n", BadRecipient, 550, true},
		"recipient, 503":            {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 503 RCPT first\n", BadRecipient, 550, true},
		"greylisted":                {"S: 250 ok\nS: 451-4.7.1 grey\nS: 451 4.7.1 listed\nS: 554 5.5.1 none\n", Temporary, 451, true},
		"recipient, DATA taken":     {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 354 go\nC: .\nS: 554 5.5.1 no valid recipients\n", BadRecipient, 550, true},
		"greylisted, DATA taken":    {"S: 250 ok\nS: 450 4.7.1 grey\nS: 354 go\nC: .\nS: 451 none\n", Temporary, 450, true},
		"the lone dot is taken":     {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 354 go\nC: .\nS: 250 queued\n", BadRecipient, 550, false},
		"the lone dot ends it all":  {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 354 go\nC: .\nS: 421 bye\n", BadRecipient, 550, false},
		"the lone dot is not heard": {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 354 go\nC: .\nS: 354 go\n", BadRecipient, 550, false},
		"early behind the 354":      {"S- 250 ok\\r\\n550 5.1.1 unknown\\r\\n354 go\\r\\n250 queued\\r\\n\n", BadRecipient, 550, false},
		"data":                      {"S: 250 ok\nS: 250 ok\nS: 554 5.6.0 none\n", BadMessage, 554, true},
		"data, later":               {"S: 250 ok\nS: 250 ok\nS: 451 4.3.0 later\n", Temporary, 451, true},
		"421 at MAIL":               {"S: 421 4.3.2 closing\n", Busy, 421, false},
		"421 at RCPT":               {"S: 250 ok\nS: 421 4.3.2 closing\n", Busy, 421, false},
		"421 at DATA":               {"S: 250 ok\nS: 250 ok\nS: 421 4.3.2 closing\n", Busy, 421, false},
		"421 after a no":            {"S: 250 ok\nS: 550 5.1.1 unknown\nS: 421 closing\n", BadRecipient, 550, false},
		"closed after a no":         {"S: 250 ok\nS: 550 5.1.1 unknown\nCLOSE\n", BadRecipient, 550, false},
		"garbled after a no":        {"S: 250 ok\nS: 550 5.1.1 unknown\nS: what\n", BadRecipient, 550, false},
		"one answer too many":       {"S- 250 ok\\r\\n550 5.1.1 unknown\\r\\n554 none\\r\\n250 ok\\r\\n\n", BadRecipient, 550, false},
	} {
		for mode, behind := range map[string]bool{"/first": false, "/behind": true} {
			t.Run(name+mode, func(t *testing.T) {
				after := "C: RSET\n" + flight + "S: 250 ok\n" + flightYes + "BODY\nS: 250 fine\n"
				if !test.goesOn {
					after = ""
				}
				p, s, e := openedBy(t, behind, test.answers+after)
				if a, err := s.Offer(t.Context(), e); err != nil || a.Class != test.want || a.Code != test.code {
					t.Fatal(a, err)
				}
				if test.goesOn && s.Closed() {
					t.Error("closed")
				}
				a, err := s.Offer(t.Context(), e)
				if !test.goesOn {
					if !errors.Is(err, ErrLost) {
						t.Errorf("went on: %v %v", a, err)
					}
					if rest := p.finish(); rest != "" {
						t.Errorf("said %q", rest)
					}
					return
				}
				if err != nil || a.Class != Ready {
					t.Fatal(a, err)
				}
				if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
					t.Fatal(a, err)
				}
			})
		}
	}
}

// What makes no sense, or is not there, decides nothing. Nothing more is said.
func TestFlightLost(t *testing.T) {
	for name, answers := range map[string]string{
		"closed":               "CLOSE\n",
		"closed after MAIL":    "S: 250 ok\nCLOSE\n",
		"closed after RCPT":    "S: 250 ok\nS: 250 ok\nCLOSE\n",
		"half an answer":       "S- 250 ok\\r\\n250 o\nCLOSE\n",
		"354 at MAIL":          "S: 354 go\n",
		"354 at RCPT":          "S: 250 ok\nS: 354 go\n",
		"250 at DATA":          "S: 250 ok\nS: 250 ok\nS: 250 ok\n",
		"NUL":                  "S- 250 o\\x00k\\r\\n\n",
		"bare LF":              "S- 250 ok\\n250 ok\\r\\n\n",
		"bare CR":              "S- 250 o\\rk\\r\\n\n",
		"no digits":            "S: yes\n",
		"other codes":          "S: 250-ok\nS: 251 ok\n",
		"endless":              strings.Repeat("S: 250-more\n", 600),
		"one line of 1 MB":     "S: 250 " + strings.Repeat("x", 1<<20) + "\n",
		"an answer too many":   "S- 250 ok\\r\\n250 ok\\r\\n354 go\\r\\n250 queued\\r\\n\n",
		"a stale answer first": "S- 250 stale\\r\\n250 ok\\r\\n250 ok\\r\\n354 go\\r\\n\n",
		"421 with the 354":     "S- 250 ok\\r\\n250 ok\\r\\n354 go\\r\\n421 closing\\r\\n\n",
	} {
		for mode, behind := range map[string]bool{"/first": false, "/behind": true} {
			t.Run(name+mode, func(t *testing.T) {
				p, s, e := openedBy(t, behind, answers)
				if a, err := s.Offer(t.Context(), e); !errors.Is(err, ErrLost) || errors.Is(err, ErrNoDot) || a != (Answer{}) {
					t.Fatalf("%v %v", a, err)
				}
				if _, err := s.Offer(t.Context(), e); !errors.Is(err, ErrLost) {
					t.Errorf("went on: %v", err)
				}
				if rest := p.finish(); rest != "" {
					t.Errorf("said %q", rest)
				}
			})
		}
	}
}

// A RSET that rides in front of a flight has to be answered with a yes.
func TestFlightReset(t *testing.T) {
	for name, answer := range map[string]string{"refused": "S: 500 what\n", "421": "S: 421 bye\n", "garbled": "S: hm\n"} {
		t.Run(name, func(t *testing.T) {
			p, s, e := openedBy(t, false, "S: 250 ok\nS: 550 5.1.1 unknown\nS: 554 none\nC: RSET\n"+flight+answer+flightYes)
			if a, err := s.Offer(t.Context(), e); err != nil || a.Class != BadRecipient {
				t.Fatal(a, err)
			}
			if a, err := s.Offer(t.Context(), e); !errors.Is(err, ErrLost) {
				t.Error(a, err)
			}
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q", rest)
			}
		})
	}
}

// offered brings a session to where its first body is out.
func offered(t *testing.T, p *script) *Session {
	t.Helper()
	s := p.dial(t)
	if a, err := s.Offer(t.Context(), sample()); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	return s
}

// A no to the dot says nothing about the envelope behind it; 421 ends both, and so does what nobody understands.
func TestFlightDot(t *testing.T) {
	for name, test := range map[string]struct {
		answer string
		want   Class // Odd: doubt
		goesOn bool
	}{
		"accepted":   {"S: 250 2.0.0 queued\n", Accepted, true},
		"later":      {"S: 451 4.3.0 later\n", Temporary, true},
		"content":    {"S: 554 5.6.0 spam\n", BadMessage, true},
		"two lines":  {"S: 250-2.0.0 it is\nS: 250 2.0.0 queued\n", Accepted, true},
		"421":        {"S: 421 4.3.2 closing\n", Busy, false},
		"closed":     {"CLOSE\n", Odd, false},
		"354":        {"S: 354 go on\n", Odd, false},
		"no digits":  {"S: ok\n", Odd, false},
		"half":       {"S- 250 ok\nCLOSE\n", Odd, false},
		"half of it": {"S: 250-ok\nCLOSE\n", Odd, false},
		"6xx":        {"S: 650 hm\n", Odd, false},
	} {
		t.Run(name, func(t *testing.T) {
			lines := helloFlight + flight + flightYes + "BODY\n" + flight + test.answer
			if test.goesOn {
				lines += flightYes + "BODY\nS: 250 ok\n"
			}
			p, next := play(t, lines), sample()
			s := offered(t, p)
			a, err := s.Dot(t.Context(), &next)
			if test.want == Odd {
				if !errors.Is(err, ErrLost) || errors.Is(err, ErrNoDot) || a != (Answer{}) {
					t.Fatal(a, err)
				}
			} else if err != nil || a.Class != test.want {
				t.Fatal(a, err)
			}
			a, err = s.Offer(t.Context(), next)
			if !test.goesOn {
				if !errors.Is(err, ErrLost) {
					t.Errorf("went on: %v %v", a, err)
				}
				if rest := p.finish(); rest != "" {
					t.Errorf("said %q", rest)
				}
				return
			}
			if err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
			if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
				t.Fatal(a, err)
			}
		})
	}
}

// S27: an answer nobody asked for, seen before the next request.
func TestFlightStale(t *testing.T) {
	p := play(t, helloFlight+flight+flightYes+"BODY\nS- 250 queued\\r\\n250 stale\\r\\n\n")
	s := offered(t, p)
	if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
		t.Fatal(a, err)
	}
	if a, err := offer(t, s); !errors.Is(err, ErrLost) {
		t.Error(a, err)
	}
	if rest := p.finish(); rest != "" {
		t.Errorf("said %q", rest)
	}
}

// With an envelope open nothing but the end of the connection may follow, unless it is that envelope's own Offer: QUIT
// and another MAIL could become the text of a mail.
func TestFlightLeave(t *testing.T) {
	other := mailFrom(from, "bob@example.net", []byte(letter))
	for name, leave := range map[string]func(s *Session, next Envelope){
		"close":         func(s *Session, _ Envelope) { _ = s.Close() },
		"another mail":  func(s *Session, _ Envelope) { _, _ = s.Offer(context.Background(), other) },
		"another dot":   func(s *Session, next Envelope) { _, _ = s.Dot(context.Background(), &next) },
		"another bytes": func(s *Session, _ Envelope) { _, _ = s.Offer(context.Background(), sample()) },
	} {
		t.Run(name, func(t *testing.T) {
			p, s, e := openedBy(t, true, "HOLD\n"+flightYes)
			leave(s, e)
			close(p.held)
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q", rest)
			}
			if _, err := s.Offer(t.Context(), e); !errors.Is(err, ErrLost) {
				t.Errorf("went on: %v", err)
			}
		})
	}
}

// An envelope that can't go to this server leaves the dot alone; its Offer says why, and the session goes on.
func TestFlightUnfit(t *testing.T) {
	big := letter + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 101)
	for name, next := range map[string]Envelope{
		"address": mailFrom(from, "a b@example.net", []byte(letter)),
		"utf8":    mailFrom(from, "jürgen@example.net", []byte(letter)),
		"size":    mailFrom(from, to, []byte(big)),
		"nothing": mailFrom(from, to, nil),
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, helloFlight+flight+flightYes+"BODY\nS: 250 ok\n"+flight+flightYes+"BODY\nS: 250 ok\n")
			s := offered(t, p)
			if a, err := s.Dot(t.Context(), &next); err != nil || a.Class != Accepted {
				t.Fatal(a, err)
			}
			if a, err := s.Offer(t.Context(), next); err != nil || a.Class == Ready {
				t.Error(a, err)
			}
			if a, err := offer(t, s); err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
			if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
				t.Fatal(a, err)
			}
		})
	}
}

// Where PIPELINING is not announced, a next is not looked at.
func TestLockstepIgnoresNext(t *testing.T) {
	p := play(t, hello+strings.Repeat(envelope+"BODY\nS: 250 ok\n", 2)+"C: QUIT\nS: 221 bye\n")
	s, next := offered(t, p), sample()
	for i := range 2 {
		if a, err := s.Dot(t.Context(), &next); err != nil || a.Class != Accepted || s.Pipelining() {
			t.Fatal(a, err)
		}
		if i == 0 {
			if a, err := s.Offer(t.Context(), next); err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
		}
	}
	_ = s.Close()
}
