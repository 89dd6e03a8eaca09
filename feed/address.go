package feed

import (
	"net/url"
	"strings"
	"unicode"
)

// squeezeURL drops what browsers drop from an address: white space around it,
// line breaks and tabs inside; other white space is escaped.
func squeezeURL(s string) string {
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '\t' || unicode.IsControl(r) || isBidi(r) {
			return -1
		}
		return r
	}, strings.TrimSpace(s))
	return strings.ReplaceAll(s, " ", "%20")
}

// webAddress is u as text if it is absolute http or https, without a user name
// and password; "" otherwise.
func webAddress(u *url.URL) string {
	if u == nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return ""
	}
	if u.User != nil {
		bare := *u
		bare.User = nil
		u = &bare
	}
	return u.String()
}

func isWeb(s string) bool {
	lower := strings.ToLower(s)
	return strings.HasPrefix(lower, "http://") || strings.HasPrefix(lower, "https://")
}

// isBidi: the marks, embeddings, overrides and isolates of UAX #9, which turn the
// direction of what stands around them. Letters that read from right to left have
// theirs without them.
func isBidi(r rune) bool {
	if r == 0x061C || r == 0x200E || r == 0x200F {
		return true
	}
	return r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}
