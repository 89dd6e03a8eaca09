package templates

import (
	"strings"

	"golang.org/x/text/width"
)

// paragraph wraps s at n columns; "\n" in it breaks the line.
func paragraph(s string, n int) []string {
	var out []string
	for line := range strings.SplitSeq(s, "\n") {
		out = append(out, wrap(line, n)...)
	}
	for len(out) > 0 && out[0] == "" {
		out = out[1:]
	}
	for len(out) > 0 && out[len(out)-1] == "" {
		out = out[:len(out)-1]
	}
	return out
}

// wrap sets the words of one line in lines of at most n columns. An address is
// never broken; another word that is too long for a line is.
func wrap(s string, n int) []string {
	var out []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		if line != "" && used+1+columns(word) <= n {
			line, used = line+" "+word, used+1+columns(word)
			continue
		}
		if line != "" && !(wide(word) && used+3 <= n) {
			out = append(out, line)
			line, used = "", 0
		}
		if line != "" { // ideographs go on in the same line
			head, rest := split(word, n-used-1)
			out = append(out, line+" "+head)
			word = rest
		}
		for columns(word) > n && !isAddress(word) {
			head, rest := split(word, n)
			out = append(out, head)
			word = rest
		}
		line, used = word, columns(word)
	}
	if line != "" || len(out) == 0 {
		out = append(out, line)
	}
	return out
}

func isAddress(word string) bool {
	return strings.Contains(word, "://") || strings.HasPrefix(word, "mailto:")
}

// wide reports whether a word is written in ideographs, which break anywhere.
func wide(word string) bool {
	for _, r := range word {
		return runeColumns(r) == 2 && r < 0x1F000
	}
	return false
}

// split cuts s after at most n columns, at least one visible character long.
func split(s string, n int) (head, rest string) {
	rs := []rune(s)
	end, used := 0, 0
	for end < len(rs) && used+runeColumns(rs[end]) <= n {
		used += runeColumns(rs[end])
		end++
	}
	at := end
	for at > 0 && at < len(rs) && joined(rs, at) {
		at--
	}
	if at == 0 { // one endless character, or no room for it
		at = max(end, 1)
	}
	return string(rs[:at]), string(rs[at:])
}

// columns is the number of terminal columns s takes.
func columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

// runeColumns is 2 for what East Asian fonts set wide (UAX #11) and for emoji,
// 1 for all else: combining marks are counted, which wraps a little early.
func runeColumns(r rune) int {
	if r < 0x1100 {
		return 1
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth || r >= 0x1F300 && r <= 0x1FAFF {
		return 2
	}
	return 1
}
