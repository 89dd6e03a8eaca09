package templates

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/clipperhouse/uax29/v2/sentences"
)

// stops end a sentence, closers may stand behind them.
const (
	stops   = ".!?…。！？．؟۔।॥։"
	closers = "\"'”’»›)]」』）】"
)

// abbreviations end with a full stop that ends no sentence. Those with a stop
// inside and initials need no list.
var abbreviations = strings.Fields(`approx art bd bzw ca capt cf chap co col corp dept dipl dr ed eds etc evtl fig fr gen ggf hr hrsg inc inkl jr lt ltd m max mgr min mio
	mlle mme mr mrs ms nr no op p pag pp prof resp rev sen sec sig sr st str tel univ usw v vgl vol vs zzgl т др г ул им`)

// lastSentence is where the last whole sentence of s that ends at or before limit
// ends, 0 for none (UAX #29, sentence boundaries, less abbreviations).
func lastSentence(s string, limit int) int {
	last := 0
	for all := sentences.FromString(s); all.Next(); {
		end := all.Start() + len(strings.TrimRightFunc(all.Value(), unicode.IsSpace))
		if end > limit {
			break
		}
		if endsSentence(s[:end]) {
			last = end
		}
	}
	return last
}

// endsSentence reports whether s ends with the end of a sentence.
func endsSentence(s string) bool {
	s = strings.TrimRight(s, closers)
	stop, size := utf8.DecodeLastRuneInString(s)
	if stop != '.' {
		return strings.ContainsRune(stops, stop)
	}
	s = s[:len(s)-size]
	word := s[strings.LastIndexFunc(s, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune("([\"'“‘«„", r) })+1:]
	switch {
	case utf8.RuneCountInString(word) <= 1, strings.Contains(word, ".") && !strings.ContainsAny(word, ":/"):
		return word == "" || strings.HasSuffix(word, "..")
	case len(word) <= 2 && strings.Trim(word, "0123456789") == "":
		return false // "on the 3." in many languages
	}
	return !slices.Contains(abbreviations, strings.ToLower(word))
}
