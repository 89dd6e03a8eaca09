package mailer

import (
	"bytes"
	"fmt"
	"time"
)

// Message is one finished RFC 5322 message for one reader, in pieces as they go on the wire: CRLF is the only line end,
// a dot at the start of a line is doubled (RFC 5321 §4.5.2), the final dot is not there. The pieces may be shared between
// messages; nobody writes to them. The zero value is no message; [NewMessage] and [Stencil.Fill] make one.
type Message struct {
	pieces  [][]byte
	size    int  // bytes on the wire, all pieces
	doubled int  // dots among them that are there twice
	wide    bool // some byte is outside ASCII
	room    []byte
	date    time.Time // the last one written, and how: mails of one second have the same
	written []byte
}

// NewMessage makes a message of its bytes, not dot-stuffed. They must end in CRLF, contain it as the only line end, no
// NUL, and no line over 998 bytes (RFC 5322 §2.1.1).
func NewMessage(raw []byte) (*Message, error) {
	if err := inspectLines(raw); err != nil {
		return nil, fmt.Errorf("message %w", err)
	}
	body := stuff(nil, raw)
	return &Message{pieces: [][]byte{body}, size: len(body), doubled: len(body) - len(raw), wide: !isASCII(raw)}, nil
}

// Size is the length of the message in bytes, CRLFs included, dot-stuffing not (RFC 1870 §5).
func (m *Message) Size() int { return m.size - m.doubled }

// Bytes gives the message itself, not dot-stuffed, in memory of its own.
func (m *Message) Bytes() []byte {
	all := bytes.Join(m.pieces, nil)
	if m.doubled == 0 {
		return all
	}
	all = bytes.TrimPrefix(all, []byte(".")) // doubled, if it is there: nothing begins with a lone dot
	return bytes.ReplaceAll(all, []byte("\n.."), []byte("\n."))
}

// Envelope is a message with where it comes from and goes to.
type Envelope struct {
	From    string // empty: the null sender
	To      string // the one recipient
	Message *Message
}
