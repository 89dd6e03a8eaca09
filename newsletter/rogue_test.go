package newsletter_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/mail"
	"slices"
	"strings"
	"sync"
	"time"
)

// rogue is a mail server in memory that keeps to RFC 5321 but for its faults, and notes what a client may not do. Its
// connections are pipes, so in a bubble its time is made up; a reply or an end that nobody has asked for is seen only
// where it comes in one piece with another reply.
type rogue struct {
	extensions []string    // what EHLO lists; PIPELINING is believed
	tls        *tls.Config // nil: no TLS; set: STARTTLS is offered
	implicit   bool        // TLS from the first byte
	faults     []*fault

	all      sync.WaitGroup
	mu       sync.Mutex
	talks    []*talk
	accepted []receipt
	dots     []receipt // seen, whatever the answer
	wrong    []string
	open     int
	most     int // connections open at once since it was last set to 0
}

// fault is what the server does in place of its answer, or, at "dial", what the network does.
type fault struct {
	at    string // dial (and a host:port), connect, EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, body (after the 354), dot, RSET, QUIT
	to    string // the reader whose mail it is, from RCPT on; empty: any
	after int    // mails answered on this connection, at least
	nth   int    // from this time on that all of the above is so; 0: the first
	times int    // so often; 0: always
	do    []act

	seen int
	err  error // of dial
}

// receipt is a mail whose dot has come.
type receipt struct {
	to, id, sum string
	at          time.Time
}

// talk is one connection.
type talk struct {
	*rogue
	begun    time.Time
	raw      net.Conn
	conn     net.Conn // raw, or TLS on top of it
	in       *bufio.Reader
	ahead    *ahead        // below TLS
	heard    bytes.Buffer  // every byte of the client, as under TLS
	lines    []string      // its commands
	gone     chan struct{} // closed: the client has closed its end
	secured  bool
	dotted   bool // some line had its dot doubled
	last     int  // code said last
	mails    int
	together int  // envelopes that came with a dot
	sender   bool // MAIL was answered with a yes
	to       string
	body     []byte
}

// end is the client's end of a connection.
type end struct {
	net.Conn
	once sync.Once
	talk *talk
}

func (e *end) Close() error {
	e.once.Do(func() {
		e.talk.mu.Lock()
		e.talk.open--
		e.talk.mu.Unlock()
		close(e.talk.gone)
	})
	return e.Conn.Close()
}

func (s *rogue) connect(_ context.Context, _, where string) (net.Conn, error) {
	for _, at := range []string{"dial", "dial " + where} {
		if f := s.fault(at, "", 0); f != nil {
			return nil, f.err
		}
	}
	near, far := net.Pipe()
	t := &talk{rogue: s, raw: far, begun: time.Now(), gone: make(chan struct{})}
	s.mu.Lock()
	s.talks = append(s.talks, t)
	s.open++
	s.most = max(s.most, s.open)
	s.mu.Unlock()
	s.all.Go(t.serve)
	return &end{Conn: near, talk: t}, nil
}

func (s *rogue) complain(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrong = append(s.wrong, fmt.Sprintf(format, args...))
}

// fault is the first one that happens here; nil: none does.
func (s *rogue) fault(at, to string, mails int) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.at != at || f.to != "" && mailbox(f.to) != to || mails < f.after {
			continue
		}
		f.seen++
		if first := max(f.nth, 1); f.seen < first || f.times > 0 && f.seen >= first+f.times {
			continue
		}
		return f
	}
	return nil
}

// happens lets the fault of this moment take its course. No fault: answered is false.
func (t *talk) happens(at string) (answered, goesOn bool) {
	f := t.fault(at, t.to, t.mails)
	if f == nil {
		return false, true
	}
	for _, do := range f.do {
		if !do(t) {
			return true, false
		}
	}
	return true, true
}

// answer says a reply, unless a fault has another. It answers false where the connection is over.
func (t *talk) answer(at, reply string) bool {
	answered, goesOn := t.happens(at)
	if !answered {
		return say(reply)(t)
	}
	return goesOn
}

func (t *talk) read(conn net.Conn) {
	t.conn = conn
	t.in = bufio.NewReader(io.TeeReader(conn, &t.heard))
}

func (t *talk) serve() {
	defer func() {
		if t.ahead != nil {
			t.ahead.flush()
		}
		t.raw.Close()
	}()
	t.read(t.raw)
	if t.implicit && !t.secure() {
		return
	}
	if !t.answer("connect", "220 rogue.test ready") {
		return
	}
	for {
		line, err := t.in.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		t.mu.Lock()
		t.lines = append(t.lines, strings.TrimSuffix(line, "\r\n"))
		t.mu.Unlock()
		if !strings.HasSuffix(line, "\r\n") {
			t.complain("a line without CRLF: %q", line)
		}
		together := slices.Contains(t.extensions, "PIPELINING") && slices.Contains([]string{"MAIL", "RCPT", "RSET"}, verb)
		if t.in.Buffered() > 0 && !together {
			t.complain("something follows %s before its answer", verb)
		}
		if !t.command(verb, line) {
			return
		}
	}
}

