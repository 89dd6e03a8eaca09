package mailer

import (
	"bytes"
	"strings"
	"sync/atomic"
)

// quotedMax is the longest line of quoted-printable text without the mark of a soft break (RFC 2045 §6.7).
const quotedMax = 75

// softBreak ends a line that is none in the text.
const softBreak = "=\r\n"

// part is a body part: what is the same for every reader encoded and dot-stuffed, and the places between.
type part struct {
	runs  []run
	empty bool // there is nothing but slots
}

// run is a stretch of whole lines, and the line behind it that holds values. Where a long line is broken depends on all
// that stands in it before, and on nothing above it: so what follows a value in its line is encoded for each reader, and
// the next line is the same for all again.
type run struct {
	lines []byte // shared by all messages
	dots  int    // doubled in lines
	open  []byte // the line with values, up to the first
	col   int    // columns of open, of which a doubled dot is none
	spots []spot
	last  bool // the part ends behind the line, without a line end
}

// spot is a slot and the text behind it, up to the next one or the end of the line.
type spot struct {
	slot  int
	after *tail
}

// tail is text behind a value, encoded the first time a value ends at a column, and copied from then on.
type tail struct {
	text string
	from [quotedMax + 1]atomic.Pointer[encoded]
}

type encoded struct {
	text []byte
	col  int // behind it
}

// tailMax is how much text is kept once for each column: a letter all on one line shall not take 76 times its size.
const tailMax = 1 << 10

func (t *tail) append(b []byte, col int) ([]byte, int) {
	if t.text == "" {
		return b, col
	}
	if len(t.text) > tailMax {
		return appendQuoted(b, col, t.text)
	}
	e := t.from[col].Load()
	if e == nil {
		e = new(encoded)
		e.text, e.col = appendQuoted(nil, col, t.text)
		t.from[col].Store(e)
	}
	return append(b, e.text...), e.col
}

// part encodes the pieces. Their lines end in LF; there is no CR in them.
func (c cut) part() part {
	p := part{empty: strings.Join(c.pieces, "") == ""}
	r := beginRun(c.pieces[0])
	for i, slot := range c.slots {
		after, below, ended := strings.Cut(c.pieces[i+1], "\n")
		r.spots = append(r.spots, spot{slot, &tail{text: after}})
		if ended {
			p.runs = append(p.runs, r)
			r = beginRun(below)
		}
	}
	r.last = true
	if len(r.spots) == 0 {
		r.lines, r.open = closeLine(append(r.lines, r.open...), r.col), nil
	}
	p.runs = append(p.runs, r)
	for i := range p.runs {
		p.runs[i].dots = countDots(p.runs[i].lines)
	}
	return p
}

// beginRun encodes text that starts a line and may end inside one.
func beginRun(text string) (r run) {
	var b []byte
	for {
		line, below, ended := strings.Cut(text, "\n")
		b, r.col = appendQuoted(b, 0, line)
		if !ended {
			break
		}
		b = append(closeLine(b, r.col), "\r\n"...)
		text = below
	}
	start := bytes.LastIndexByte(b, '\n') + 1
	r.lines, r.open = b[:start:start], b[start:]
	return r
}

// countDots counts lines that start with a dot, which is doubled.
func countDots(b []byte) int {
	n := bytes.Count(b, []byte("\n."))
	if bytes.HasPrefix(b, []byte(".")) {
		n++
	}
	return n
}

// appendQuoted appends text without a line end to a line that has col columns already, broken where
// [mime/quotedprintable] breaks it. A dot at the start of a line, behind a soft break too, is doubled.
func appendQuoted(b []byte, col int, text string) ([]byte, int) {
	for text != "" {
		if n := literal(text); n > 0 {
			b, col = appendLiteral(b, col, text[:n])
			text = text[n:]
			continue
		}
		if quotedMax-col < len("=XX") {
			b, col = append(b, softBreak...), 0
		}
		b, col = appendEscaped(b, text[0]), col+len("=XX")
		text = text[1:]
	}
	return b, col
}

// appendLiteral is appendQuoted for text of which nothing is escaped.
func appendLiteral(b []byte, col int, text string) ([]byte, int) {
	for text != "" {
		if col == quotedMax {
			b, col = append(b, softBreak...), 0
		}
		if col == 0 && text[0] == '.' {
			b = append(b, '.')
		}
		n := min(quotedMax-col, len(text))
		b, col = append(b, text[:n]...), col+n
		text = text[n:]
	}
	return b, col
}

// literal counts the bytes at the start of text that stand for themselves.
func literal(text string) (n int) {
	for ; n+8 <= len(text) && isLiteral(text[n:n+8]); n += 8 {
	}
	for n < len(text) && byteKinds[text[n]]&quoted == 0 {
		n++
	}
	return n
}

// isLiteral reports whether eight bytes are visible ASCII or blanks, none of them an equals sign. Each line sets the high
// bit of a byte that is not.
func isLiteral(s string) bool {
	const each = 0x0101010101010101
	w := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	bad := w                     // over 0x7f
	bad |= w - ' '*each          // under ' '
	bad |= w + each              // 0x7f
	bad |= (w ^ '='*each) - each // '='
	return bad&(0x80*each) == 0
}

func appendEscaped(b []byte, c byte) []byte {
	const digits = "0123456789ABCDEF"
	return append(b, '=', digits[c>>4], digits[c&15])
}

// closeLine encodes the blank or tab a line would end in (RFC 2045 §6.7, rule 3). The line has col columns.
func closeLine(b []byte, col int) []byte {
	if col == 0 || b[len(b)-1] != ' ' && b[len(b)-1] != '\t' {
		return b
	}
	blank := b[len(b)-1]
	b = b[:len(b)-1]
	if quotedMax-(col-1) < 3 {
		b = append(b, softBreak...)
	}
	return appendEscaped(b, blank)
}

// kind says what is special about a byte.
type kind uint8

const (
	quoted  kind = 1 << iota // escaped in quoted-printable
	markup                   // escaped in HTML
	special                  // a control character, or outside ASCII
	foreign                  // not in a URI (RFC 3986 §2), or a comma, which parts two links
)

// byteKinds tells of each byte what is special about it.
var byteKinds = func() (kinds [256]kind) {
	for c := range kinds {
		if c < ' ' || c > '~' {
			kinds[c] = special | quoted | foreign
		}
	}
	kinds['\t'] = special | foreign
	kinds['='] = quoted
	for _, c := range `<>&'"` {
		kinds[c] |= markup
	}
	for _, c := range " \"<>\\^`{|}," {
		kinds[c] |= foreign
	}
	return kinds
}()
