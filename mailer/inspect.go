package mailer

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"net/textproto"
	"slices"
)

// lineMax is the longest line without its CRLF (RFC 5322 §2.1.1).
const lineMax = 998

var crlf = []byte("\r\n")

// fields counts header fields by name.
type fields map[string]int

func (f fields) canonical() fields {
	same := fields{}
	for name, n := range f {
		same[textproto.CanonicalMIMEHeaderKey(name)] += n
	}
	return same
}

// inspectHead reads a finished header, up to and with the empty line, as a stranger would and refuses anything it was
// not meant to be.
func inspectHead(head []byte, expect fields, to string) error {
	if err := inspectLines(head); err != nil {
		return err
	}
	block, ok := bytes.CutSuffix(head, []byte("\r\n\r\n"))
	if !ok {
		return errors.New("header without end")
	}
	found, err := headerFields(block)
	if err != nil {
		return err
	}
	if want := expect.canonical(); !maps.Equal(found, want) {
		return fmt.Errorf("header fields are %v, not %v", names(found), names(want))
	}
	if isASCII(to) && bytes.ContainsFunc(head, func(r rune) bool { return r > '~' }) {
		return errors.New("header is not ASCII")
	}
	parsed, err := netmail.ReadMessage(bytes.NewReader(head))
	if err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	recipients, err := parsed.Header.AddressList("To")
	if err != nil || len(recipients) != 1 || recipients[0].Address != to {
		return errors.New("To is not the one recipient")
	}
	return nil
}

// inspectLines wants CRLF as the only line end, at the end too, no NUL, nothing over 998 bytes.
func inspectLines(message []byte) error {
	if !bytes.HasSuffix(message, crlf) {
		return errors.New("does not end in CRLF")
	}
	_, err := tally(message, lineMax)
	return err
}

// inspectPart wants lines of visible ASCII, blanks and tabs as quoted-printable has them, and no delimiter.
func inspectPart(text, delimiter []byte) error {
	for line := range bytes.Lines(text) {
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, crlf), []byte("="))
		if bytes.HasPrefix(line, []byte("..")) {
			line = line[1:]
		}
		if len(line) > quotedMax {
			return errors.New("a line of a part is too long")
		}
		for _, c := range line {
			if c != '\t' && (c < ' ' || c > '~') {
				return errors.New("a part contains a byte that is not encoded")
			}
		}
	}
	if len(delimiter) > 0 && bytes.Contains(text, delimiter) {
		return errors.New("the boundary occurs in a part")
	}
	return nil
}

// inspectField wants one header field, folded or not. With utf8 it may hold an address outside ASCII (RFC 6532).
func inspectField(field []byte, utf8 bool) error {
	found, err := tally(field, lineMax)
	switch {
	case err != nil:
		return err
	case !bytes.HasSuffix(field, crlf) || found.fields != 1 || found.empty > 0 || field[0] == ' ' || field[0] == '\t':
		return fmt.Errorf("%d header fields in the place of one", found.fields)
	case !utf8 && !isASCII(field):
		return errors.New("header is not ASCII")
	}
	return nil
}

// inspectOwn wants lines of a part on the wire, the last of which may be without its end: quoted-printable, and none that
// begins with the delimiter. It counts the dots that are there twice.
func inspectOwn(text, delimiter []byte) (dots int, err error) {
	found, err := tally(text, quotedMax+len("=."))
	switch {
	case err != nil:
		return 0, err
	case !isASCII(text):
		return 0, errors.New("a part contains a byte that is not encoded")
	case len(delimiter) > 0 && found.dashes > 0 && bytes.Contains(text, delimiter):
		return 0, errors.New("the boundary occurs in a part")
	}
	return found.dots, nil
}

// lines is what a look over finished lines has found.
type lines struct {
	fields int // that start a header field, in a header
	empty  int
	dots   int // that start with a dot
	dashes int // that start with a dash
}

// tally counts lines. It wants CRLF as the only line end, no NUL, and at most longest bytes in a line.
func tally(b []byte, longest int) (found lines, err error) {
	ends := 0
	for rest := b; len(rest) > 0; {
		line, below := rest, rest[:0]
		if end := bytes.IndexByte(rest, '\n'); end >= 0 {
			if end == 0 || rest[end-1] != '\r' {
				return found, errors.New("contains a bare LF")
			}
			line, below = rest[:end-1], rest[end+1:]
			ends++
		}
		switch {
		case len(line) > longest:
			return found, fmt.Errorf("contains a line of %d bytes", len(line))
		case len(line) == 0:
			found.empty++
		case line[0] == '.':
			found.dots++
		case line[0] == '-':
			found.dashes++
		case line[0] != ' ' && line[0] != '\t':
			found.fields++
		}
		rest = below
	}
	switch {
	case bytes.IndexByte(b, 0) >= 0:
		return found, errors.New("contains NUL")
	case bytes.Count(b, []byte{'\r'}) != ends: // every LF has its CR
		return found, errors.New("contains a bare CR")
	}
	return found, nil
}

// headerFields counts the fields of a header block (RFC 5322 §2.2), by canonical name.
func headerFields(head []byte) (fields, error) {
	found := fields{}
	for line := range bytes.SplitSeq(head, crlf) {
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if len(found) == 0 || len(bytes.TrimSpace(line)) == 0 {
				return nil, errors.New("header starts with a folded line, or folds to nothing")
			}
			continue
		}
		name, _, ok := bytes.Cut(line, []byte(":"))
		if !ok || !isVisible(string(name)) {
			return nil, errors.New("header contains a line that is no field")
		}
		found[textproto.CanonicalMIMEHeaderKey(string(name))]++
	}
	return found, nil
}

func names(f fields) []string {
	var list []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		for range f[name] {
			list = append(list, name)
		}
	}
	return list
}