// command carries out one; false: the connection is over.
func (t *talk) command(verb, line string) bool {
	switch verb {
	case "EHLO", "HELO":
		return t.answer("EHLO", t.hello())
	case "STARTTLS":
		return t.answer("STARTTLS", "220 go ahead") && (t.last != 220 || t.secure())
	case "AUTH":
		return t.answer("AUTH", "235 2.7.0 welcome")
	case "MAIL":
		t.to = ""
		goesOn := t.answer("MAIL", "250 2.1.0 sender ok")
		t.sender = t.last/100 == 2
		return goesOn
	case "RCPT":
		_, to, _ := strings.Cut(line, "<")
		t.to, _, _ = strings.Cut(to, ">")
		if !t.sender {
			t.to = ""
			return say("503 5.5.1 no sender")(t)
		}
		goesOn := t.answer("RCPT", "250 2.1.5 recipient ok")
		if t.last/100 != 2 {
			t.to = ""
		}
		return goesOn
	case "DATA":
		return t.data()
	case "RSET":
		t.to, t.sender = "", false
		return t.answer("RSET", "250 2.0.0 flushed")
	case "*": // go-mail takes a refused AUTH back
		return say("501 5.7.0 taken back")(t)
	case "QUIT":
		t.answer("QUIT", "221 2.0.0 bye")
		return false
	}
	t.complain("an unknown command: %q", line)
	return say("502 5.5.2 what?")(t)
}

func (t *talk) hello() string {
	lines := []string{"250-rogue.test"}
	for _, e := range t.extensions {
		lines = append(lines, "250-"+e)
	}
	if t.tls != nil && !t.secured {
		lines = append(lines, "250-STARTTLS")
	}
	return strings.Join(append(lines, "250 ENHANCEDSTATUSCODES"), "\r\n")
}

func (t *talk) data() bool {
	reply := "554 5.5.1 no valid recipients"
	if t.to != "" {
		reply = "354 go ahead"
	}
	if !t.answer("DATA", reply) {
		return false
	}
	if t.last != 354 {
		t.to, t.sender = "", false
		return true
	}
	if _, goesOn := t.happens("body"); !goesOn || !t.readBody() {
		return false
	}
	if t.in.Buffered() > 0 {
		t.together++
	}
	if t.in.Buffered() > 0 && !slices.Contains(t.extensions, "PIPELINING") {
		t.complain("something follows the dot before its answer")
	}
	defer func() { t.to, t.sender = "", false }()
	t.mails++
	if t.to == "" {
		if len(t.body) > 0 || !t.sender {
			t.complain("a dot for nobody (sender: %t) after %q", t.sender, t.body)
		}
		return t.answer("dot", "554 5.5.1 no valid recipients")
	}
	t.keep(&t.dots)
	answered, goesOn := t.happens("dot")
	if !answered {
		return take(t) && say("250 2.0.0 queued")(t)
	}
	return goesOn
}

// readBody reads up to the dot, and takes the other dots off.
func (t *talk) readBody() bool {
	t.body = t.body[:0]
	for {
		line, err := t.in.ReadBytes('\n')
		switch {
		case err != nil:
			return false
		case string(line) == ".\r\n":
			return true
		case !bytes.HasSuffix(line, []byte("\r\n")) || len(line) > 1000 || bytes.ContainsAny(line[:len(line)-2], "\r\n\x00"):
			t.complain("a line that must not be: %q", line)
		}
		t.dotted = t.dotted || bytes.HasPrefix(line, []byte(".."))
		t.body = append(t.body, bytes.TrimPrefix(line, []byte("."))...)
	}
}

// secure goes on under TLS. It answers false when the handshake failed.
func (t *talk) secure() bool {
	t.ahead = newAhead(t.raw)
	conn := tls.Server(t.ahead, t.tls)
	if err := conn.Handshake(); err != nil {
		return false
	}
	t.read(conn)
	t.secured = true
	return true
}

// keep writes the mail in hand down.
func (t *talk) keep(list *[]receipt) {
	sum := sha256.Sum256(t.body)
	r := receipt{to: t.to, sum: hex.EncodeToString(sum[:]), at: time.Now()}
	m, err := mail.ReadMessage(bytes.NewReader(t.body))
	if err != nil {
		t.complain("the mail to %s is none: %v", t.to, err)
	} else {
		r.id = m.Header.Get("Message-Id")
		if to := m.Header.Get("To"); strings.Trim(to, "<>") != t.to && !strings.Contains(t.to, "xn--") && !strings.Contains(to, "=?") {
			t.complain("the mail to %s is for %s", t.to, to)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	*list = append(*list, r)
}
