package mailer

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

const (
	from     = "digest@example.com"
	to       = "ann@example.net"
	mailLine = "C: MAIL FROM:<digest@example.com> SIZE=24\nS: 250 2.1.0 ok\n"
	rcptLine = "C: RCPT TO:<ann@example.net>\nS: 250 2.1.5 ok\n"
	dataLine = "C: DATA\nS: 354 go\n"
	envelope = mailLine + rcptLine + dataLine
	letter   = "Subject: test\r\n\r\nwords\r\n"
)

func offer(t *testing.T, s *Session) (Answer, error) {
	t.Helper()
	return s.Offer(t.Context(), mailFrom(from, to, []byte(letter)))
}

func TestSessionSends(t *testing.T) {
	p := play(t, hello+strings.Repeat(envelope+"BODY\nS: 250 2.0.0 queued\n", 2)+"C: QUIT\nS: 221 bye\n")
	s := p.dial(t)
	for range 2 {
		if a, err := offer(t, s); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		a, err := s.Dot(t.Context(), nil)
		if err != nil || a.Class != Accepted || a.Enhanced != "2.0.0" || a.Text != "queued" {
			t.Fatal(a, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if rest := p.finish(); rest != "" || p.body != letter {
		t.Errorf("body %q, rest %q", p.body, rest)
	}
}

// Refusals before the body are answers, the envelope is cleared, and the next mail goes over the same connection.
func TestSessionRefused(t *testing.T) {
	for name, test := range map[string]struct {
		lines string
		want  Class
	}{
		"sender":          {"C:\nS: 550 5.7.1 no\n", BadSender},
		"recipient":       {mailLine + "C:\nS: 550 5.1.1 unknown\n", BadRecipient},
		"greylisted":      {mailLine + "C:\nS: 451-4.7.1 grey\nS: 451 4.7.1 listed\n", Temporary},
		"data":            {mailLine + rcptLine + "C:\nS: 554 5.5.1 none\n", BadMessage},
		"basic code wins": {mailLine + "C:\nS: 550 2.1.5 fine\n", BadRecipient},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello+test.lines+"C: RSET\nS: 250 ok\n"+envelope+"BODY\nS: 250 ok\n")
			s := p.dial(t)
			if a, err := offer(t, s); err != nil || a.Class != test.want {
				t.Fatal(a, err)
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

func TestSessionRefusalStandsWhenResetFails(t *testing.T) {
	for name, after := range map[string]string{"dropped": "CLOSE", "refused": "S: 500 no\nC:\n", "stale": "S- 250 ok\\r\\n250 ok\\r\\n"} {
		t.Run(name, func(t *testing.T) {
			lines := hello + mailLine + "C:\nS: 550 5.1.1 unknown\nC: RSET\n" + after
			if name != "refused" {
				lines += "\n"
			} else {
				lines = strings.TrimSuffix(lines, "C:\n")
			}
			s := play(t, lines).dial(t)
			if a, err := offer(t, s); err != nil || a.Class != BadRecipient {
				t.Fatal(a, err)
			}
			if _, err := offer(t, s); !errors.Is(err, ErrLost) {
				t.Fatalf("went on: %v", err)
			}
		})
	}
}

// S4: 421 is a definite no that costs the connection.
func TestSessionBusy(t *testing.T) {
	for name, lines := range map[string]string{
		"mail": "C:\n", "rcpt": mailLine + "C:\n", "data": mailLine + rcptLine + "C:\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello+lines+"S: 421 4.3.2 closing\n")
			s := p.dial(t)
			if a, err := offer(t, s); err != nil || a.Class != Busy || a.Code != 421 {
				t.Fatal(a, err)
			}
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q after 421", rest)
			}
		})
	}
	p := play(t, hello+envelope+"BODY\nS: 421 4.3.2 closing\n")
	s := p.dial(t)
	if _, err := offer(t, s); err != nil {
		t.Fatal(err)
	}
	if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Busy {
		t.Fatal(a, err)
	}
	p.finish()
}

// S3, S16, S18, S27: nothing is decided, and the connection is gone.
func TestSessionLostBeforeDot(t *testing.T) {
	many := strings.Repeat("S: 250-more\n", 600)
	for name, lines := range map[string]string{
		"closed at MAIL":       "C:\nCLOSE\n",
		"closed at RCPT":       mailLine + "C:\nCLOSE\n",
		"closed at DATA":       mailLine + rcptLine + "C:\nCLOSE\n",
		"250 instead of 354":   mailLine + rcptLine + "C:\nS: 250 ok\n",
		"354 instead of 250":   mailLine + "C:\nS: 354 go\n",
		"no digits":            "C:\nS: abc hello\n",
		"short":                "C:\nS: 25\n",
		"600":                  "C:\nS: 600 what\n",
		"NUL":                  "C:\nS- 250 o\\x00k\\r\\n\n",
		"bare LF":              "C:\nS- 250 ok\\n\n",
		"one reply too many":   "C:\nS- 250 ok\\r\\n250 stale\\r\\n\n",
		"endless reply":        "C:\n" + many,
		"long line":            "C:\nS: 250 " + strings.Repeat("x", 70<<10) + "\n",
		"half a reply":         "C:\nS- 250 ok\nCLOSE\n",
		"silence":              "C:\nWAIT\n",
		"421 with the 354":     mailLine + rcptLine + "C:\nS- 354 go\\r\\n421 closing\\r\\n\n",
		"codes that differ":    "C:\nS: 250-ok\nS: 550 no\n",
		"closed inside a line": mailLine + "C:\nS- 2\nCLOSE\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello+lines)
			if name == "silence" || name == "codes that differ" {
				p.server.Timeouts = Timeouts{Mail: 50 * time.Millisecond}
			}
			s := p.dial(t)
			a, err := offer(t, s)
			if !errors.Is(err, ErrLost) {
				t.Fatalf("%v %v", a, err)
			}
			if _, err := offer(t, s); !errors.Is(err, ErrLost) {
				t.Errorf("went on: %v", err)
			}
		})
	}
}

