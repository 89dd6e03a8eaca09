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
	return local + "@" + domain, nil
}

func isDotAtom(local string) bool {
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" || strings.ContainsFunc(atom, notAtext) {
			return false
		}
	}
	return true
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
	for label := range strings.SplitSeq(domain, ".") {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		if strings.ContainsFunc(label, notLDH) {
			return false
		}
	}
	return true
}

func notLDH(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-')
}

func isASCII[T string | []byte](s T) bool {
	var high byte
	for len(s) >= 8 { // a message is long
		high |= s[0] | s[1] | s[2] | s[3] | s[4] | s[5] | s[6] | s[7]
		s = s[8:]
	}
	for i := range len(s) {
		high |= s[i]
	}
	return high < utf8.RuneSelf
}
