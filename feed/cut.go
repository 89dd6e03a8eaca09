package feed

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/clipperhouse/uax29/v2/words"
)

// cut is s shortened to at most n characters, never inside what a reader sees as
// one: a letter and its marks, an emoji of several, a flag, a syllable (UAX #29,
// grapheme clusters).
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	end := 0
	for clusters := graphemes.FromString(s); clusters.Next(); end = clusters.End() {
		if n -= utf8.RuneCountInString(clusters.Value()); n < 0 {
			return s[:end]
		}
	}
	return s
}

// CutWord is s shortened to at most n characters, at the end of a word. Where words
// are not set apart it is that of any character, and so it is in the midst of an
// address or what else is longer than a word. White space at the end goes.
func CutWord(s string, n int) string {
	head := cut(s, n)
	if len(head) == len(s) {
		return s
	}
	end := wordEnd(s, len(head))
	if end == 0 || len(head)-end > longestWord {
		end = len(head)
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace)
}

// longestWord is the length in bytes from which on a word may be cut.
const longestWord = 80

// wordEnd is the last place at or before limit where no word of s is cut.
func wordEnd(s string, limit int) int {
	if next, _ := utf8.DecodeRuneInString(s[limit:]); unicode.IsSpace(next) {
		return limit
	}
	space := strings.LastIndexFunc(s[:limit], unicode.IsSpace)
	if space < 0 {
		space = 0
	}
	end := space
	for segments := words.FromString(s[space:]); segments.Next(); {
		at := space + segments.End()
		if at > limit {
			break
		}
		last, _ := utf8.DecodeLastRuneInString(s[:at])
		next, _ := utf8.DecodeRuneInString(s[at:])
		if runsOn(last) || runsOn(next) {
			end = at
		}
	}
	return end
}

// runsOn: r is of a script that does not set words apart.
func runsOn(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar, unicode.Tibetan) ||
		r >= 0x3000 && r <= 0x303F || r >= 0xFF00 && r <= 0xFFEF // their signs
}
