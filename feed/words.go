package feed

import (
	"net/url"
	"strings"
	"unicode/utf8"
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
		return strings.TrimRight(CutWord(out, limit-1), loose) + "…"
	}
	if len(words) > n {
		out = strings.TrimRight(out, loose+".") + "…"
	}
	return out
}

// loose is what does not stand before an ellipsis.
const loose = " ,;:–—-…、，：；「『（("
