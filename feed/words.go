package feed

import (
	"html"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"
)

// Heading is the title, or for a post without one, one made from its first
// words, its address or its date. It is never empty.
func (p Post) Heading() string {
	if p.Title != "" {
		return p.Title
	}
	for _, body := range []string{p.Content, p.Summary} {
		if w := Words(body, 8); w != "" {
			return w
		}
	}
	if u, err := url.Parse(p.URL); err == nil && u.Host != "" {
		return u.Host + strings.TrimSuffix(u.Path, "/")
	}
	return p.Published.Format("2 January 2006")
}

// Words is the first n words of html's text, followed by "…" when there are
// more. Where words are not set apart it is at most ten characters a word.
func Words(html string, n int) string {
	if n <= 0 {
		return ""
	}
	text := textOf(html, 40*n+400)
	words := strings.Fields(text)
	out := strings.Join(words[:min(n, len(words))], " ")
	if limit := 10 * n; utf8.RuneCountInString(out) > limit {
		return strings.TrimRight(cut(out, limit-1), " ,;:–—-…") + "…"
	}
	if len(words) > n {
		out = strings.TrimRight(out, " ,;:.–—-…") + "…"
	}
	return out
}

// cut is s shortened to at most n characters, never between a character and
// what modifies it.
func cut(s string, n int) string {
	count := 0
	for i := range s {
		if count == n {
			return s[:boundary(s, i)]
		}
		count++
	}
	return s
}

// boundary is the last place at or before i where s may be cut: not before
// combining marks, joiners and modifiers, nor behind a joiner, nor inside a flag.
func boundary(s string, i int) int {
	for i > 0 {
		next, _ := utf8.DecodeRuneInString(s[i:])
		last, n := utf8.DecodeLastRuneInString(s[:i])
		if !extends(next) && last != 0x200D && !(isRegional(next) && regionals(s[:i])%2 == 1) {
			return i
		}
		i -= n
	}
	return 0
}

func extends(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Mc, unicode.Me) || r == 0x200D || r >= 0x1F3FB && r <= 0x1F3FF || r >= 0xE0020 && r <= 0xE007F ||
		r >= 0x1160 && r <= 0x11FF
}

func isRegional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// regionals is how many regional indicators s ends with.
func regionals(s string) int {
	n := 0
	for {
		r, size := utf8.DecodeLastRuneInString(s)
		if !isRegional(r) {
			return n
		}
		n++
		s = s[:len(s)-size]
	}
}

// textOf is the text of s with white space folded, blocks set apart by a space.
// It stops after about limit bytes.
func textOf(s string, limit int) string {
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
			if isBlock[name] || name == "br" {
				b.WriteByte(' ')
			}
		}
	}
	return foldText(b.String())
}

// foldText is s on one line: white space folded, control and bidirectional
// override characters gone.
func foldText(s string) string {
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
