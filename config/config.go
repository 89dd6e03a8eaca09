// Package config reads digest.toml: what the author says about the site, the
// feeds, the digests and the way mail goes out.
//
// It never touches the network or the database, and it never prints a secret or
// a neighbouring line: an error names file, line and key, and what is allowed.
//
// Its one invariant: a Config that [Load] returns is complete and valid, every
// default filled in and every path absolute.
package config

import (
	"time"

	"digest/issue"
)

// Config is one blog's newsletter.
type Config struct {
	Path string `toml:"-"` // of the file, absolute
	Dir  string `toml:"-"` // of the file, absolute: what relative paths start from

	Site     Site     `toml:"site"`
	Author   Author   `toml:"author"`
	Feeds    []Feed   `toml:"feed"`   // at least one
	Digests  []Digest `toml:"digest"` // at least one
	Mail     Mail     `toml:"mail"`
	Web      Web      `toml:"web"`
	Database string   `toml:"database"` // path, absolute after Load; "" = digest.db beside the file

	FeedWait time.Duration `toml:"-"` // key feed_wait: how long an issue waits for a feed that cannot be read; 0 = 6 h
}

// Site is what readers see of the blog.
type Site struct {
	Name      string `toml:"name" env:"NAME"`             // required
	Blog      string `toml:"blog" env:"BLOG"`             // http(s) address of the blog; "" = none is shown
	PublicURL string `toml:"public_url" env:"PUBLIC_URL"` // http(s), no slash at its end: where the pages are reached; required, for the leave links
	Address   string `toml:"address" env:"ADDRESS"`       // postal, for the footer; "" = none
	Language  string `toml:"language" env:"LANGUAGE"`     // BCP 47, of the mails; "" = "en"
}

// Author is who writes the blog.
type Author struct {
	Name  string `toml:"name" env:"NAME"`   // "" = no name in the greeting of proofs
	Email string `toml:"email" env:"EMAIL"` // gets proofs and alarms; "" = nobody does, and go-live refuses
}

// Feed is one source of posts.
type Feed struct {
	URL          string `toml:"url"`           // http(s), or a file: path (absolute after Load) or file://; required
	AllowPrivate *bool  `toml:"allow_private"` // reach addresses of private networks for it; nil = only when URL itself is one
}

// Digest is a named rhythm.
type Digest struct {
	Name     string `toml:"name"`     // a-z, 0-9 and hyphens, 1 to 32; required
	Every    string `toml:"every"`    // "week" or "month"; "" only beside cron
	On       Word   `toml:"on"`       // see [issue.Spec]; "" = monday, or 1
	At       string `toml:"at"`       // "15:04"; "" = 09:00
	Timezone string `toml:"timezone"` // IANA name; "" = UTC
	Cron     string `toml:"cron"`     // five fields, instead of every, on and at; "" = none
	Cut      string `toml:"cut"`      // "send" or "midnight"; "" = send
	Subject  string `toml:"subject"`  // template; "" = [DefaultSubject]
	Theme    string `toml:"theme"`    // "letter"; "" = letter
	Show     string `toml:"show"`     // "full", "excerpt" or "headline"; "" = excerpt
	Approval string `toml:"approval"` // "none" or "required"; "" = none
	Default  bool   `toml:"default"`  // where a subscriber goes who names no digest; none is: the first

	Schedule issue.Schedule `toml:"-"` // parsed from the above by Load
}

// Mail is the way out.
type Mail struct {
	From                 string `toml:"from" env:"FROM"`                                     // "Name <local@domain>"; required
	ReplyTo              string `toml:"reply_to" env:"REPLY_TO"`                             // address; "" = none
	SMTP                 string `toml:"smtp" env:"SMTP"`                                     // smtp://user@host:587, smtps://…:465 or file:///absolute/maildir; required
	PasswordFile         string `toml:"password_file" env:"PASSWORD_FILE"`                   // path, absolute after Load, readable by its owner alone; "" = none
	Password             Secret `toml:"-" env:"PASSWORD"`                                    // from the file or DIGEST_MAIL_PASSWORD; empty = no login
	Fallback             string `toml:"fallback" env:"FALLBACK"`                             // like SMTP: where mail goes once that can't be reached at all; "" = nowhere
	FallbackPasswordFile string `toml:"fallback_password_file" env:"FALLBACK_PASSWORD_FILE"` // like PasswordFile
	FallbackPassword     Secret `toml:"-" env:"FALLBACK_PASSWORD"`                           // from the file or DIGEST_MAIL_FALLBACK_PASSWORD
	Helo                 string `toml:"helo" env:"HELO"`                                     // name to greet with; "" = the mailer's choice
	Rate                 string `toml:"rate" env:"RATE"`                                     // "1/s, 200/h" or "unlimited"; "" = unlimited
	Connections          int    `toml:"connections" env:"CONNECTIONS"`                       // 1 to 64; 0 = 4
	DKIM                 []DKIM `toml:"dkim"`                                                // keys that sign, at most two; none: mail goes out unsigned
	InDoubt              string `toml:"in_doubt" env:"IN_DOUBT"`                             // "repeat" or "ask"; "" = repeat

	Domains map[string]string `toml:"domains"` // rates by recipient domain, or several ("gmail.com, googlemail.com"), or "*"; none = Rate alone
}

// Web is the pages.
type Web struct {
	Listen  string `toml:"listen" env:"LISTEN"`   // host:port; "" = 127.0.0.1:8080
	Metrics string `toml:"metrics" env:"METRICS"` // host:port of /metrics; "" = there are none
}

// DefaultSubject names the newest post and how many more there are.
const DefaultSubject = "{{.First.Title}}{{with .More}} and {{.}} more{{end}}"

// fill puts defaults where nothing stands.
func (c *Config) fill() {
	orElse(&c.Database, "digest.db")
	orElse(&c.Site.Language, "en")
	orElse(&c.Mail.Rate, "unlimited")
	orElse(&c.Mail.InDoubt, "repeat")
	orElse(&c.Web.Listen, "127.0.0.1:8080")
	if c.FeedWait == 0 {
		c.FeedWait = 6 * time.Hour
	}
	if c.Mail.Connections == 0 {
		c.Mail.Connections = 4
	}
	for i := range c.Digests {
		d := &c.Digests[i]
		orElse(&d.Cut, issue.CutSend)
		orElse(&d.Subject, DefaultSubject)
		orElse(&d.Theme, "letter")
		orElse(&d.Show, "excerpt")
		orElse(&d.Approval, "none")
	}
}

func orElse(s *string, value string) {
	if *s == "" {
		*s = value
	}
}
