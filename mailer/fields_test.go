package mailer

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/net/idna"
)

// fieldTargets put a string where only what is of one form may stand: such a value makes a message of the same fields,
// or none.
var fieldTargets = map[string]func(l *Letter, r *Reader, s string){
	"address":        func(_ *Letter, r *Reader, s string) { r.Address = s },
	"local part":     func(_ *Letter, r *Reader, s string) { r.Address = s + "@example.net" },
	"domain":         func(_ *Letter, r *Reader, s string) { r.Address = "ann@" + s },
	"behind address": func(_ *Letter, r *Reader, s string) { r.Address += s },
	"sender":         func(l *Letter, _ *Reader, s string) { l.From.Mailbox = s },
	"behind sender":  func(l *Letter, _ *Reader, s string) { l.From.Mailbox += s },
	"reply-to":       func(l *Letter, _ *Reader, s string) { l.ReplyTo = s },
	"behind reply":   func(l *Letter, _ *Reader, s string) { l.ReplyTo = "author@example.com" + s },
	"leave":          func(_ *Letter, r *Reader, s string) { r.Leave = "https://" + s },
	"behind leave":   func(_ *Letter, r *Reader, s string) { r.Leave += s },
	"leave mail":     func(_ *Letter, r *Reader, s string) { r.LeaveMail += s },
	"preferences":    func(_ *Letter, r *Reader, s string) { r.Preferences += s },
	"message-id":     func(_ *Letter, r *Reader, s string) { r.MessageID = "<" + s + "@example.com>" },
	"behind id":      func(_ *Letter, r *Reader, s string) { r.MessageID += s },
	"list id":        func(l *Letter, _ *Reader, s string) { l.ListID += s },
	"boundary":       func(l *Letter, _ *Reader, s string) { l.Boundary = "part" + s },
}

// confusing are addresses that parsers have taken for others'.
var confusing = []string{
	`"ann@example.net evil"@example.org`, `"a b"@example.net`, "ann@example.net\x00@evil.example", "<ann@example.net>", "group: ann@example.net;", "ann@[127.0.0.1]",
	"ann@example.net@evil.example", "ann(comment)@example.net", "Ann <ann@example.net>", "ann@example.net> SIZE=1", "ann@example.net>\r\nRCPT TO:<evil@evil.example", "@evil.example:ann@example.net",
	"ann@example.net,evil@evil.example", "ann@example.net;evil@evil.example", "ann@exаmple.net", "ann@evil.example%example.net", "ann%example.net@evil.example", "ann@-example.net", "ann@example..net",
	".ann@example.net", "ann.@example.net", "a..n@example.net", "ann@example.net.", "ann@", "@", "ann", "postmaster", "ann@example.net NOTIFY=NEVER", "ann\u00a0@example.net", "ann@example\u3002net",
}

// A1: no value brings a field, and what can't stand in its field makes no message.
func TestMessageHostileFields(t *testing.T) {
	count, built := 0, 0
	for name, set := range fieldTargets {
		for _, payload := range append(hostile(), confusing...) {
			count++
			l, r := sampleLetter(), sampleReader()
			set(&l, &r, payload)
			message, err := l.Message(r)
			if err != nil {
				continue
			}
			built++
			want := bulkFields
			if l.ReplyTo != "" {
				want = slices.Sorted(slices.Values(append(slices.Clone(bulkFields), "Reply-To")))
			}
			if got := fieldNames(t, message); !slices.Equal(got, want) {
				t.Errorf("%s %q: fields %v", name, payload, got)
			}
			if err := inspectLines(message); err != nil {
				t.Errorf("%s %q: %v", name, payload, err)
			}
			boundary, err := l.boundary()
			if n := bytes.Count(message, []byte("\r\n--"+boundary)); err != nil || n != 3 {
				t.Errorf("%s %q: %d delimiters", name, payload, n)
			}
		}
	}
	t.Logf("%d payloads, %d messages", count, built)
	if count < 10_000 || built == 0 {
		t.Errorf("only %d payloads, %d messages", count, built)
	}
}

// transcript is a server that says yes to everything and keeps what it was told, but for the messages.
type transcript struct {
	mutex sync.Mutex
	lines []string
}

func (s *transcript) serve(listener net.Listener) {
	for {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		go s.talk(c)
	}
}

