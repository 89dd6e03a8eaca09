package subscribers

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// Bounds of one record of a file: what is longer is no list of readers.
const (
	maxRecord = 64 << 10
	maxCells  = 512
)

// records reads delimited text (RFC 4180, with LF or CR for CRLF and a quote
// allowed inside an unquoted cell). Unlike encoding/csv it bounds a record, and
// after a quote that is never closed it goes on at the next line instead of
// taking the rest of the file for one cell.
type records struct {
	in     *bufio.Reader
	line   int  // of the next record
	comma  byte // 0 before the first record
	failed error
}

func newRecords(r io.Reader) *records {
	// UTF-16 is told by its byte order mark; without any, bytes pass as they are.
	plain := unicode.BOMOverride(encoding.Nop.NewDecoder())
	return &records{in: bufio.NewReaderSize(transform.NewReader(r, plain), 8*maxRecord), line: 1} // a window of its own size would slide at each record
}

// next returns the cells of the next record and the line it begins on. io.EOF
// ends the file; after an error of the reader failed is set, after any other
// the next record follows.
func (r *records) next() ([]string, int, error) {
	window, err := r.in.Peek(maxRecord + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		r.failed = fmt.Errorf("reading the list: %w", err)
		return nil, r.line, r.failed
	}
	if len(window) == 0 {
		return nil, r.line, io.EOF
	}
	if r.comma == 0 {
		if n := r.sniff(window); n > 0 {
			r.skip(n)
			return r.next()
		}
	}
	line := r.line
	cells, n, err := split(window, r.comma, len(window) <= maxRecord)
	if err != nil {
		return nil, line, errors.Join(err, r.skipLine(window))
	}
	r.skip(n)
	return cells, line, nil
}

// sniff chooses the delimiter by the first line, where it is found most often
// outside quotes. It returns the length of a "sep=;" line, as spreadsheets write.
func (r *records) sniff(window []byte) int {
	first := window
	if i := bytes.IndexAny(first, "\r\n"); i >= 0 {
		first = first[:i]
	}
	if len(first) == 5 && strings.EqualFold(string(first[:4]), "sep=") {
		r.comma = first[4]
		return lineEnd(window)
	}
	counts := map[byte]int{}
	quoted := false
	for _, c := range first {
		if c == '"' {
			quoted = !quoted
		}
		if !quoted {
			counts[c]++
		}
	}
	r.comma = ','
	for _, c := range []byte{';', '\t'} {
		if counts[c] > counts[r.comma] {
			r.comma = c
		}
	}
	return 0
}

// skip discards n bytes of the window and counts their lines.
func (r *records) skip(n int) {
	b, _ := r.in.Peek(n)
	r.line += countLines(b)
	r.in.Discard(n)
}

// skipLine discards up to and with the next end of line, however far that is.
func (r *records) skipLine(window []byte) error {
	for {
		if n := lineEnd(window); n > 0 {
			r.skip(n)
			return nil
		}
		r.in.Discard(len(window))
		var err error
		window, err = r.in.Peek(maxRecord + 1)
		if err != nil && !errors.Is(err, io.EOF) {
			r.failed = fmt.Errorf("reading the list: %w", err)
			return r.failed
		}
		if len(window) == 0 {
			return nil
		}
	}
}

// lineEnd is the length of the first line with its end; 0 when it has none.
func lineEnd(b []byte) int {
	i := bytes.IndexAny(b, "\r\n")
	switch {
	case i < 0:
		return 0
	case b[i] == '\r' && i+1 < len(b) && b[i+1] == '\n':
		return i + 2
	}
	return i + 1
}

func countLines(b []byte) int {
	n := 0
	for len(b) > 0 {
		end := lineEnd(b)
		if end == 0 {
			break
		}
		n++
		b = b[end:]
	}
	return n
}

// split reads one record off window and returns its cells and length. last says
// that the file ends with the window.
func split(window []byte, comma byte, last bool) (cells []string, n int, err error) {
	for {
		cell, used, err := splitCell(window[n:], comma)
		if err != nil {
			return nil, 0, err
		}
		n += used
		cells = append(cells, cell)
		if len(cells) > maxCells {
			return nil, 0, fmt.Errorf("more than %d cells in one row", maxCells)
		}
		switch {
		case n == len(window) && !last:
			return nil, 0, fmt.Errorf("a row of more than %d KiB", maxRecord>>10)
		case n == len(window):
			return cells, n, nil
		case window[n] == comma:
			n++
		default:
			return cells, n + lineEnd(window[n:]), nil
		}
	}
}

// splitCell reads one cell; what follows it is a comma, a line end or nothing.
func splitCell(b []byte, comma byte) (cell string, n int, err error) {
	ends := func(c byte) bool { return c == comma || c == '\r' || c == '\n' }
	if len(b) == 0 || b[0] != '"' {
		for n < len(b) && !ends(b[n]) {
			n++
		}
		return string(b[:n]), n, nil
	}
	var text []byte
	for n = 1; n < len(b); n++ {
		if b[n] != '"' {
			text = append(text, b[n])
			continue
		}
		if n+1 < len(b) && b[n+1] == '"' {
			text = append(text, '"')
			n++
			continue
		}
		n++
		for n < len(b) && b[n] == ' ' {
			n++
		}
		if n == len(b) || ends(b[n]) {
			return string(text), n, nil
		}
		return "", 0, errors.New("text after a closing quote")
	}
	return "", 0, errors.New("a quote is opened and not closed")
}