// What breaks between the body and the dot leaves no doubt: a dot that never left was not accepted.
func TestSessionBrokenInBody(t *testing.T) {
	for name, lines := range map[string]string{"closed": "CLOSE\n", "answers early": "S: 250 queued already\nMARK\n", "421": "S: 421 shutting down\nMARK\n"} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello+envelope+"PART 24\n"+lines)
			s := p.dial(t)
			a, err := offer(t, s)
			if err != nil && !errors.Is(err, ErrLost) || err == nil && a.Class != Ready {
				t.Fatal(a, err)
			}
			if err != nil {
				return // seen before Offer was through; as good
			}
			<-p.marked
			if a, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrNoDot) || a != (Answer{}) {
				t.Fatal(a, err)
			}
			if _, err := offer(t, s); !errors.Is(err, ErrLost) {
				t.Errorf("went on: %v", err)
			}
		})
	}
}

// S1, S2, S16, S18, S26: after the dot anything but a whole 2yz, 4yz or 5yz leaves doubt.
func TestSessionDoubt(t *testing.T) {
	for name, lines := range map[string]string{
		"closed":       "CLOSE\n",
		"3xx":          "S: 354 more\n",
		"1xx":          "S: 150 hm\n",
		"6xx":          "S: 650 hm\n",
		"no digits":    "S: ok\n",
		"half a line":  "S- 250 ok\nCLOSE\n",
		"half a code":  "S- 25\nCLOSE\n",
		"half a reply": "S: 250-ok\nCLOSE\n",
		"bare LF":      "S- 250 ok\\n\n",
		"NUL":          "S- 250 \\x00\\r\\n\n",
		"endless":      strings.Repeat("S: 250-more\n", 600),
		"late":         "WAIT\n",
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello+envelope+"BODY\n"+lines)
			if name == "late" {
				p.server.Timeouts = Timeouts{Dot: 50 * time.Millisecond}
			}
			s := p.dial(t)
			if a, err := offer(t, s); err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
			if a, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrLost) || errors.Is(err, ErrNoDot) || a != (Answer{}) {
				t.Fatal(a, err)
			}
			if _, err := offer(t, s); !errors.Is(err, ErrLost) {
				t.Errorf("went on: %v", err)
			}
		})
	}
}

