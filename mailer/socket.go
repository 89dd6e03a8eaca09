package mailer

import (
	"crypto/tls"
	"errors"
	"net"
	"os"
	"time"
)

// blockSize is written under one deadline.
const blockSize = 64 << 10

// socket is the connection of a session: plain, or with TLS on top of it.
type socket struct {
	raw     net.Conn     // closing it is the one way out of a body
	tcp     *net.TCPConn // raw, where one write takes a message in its pieces; nil where it can't
	secured *tls.Conn    // nil: plain
	below   *below       // what TLS reads from and writes to
	look    *look        // at what raw has to read

	whole  []byte      // a block in one piece
	pieces [][]byte    // of the message, what has not been written
	block  [][]byte    // a block in pieces
	vector net.Buffers // block, while it is being written
}

func newSocket(raw net.Conn) *socket {
	tcp, _ := raw.(*net.TCPConn)
	c := &socket{raw: raw, tcp: tcp, look: newLook(raw)}
	c.below = &below{Conn: raw, look: c.look}
	return c
}

// conn is what answers are read from.
func (c *socket) conn() net.Conn {
	if c.secured != nil {
		return c.secured
	}
	return c.raw
}

// encrypt puts TLS on top, handshake included, under the deadline that stands.
func (c *socket) encrypt(config *tls.Config) error {
	secured := tls.Client(c.below, config)
	if err := secured.Handshake(); err != nil {
		return err
	}
	c.secured = secured
	return nil
}

// write sends b with one system call. n says how much has left, TLS included: with 0 none of it has.
func (c *socket) write(b []byte, limit time.Duration) (n int, err error) {
	if err := c.raw.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return 0, err
	}
	if c.secured == nil {
		return c.raw.Write(b)
	}
	c.below.gathering = true
	_, err = c.secured.Write(b)
	c.below.gathering = false
	n, late := c.below.release()
	return n, errors.Join(err, late)
}

// writeAll sends pieces, each 64 KiB of them under a limit of their own: without copies where the connection is plain.
func (c *socket) writeAll(pieces [][]byte, limit time.Duration) error {
	c.pieces = append(c.pieces[:0], pieces...)
	defer func() { clear(c.pieces) }()
	for at := 0; at < len(c.pieces); {
		room := blockSize
		for c.block = c.block[:0]; at < len(c.pieces) && room > 0; {
			n := min(room, len(c.pieces[at]))
			c.block = append(c.block, c.pieces[at][:n])
			room -= n
			if c.pieces[at] = c.pieces[at][n:]; len(c.pieces[at]) == 0 {
				at++
			}
		}
		if err := c.writeBlock(limit); err != nil {
			return err
		}
	}
	return nil
}

func (c *socket) writeBlock(limit time.Duration) error {
	if c.secured == nil && c.tcp != nil {
		if err := c.raw.SetWriteDeadline(time.Now().Add(limit)); err != nil {
			return err
		}
		c.vector = c.block
		_, err := c.vector.WriteTo(c.tcp)
		return err
	}
	c.whole = c.whole[:0]
	for _, piece := range c.block {
		c.whole = append(c.whole, piece...)
	}
	_, err := c.write(c.whole, limit)
	return err
}

// early reports bytes, or an end, that came without being asked for. Under TLS a record may be the protocol's own, so
// what has arrived is decrypted, and nothing is waited for.
func (c *socket) early(r *replies) bool {
	if r.waiting() || r.failed != nil {
		return true
	}
	if !c.look.readable() {
		return false
	}
	if c.secured == nil {
		return true
	}
	// The deadline of the last answer has passed by now, perhaps; a glance waits for nothing and needs none.
	if err := c.raw.SetReadDeadline(time.Time{}); err != nil {
		return true
	}
	c.below.glancing = true
	r.fill()
	c.below.glancing = false
	if errors.Is(r.failed, os.ErrDeadlineExceeded) {
		r.failed = nil
	}
	return r.waiting() || r.failed != nil
}

// below is what TLS works on. While it is gathering, writes wait for release: a record each would be a system call each.
// While it is glancing, a read that would have to wait gives the error of a passed deadline, which TLS survives.
type below struct {
	net.Conn
	look      *look
	left      int // bytes it may deliver while bounded
	bounded   bool
	gathering bool
	glancing  bool
	room      []byte
}

// bound limits what may arrive until the next call: an answer, or a handshake with its certificates.
func (b *below) bound() { b.left, b.bounded = 4*replyBytes, true }

func (b *below) Read(p []byte) (int, error) {
	switch {
	case b.glancing && !b.look.readable():
		return 0, os.ErrDeadlineExceeded
	case !b.bounded:
		return b.Conn.Read(p)
	case b.left <= 0:
		return 0, errLong
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

func (b *below) Write(p []byte) (int, error) {
	if b.gathering {
		b.room = append(b.room, p...)
		return len(p), nil
	}
	return b.Conn.Write(p)
}

func (b *below) release() (int, error) {
	if len(b.room) == 0 {
		return 0, nil
	}
	n, err := b.Conn.Write(b.room)
	b.room = b.room[:0]
	return n, err
}
