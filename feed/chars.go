package feed

import (
	"bytes"
	"html"
	"strings"
	"unicode/utf8"
)

// appendText appends raw with every "&" standing for something: known entities
// become their characters, references to forbidden characters go, the rest is
// escaped.
func appendText(out, raw []byte) []byte {
	for {
		amp := bytes.IndexByte(raw, '&')
		if amp < 0 {
			return appendAllowed(out, raw)
		}
		out = appendAllowed(out, raw[:amp])
		raw = raw[amp:]
		n, repl := reference(raw)
		out = append(out, repl...)
		raw = raw[n:]
	}
}

// reference reads the reference raw begins with: how many bytes it takes, and
// what stands for it.
func reference(raw []byte) (int, string) {
	end := bytes.IndexByte(raw[:min(len(raw), 40)], ';')
	if end < 2 || bytes.ContainsAny(raw[1:end], "& \t\r\n<") {
		return 1, "&amp;"
	}
	ref := string(raw[:end+1])
	switch ref {
	case "&amp;", "&lt;", "&gt;", "&quot;", "&apos;":
		return end + 1, ref
	}
	char := html.UnescapeString(ref)
	if char == ref || strings.HasSuffix(char, ";") {
		return 1, "&amp;"
	}
	var b []byte
	for _, c := range char {
		if allowed(c) && c != utf8.RuneError {
			b = utf8.AppendRune(b, c)
		}
	}
	return end + 1, html.EscapeString(string(b))
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
