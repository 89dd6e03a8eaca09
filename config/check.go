package config

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"digest/issue"
)

// check records everything wrong with a filled Config, and puts in what is
// derived: absolute paths, the password, schedules.
func (r *reader) check(c *Config) {
	c.Site.PublicURL = strings.TrimRight(c.Site.PublicURL, "/")
	r.site(c.Site)
	if c.Author.Email != "" && !isAddress(c.Author.Email) {
		r.bad("author.email", fmt.Sprintf("%.80q is no mail address", c.Author.Email), "")
	}
	r.oneLine("author.name", c.Author.Name)
	r.feeds(c.Feeds)
	r.digests(c.Digests)
	r.mail(&c.Mail)
	if !isListen(c.Web.Listen) {
		r.bad("web.listen", fmt.Sprintf("%.80q: an address like \"127.0.0.1:8080\" is allowed", c.Web.Listen), "")
	}
	if c.Web.Metrics != "" && !isListen(c.Web.Metrics) {
		r.bad("web.metrics", fmt.Sprintf("%.80q: an address like \"127.0.0.1:9090\" is allowed", c.Web.Metrics), "")
	} else if c.Web.Metrics == c.Web.Listen && !strings.HasSuffix(c.Web.Listen, ":0") {
		r.bad("web.metrics", "the pages are at this address", "take another port: what readers reach shows no metrics")
	}
	if strings.Contains(c.Database, "://") {
		r.bad("database", "the path of a file is allowed", "")
	}
	c.Database = r.path(c.Database)
}

func (r *reader) path(p string) string {
	if filepath.IsAbs(p) {
		return filepath.Clean(p)
	}
	return filepath.Join(r.dir, p)
}

var languagePattern = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$`)

func (r *reader) site(s Site) {
	if strings.TrimSpace(s.Name) == "" {
		r.bad("site.name", "it is missing", "the name of the blog, as readers know it")
	}
	r.oneLine("site.name", s.Name)
	if s.Blog != "" && !isWeb(s.Blog) {
		r.bad("site.blog", fmt.Sprintf("%.80q: an address like \"https://blog.example.com\" is allowed", s.Blog), "")
	}
	if s.PublicURL == "" {
		r.bad("site.public_url", "it is missing", "name where `digest serve` is reached: every mail's leave link needs it")
	} else {
		u, err := url.Parse(s.PublicURL)
		if !isWeb(s.PublicURL) || err != nil || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
			r.bad("site.public_url", "an address like \"https://news.example.com\" is allowed", "")
		}
	}
	if !languagePattern.MatchString(s.Language) {
		r.bad("site.language", fmt.Sprintf("%.20q: a language tag like \"en\" or \"pt-BR\" is allowed", s.Language), "")
	}
}

// oneLine refuses control characters, which would end up in headers.
func (r *reader) oneLine(path, s string) {
	if strings.ContainsFunc(s, unicode.IsControl) {
		r.bad(path, "it holds a line break or control character", "write it on one line")
	}
}

func (r *reader) feeds(feeds []Feed) {
	if len(feeds) == 0 {
		r.bad("feed", "there is none", "add a [[feed]] with its url")
	}
	for i := range feeds {
		at := fmt.Sprintf("feed[%d].url", i)
		u := &feeds[i].URL
		scheme, _, isURL := strings.Cut(*u, "://")
		switch {
		case *u == "":
			r.bad(at, "it is missing", "the address of the feed, or a file")
		case isURL && scheme != "file" && !isWeb(*u):
			r.bad(at, "an http(s) address or a file is allowed", "")
		case !isURL:
			*u = r.path(*u)
		}
		r.oneLine(at, *u)
		if slices.ContainsFunc(feeds[:i], func(f Feed) bool { return f.URL == *u }) {
			r.bad(at, "this feed is named twice", "")
		}
	}
}

var namePattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$`)

func (r *reader) digests(digests []Digest) {
	if len(digests) == 0 {
		r.bad("digest", "there is none", "add a [[digest]] with name and every")
	}
	defaults := 0
	for i := range digests {
		d := &digests[i]
		at := fmt.Sprintf("digest[%d].", i)
		if !namePattern.MatchString(d.Name) {
			r.bad(at+"name", fmt.Sprintf("%.40q: 1 to 32 of a to z, 0 to 9 and - are allowed", d.Name), "")
		}
		if slices.ContainsFunc(digests[:i], func(other Digest) bool { return other.Name == d.Name }) {
			r.bad(at+"name", fmt.Sprintf("%.40q is the name of two digests", d.Name), "")
		}
		if d.Default {
			if defaults++; defaults > 1 {
				r.bad(at+"default", "only one digest can be the default", "")
			}
		}
		r.digest(at, d)
	}
}

