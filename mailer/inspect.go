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

// inspect reads a finished message as a stranger would and refuses anything it was not meant to be.
func inspect(message []byte, expect fields, to, boundary string) error {
	if err := inspectLines(message); err != nil {
		return err
	}
	head, body, ok := bytes.Cut(message, []byte("\r\n\r\n"))
	if !ok {
		return errors.New("header without end")
	}
	found, err := headerFields(head)
	if err != nil {
		return err
	}
	want := fields{}
	for name, n := range expect {
		want[textproto.CanonicalMIMEHeaderKey(name)] = n
	}
	if !maps.Equal(found, want) {
		return fmt.Errorf("header fields are %v, not %v", names(found), names(want))
	}
	if isASCII(to) && bytes.ContainsFunc(head, func(r rune) bool { return r > '~' }) {
		return errors.New("header is not ASCII")
	}
	parsed, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		return fmt.Errorf("reading it again: %w", err)
	}
	recipients, err := parsed.Header.AddressList("To")
	if err != nil || len(recipients) != 1 || recipients[0].Address != to {
		return errors.New("To is not the one recipient")
	}
	if boundary != "" && bytes.Count(body, []byte("--"+boundary)) != 3 {
		return errors.New("the boundary occurs in a part")
	}
	return nil
}

// inspectLines wants CRLF as the only line end, at the end too, no NUL, nothing over 998 bytes.
func inspectLines(message []byte) error {
	if !bytes.HasSuffix(message, crlf) {
		return errors.New("does not end in CRLF")
	}
	if bytes.IndexByte(message, 0) >= 0 {
		return errors.New("contains NUL")
	}
	for line := range bytes.Lines(message) {
		line, ok := bytes.CutSuffix(line, crlf)
		switch {
		case !ok:
			return errors.New("contains a bare LF")
		case bytes.IndexByte(line, '\r') >= 0:
			return errors.New("contains a bare CR")
		case len(line) > lineMax:
			return fmt.Errorf("contains a line of %d bytes", len(line))
		}
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