func (s *transcript) talk(c net.Conn) {
	defer c.Close()
	_, _ = io.WriteString(c, "220 ready\r\n")
	for lines, body := bufio.NewReader(c), false; ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		answer := "250 ok\r\n"
		switch {
		case body && line != ".\r\n":
			continue
		case body:
			body = false
		case strings.HasPrefix(line, "EHLO"):
			answer = "250-here\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
		default:
			s.mutex.Lock()
			s.lines = append(s.lines, line)
			s.mutex.Unlock()
			if body = line == "DATA\r\n"; body {
				answer = "354 go on\r\n"
			}
		}
		if _, err := io.WriteString(c, answer); err != nil {
			return
		}
	}
}

func (s *transcript) take() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	lines := s.lines
	s.lines = nil
	return lines
}

var commandForm = regexp.MustCompile(`^(MAIL FROM|RCPT TO):<[^\s<>@"\\,;:()\[\]\x00-\x1f\x7f]+@[A-Za-z0-9.-]+>( BODY=8BITMIME)?( SMTPUTF8)?\r\n$`)

// onWire is an address as it must stand in a command.
func onWire(t *testing.T, address string) string {
	t.Helper()
	local, domain, _ := strings.Cut(address, "@")
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		t.Fatalf("%q went out: %v", address, err)
	}
	if isASCII(domain) {
		ascii = domain // as it was written, its capitals too
	}
	return "<" + local + "@" + ascii + ">"
}

// A2, A4: each command on the wire is the expected one, whatever the addresses; what is no address sends nothing.
func TestHostileCommands(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	told := &transcript{}
	go told.serve(listener)
	server, err := ParseServer("smtp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	session, err := server.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	message, err := NewMessage([]byte("Subject: x\r\n\r\ntext\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	count, sent := 0, 0
	for _, payload := range append(hostile(), confusing...) {
		for _, address := range []string{payload, payload + "@example.net", "ann@" + payload, "ann" + payload + "@example.net", "ann@example.net" + payload} {
			for _, e := range []Envelope{{"digest@example.com", address, message}, {address, "ann@example.net", message}} {
				count++
				if hand(t, session, e) {
					sent++
					checkTold(t, e, told.take())
				} else if lines := told.take(); len(slices.DeleteFunc(lines, func(s string) bool { return s == "RSET\r\n" })) > 0 {
					t.Errorf("refused %q, but said %q", address, lines)
				}
			}
		}
	}
	t.Logf("%d envelopes, %d sent", count, sent)
	if count < 10_000 || sent == 0 {
		t.Errorf("only %d envelopes, %d sent", count, sent)
	}
}

func hand(t *testing.T, session *Session, e Envelope) bool {
	t.Helper()
	a, err := session.Offer(context.Background(), e)
	if err == nil && a.Class == Ready {
		a, err = session.Dot(context.Background(), nil)
	}
	if err != nil {
		t.Fatalf("%q to %q: %v", e.From, e.To, err)
	}
	return a.Class == Accepted
}

func checkTold(t *testing.T, e Envelope, lines []string) {
	t.Helper()
	utf8 := ""
	from, to := "<>", onWire(t, e.To)
	if e.From != "" {
		from = onWire(t, e.From)
	}
	if !isASCII(from + to) {
		utf8 = " SMTPUTF8"
	}
	want := []string{fmt.Sprintf("MAIL FROM:%s%s\r\n", from, utf8), fmt.Sprintf("RCPT TO:%s\r\n", to), "DATA\r\n"}
	if !slices.Equal(lines, want) {
		t.Errorf("%q to %q: said %q, want %q", e.From, e.To, lines, want)
		return
	}
	for _, line := range lines[:2] {
		if !commandForm.MatchString(line) && line != "MAIL FROM:<>\r\n" {
			t.Errorf("%q to %q: said %q", e.From, e.To, line)
		}
	}
}

// FuzzNewMessage holds finished messages against what the wire allows: what is taken comes back as it was, and nothing in
// it ends it early.
func FuzzNewMessage(f *testing.F) {
	for _, seed := range []string{"a: b\r\n\r\n.\r\n", "..\r\n", ".\r\n.\r\n", "a\r\n.b\r\n", "a\n", "a\r", "\r\n", "", "\x00\r\n", "ä\r\n.\r\n..\r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		m, err := NewMessage(raw)
		if err != nil {
			return
		}
		wire := bytes.Join(m.pieces, nil)
		if !bytes.Equal(m.Bytes(), raw) || m.Size() != len(raw) || m.size != len(wire) {
			t.Fatalf("%q came back as %q, %d bytes", raw, m.Bytes(), m.Size())
		}
		for line := range bytes.Lines(wire) {
			if !bytes.HasSuffix(line, crlf) || bytes.ContainsAny(line[:len(line)-2], "\r\n\x00") || len(line) > lineMax+3 || string(line) == ".\r\n" {
				t.Fatalf("%q has the line %q on the wire", raw, line)
			}
		}
	})
}