func (r *reader) digest(at string, d *Digest) {
	r.oneOf(at+"cut", d.Cut, issue.CutSend, issue.CutMidnight)
	r.oneOf(at+"show", d.Show, "full", "excerpt", "headline")
	r.oneOf(at+"approval", d.Approval, "none", "required")
	r.oneLine(at+"subject", d.Subject)
	r.oneOf(at+"theme", d.Theme, "letter")
	var err error
	d.Schedule, err = issue.ParseSchedule(issue.Spec{
		Every: d.Every, On: string(d.On), At: d.At, Timezone: d.Timezone, Cron: d.Cron,
	})
	var wrong *issue.SpecError
	if errors.As(err, &wrong) {
		r.bad(at+wrong.Key, wrong.Problem, "")
	}
}

func (r *reader) oneOf(path, value string, allowed ...string) {
	if slices.Contains(allowed, value) {
		return
	}
	quoted := make([]string, len(allowed))
	for i, a := range allowed {
		quoted[i] = fmt.Sprintf("%q", a)
	}
	last := len(quoted) - 1
	choice := quoted[last]
	if last > 0 {
		choice = strings.Join(quoted[:last], ", ") + " or " + choice
	}
	r.bad(path, fmt.Sprintf("%.40q: %s is allowed", value, choice), "")
}

func (r *reader) mail(m *Mail) {
	if m.From == "" {
		r.bad("mail.from", "it is missing", `an address like "A Blog <digest@example.com>"`)
	} else if _, err := parseSender(m.From); err != nil {
		r.bad("mail.from", fmt.Sprintf("%.80q: an address like \"A Blog <digest@example.com>\" is allowed", m.From), "")
	}
	if m.ReplyTo != "" && !isAddress(m.ReplyTo) {
		r.bad("mail.reply_to", fmt.Sprintf("%.80q is no mail address", m.ReplyTo), "")
	}
	// Never shown: it may hold a password.
	if _, problem := parseServer(m.SMTP); problem != "" {
		r.bad("mail.smtp", problem, "")
	}
	r.fallback(m)
	if problem := checkRate(m.Rate); problem != "" {
		r.bad("mail.rate", problem, "")
	}
	r.domains(m.Domains)
	if m.Connections < 1 || m.Connections > 64 {
		r.bad("mail.connections", fmt.Sprintf("%d: 1 to 64 is allowed", m.Connections), "")
	}
	if m.Helo != "" && !isHost(m.Helo) {
		r.bad("mail.helo", fmt.Sprintf("%.80q is no host name", m.Helo), "")
	}
	r.oneOf("mail.in_doubt", m.InDoubt, "repeat", "ask")
	r.password("mail.password_file", &m.PasswordFile, &m.Password)
	r.password("mail.fallback_password_file", &m.FallbackPasswordFile, &m.FallbackPassword)
	r.dkim(m)
}

// fallback checks the second way out, which must be another than the first.
func (r *reader) fallback(m *Mail) {
	if m.Fallback == "" {
		if m.FallbackPasswordFile != "" {
			r.bad("mail.fallback_password_file", "there is no fallback to log in to", "add fallback, or drop the key")
		}
		return
	}
	_, problem := parseServer(m.Fallback)
	if m.Fallback == m.SMTP {
		problem = "it is the same as smtp: name another server, or drop the key"
	}
	if problem != "" {
		r.bad("mail.fallback", strings.NewReplacer("password_file", "fallback_password_file",
			"DIGEST_MAIL_PASSWORD", "DIGEST_MAIL_FALLBACK_PASSWORD").Replace(problem), "")
	}
}

// password reads the file a key names, unless the environment has said it already.
func (r *reader) password(key string, file *string, to *Secret) {
	if *file == "" {
		return
	}
	*file = r.path(*file)
	if !to.Empty() {
		return
	}
	text, ok := r.private(key, *file, "put the password of the mail account there, or drop the key")
	if !ok {
		return
	}
	password := strings.TrimRight(text, "\r\n")
	if password == "" || strings.ContainsAny(password, "\r\n\x00") {
		r.bad(key, fmt.Sprintf("%s must hold the password on one line", *file), "")
		return
	}
	*to = NewSecret(password)
}
