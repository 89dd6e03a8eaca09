package mailer

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
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
//	HOLD        block until the test closes held
//	SLEEP d     wait that long
//	DRIP text   write text and CRLF, a byte each 9 s
//	TLS         go on under TLS, with a certificate for 127.0.0.1
//
// After the last line it reads what still comes and answers nothing.
type script struct {
	server Server
	done   chan struct{}
	marked chan struct{}
	held   chan struct{}
	mutex  sync.Mutex
	lines  []string // what the client said
	body   string
	rest   string
	failed error
	left   bool

	certificate tls.Certificate
}

const hello = "S: 220 ready\nC: EHLO client.test\nS: 250-here\nS: 250-8BITMIME\nS: 250 SIZE 100000\n"

func newScript(t *testing.T, address string) *script {
	t.Helper()
	s := &script{done: make(chan struct{}), marked: make(chan struct{}), held: make(chan struct{})}
	var err error
	if s.server, err = ParseServer("smtp://" + address); err != nil {
		t.Fatal(err)
	}
	s.server.Name = "client.test"
	return s
}

// play runs a script behind a port.
func play(t *testing.T, text string) *script {
	t.Helper()
	return playWith(t, text, scriptCertificate())
}

func playWith(t *testing.T, text string, certificate tls.Certificate) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := newScript(t, listener.Addr().String())
	s.certificate = certificate
	s.start(t, text, func() (net.Conn, error) {
		defer listener.Close()
		return listener.Accept()
	}, listener.Close)
	return s
}

// playPipe runs a script without a network: each write is read as it was written, and time can be made up. The server's
// words are cut in two after so many bytes; 0: nowhere; below 0: everywhere.
func playPipe(t *testing.T, text string, cut int) *script {
	t.Helper()
	near, far := net.Pipe()
	s := newScript(t, "127.0.0.1:25")
	s.server.Connect = func(context.Context, string, string) (net.Conn, error) { return near, nil }
	s.start(t, text, func() (net.Conn, error) { return &cutter{far, cut}, nil }, far.Close)
	return s
}

type cutter struct {
	net.Conn
	at int
}

func (c *cutter) Write(p []byte) (written int, err error) {
	for len(p) > 0 && err == nil {
		n := len(p)
		switch {
		case c.at < 0:
			n = 1
		case 0 < c.at && c.at < n:
			n, c.at = c.at, 0
		case c.at > 0:
			c.at -= n
		}
		n, err = c.Conn.Write(p[:n])
		written += n
		p = p[n:]
	}
	return written, err
}

func (s *script) start(t *testing.T, text string, accept func() (net.Conn, error), leave func() error) {
	ended := make(chan struct{})
	go func() {
		defer close(s.done)
		conn, err := accept()
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
		leave()
		<-s.done
		if s.failed != nil && !s.left {
			t.Error(s.failed)
		}
	})
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
		case line == "HOLD":
			<-s.held
		case strings.HasPrefix(line, "SLEEP "):
			d, err := time.ParseDuration(line[6:])
			if err != nil {
				return err
			}
			time.Sleep(d)
		case strings.HasPrefix(line, "DRIP "):
			for _, b := range []byte(line[5:] + "\r\n") {
				time.Sleep(9 * time.Second)
				if _, err := conn.Write([]byte{b}); err != nil {
					break
				}
			}
		case line == "TLS":
			conn = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{s.certificate}})
			r.Reset(conn)
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

// scriptCertificate makes a certificate no one vouches for.
func scriptCertificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	now := time.Now()
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	raw, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{raw}, PrivateKey: key}
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
	s := &Session{socket: newSocket(near), replies: newReplies(near), timeouts: Timeouts{}.filled()}
	return s.exchange(phase, ".", time.Minute)
}

// finishEarly lets a script end whose client has gone.
func (s *script) finishEarly() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.left = true
}

// mailFrom is the envelope around a message, or around none where the message can't go on the wire.
func mailFrom(from, to string, raw []byte) Envelope {
	message, err := NewMessage(raw)
	if err != nil {
		message = nil
	}
	return Envelope{From: from, To: to, Message: message}
}
