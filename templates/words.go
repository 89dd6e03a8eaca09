package templates

import (
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/bidi"
)

// plain folds s to one line of text: spaces collapsed, and nothing in it that
// a terminal, a header or a bidirectional line could be led astray by.
func plain(s string) string {
	return strings.Join(strings.Fields(strings.Map(tame, strings.ToValidUTF8(s, "\uFFFD"))), " ")
}

// tame maps line and column controls to a space and drops the rest: C0, C1,
// bidi embeddings, overrides and isolates (UAX #9), soft hyphens, zero-width
// spaces and byte order marks. Joiners stay: emoji and Persian need them.
func tame(r rune) rune {
	switch {
	case r == '\t', r == '\n', r == '\r', r == '\v', r == '\f', r == '\u0085', r == '\u2028', r == '\u2029':
		return ' '
	case unicode.Is(unicode.Cc, r):
		return -1
	case r >= '\u202a' && r <= '\u202e', r >= '\u2066' && r <= '\u206f':
		return -1
	case r == '\u00ad', r == '\u200b', r == '\u2060', r == '\ufeff', r >= '\ufff9' && r <= '\ufffb':
		return -1
	}
	return r
}

// tameLines is tame for text whose line breaks and tabs are to stay.
func tameLines(r rune) rune {
	if r == '\n' || r == '\t' {
		return r
	}
	if r == '\r' {
		return -1
	}
	return tame(r)
}

// cut shortens s to at most n runes with an ellipsis, never inside what a
// reader sees as one character.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	rs := []rune(s)
	end := n - 1
	for end > 0 && joined(rs, end) {
		end--
	}
	return strings.TrimRight(string(rs[:end]), " ,;:-–—") + "…"
}

// joined reports whether rs[i-1] and rs[i] are parts of one visible character:
// the cases of UAX #29 that matter for cutting.
func joined(rs []rune, i int) bool {
	r, before := rs[i], rs[i-1]
	switch {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Mc), r == '\u200d', before == '\u200d':
		return true
	case r >= 0x1F3FB && r <= 0x1F3FF, r >= 0xE0020 && r <= 0xE007F: // skin tones, flag tags
		return true
	case r >= 0x1160 && r <= 0x11FF: // Hangul vowels and finals
		return true
	case regional(r):
		n := 0
		for j := i - 1; j >= 0 && regional(rs[j]); j-- {
			n++
		}
		return n%2 == 1
	}
	return false
}

func regional(r rune) bool { return r >= 0x1F1E6 && r <= 0x1F1FF }

// link makes s an absolute http, https or mailto address in ASCII, or "".
func link(s string) string {
	u, err := url.Parse(strings.TrimSpace(s))
	if err != nil {
		return ""
	}
	switch strings.ToLower(u.Scheme) {
	case "mailto":
		if u.Opaque == "" || strings.ContainsAny(u.Opaque, "<>\" ") {
			return ""
		}
		return ascii(u.String())
	case "http", "https":
		if u.Hostname() == "" {
			return ""
		}
		if host, err := idna.Lookup.ToASCII(u.Hostname()); err == nil && host != u.Hostname() {
			u.Host = strings.Replace(u.Host, u.Hostname(), host, 1)
		}
		return ascii(u.String())
	}
	return ""
}

// ascii percent-encodes what url.URL.String leaves as it is.
func ascii(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || strings.IndexByte("\"'<>`\\^{|}", c) >= 0 {
			b.WriteString("%" + strings.ToUpper(string("0123456789abcdef"[c>>4])+string("0123456789abcdef"[c&15])))
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// web is link without mailto: what an image or a post may point to.
func web(s string) string {
	if s = link(s); strings.HasPrefix(s, "mailto:") {
		return ""
	}
	return s
}

// day writes a date in English words, "26 February 2010", "" for none.
func day(t time.Time, loc *time.Location) string {
	if t.IsZero() {
		return ""
	}
	return t.In(loc).Format("2 January 2006")
}

// span writes the days from a to b: "26 February 2010", "1–26 February 2010",
// "26 January – 3 February 2010" or "28 December 2009 – 3 January 2010".
func span(a, b time.Time, loc *time.Location) string {
	if a.IsZero() || b.IsZero() {
		return ""
	}
	if b.Before(a) {
		a, b = b, a
	}
	a, b = a.In(loc), b.In(loc)
	switch {
	case day(a, loc) == day(b, loc):
		return day(a, loc)
	case a.Year() == b.Year() && a.Month() == b.Month():
		return a.Format("2") + "–" + day(b, loc)
	case a.Year() == b.Year():
		return a.Format("2 January") + " – " + day(b, loc)
	}
	return day(a, loc) + " – " + day(b, loc)
}

// dirOf is the direction a language is written in, "ltr" or "rtl".
func dirOf(lang string) string {
	tag, err := language.Parse(lang)
	if err != nil {
		return "ltr"
	}
	script, _ := tag.Script()
	switch script.String() {
	case "Arab", "Hebr", "Thaa", "Syrc", "Nkoo", "Adlm", "Rohg", "Mand", "Samr":
		return "rtl"
	}
	return "ltr"
}

// direction is that of the first strong character of s (UAX #9, P2), "" for none.
func direction(s string) string {
	for n := 0; len(s) > 0 && n < 1000; n++ {
		p, size := bidi.LookupString(s)
		if size == 0 {
			size = 1
		}
		switch p.Class() {
		case bidi.L:
			return "ltr"
		case bidi.R, bidi.AL:
			return "rtl"
		}
		s = s[size:]
	}
	return ""
}

// join puts a middle dot between those parts that are not empty.
func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}

// rhythmOf tells a schedule to a reader: the zone by its city, "every Monday at
// 09:00 (Berlin time)", and a cron expression as no more than it tells them.
func rhythmOf(schedule string) string {
	words := plain(schedule)
	if strings.HasPrefix(words, "cron ") {
		return "at set times"
	}
	at := strings.LastIndexByte(words, ' ')
	area, city, named := strings.Cut(words[at+1:], "/")
	if at < 0 || !named || area == "Etc" {
		return words
	}
	city = city[strings.LastIndexByte(city, '/')+1:]
	return words[:at] + " (" + strings.ReplaceAll(city, "_", " ") + " time)"
}
