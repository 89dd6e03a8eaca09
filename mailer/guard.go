package mailer

import (
	"errors"
	"io"
	"net"
)

// An answer may have so many lines and bytes. RFC 5321 §4.5.3.1.5 lets a line have 512 bytes.
const (
	replyLines = 512
	replyBytes = 64 << 10
)

var (
	errLong    = errors.New("the server's answer has no end")
	errGarbled = errors.New("the server's answer contains NUL or a bare LF")
)

// meter limits what a socket may deliver between two requests. It lies below TLS, so it is wider than an answer: a
// handshake with its certificates has to fit as well.
type meter struct {
	net.Conn
	left int
}

func (m *meter) reset() { m.left = 4 * replyBytes }

func (m *meter) Read(p []byte) (int, error) {
	if m.left <= 0 {
		return 0, errLong
	}
	n, err := m.Conn.Read(p[:min(len(p), m.left)])
	m.left -= n
	return n, err
}

// replies lets proper answer lines through (RFC 5321 §4.2), up to the limits for one answer. Its first error is its last
// word: bufio forgets an error that comes after half a line, and gives the half for a whole.
type replies struct {
	source       io.Reader
	lines, bytes int
	last         byte
	failed       error
}

func (r *replies) reset() { r.lines, r.bytes = 0, 0 }

// cut reports that what was read last may be half of what was said.
func (r *replies) cut() bool {
	return r.failed != nil && (r.last != '\n' || errors.Is(r.failed, errLong) || errors.Is(r.failed, errGarbled))
}

func (r *replies) Read(p []byte) (int, error) {
	if r.failed != nil {
		return 0, r.failed
	}
	n, err := r.source.Read(p)
	r.failed = err
	for _, b := range p[:n] {
		switch {
		case b == 0, b == '\n' && r.last != '\r':
			r.failed = errGarbled
			return 0, r.failed
		case b == '\n':
			r.lines++
		}
		r.last = b
	}
	r.bytes += n
	if r.lines > replyLines || r.bytes > replyBytes {
		r.failed = errLong
		return 0, r.failed
	}
	return n, err
}