// S11, S12: a definite no after the dot is an answer, and the next mail goes over the same connection without RSET.
func TestSessionRefusedAtDot(t *testing.T) {
	for reply, want := range map[string]Class{"451 4.3.0 later": Temporary, "554 5.6.0 spam": BadMessage, "550 5.1.1 unknown": BadRecipient, "550 5.7.26 unauthenticated": BadSender} {
		s := play(t, hello+envelope+"BODY\nS: "+reply+"\n"+envelope+"BODY\nS: 250 ok\n").dial(t)
		for _, want := range []Class{want, Accepted} {
			if a, err := offer(t, s); err != nil || a.Class != Ready {
				t.Fatal(reply, a, err)
			}
			if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != want {
				t.Error(reply, a, err)
			}
		}
	}
}

// Inside the body nothing may be sent but the end of the connection: a QUIT would be text, and a dot would send the mail.
func TestSessionCloseInBody(t *testing.T) {
	for name, leave := range map[string]func(s *Session){
		"close":        func(s *Session) { _ = s.Close() },
		"second offer": func(s *Session) { _, _ = s.Offer(context.Background(), mailFrom(from, to, []byte(letter))) },
	} {
		p := play(t, hello+envelope)
		s := p.dial(t)
		if a, err := offer(t, s); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		leave(s)
		if rest := p.finish(); rest != letter {
			t.Errorf("%s: the server read %q", name, rest)
		}
	}
}

func TestSessionDotWithoutOffer(t *testing.T) {
	p := play(t, hello)
	s := p.dial(t)
	if _, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrNoDot) {
		t.Error(err)
	}
	if rest := p.finish(); rest != "" {
		t.Errorf("sent %q", rest)
	}

	p = play(t, hello+envelope)
	s = p.dial(t)
	ctx, cancel := context.WithCancel(t.Context())
	if a, err := s.Offer(ctx, mailFrom(from, to, []byte(letter))); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	stop := s.watch(ctx) // as an Offer does whose context ends while it returns
	cancel()
	stop()
	if _, err := s.Dot(t.Context(), nil); !errors.Is(err, ErrNoDot) || !s.Closed() {
		t.Error("on a connection that is closed:", err)
	}
}

// A cancelled context ends a request that would wait for minutes.
func TestSessionCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := play(t, hello+"C:\nMARK\nWAIT\n")
	s := p.dial(t)
	go func() { <-p.marked; cancel() }()
	if _, err := s.Offer(ctx, mailFrom(from, to, []byte(letter))); !errors.Is(err, ErrLost) || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}

	p = play(t, hello+envelope)
	s = p.dial(t)
	if a, err := offer(t, s); err != nil || a.Class != Ready {
		t.Fatal(a, err)
	}
	if a, err := s.Dot(ctx, nil); !errors.Is(err, ErrNoDot) {
		t.Errorf("before the dot: %v %v", a, err)
	}
	if rest := p.finish(); rest != letter {
		t.Errorf("the server read %q", rest)
	}
}

// S17: a server that stops reading.
func TestSessionZeroWindow(t *testing.T) {
	p := play(t, hello[:strings.Index(hello, "S: 250 SIZE")]+"S: 250 ok\nC:\nS: 250 ok\nC:\nS: 250 ok\nC: DATA\nS: 354 go\nWAIT\n")
	p.server.Timeouts = Timeouts{Block: 50 * time.Millisecond}
	s := p.dial(t)
	message := letter + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 32<<10)
	if a, err := s.Offer(t.Context(), mailFrom(from, to, []byte(message))); !errors.Is(err, ErrLost) {
		t.Error(a, err)
	}
}

// S21, S22 and addresses no command can carry are found before anything is said.
func TestSessionLocalRefusal(t *testing.T) {
	big := letter + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 101)
	for name, test := range map[string]struct {
		from, to, message string
		want              Class
		enhanced          string
	}{
		"size":         {from, to, big, BadSender, "5.3.4"},
		"utf8":         {from, "jürgen@example.net", letter, BadRecipient, "5.6.7"},
		"utf8 sender":  {"jürgen@example.com", to, letter, BadSender, "5.6.7"},
		"injection":    {from, "a> SIZE=1\r\nRSET\r\n@example.net", letter, BadRecipient, "5.1.3"},
		"sender":       {"a>@example.com", to, letter, BadSender, "5.1.7"},
		"bare LF":      {from, to, "Subject: x\r\n\r\na\n.\nb\r\n", BadMessage, "5.6.0"},
		"bare CR":      {from, to, "Subject: x\r\n\r\na\r.\rb\r\n", BadMessage, "5.6.0"},
		"no end":       {from, to, "Subject: x", BadMessage, "5.6.0"},
		"NUL":          {from, to, "Subject: x\x00\r\n", BadMessage, "5.6.0"},
		"999":          {from, to, "Subject: " + strings.Repeat("x", 990) + "\r\n", BadMessage, "5.6.0"},
		"no recipient": {from, "", letter, BadRecipient, "5.1.3"},
	} {
		t.Run(name, func(t *testing.T) {
			p := play(t, hello)
			s := p.dial(t)
			a, err := s.Offer(t.Context(), mailFrom(test.from, test.to, []byte(test.message)))
			if err != nil || a.Class != test.want || a.Enhanced != test.enhanced {
				t.Error(a, err)
			}
			s.drop()
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q", rest)
			}
		})
	}
}

