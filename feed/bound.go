package feed

import (
	"regexp"
	"strings"
)

// What Clean reads and writes at most. A mail shows far less: Gmail cuts one off
// at 102 KiB.
const (
	maxSource = 4 << 20 // bytes of HTML read
	maxNodes  = 400_000 // elements and texts its tree may come to
	maxClean  = 1 << 20 // bytes of text and attributes written
)

// worthKeeping: these attributes of a formatting element say something.
var worthKeeping = regexp.MustCompile(`(?i)[\s/"'](?:style|lang|dir|hidden)[\s/=>]`)

// bounded is s cut where its tree would grow past maxNodes, with the attributes
// of formatting elements moved to a span of their own.
//
// HTML opens every unclosed <b> or <font> again in each block that follows: with
// attributes that differ a few kilobytes of them make a tree of gigabytes. Without
// attributes at most three of a kind are open at once (HTML, "push onto the list
// of active formatting elements"), so the number of tags bounds the tree.
//
// The scan takes every "<" for a tag, in comments and values too: it may find
// more than the parser will, never less.
func bounded(s string) string {
	if len(s) > maxSource {
		s = strings.ToValidUTF8(s[:maxSource], "")
	}
	var b strings.Builder
	kinds := map[string]bool{}
	tags, done := 0, 0
	for at := strings.IndexByte(s, '<'); at >= 0; {
		if tags++; tags*(2+3*len(kinds)) > maxNodes {
			s = s[:at]
			break
		}
		name := formattingName(s[at+1:])
		next := at + 1 + len(name)
		if name != "" {
			kinds[strings.ToLower(name)] = true
			if end := strings.IndexByte(s[next:], '>'); end > 0 {
				b.WriteString(s[done:next])
				b.WriteByte('>')
				if attrs := s[next : next+end+1]; worthKeeping.MatchString(attrs) {
					b.WriteString("<span" + attrs)
				}
				next += end + 1
				done = next
			} else if end < 0 {
				s = s[:at]
				break
			}
		}
		step := strings.IndexByte(s[next:], '<')
		if step < 0 {
			break
		}
		at = next + step
	}
	if done == 0 {
		return s
	}
	b.WriteString(s[done:])
	return b.String()
}

// formattingName is the formatting element s begins with, as written, "" for none.
func formattingName(s string) string {
	i := 0
	for i < len(s) && i < 7 && (s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z') {
		i++
	}
	if i == 0 || i == len(s) || strings.IndexByte(" \t\n\f\r/>", s[i]) < 0 {
		return ""
	}
	switch s[0] | 0x20 {
	case 'b', 'c', 'e', 'f', 'i', 'n', 's', 't', 'u':
		if name := s[:i]; formatting[strings.ToLower(name)] {
			return name
		}
	}
	return ""
}
