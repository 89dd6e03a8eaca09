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
	for rest := message; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n')
		if end == 0 || rest[end-1] != '\r' {
			return errors.New("contains a bare LF")
		}
		if end-1 > lineMax {
			return fmt.Errorf("contains a line of %d bytes", end-1)
		}
		rest = rest[end+1:]
	}
	switch {
	case bytes.IndexByte(message, 0) >= 0:
		return errors.New("contains NUL")
	case bytes.Count(message, []byte{'\r'}) != bytes.Count(message, []byte{'\n'}): // every LF has its CR
		return errors.New("contains a bare CR")
	}
	return nil
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
