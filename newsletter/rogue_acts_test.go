package newsletter_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// act is one thing a fault does. It answers false once nothing more is to be said on this connection.
type act func(t *talk) bool

// take accepts the mail in hand, if there is one, and says nothing.
func take(t *talk) bool {
	if t.to != "" {
		t.keep(&t.accepted)
	}
	return true
}

// say writes replies in one piece, CRLF behind each.
func say(replies ...string) act {
	text := strings.Join(replies, "\r\n") + "\r\n"
	return func(t *talk) bool { return raw(text)(t) }
}

// raw writes bytes as they stand.
func raw(text string) act {
	return func(t *talk) bool {
		t.last = 0
		_, _ = fmt.Sscanf(text, "%d", &t.last)
		_, err := io.WriteString(t.conn, text)
		return err == nil
	}
}

// drip writes a byte each 9 seconds.
func drip(text string) act {
	return func(t *talk) bool {
		for _, b := range []byte(text) {
			time.Sleep(9 * time.Second)
			if _, err := t.conn.Write([]byte{b}); err != nil {
				return false
			}
		}
		return true
	}
}

// pause answers nothing for so long.
func pause(d time.Duration) act {
	return func(*talk) bool {
		time.Sleep(d)
		return true
	}
}

// part reads so many bytes.
func part(n int64) act {
	return func(t *talk) bool {
		_, err := io.CopyN(io.Discard, t.in, n)
		return err == nil
	}
}

// drop ends the connection.
func drop(*talk) bool { return false }

// mute reads on and answers nothing.
func mute(t *talk) bool {
	_, _ = io.Copy(io.Discard, t.in)
	return false
}

// choke reads nothing any more: a window of zero.
func choke(t *talk) bool {
	<-t.gone
	return false
}

// ahead is a connection with room on the way: on a pipe alone, two ends that write at once wait for each other.
type ahead struct {
	net.Conn
	out  chan []byte
	over chan struct{}
}

func newAhead(conn net.Conn) *ahead {
	a := &ahead{conn, make(chan []byte, 100), make(chan struct{})}
	go func() {
		defer close(a.over)
		for b := range a.out {
			if _, err := conn.Write(b); err != nil {
				return
			}
		}
	}()
	return a
}

func (a *ahead) Write(b []byte) (int, error) {
	a.out <- bytes.Clone(b)
	return len(b), nil
}

// flush waits until all is written, or the client has gone.
func (a *ahead) flush() {
	close(a.out)
	<-a.over
}
