package subscribers

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"
)

// Lengths in octets (RFC 5321, section 4.5.3.1; RFC 3696 erratum 1690).
const (
	maxLocal   = 64
	maxAddress = 254
)

// ErrAddress is wrapped by every error of ParseAddress.
var ErrAddress = errors.New("not an address we can mail")

// Address is one mailbox, in the two forms it is kept in.
type Address struct {
	Mailbox string // as mail is sent to it: local part as typed (NFC), domain as A-label
	Key     string // the same for every spelling of it: lower case, NFC
}

// ParseAddress reads one bare address: no name, no brackets, no space around it.
//
// It is stricter than RFC 5322 on purpose, for what one parser reads as a
// single mailbox another reads as two. The local part is a dot-atom of ASCII,
// or of letters, marks and digits of any script (RFC 6531); never quoted, and
// without "%", "!" and "|", by which some relays still route. The domain has at
// least two labels of letters, digits and hyphens once mapped by IDNA (UTS 46),
// the last of them not a number. At most 64 and 254 octets.
//
// Upper and lower case of a local part are one subscriber, and look-alike
// letters of other scripts are another one.
func ParseAddress(s string) (Address, error) {
	if !utf8.ValidString(s) {
		return Address{}, fmt.Errorf("%w: it is not UTF-8", ErrAddress)
	}
	local, domain, ok := strings.Cut(s, "@")
	switch {
	case !ok:
		return Address{}, fmt.Errorf("%w: it has no @", ErrAddress)
	case strings.Contains(domain, "@"):
		return Address{}, fmt.Errorf("%w: it has more than one @", ErrAddress)
	case len(s) > 4*maxAddress:
		return Address{}, fmt.Errorf("%w: it is too long", ErrAddress)
	}
	local = norm.NFC.String(local)
	if err := checkLocal(local); err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	domain, err := asciiDomain(domain)
	if err != nil {
		return Address{}, fmt.Errorf("%w: %w", ErrAddress, err)
	}
	a := Address{Mailbox: local + "@" + domain, Key: foldLocal(local) + "@" + domain}
	if len(a.Mailbox) > maxAddress {
		return Address{}, fmt.Errorf("%w: it is longer than %d octets", ErrAddress, maxAddress)
	}
	return a, nil
}

// checkLocal accepts a dot-atom (RFC 5322, section 3.2.3; RFC 6531, section 3.3).
func checkLocal(local string) error {
	if len(local) > maxLocal {
		return fmt.Errorf("the part before the @ is longer than %d octets", maxLocal)
	}
	for atom := range strings.SplitSeq(local, ".") {
		if atom == "" {
			return errors.New("the part before the @ is empty or has a dot too many")
		}
		for i, r := range atom {
			if !inAtom(r) || i == 0 && unicode.IsMark(r) {
				return fmt.Errorf("%+q cannot stand before the @", r)
			}
		}
	}
	return nil
}

func inAtom(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' ||
			strings.ContainsRune("#$&'*+-/=?^_`{}~", r)
	}
	return unicode.In(r, unicode.L, unicode.M, unicode.Nd)
}

// foldLocal lowers the case once more after composing: some capitals lower to
// letter and mark.
func foldLocal(local string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.ToLower(local))))
}

// asciiDomain maps a domain to lower-case A-labels.
func asciiDomain(domain string) (string, error) {
	for _, r := range domain {
		if r < utf8.RuneSelf {
			if !inLabel(r) && r != '.' && !('A' <= r && r <= 'Z') {
				return "", fmt.Errorf("%+q cannot stand after the @", r)
			}
			continue
		}
		// IDNA would drop or turn these into others without a word: soft
		// hyphens, full-width letters, the ideographic full stop.
		if !unicode.In(r, unicode.L, unicode.M, unicode.Nd) {
			return "", fmt.Errorf("%+q cannot stand after the @", r)
		}
	}
	if norm.NFKC.String(domain) != norm.NFC.String(domain) {
		return "", errors.New("the domain uses compatibility characters")
	}
	profile := idna.New(idna.MapForLookup(), idna.Transitional(false), idna.BidiRule(),
		idna.CheckJoiners(true), idna.StrictDomainName(true), idna.VerifyDNSLength(true))
	ascii, err := profile.ToASCII(domain)
	if err != nil {
		return "", fmt.Errorf("the domain is not a valid one: %w", err)
	}
	return ascii, checkDomain(ascii)
}

// checkDomain wants letters, digits and hyphens (RFC 5321, section 4.1.2).
func checkDomain(ascii string) error {
	labels := strings.Split(ascii, ".")
	if len(labels) < 2 {
		return errors.New("the domain has no dot")
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("the domain has an empty, overlong or hyphen-edged label")
		}
		for _, r := range label {
			if !inLabel(r) {
				return fmt.Errorf("%+q cannot stand after the @", r)
			}
		}
	}
	if strings.Trim(labels[len(labels)-1], "0123456789") == "" {
		return errors.New("the domain ends in a number")
	}
	return nil
}

func inLabel(r rune) bool {
	return 'a' <= r && r <= 'z' || '0' <= r && r <= '9' || r == '-'
}
