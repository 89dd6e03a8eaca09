package config

import (
	"bytes"
	_ "embed"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
	"text/template"
	"unicode"
)

// Values are what [Sample] puts into a new file. An empty one gets a sample
// value, which [Config.ExampleValues] finds again where the author must change
// it.
type Values struct {
	Name      string // of the blog
	Blog      string // its address
	Feed      string // address or file of its feed
	PublicURL string
	Address   string // postal
	Author    string // mail address
	Every     string // "week" or "month"; "" = week. The digest is called weekly or monthly
	Timezone  string // "" = UTC
	From      string // "Name <address>"
	SMTP      string
	Rate      string // "" = 1/s, 200/h
	Listen    string // "" = 127.0.0.1:8080
}

//go:embed sample.toml
var sampleText string

const (
	exampleName    = "My blog"
	exampleAddress = "Street 1, 12345 Town"
)

// Sample is a commented digest.toml. Every value is quoted, so that none of them,
// a feed's title say, can add a key or a line.
func Sample(v Values) []byte {
	name := strings.Join(strings.FieldsFunc(cut(v.Name, 200), func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r)
	}), " ")
	orElse(&name, exampleName)
	v.Name = name
	orElse(&v.Blog, "https://blog.example.com")
	orElse(&v.Feed, "https://blog.example.com/feed/")
	orElse(&v.PublicURL, "https://news.example.com")
	orElse(&v.Address, exampleAddress)
	orElse(&v.Author, "me@example.com")
	orElse(&v.Timezone, "UTC")
	orElse(&v.From, phrase(name)+" <digest@example.com>")
	orElse(&v.SMTP, "smtp://me@example.com@smtp.example.com:587")
	orElse(&v.Rate, "1/s, 200/h")
	orElse(&v.Listen, "127.0.0.1:8080")
	facts := struct {
		Values
		Digest, On, Subject string
	}{v, "weekly", "monday", DefaultSubject}
	facts.Every = "week"
	if v.Every == "month" {
		facts.Every, facts.Digest, facts.On = "month", "monthly", "1"
	}
	t := template.Must(template.New("digest.toml").Funcs(template.FuncMap{"q": quote}).Parse(sampleText))
	var b bytes.Buffer
	if err := t.Execute(&b, facts); err != nil {
		panic(err) // the text is our own and the buffer takes everything
	}
	return b.Bytes()
}

// quote is a TOML basic string (TOML 1.0, "String"). Beside what must be
// escaped it escapes what an editor may not show or may show as a line of its
// own: other controls, and the format and separator characters of Unicode.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == ' ' || unicode.IsGraphic(r) && !unicode.Is(unicode.Z, r):
			b.WriteRune(r)
		default:
			fmt.Fprintf(&b, `\U%08X`, r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// phrase makes a display name (RFC 5322, section 3.2.5): bare where it is plain
// words, else quoted.
func phrase(name string) string {
	plain := func(r rune) bool { return r == ' ' || unicode.IsLetter(r) || unicode.IsDigit(r) }
	if strings.IndexFunc(name, func(r rune) bool { return !plain(r) }) < 0 {
		return name
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

// ExampleValues are the keys that still hold a sample value or an address of a
// domain that is nobody's (RFC 2606), as "[mail] from", in the order of the file.
func (c Config) ExampleValues() []string {
	var keys []string
	note := func(found bool, key string) {
		if found {
			keys = append(keys, key)
		}
	}
	note(c.Site.Name == exampleName, "[site] name")
	note(isExample(hostIn(c.Site.Blog)), "[site] blog")
	note(isExample(hostIn(c.Site.PublicURL)), "[site] public_url")
	note(c.Site.Address == exampleAddress, "[site] address")
	note(isExample(domainOf(c.Author.Email)), "[author] email")
	for _, f := range c.Feeds {
		note(isExample(hostIn(f.URL)), "[[feed]] url")
	}
	note(isExample(domainOf(c.Sender().Address)), "[mail] from")
	to, _ := parseServer(c.Mail.SMTP)
	note(isExample(to.host) || isExample(domainOf(to.user)), "[mail] smtp")
	second, _ := parseServer(c.Mail.Fallback)
	note(isExample(second.host) || isExample(domainOf(second.user)), "[mail] fallback")
	return keys
}

func hostIn(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Hostname()
}

func domainOf(address string) string {
	if a, err := mail.ParseAddress(address); err == nil {
		address = a.Address
	}
	return address[strings.LastIndexByte(address, '@')+1:]
}

// isExample says whether a host is set aside for documents (RFC 2606, section 3;
// RFC 6761, section 6.5).
func isExample(host string) bool {
	host = "." + strings.ToLower(strings.TrimSuffix(host, "."))
	for _, reserved := range []string{".example.com", ".example.org", ".example.net", ".example"} {
		if strings.HasSuffix(host, reserved) {
			return true
		}
	}
	return false
}
