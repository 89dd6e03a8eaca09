package mailer

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

var errAddress = errors.New("not a mailbox that can go into an SMTP command")

// mailbox checks the last time before the wire that an address is one dot-atom at one host name (RFC 5321 §4.1.2,
// without quoted strings and literals; RFC 6531 §3.3 for a local part outside ASCII). The domain comes back as A-label.
func mailbox(address string) (string, error) {
	at := strings.LastIndexByte(address, '@')
	if at < 0 || !utf8.ValidString(address) {
		return "", fmt.Errorf("%w: no @, or not UTF-8", errAddress)
	}
	local, domain := address[:at], address[at+1:]
	if !isASCII(domain) {
		label, err := idna.Lookup.ToASCII(domain)
		if err != nil {
			return "", fmt.Errorf("%w: domain: %w", errAddress, err)
		}
		domain = label
	}
	switch {
	case len(local) > 64 || len(local)+1+len(domain) > 254:
		return "", fmt.Errorf("%w: too long", errAddress)
	case !isDotAtom(local):
		return "", fmt.Errorf("%w: local part", errAddress)
	case !isHostName(domain):
		return "", fmt.Errorf("%w: domain", errAddress)
	}
	if domain == address[at+1:] {
		return address, nil
	}
	return local + "@" + domain, nil
}

func isDotAtom(local string) bool {
	dot := true
	for _, r := range local {
		if r == '.' && dot || r != '.' && notAtext(r) {
			return false
		}
		dot = r == '.'
	}
	return !dot
}

func notAtext(r rune) bool {
	switch {
	case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9':
		return false
	case r < utf8.RuneSelf:
		return !strings.ContainsRune("!#$%&'*+-/=?^_`{|}~", r)
	}
	return !unicode.In(r, unicode.L, unicode.M, unicode.N, unicode.S)
}

func isHostName(domain string) bool {
	if domain == "" || len(domain) > 253 {
		return false
	}
	start := 0 // of the label
	for i := 0; i <= len(domain); i++ {
		if i < len(domain) && domain[i] != '.' {
			if !isLDH(domain[i]) {
				return false
			}
			continue
		}
		if i == start || i-start > 63 || domain[start] == '-' || domain[i-1] == '-' {
			return false
		}
		start = i + 1
	}
	return true
}

func isLDH(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-'
}

func isASCII[T string | []byte](s T) bool {
	const high = 0x8080808080808080
	for ; len(s) >= 8; s = s[8:] { // a message is long; this is one load
		if word := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56; word&high != 0 {
			return false
		}
	}
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
