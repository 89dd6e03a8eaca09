package feed

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf8"
)

// appendText appends raw character data escaped, with every "&" standing for
// something: known entities become their characters, references to forbidden
// characters go, the rest is escaped.
func appendText(out, raw []byte) []byte { return appendReferences(out, raw, true) }

// appendDecoded appends what raw character data says, references decoded.
func appendDecoded(out, raw []byte) []byte { return appendReferences(out, raw, false) }

func appendReferences(out, raw []byte, escape bool) []byte {
	for {
		amp := bytes.IndexByte(raw, '&')
		if amp < 0 {
			return appendAllowed(out, raw)
		}
		out = appendAllowed(out, raw[:amp])
		raw = raw[amp:]
		n, said := reference(raw)
		if escape {
			said = escapeText(said)
		}
		out = append(out, said...)
		raw = raw[n:]
	}
}

// reference reads the reference raw begins with: how many bytes it takes, and
// what it stands for. One that is unknown is an "&".
func reference(raw []byte) (int, string) {
	end := bytes.IndexByte(raw[:min(len(raw), 40)], ';')
	if end < 2 || bytes.ContainsAny(raw[1:end], "& \t\r\n<") {
		return 1, "&"
	}
	switch string(raw[1:end]) {
	case "amp", "AMP":
		return end + 1, "&"
	case "lt", "LT":
		return end + 1, "<"
	case "gt", "GT":
		return end + 1, ">"
	case "quot", "QUOT":
		return end + 1, `"`
	case "apos", "#39":
		return end + 1, "'"
	}
	ref := string(raw[:end+1])
	char := html.UnescapeString(ref)
	if char == ref || strings.HasSuffix(char, ";") {
		return 1, "&"
	}
	var b []byte
	for _, c := range char {
		if allowed(c) && c != utf8.RuneError {
			b = utf8.AppendRune(b, c)
		}
	}
	return end + 1, string(b)
}

// escapeText is s as character data, in XML as in HTML.
func escapeText(s string) string {
	switch s { // what a reference most often stands for
	case "&":
		return "&amp;"
	case "<":
		return "&lt;"
	case ">":
		return "&gt;"
	}
	if !strings.ContainsAny(s, `&<>"'`) {
		return s
	}
	return html.EscapeString(s)
}

// appendAllowed appends b without the characters XML 1.0 forbids.
func appendAllowed(out, b []byte) []byte {
	start := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c >= 0x20 && c < utf8.RuneSelf && c != 0x7f || c == '\n' || c == '\t' || c == '\r' {
			i++
			continue
		}
		n := 1
		if c >= utf8.RuneSelf {
			var char rune
			if char, n = utf8.DecodeRune(b[i:]); allowed(char) {
				i += n
				continue
			}
		}
		out = append(out, b[start:i]...)
		i += n
		start = i
	}
	return append(out, b[start:]...)
}

func allowed(c rune) bool {
	switch {
	case c == '\t' || c == '\n' || c == '\r':
		return true
	case c < 0x20 || c >= 0x7f && c <= 0x9f && c != 0x85:
		return false
	case c == 0xFFFE || c == 0xFFFF || c == 0xFEFF:
		return false
	}
	return true
}
