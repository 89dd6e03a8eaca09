package mailer

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

func TestReplies(t *testing.T) {
	for _, test := range []struct {
		stream string
		code   int // 0: none
		text   string
	}{
		{"250 ok\r\n", 250, "ok"}, {"250\r\n", 250, ""}, {"250 \r\n", 250, ""}, {"250-\r\n250\r\n", 250, "\n"}, {"199 x\r\n", 199, "x"},
		{"250-a\r\n250-b\r\n250 c\r\n", 250, "a\nb\nc"}, {"250  two\r\n", 250, " two"}, {"550 \xff\xfe\r\n", 550, "\xff\xfe"},
		{"250 ok", 0, ""}, {"250 ok\n", 0, ""}, {"250 ok\r", 0, ""}, {"250-ok\r\n", 0, ""}, {"250-a\r\n251 b\r\n", 0, ""}, {"250-a\r\n", 0, ""},
		{"25\r\n", 0, ""}, {"2500 ok\r\n", 0, ""}, {"250_ok\r\n", 0, ""}, {"\r\n", 0, ""}, {"\n", 0, ""}, {"2x0 ok\r\n", 0, ""}, {"-50 x\r\n", 0, ""},
		{"+250 ok\r\n", 0, ""}, {" 250 ok\r\n", 0, ""}, {"250 o\x00k\r\n", 0, ""}, {"250 o\rk\r\n", 0, ""}, {"250 ok\r\r\n", 0, ""}, {"250\tok\r\n", 0, ""},
		{"٢٥٠ ok\r\n", 0, ""}, {"", 0, ""},
		{"250 " + strings.Repeat("x", replyLine-6) + "\r\n", 250, strings.Repeat("x", replyLine-6)},
		{"250 " + strings.Repeat("x", replyLine-5) + "\r\n", 0, ""},
		{strings.Repeat("250-\r\n", replyLines-1) + "250 x\r\n", 250, strings.Repeat("\n", replyLines-1) + "x"},
		{strings.Repeat("250-\r\n", replyLines) + "250 x\r\n", 0, ""},
		{strings.Repeat("250-"+strings.Repeat("x", 1018)+"\r\n", 63) + "250 x\r\n", 250, strings.Repeat(strings.Repeat("x", 1018)+"\n", 63)[:replyText]},
		{strings.Repeat("250-"+strings.Repeat("x", 1018)+"\r\n", 64) + "250 x\r\n", 0, ""},
	} {
		for _, source := range []io.Reader{strings.NewReader(test.stream), iotest.OneByteReader(strings.NewReader(test.stream))} {
			r := newReplies(source)
			code, err := r.next(0)
			if code != test.code || (err == nil) != (code > 0) {
				t.Errorf("%.60q: %d %v", test.stream, code, err)
			}
			if text := string(r.text); err == nil && strings.TrimRight(text, "\n") != strings.TrimRight(test.text, "\n") {
				t.Errorf("%.60q: text %.60q, want %.60q", test.stream, text, test.text)
			}
			if err != nil {
				if _, again := r.next(0); again != err {
					t.Errorf("%.60q: went on after %v: %v", test.stream, err, again)
				}
			}
		}
	}
}

