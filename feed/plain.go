package feed

import (
	"html"
	"strings"
	"unicode"

	nethtml "golang.org/x/net/html"
)

// plainText is HTML as one line of text: tags stripped, entities decoded, white
// space folded, control and bidirectional override characters gone. What looks
// like a tag but is none in HTML ("List<String>") is text, and so is one that is
// named and not used.
func plainText(s string) string {
	if strings.ContainsAny(s, "<&") {
		s = stripTags(s)
	}
	return foldText(s)
}

func stripTags(s string) string {
	var b strings.Builder
	closes := strings.Contains(s, "</")
	z := nethtml.NewTokenizer(strings.NewReader(s))
	for {
		kind := z.Next()
		switch kind {
		case nethtml.ErrorToken:
			return b.String()
		case nethtml.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case nethtml.StartTagToken, nethtml.EndTagToken, nethtml.SelfClosingTagToken:
			raw := string(z.Raw())
			name, _ := z.TagName()
			switch tagName := string(name); {
			case !isHTML(tagName):
				b.WriteString(raw)
			case kind == nethtml.StartTagToken && !closes && (dropped[tagName] || embedded[tagName]) && len(raw) == len(tagName)+2:
				b.WriteString(raw) // "How to use <script>"
				z.NextIsNotRawText()
			case dropped[tagName] && kind == nethtml.StartTagToken && !voidTags[tagName]:
				skipElement(z, tagName)
			case isBlock(tagName) || tagName == "br":
				b.WriteByte(' ')
			}
		}
	}
}

// skipElement reads past the end tag of an element whose content is no text.
func skipElement(z *nethtml.Tokenizer, name string) {
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			return
		case nethtml.EndTagToken:
			if got, _ := z.TagName(); string(got) == name {
				return
			}
		}
	}
}

// textOf is the text of s with white space folded, blocks set apart by a space.
// It stops after about limit bytes.
func textOf(s string, limit int) string {
	if !strings.ContainsAny(s, "<&") {
		return foldText(s)
	}
	var b strings.Builder
	z := nethtml.NewTokenizer(strings.NewReader(s))
	for b.Len() < limit {
		kind := z.Next()
		if kind == nethtml.ErrorToken {
			break
		}
		switch kind {
		case nethtml.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case nethtml.StartTagToken, nethtml.EndTagToken, nethtml.SelfClosingTagToken:
			raw, _ := z.TagName()
			name := string(raw)
			if kind == nethtml.StartTagToken && dropped[name] && !voidTags[name] {
				skipElement(z, name)
			}
			if isBlock(name) || name == "br" {
				b.WriteByte(' ')
			}
		}
	}
	return foldText(b.String())
}

// foldText is s on one line: white space folded, control and bidirectional
// override characters gone.
func foldText(s string) string {
	if isFolded(s) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	space := false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || r == 0x85 || r == 0x2028 || r == 0x2029:
			space = true
		case unicode.IsControl(r) || isBidi(r) || r == 0xFEFF || r == 0x200B || r == 0xFFFE || r == 0xFFFF:
		default:
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(r)
		}
	}
	return b.String()
}

// isFolded: s is printable ASCII without spaces that fold.
func isFolded(s string) bool {
	space := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c > '~' || c == ' ' && space {
			return false
		}
		space = c == ' '
	}
	return s == "" || !space
}

// visible is s without the characters that show nothing and turn what stands
// around them: controls, embeddings, overrides and isolates of UAX #9, tags of
// UTS #51 outside a flag. The marks, which turn nothing but themselves, stay.
func visible(s string) string {
	if isTypewritten(s) {
		return s
	}
	flag := false
	return strings.Map(func(r rune) rune {
		isTag := r >= 0xE0000 && r <= 0xE007F
		flag = r == 0x1F3F4 || flag && isTag
		if !allowed(r) || r == '\r' || isBidi(r) && !isMark(r) || isTag && !flag {
			return -1
		}
		return r
	}, s)
}

// isTypewritten: s is printable ASCII, tabs and line breaks.
func isTypewritten(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' && c != '\t' || c > '~' {
			return false
		}
	}
	return true
}

// isMark: the implicit directional marks (UAX #9, section 2.6).
func isMark(r rune) bool { return r == 0x200E || r == 0x200F || r == 0x061C }
