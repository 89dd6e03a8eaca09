package mailer

import (
	"bytes"
	"errors"
	"mime/quotedprintable"
)

// quotedMax is the longest line of quoted-printable text without the mark of a soft break (RFC 2045 §6.7).
const quotedMax = 75

// softBreak ends a line that is none in the text.
var softBreak = []byte("=\r\n")

// quoted is a cut in quoted-printable. Each piece and each value starts on a line of its own, behind a soft break where
// the text has no line end there, so that each can be encoded without knowing its neighbours.
type quoted struct {
	pieces [][]byte
	slots  []int
}

func (c cut) quote() quoted {
	q := quoted{slots: c.slots}
	for _, piece := range c.pieces {
		q.pieces = append(q.pieces, quote(piece))
	}
	return q
}

func quote(text string) []byte {
	var b bytes.Buffer
	b.Grow(len(text) + len(text)/8)
	w := quotedprintable.NewWriter(&b)
	_, _ = w.Write([]byte(text)) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// fill appends the pieces and the values between them to b, which ends in a line end.
func (q quoted) fill(b []byte, values [len(slots)]string, boundary string) ([]byte, error) {
	var ready [len(slots)][]byte
	for i, slot := range q.slots {
		if ready[slot] == nil && values[slot] != "" {
			ready[slot] = quote(values[slot])
			if err := inspectPart(ready[slot], boundary); err != nil {
				return nil, err
			}
		}
		b = appendQuoted(appendQuoted(b, q.pieces[i]), ready[slot])
	}
	return appendQuoted(b, q.pieces[len(q.slots)]), nil
}

func appendQuoted(b, text []byte) []byte {
	if len(text) == 0 {
		return b
	}
	if len(b) > 0 && b[len(b)-1] != '\n' {
		b = append(b, softBreak...)
	}
	return append(b, text...)
}

// inspectPart wants lines of visible ASCII, blanks and tabs as quoted-printable has them, and no boundary.
func inspectPart(text []byte, boundary string) error {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, crlf), []byte("="))
		if len(line) > quotedMax {
			return errors.New("a line of a part is too long")
		}
		for _, c := range line {
			if c != '\t' && (c < ' ' || c > '~') {
				return errors.New("a part contains a byte that is not encoded")
			}
		}
	}
	if boundary != "" && bytes.Contains(text, []byte("--"+boundary)) {
		return errors.New("the boundary occurs in a part")
	}
	return nil
}
