package config

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// DKIM is a key that mails are signed with. There may be two: RSA, and Ed25519 beside it.
type DKIM struct {
	Selector string `toml:"selector"` // DNS labels: the public key stands at selector._domainkey.domain; required
	KeyFile  string `toml:"key_file"` // path of a private key in PEM, absolute after Load, readable by its owner alone; required
	Domain   string `toml:"domain"`   // that of [mail] from or a parent, as A-labels after Load; "" = that of From
	Key      Secret `toml:"-"`        // what stands in the file, not looked at
}

const maxKeys = 2

// SigningDomain is the domain a key signs for, as A-labels, in mails made by this config.
func (c Config) SigningDomain(k DKIM) string { return cmp.Or(k.Domain, c.Mail.domain()) }

// domain is that of From, as A-labels; "" where From is none.
func (m Mail) domain() string {
	from, err := parseSender(m.From)
	if err != nil {
		return ""
	}
	return asciiDomain(from.Address[strings.LastIndexByte(from.Address, '@')+1:])
}

// asciiDomain gives a domain as A-labels (RFC 5890); "" where it has none.
func asciiDomain(domain string) string {
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return ""
	}
	return strings.ToLower(ascii)
}

var selectorPattern = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$`)

// IsSelector says whether s can stand in front of ._domainkey (RFC 6376, section 3.1).
func IsSelector(s string) bool { return len(s) <= 100 && selectorPattern.MatchString(s) }

func (r *reader) dkim(m *Mail) {
	if len(m.DKIM) > maxKeys {
		r.bad(fmt.Sprintf("mail.dkim[%d]", maxKeys), fmt.Sprintf("a mail carries at most %d signatures", maxKeys), "keep one RSA and one Ed25519 key")
		return
	}
	for i := range m.DKIM {
		k := &m.DKIM[i]
		at := fmt.Sprintf("mail.dkim[%d].", i)
		switch {
		case !IsSelector(k.Selector):
			r.bad(at+"selector", fmt.Sprintf("%.80q: DNS labels like \"digest\" or \"2026.news\" are allowed", k.Selector), "")
		case i > 0 && strings.EqualFold(k.Selector, m.DKIM[0].Selector):
			r.bad(at+"selector", fmt.Sprintf("%.80q stands for two keys", k.Selector), "each key has a selector of its own")
		}
		r.signingDomain(at+"domain", k, m.domain())
		if k.KeyFile == "" {
			r.bad(at+"key_file", "it is missing", "leave the table out, and `digest dkim new SELECTOR` makes a key and says what stands here")
			continue
		}
		k.KeyFile = r.path(k.KeyFile)
		text, ok := r.private(at+"key_file", k.KeyFile, "leave the table out, and `digest dkim new SELECTOR` makes a key and says what stands here")
		if ok {
			k.Key = NewSecret(text)
		}
	}
}

// signingDomain wants what DMARC calls aligned: a signature for another domain
// than that of From says nothing of From (RFC 7489, section 3.1.1).
func (r *reader) signingDomain(path string, k *DKIM, from string) {
	if k.Domain == "" || from == "" { // what is wrong with from is said elsewhere
		return
	}
	domain := asciiDomain(k.Domain)
	if domain != from && (!strings.HasSuffix(from, "."+domain) || !strings.Contains(domain, ".")) {
		r.bad(path, fmt.Sprintf("%.80q: %s, the domain of [mail] from, or one above it is allowed", k.Domain, from), "")
	}
	k.Domain = domain
}
