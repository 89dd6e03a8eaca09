package config

import (
	"errors"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// Quoted local parts and address literals are left out on purpose: no
	// provider needs them for a sender.
	// How long each may be is asked by isAddress and isHost: a pattern that counts takes megabytes.
	addressPattern = regexp.MustCompile(`^[^\s"<>(),:;@\\\[\]\pC]+@[^\s"<>(),:;@\\\[\]\pC]+$`)
	hostPattern    = regexp.MustCompile(`^[\pL\pN]([\pL\pN.-]*[\pL\pN])?$`)
	ratePattern    = regexp.MustCompile(`^([1-9][0-9]{0,6}) */ *([smhd])$`)
)

// Their limits in characters; RFC 5321 §4.5.3.1 has them in octets.
const (
	localMax = 64
	hostMax  = 253
)

func isAddress(s string) bool {
	local, host, _ := strings.Cut(s, "@")
	return addressPattern.MatchString(s) && utf8.RuneCountInString(local) <= localMax && utf8.RuneCountInString(host) <= hostMax
}

func isHost(s string) bool { return hostPattern.MatchString(s) && utf8.RuneCountInString(s) <= hostMax }

// isWeb says whether s is an absolute http(s) address with a host.
func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.Opaque == ""
}

func isListen(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	n, err := strconv.Atoi(port)
	return err == nil && n >= 0 && n <= 65535
}

func parseSender(s string) (mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return mail.Address{}, err
	}
	// An encoded word may hide a line break from the parser.
	if !isAddress(a.Address) || strings.ContainsFunc(a.Name, unicode.IsControl) {
		return mail.Address{}, errors.New("it is no plain address")
	}
	return *a, nil
}

// Sender is [mail] from, with the site's name where it gives none.
func (c Config) Sender() mail.Address {
	a, _ := parseSender(c.Mail.From)
	if a.Name == "" {
		a.Name = c.Site.Name
	}
	return a
}

// server is what [mail] smtp says.
type server struct {
	scheme     string // "smtp", "smtps" or "file"
	user, host string // "" in a file, user also where none logs in
	path       string // of a Maildir
}

// parseServer reads "smtp://user@host:587": the user ends at the last @, so that
// it may be an address itself. The problem it returns never shows a part of s.
func parseServer(s string) (to server, problem string) {
	const allowed = `"smtp://user@smtp.example.com:587", "smtps://…:465" or "file:///folder" is allowed`
	if s == "" {
		return server{}, "it is missing: " + allowed
	}
	if strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, " ") {
		return server{}, allowed
	}
	scheme, rest, _ := strings.Cut(s, "://")
	to.scheme = scheme
	switch scheme {
	case "file":
		to.path = rest
		if !strings.HasPrefix(rest, "/") {
			return server{}, "an absolute path after file:// is allowed"
		}
		return to, ""
	case "smtp", "smtps":
	default:
		return server{}, allowed
	}
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		to.user, rest = rest[:at], rest[at+1:]
		if strings.Contains(to.user, ":") {
			return server{}, "a password does not stand here; use password_file or DIGEST_MAIL_PASSWORD"
		}
	}
	rest, query, _ := strings.Cut(rest, "?")
	if query != "" && query != "tls=required" {
		return server{}, "?tls=required is all that may follow a server"
	}
	return hostOf(to, strings.TrimSuffix(rest, "/"), allowed)
}

func hostOf(to server, rest, allowed string) (server, string) {
	host, port, err := net.SplitHostPort(rest)
	if err != nil {
		host, port = strings.Trim(rest, "[]"), "587"
	}
	n, err := strconv.Atoi(port)
	if err != nil || n < 1 || n > 65535 {
		return server{}, "its port is none: " + allowed
	}
	if net.ParseIP(host) == nil && !isHost(host) {
		return server{}, "its host is none: " + allowed
	}
	to.host = host
	return to, ""
}

// Hosts are the hosts of the mail servers, the first one first; a Maildir has
// none.
func (m Mail) Hosts() []string {
	var hosts []string
	for _, address := range []string{m.SMTP, m.Fallback} {
		if to, _ := parseServer(address); to.host != "" {
			hosts = append(hosts, to.host)
		}
	}
	return hosts
}

// checkRate reads "1/s, 200/h" for its form; what it means is the courier's.
func checkRate(s string) (problem string) {
	const allowed = `"unlimited" or limits like "1/s, 200/h" (s, m, h or d, each once) are allowed`
	if s == "unlimited" {
		return ""
	}
	units := map[string]bool{}
	for part := range strings.SplitSeq(s, ",") {
		m := ratePattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil || units[m[2]] {
			return strconv.QuoteToGraphic(cut(s, 40)) + ": " + allowed
		}
		units[m[2]] = true
	}
	return ""
}

func cut(s string, n int) string {
	if runes := []rune(s); len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return s
}
