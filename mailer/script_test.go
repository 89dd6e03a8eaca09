package mailer

import (
	"bufio"
	"errors"
	"github.com/wneessen/go-mail/smtp"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// script is a server that follows a list of lines on one connection:
//
//	S: text     write text and CRLF
//	S- text     write text as it stands, Go escapes understood
//	C: text     read a line, which must be text
//	C:          read a line, whatever it is
//	BODY        read up to the line of a lone dot, kept in body
//	PART n      read n bytes
//	WAIT        block until the test ends
//	CLOSE       close the connection, and mark
//	MARK        tell the test
//
// After the last line it reads what still comes and answers nothing.
type script struct {
	server Server
	done   chan struct{}
	marked chan struct{}
	mutex  sync.Mutex
	lines  []string // what the client said
	body   string
	rest   string
	failed error
}

const hello = "S: 220 ready\nC: EHLO client.test\nS: 250-here\nS: 250-8BITMIME\nS: 250 SIZE 100000\n"

func play(t *testing.T, text string) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &script{done: make(chan struct{}), marked: make(chan struct{})}
	s.server, err = ParseServer("smtp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s.server.Name = "client.test"
	ended := make(chan struct{})
	go func() {
		defer close(s.done)
		defer listener.Close()
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		stop := make(chan struct{})
		defer close(stop)
		go func() {
			select {
			case <-ended:
				conn.Close()
			case <-stop:
			}
		}()
		err = s.follow(conn, text, ended)
		s.mutex.Lock()
		s.failed = err
		s.mutex.Unlock()
	}()
	t.Cleanup(func() {
		close(ended)
		listener.Close()
		<-s.done
		if s.failed != nil {
			t.Error(s.failed)
		}
	})
	return s
}

func (s *script) follow(conn net.Conn, text string, ended chan struct{}) error {
	r := bufio.NewReader(conn)
	for line := range strings.SplitSeq(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "S: "):
			_, _ = io.WriteString(conn, line[3:]+"\r\n")
		case strings.HasPrefix(line, "S- "):
			raw, err := strconv.Unquote(`"` + line[3:] + `"`)
			if err != nil {
				return err
			}
			_, _ = io.WriteString(conn, raw)
		case strings.HasPrefix(line, "C:"):
			got, err := r.ReadString('\n')
			if err != nil {
				return errors.New("wanted " + line + ", got " + err.Error())
			}
			s.say(strings.TrimSuffix(got, "\r\n"))
			if want := strings.TrimSpace(line[2:]); want != "" && got != want+"\r\n" {
				return errors.New("wanted " + want + ", got " + got)
			}
		case line == "BODY":
			if err := s.readBody(r); err != nil {
				return err
			}
		case strings.HasPrefix(line, "PART "):
			n, _ := strconv.Atoi(line[5:])
			_, _ = io.CopyN(io.Discard, r, int64(n))
		case line == "WAIT":
			<-ended
		case line == "MARK":
			close(s.marked)
		case line == "CLOSE":
			defer close(s.marked)
			return conn.Close()
		}
	}
	rest, _ := io.ReadAll(r)
	s.mutex.Lock()
	s.rest = string(rest)
	s.mutex.Unlock()
	return nil
}

func (s *script) readBody(r *bufio.Reader) error {
	var body strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if line == ".\r\n" {
			break
		}
		body.WriteString(line)
	}
	s.mutex.Lock()
	s.body = body.String()
	s.mutex.Unlock()
	return nil
}

func (s *script) say(line string) {
	s.mutex.Lock()
	s.lines = append(s.lines, line)
	s.mutex.Unlock()
}

// finish waits until the client's end is closed, and gives what came after the script.
func (s *script) finish() string {
	<-s.done
	return s.rest
}

func (s *script) dial(t *testing.T) *Session {
	t.Helper()
	session, err := s.server.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.drop)
	return session
}

// readAnswer lets a session read reply as the answer to a line.
func readAnswer(reply []byte, phase Phase) (Answer, error) {
	near, far := net.Pipe()
	go func() {
		_, _ = bufio.NewReader(far).ReadString('\n')
		_, _ = far.Write(reply)
		_ = far.Close()
	}()
	defer near.Close()
	s := &Session{raw: near, meter: &meter{Conn: near}}
	client, err := smtp.NewClient(&greeted{Conn: s.meter, greeting: strings.NewReader("220 ready\r\n")}, "server.test")
	if err != nil {
		return Answer{}, err
	}
	s.client, s.under = client, client.Text.R
	s.replies = &replies{source: s.under}
	client.Text.R = bufio.NewReader(s.replies)
	return s.ask(phase, ".")
}

// greeted is a connection whose first line is known.
type greeted struct {
	net.Conn
	greeting *strings.Reader
}

func (g *greeted) Read(p []byte) (int, error) {
	if g.greeting.Len() > 0 {
		return g.greeting.Read(p)
	}
	return g.Conn.Read(p)
}

// finishEarly lets a script end whose client has gone.
func (s *script) finishEarly() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.failed = nil
}
