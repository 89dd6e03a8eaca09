package mailer

import (
	"bytes"
	"encoding/binary"
	"errors"
	"iter"
	netmail "net/mail"
	"slices"
	"strings"
)

// oversigned fields are named once more than they are there, those too that are not there at all: one that is added on
// the way breaks the signature (RFC 6376 §8.15).
var oversigned = [...]string{"From", "To", "Cc", "Subject", "Date", "Reply-To", "Message-ID", "MIME-Version", "Content-Type",
	"Content-Transfer-Encoding", "In-Reply-To", "References", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"}

// canonical is a message as it is signed: relaxed header fields and body (RFC 6376 §3.4.2, §3.4.4). Its room is used
// again for the next message.
type canonical struct {
	raw    []byte // the header's lines, not folded anew
	fields []headField
	names  []string // of h=, in order
	header []byte   // the signed fields, in the order of names
	body   []byte
	signed []byte // what a signature is of
	carry  []byte // a line that spans pieces
}

type headField struct {
	name     string
	from, to int // in raw
	taken    bool
}

// read takes a message apart.
func (c *canonical) read(m *Message) error {
	c.raw, c.fields, c.body = c.raw[:0], c.fields[:0], c.body[:0]
	inBody, full := false, 0 // full: up to the last line that is not empty
	for line := range c.lines(m) {
		switch {
		case inBody:
			start := len(c.body)
			c.body = append(appendRelaxed(c.body, line), crlf...)
			if len(c.body) > start+len(crlf) {
				full = len(c.body)
			}
		case len(line) == 0:
			inBody = true
		default:
			c.headLine(line)
		}
	}
	c.body = c.body[:full]
	if !inBody {
		return errors.New("no end of the header")
	}
	return c.choose()
}

// lines gives the physical lines of a message, not dot-stuffed, without their ends. A line is good until the next.
func (c *canonical) lines(m *Message) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		c.carry = c.carry[:0]
		for _, piece := range m.pieces {
			for len(piece) > 0 {
				end := bytes.IndexByte(piece, '\n')
				if end < 0 {
					c.carry = append(c.carry, piece...)
					break
				}
				line := piece[:end]
				if len(c.carry) > 0 {
					c.carry = append(c.carry, line...)
					line = c.carry
				}
				line = bytes.TrimSuffix(line, []byte{'\r'})
				if !yield(bytes.TrimPrefix(line, []byte{'.'})) {
					return
				}
				c.carry, piece = c.carry[:0], piece[end+1:]
			}
		}
	}
}

// headLine adds a line to the header.
func (c *canonical) headLine(line []byte) {
	start := len(c.raw)
	c.raw = append(append(c.raw, line...), crlf...)
	if last := len(c.fields) - 1; last >= 0 && (line[0] == ' ' || line[0] == '\t') {
		c.fields[last].to = len(c.raw)
		return
	}
	name, _, _ := bytes.Cut(line, []byte{':'})
	c.fields = append(c.fields, headField{name: string(bytes.TrimRight(name, " \t")), from: start, to: len(c.raw)})
}

// choose puts the signed fields together. Of several with one name the lowest comes first (RFC 6376 §5.4.2).
func (c *canonical) choose() error {
	c.names, c.header = c.names[:0], c.header[:0]
	for _, name := range oversigned {
		for c.take(name) {
			c.names = append(c.names, name)
		}
		c.names = append(c.names, name)
	}
	if len(c.names) < 2 || c.names[1] != "From" {
		return errors.New("no From")
	}
	for i := len(c.fields) - 1; i >= 0; i-- {
		if name := c.fields[i].name; !c.fields[i].taken && isSignedToo(name) && c.take(name) {
			c.names = append(c.names, name)
		}
	}
	return nil
}

// isSignedToo: fields that are signed as often as they are there.
func isSignedToo(name string) bool {
	return strings.EqualFold(name, "Feedback-ID") || strings.EqualFold(name, "Auto-Submitted") ||
		len(name) > 5 && strings.EqualFold(name[:5], "List-")
}

// take adds the lowest field of this name that is still there.
func (c *canonical) take(name string) bool {
	for i, f := range slices.Backward(c.fields) {
		if !f.taken && len(f.name) == len(name) && strings.EqualFold(f.name, name) {
			c.fields[i].taken = true
			c.header = append(appendRelaxedField(c.header, c.raw[f.from:f.to]), crlf...)
			return true
		}
	}
	return false
}

// sender is the domain in From; empty: none can be read.
func (c *canonical) sender() string {
	for _, f := range c.fields {
		if strings.EqualFold(f.name, "From") {
			_, value, _ := strings.Cut(string(appendRelaxedField(nil, c.raw[f.from:f.to])), ":")
			if address, err := netmail.ParseAddress(value); err == nil {
				return address.Address[strings.LastIndexByte(address.Address, '@')+1:]
			}
		}
	}
	return ""
}

// appendNames appends the tag h=, folded.
func (c *canonical) appendNames(b []byte) []byte {
	b = append(b, "h="...)
	length := len("\th=")
	for i, name := range c.names {
		if i > 0 {
			b = append(b, ':')
			length++
			if length+len(name) > 75 {
				b, length = append(b, "\r\n\t"...), 1
			}
		}
		b = append(b, name...)
		length += len(name)
	}
	return b
}

// appendRelaxedField appends a field, folded or not, with its name in lower case, on one line, without a line end.
func appendRelaxedField(b, field []byte) []byte {
	name, value, _ := bytes.Cut(field, []byte{':'})
	b = append(append(b, bytes.ToLower(bytes.TrimRight(name, " \t"))...), ':')
	for i, word := range bytes.FieldsFunc(value, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' }) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, word...)
	}
	return b
}

// appendRelaxed appends a body line: its last blanks are gone, other runs of blanks and tabs are one blank.
func appendRelaxed(b, line []byte) []byte {
	for len(line) > 0 && isBlank(line[len(line)-1]) {
		line = line[:len(line)-1]
	}
	if isRelaxed(line) {
		return append(b, line...)
	}
	for i, char := range line {
		if !isBlank(char) {
			b = append(b, char)
		} else if i == 0 || !isBlank(line[i-1]) {
			b = append(b, ' ')
		}
	}
	return b
}

func isBlank(char byte) bool { return char == ' ' || char == '\t' }

// isRelaxed reports that a line has no tab and no two blanks side by side. It looks at eight bytes at a time: every
// byte of every letter comes by here.
func isRelaxed(line []byte) bool {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	zeros := func(x uint64) uint64 { return ^((x&^tops + ^uint64(tops)) | x | ^uint64(tops)) } // top bit of each zero byte
	var last uint64                                                                            // 0x80: the byte before was a blank
	for len(line) >= 8 {
		word := binary.LittleEndian.Uint64(line)
		blanks := zeros(word ^ ' '*ones)
		if zeros(word^'\t'*ones)|blanks&(blanks<<8|last) != 0 {
			return false
		}
		last, line = blanks>>56, line[8:]
	}
	for i, char := range line {
		if char == '\t' || char == ' ' && (last != 0 || i > 0 && line[i-1] == ' ') {
			return false
		}
		last = 0
	}
	return true
}

// prepend puts header fields in front. They hold no dot at the start of a line.
func (m *Message) prepend(fields []byte) {
	m.pieces = slices.Insert(m.pieces, 0, fields)
	m.size += len(fields)
}