// Answers that arrive together are told apart, and the good ones cost no memory.
func TestRepliesInARow(t *testing.T) {
	stream := []byte("250 2.1.0 ok\r\n250-a\r\n250 2.1.5 ok\r\n354 go\r\n")
	source := bytes.NewReader(stream)
	r := newReplies(source)
	s := &Session{replies: r, timeouts: Timeouts{}.filled()}
	r.until = func(time.Time) error { return nil }
	if n := testing.AllocsPerRun(100, func() {
		source.Reset(stream)
		for _, phase := range []Phase{PhaseMail, PhaseRcpt, PhaseData} {
			if a, err := s.listen(phase); err != nil || a.Class != Ready {
				t.Fatal(a, err)
			}
		}
		if r.waiting() {
			t.Fatal("something is left")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// The deadline is set once for an answer, however many reads it takes, and not at all for one that is there.
func TestRepliesDeadline(t *testing.T) {
	set := 0
	r := newReplies(iotest.OneByteReader(strings.NewReader("250-a\r\n250 b\r\n250 c\r\n")))
	r.until = func(time.Time) error { set++; return nil }
	for range 2 {
		if _, err := r.next(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if set != 2 {
		t.Errorf("set %d times", set)
	}
	set = 0
	r = newReplies(strings.NewReader("250-a\r\n250 b\r\n250 c\r\n"))
	r.until = func(time.Time) error { set++; return nil }
	for range 2 {
		if _, err := r.next(time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if set != 1 {
		t.Errorf("set %d times", set)
	}
}

// properReply is RFC 5321 §4.2 once more, in another way.
var properReply = regexp.MustCompile(`^(?:(\d{3})-[^\x00\r\n]*\r\n)*(\d{3})(?: [^\x00\r\n]*)?\r\n`)

// replyCodes are the codes of the proper answers stream begins with.
func replyCodes(stream []byte) (codes []string) {
	for {
		reply := properReply.Find(stream)
		if reply == nil {
			return codes
		}
		for line := range bytes.SplitSeq(bytes.TrimSuffix(reply, []byte("\r\n")), []byte("\r\n")) {
			if !bytes.Equal(line[:3], reply[:3]) {
				return codes
			}
		}
		codes = append(codes, string(reply[:3]))
		stream = stream[len(reply):]
	}
}

// heardBytes is a server that says one chunk after each write of the client's, and has gone when it has no more to say.
type heardBytes struct {
	net.Conn
	chunks [][]byte
	ready  []byte
}

func (h *heardBytes) Write(p []byte) (int, error) {
	h.speak()
	return len(p), nil
}

func (h *heardBytes) speak() {
	if len(h.chunks) > 0 {
		h.ready = append(h.ready, h.chunks[0]...)
		h.chunks = h.chunks[1:]
	}
}

func (h *heardBytes) Read(p []byte) (int, error) {
	if len(h.ready) == 0 {
		return 0, io.EOF
	}
	n := copy(p, h.ready)
	h.ready = h.ready[n:]
	return n, nil
}

func (h *heardBytes) Close() error                     { return nil }
func (h *heardBytes) SetDeadline(time.Time) error      { return nil }
func (h *heardBytes) SetReadDeadline(time.Time) error  { return nil }
func (h *heardBytes) SetWriteDeadline(time.Time) error { return nil }

// Whatever a server says and when, a session ends in an answer or an error, never in a panic or a wait, and nothing but
// a whole 2yz where the answer to the dot belongs makes a mail accepted. 0xFF parts what is said after each write.
func FuzzSession(f *testing.F) {
	for _, rest := range []string{
		"250 a\r\n250 b\r\n354 go\r\n\xff\xff250 ok\r\n", "250 a\r\n250 b\r\n354 go\r\n\xff\xff250 ok\r\n250 a\r\n250 b\r\n354 go\r\n\xff\xff250-a\r\n250 b\r\n",
		"250 a\r\n250 b\r\n354 go\r\n\xff250 early\r\n\xff250 ok\r\n", "250 a\r\n550 b\r\n354 go\r\n\xff554 none\r\n\xff250 ok\r\n250 a\r\n250 b\r\n354 go\r\n\xff\xff250 ok\r\n",
		"250 a\r\n250 b\r\n354 go\r\n\xff\xff2", "250 a\r\n250 b\r\n354 go\r\n\xff\xff250-ok\r\n", "250 a\r\n250 b\r\n354 go\r\n\xff\xff250-ok\r\n251 ok\r\n",
		"250 a\r\n250 b\r\n354 go\r\n\xff\xff354 ok\r\n", "421 bye\r\n", "250 a\r\n250 b\r\n354 go\r\n\xff\xff250 ok\n", "\x00",
	} {
		f.Add(true, []byte(rest))
		f.Add(false, bytes.Replace([]byte(rest), []byte("250 a\r\n250 b\r\n354 go"), []byte("250 a\r\n\xff250 b\r\n\xff354 go"), -1))
	}
	f.Fuzz(func(t *testing.T, pipelined bool, rest []byte) {
		said := []byte("220 hi\r\n\xff250-here\r\n250 HELP\r\n\xff")
		if pipelined {
			said = []byte("220 hi\r\n\xff250-here\r\n250 PIPELINING\r\n\xff")
		}
		chunks := bytes.Split(append(said, rest...), []byte{0xff})
		server := Server{Host: "127.0.0.1", Port: 25, Name: "client.test", Security: Loopback}
		server.Connect = func(context.Context, string, string) (net.Conn, error) {
			conn := &heardBytes{chunks: chunks}
			conn.speak()
			return conn, nil
		}
		s, err := server.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer s.drop()
		e := sample()
		for range 3 {
			a, err := s.Offer(t.Context(), e)
			if err != nil {
				return
			}
			wellSaid(t, a)
			if a.Class != Ready {
				continue
			}
			if a, err = s.Dot(t.Context(), &e); err != nil {
				return
			}
			wellSaid(t, a)
			codes := replyCodes(bytes.ReplaceAll(append(said, rest...), []byte{0xff}, nil))
			if a.Class == Accepted && !hasAccepted(codes) {
				t.Fatalf("%q was taken for a yes", rest)
			}
		}
	})
}

// hasAccepted reports a 2yz behind a 354 among the answers.
func hasAccepted(codes []string) bool {
	for i, code := range codes {
		if code == "354" && i+1 < len(codes) && codes[i+1][0] == '2' {
			return true
		}
	}
	return false
}

func wellSaid(t *testing.T, a Answer) {
	t.Helper()
	if a.Class == Odd || strings.ContainsFunc(a.Text, isControl) {
		t.Fatalf("answer %+v", a)
	}
}

// FuzzReply holds one answer to the dot against the grammar.
func FuzzReply(f *testing.F) {
	for _, seed := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "354 go\r\n", "421 bye\r\n", "550 5.1.1 no\r\n", "2", "", "250 ok", "\x00", "250 ok\n", "-50 x\r\n", "250-\r\n550 \r\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		s := &Session{replies: newReplies(bytes.NewReader(stream)), timeouts: Timeouts{}.filled()}
		a, err := s.listen(PhaseDot)
		codes := replyCodes(stream)
		if err == nil && (len(codes) == 0 || codes[0] != fmt.Sprint(a.Code) || (a.Class == Accepted) != (codes[0][0] == '2')) {
			t.Errorf("%q was taken for %+v", stream, a)
		}
		if err != nil && len(codes) > 0 && strings.ContainsAny(codes[0][:1], "245") && len(stream) < replyLine {
			t.Errorf("%q was not understood: %v", stream, err)
		}
		if err == nil {
			wellSaid(t, a)
		}
	})
}