func TestSessionParameters(t *testing.T) {
	utf8Hello := strings.Replace(hello, "S: 250-8BITMIME", "S: 250-8BITMIME\nS: 250-SMTPUTF8", 1)
	for name, test := range map[string]struct{ hello, from, to, message, mail, rcpt string }{
		"ascii":     {utf8Hello, from, to, letter, "MAIL FROM:<digest@example.com> SIZE=24", "RCPT TO:<ann@example.net>"},
		"utf8":      {utf8Hello, from, "jürgen@bücher.example", letter, "MAIL FROM:<digest@example.com> SIZE=24 SMTPUTF8", "RCPT TO:<jürgen@xn--bcher-kva.example>"},
		"idn only":  {hello, from, "ann@bücher.example", letter, "MAIL FROM:<digest@example.com> SIZE=24", "RCPT TO:<ann@xn--bcher-kva.example>"},
		"8 bit":     {hello, from, to, "Subject: ü\r\n", "MAIL FROM:<digest@example.com> SIZE=13 BODY=8BITMIME", "RCPT TO:<ann@example.net>"},
		"null":      {hello, "", to, letter, "MAIL FROM:<> SIZE=24", "RCPT TO:<ann@example.net>"},
		"old hello": {"S: 220 ready\nC: EHLO client.test\nS: 500 what\nC: HELO client.test\nS: 250 here\n", from, to, letter, "MAIL FROM:<digest@example.com>", "RCPT TO:<ann@example.net>"},
	} {
		t.Run(name, func(t *testing.T) {
			s := play(t, test.hello+"C: "+test.mail+"\nS: 250 ok\nC: "+test.rcpt+"\nS: 250 ok\n"+dataLine+"BODY\nS: 250 ok\n").dial(t)
			if a, err := s.Offer(t.Context(), mailFrom(test.from, test.to, []byte(test.message))); err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
			if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
				t.Fatal(a, err)
			}
		})
	}
}

// A3: the stuffed body, read back by the rules of RFC 5321 §4.5.2, is the message; and no reader, however lenient about
// the end of data, finds one inside it.
func TestSessionDotStuffing(t *testing.T) {
	for _, message := range []string{
		letter, ".\r\n", "..\r\n.\r\n", "Subject: x\r\n\r\n.\r\n..\r\n.a\r\na.\r\n.\r\nMAIL FROM:<evil@example.org>\r\n", "\r\n.\r\n",
	} {
		p := play(t, hello+"C:\nS: 250 ok\nC:\nS: 250 ok\nC: DATA\nS: 354 go\nBODY\nS: 250 ok\n")
		s := p.dial(t)
		if a, err := s.Offer(t.Context(), mailFrom(from, to, []byte(message))); err != nil || a.Class != Ready {
			t.Fatal(a, err)
		}
		if a, err := s.Dot(t.Context(), nil); err != nil || a.Class != Accepted {
			t.Fatal(a, err)
		}
		s.drop()
		p.finish()
		for _, end := range []string{"\n.\n", "\r.\r", "\r\n.\r\n", "\n.\r\n", "\r\n.\n", "\r\n.\r", "\r.\n"} {
			if strings.Contains("\r\n"+p.body, end) {
				t.Errorf("%q: body %q contains %q", message, p.body, end)
			}
		}
		if got := strings.ReplaceAll("\r\n"+p.body, "\r\n.", "\r\n")[2:]; got != message {
			t.Errorf("%q was read as %q", message, got)
		}
	}
}
