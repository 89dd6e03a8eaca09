package mailer

import (
	"bytes"
	"encoding/base64"
	"net/mail"
	"strings"
	"unicode/utf8"
)

// HeaderText is text fit for a header field: no control characters (C0, DEL, C1), no line or paragraph separators, no
// bidirectional overrides, valid UTF-8, at most 250 characters. Only [NewHeaderText] makes one that is not empty.
//
// The stripping comes before RFC 2047 encoding: an encoder would hide a line break inside the encoded word, and a
// reader's program would bring it back.
type HeaderText struct{ text string }

const headerTextMax = 250

// NewHeaderText makes s fit. Each run of white space and controls becomes one blank, so that words stay apart.
func NewHeaderText(s string) HeaderText {
	var b strings.Builder
	count, blank := 0, false
	for _, r := range s {
		switch {
		case isBidi(r):
			continue
		case r == ' ' || isControl(r):
			blank = b.Len() > 0
			continue
		}
		if blank {
			b.WriteByte(' ')
			count++
			blank = false
		}
		if count >= headerTextMax-1 {
			b.WriteRune('…')
			break
		}
		b.WriteRune(r)
		count++
	}
	return HeaderText{b.String()}
}

// String gives the text itself, not encoded.
func (h HeaderText) String() string { return h.text }

// encoded gives an ASCII form that go-mail passes through, or text that it encodes itself. What already looks like an
// encoded word is wrapped, else a reader's program would decode what the author wrote literally.
func (h HeaderText) encoded() string {
	if !strings.Contains(h.text, "=?") {
		return h.text
	}
	const chunk = 45 // 60 characters of base64, 72 with the frame; RFC 2047 §2 allows 75
	var words []string
	for rest := h.text; rest != ""; {
		end := min(chunk, len(rest))
		for end < len(rest) && !utf8.RuneStart(rest[end]) {
			end--
		}
		words = append(words, "=?utf-8?b?"+base64.StdEncoding.EncodeToString([]byte(rest[:end]))+"?=")
		rest = rest[end:]
	}
	return strings.Join(words, " ")
}

// displayName makes a name fit to stand before an address. An at sign is taken out, so that no name can pose as
// another address; the start of an encoded word, which some programs decode even inside quotes; and the backslash, which
// net/mail leaves bare in an encoded word (RFC 2047 §5 forbids it there) and then can't read itself.
func displayName(name string) string {
	return NewHeaderText(strings.NewReplacer("@", " ", "=?", "?", `\`, "/").Replace(name)).String()
}

// phrase writes a display name as RFC 5322 §3.2.5 wants it before "<": bare, quoted or encoded.
func phrase(name string) string {
	whole := (&mail.Address{Name: displayName(name), Address: "x@x"}).String()
	return strings.TrimSpace(strings.TrimSuffix(whole, "<x@x>"))
}

func isControl(r rune) bool {
	return r < ' ' || 0x7f <= r && r <= 0x9f || r == 0x2028 || r == 0x2029
}

// isBidi reports the marks, embeddings, overrides and isolates of UAX #9, and the byte order mark.
func isBidi(r rune) bool {
	switch {
	case r == 0x061c, r == 0x200e, r == 0x200f, r == 0xfeff:
		return true
	}
	return 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069
}

// plainValue strips what has no business in one line of text.
func plainValue(s string) string {
	return strings.Map(func(r rune) rune {
		if isControl(r) || isBidi(r) {
			return -1
		}
		return r
	}, s)
}

// bodyText drops the control characters no mail needs; tabs and line ends stay, each of which becomes LF.
func bodyText(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || !(r < ' ' || 0x7f <= r && r <= 0x9f) {
			return r
		}
		return -1
	}, s)
}

// appendField writes a header field, folded at its blanks as go-mail folds: at 76 columns or before, where its words let
// it (RFC 5322 §2.2.3).
func appendField(b []byte, name string, value []byte) []byte {
	const width = 74
	b = append(append(b, name...), ": "...)
	left := width - len(name) - len(": ")
	for {
		word, rest, more := bytes.Cut(value, []byte(" "))
		if left-len(word) <= 1 {
			b = append(b[:len(b)-1], "\r\n "...) // the blank goes to the next line
			left = width - 1
		}
		b = append(b, word...)
		if !more {
			return append(b, "\r\n"...)
		}
		b = append(b, ' ')
		left -= len(word) + 1
		value = rest
	}
}

// isPlainName reports whether a display name can stand in quotes as it is: words of visible ASCII with one blank between
// them, nothing that [displayName] takes out or a quoted string escapes.
func isPlainName(name string) bool {
	blank := true
	for i := range len(name) {
		switch c := name[i]; {
		case c == ' ' && blank, c == '@', c == '"', c == '\\', c == '=', byteKinds[c]&special != 0:
			return false
		default:
			blank = c == ' '
		}
	}
	return name == "" || !blank && len(name) < headerTextMax
}
