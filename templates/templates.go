// Package templates is how a digest looks. It turns the posts of an issue into
// one mail, HTML and plain text made from the same view, and into the page that
// "read online" shows. The theme is "letter": serif, calm, 600 pixels, one
// accent colour, light and dark.
//
// It never fetches anything, never reads the clock, and never knows a reader:
// what differs from one reader to the next is left as a slot, the edition's
// Mark followed by a name, for the mailer to fill.
//
// Its one invariant: whatever a post contains, the HTML is balanced and holds
// no script and no link but http, https and mailto, and the text holds no
// control character; a page that would break that is an error, not a mail.
package templates

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"digest/feed"
)

// Site is the blog as its readers know it.
type Site struct {
	Name      string // shown in the masthead; "" = the host of BlogURL
	BlogURL   string // absolute http(s) address of the blog; "" = the name is not a link
	PublicURL string // where this program's own pages are reached; "" = no "Preferences"
	Address   string // postal address, lines split by "\n"; "" = left out
	Language  string // BCP 47, e.g. "en" or "ar-EG"; "" = "en"
}

// Show says how much of each post an issue carries.
const (
	ShowFull     = "full"     // the whole post
	ShowExcerpt  = "excerpt"  // its summary or first sentences; the default
	ShowHeadline = "headline" // title, date and author
)

// Links are the addresses of an edition that are the same for every reader.
type Links struct {
	View      string // this edition as a web page; "" = no "Read online"
	Subscribe string // the subscribe page; "" = no "Subscribe"
}

// Edition is one issue of a digest, ready to be rendered.
type Edition struct {
	Site            Site
	Digest          string         // name of the digest, e.g. "weekly"
	Title           string         // e.g. "Letters from the harbour"; "" = made of Digest: "Weekly digest"
	Number          int            // edition number; 0 = not numbered yet, left out
	Period          string         // label for people, e.g. "February 2010"; "" = the date of Date
	Date            time.Time      // when it is made; zero = no date
	Location        *time.Location // zone of all dates shown; nil = UTC
	Posts           []feed.Post    // in the order shown
	Show            string         // ShowFull, ShowExcerpt or ShowHeadline; "" = ShowExcerpt
	SubjectTemplate string         // see Check; "" = DefaultSubject
	Links           Links
	Mark            string // start of each slot: letters and digits, in no post; needed by Render only
}

// The slots of a rendered mail: the edition's Mark followed by one of these
// names. Address and since stand in text; leave and preferences stand in href
// attributes and on lines of their own in the text part. Values go in
// HTML-escaped in HTML and plain, without controls, in text.
const (
	SlotAddress     = "address"     // the reader's address
	SlotSince       = "since"       // the day they subscribed, e.g. "26 February 2010"
	SlotLeave       = "leave"       // absolute https or mailto link
	SlotPreferences = "preferences" // absolute https link
)

// Mail is a rendered message. HTML and Text say the same.
type Mail struct {
	Subject   string // one line, no controls, at most 200 characters
	Preheader string // the line mail programs show after the subject; already in HTML
	HTML      string // UTF-8
	Text      string // UTF-8, "\n" line ends, wrapped at 72 columns
}

// ErrTheme is returned for a theme that is not there.
var ErrTheme = errors.New("no such theme: only \"letter\" is built in")

// Render makes the mail of an edition. The theme is "letter"; "" means the
// same. An HTML part that would be clipped by mail programs (over 80 KB encoded) is
// shortened from its last post backwards: full text to excerpt, excerpt to
// headline, and in the end a line that says how many more are on the blog.
func Render(theme string, e Edition) (Mail, error) {
	if theme != "" && theme != "letter" {
		return Mail{}, fmt.Errorf("rendering %q: %w", theme, ErrTheme)
	}
	if err := checkMark(e); err != nil {
		return Mail{}, err
	}
	subject, err := subjectOf(e)
	if err != nil {
		return Mail{}, fmt.Errorf("rendering: %w", err)
	}
	measures, err := measuresOf(e)
	if err != nil {
		return Mail{}, err
	}
	v := viewOf(e, subject, measures)
	page, err := writeHTML("issue.html", v)
	for err == nil && encodedSize(page) > sizeBudget && shorten(v, &measures, encodedSize(page)-sizeBudget) {
		v = viewOf(e, subject, measures)
		page, err = writeHTML("issue.html", v)
	}
	if err != nil {
		return Mail{}, err
	}
	words, err := writeText("issue.txt", v)
	if err != nil {
		return Mail{}, err
	}
	return Mail{Subject: subject, Preheader: v.Preheader, HTML: page, Text: words}, nil
}

// Page makes the same edition as a web page: no slot and nothing personal in
// it, a link to subscribe where the mail has its links to leave. It is not
// shortened. All its style is inline; it loads nothing but the posts' images.
func Page(e Edition) (string, error) {
	subject, err := subjectOf(e)
	if err != nil {
		return "", fmt.Errorf("rendering page: %w", err)
	}
	measures, err := measuresOf(e)
	if err != nil {
		return "", err
	}
	e.Mark, e.Links.View = "", ""
	v := viewOf(e, subject, measures)
	v.Web = true
	return writeHTML("issue.html", v)
}

// Confirm makes the mail that asks a new reader to confirm. It holds nothing
// the visitor typed, and no slot. The rhythm is a phrase such as "every Monday
// at 09:00 Europe/Berlin", "" when unsaid; the mail says "(Berlin time)". The
// link is the absolute http(s) address of the confirm page.
func Confirm(site Site, digest, rhythm, link string) (Mail, error) {
	v := frameOf(site, digest)
	v.Subject = cut(plain("Confirm your subscription to "+v.Site), subjectLimit)
	v.Rhythm = rhythmOf(rhythm)
	v.Preheader = "One click, and the " + v.Digest + " is yours."
	if v.Confirm = web(link); v.Confirm == "" {
		return Mail{}, fmt.Errorf("rendering confirmation: the link %q is no http or https address", link)
	}
	page, err := writeHTML("confirm.html", v)
	if err != nil {
		return Mail{}, err
	}
	words, err := writeText("confirm.txt", v)
	if err != nil {
		return Mail{}, err
	}
	return Mail{Subject: v.Subject, Preheader: v.Preheader, HTML: page, Text: words}, nil
}

// sizeBudget is the size of an encoded HTML part, in bytes. Gmail clips a mail
// at about 102 KB and with it the links to leave.
const sizeBudget = 80_000

// measuresOf is how much of each post the edition shows.
func measuresOf(e Edition) ([]measure, error) {
	m, ok := measureOf(e.Show)
	if !ok {
		return nil, fmt.Errorf("rendering: show is %q; it may be %q, %q or %q", e.Show, ShowFull, ShowExcerpt, ShowHeadline)
	}
	out := make([]measure, len(e.Posts))
	for i := range out {
		out[i] = m
	}
	return out, nil
}

// shorten takes about need bytes off an issue: full texts become excerpts from
// the last post backwards, then excerpts headlines, then the last posts go. It
// reports whether there was anything to take.
func shorten(v view, measures *[]measure, need int) bool {
	for from := full; from > headline; from-- {
		took := 0
		for i := len(*measures) - 1; i >= 0 && took < need; i-- {
			if (*measures)[i] == from {
				(*measures)[i]--
				took += encodedSize(string(v.Posts[i].Body))
			}
		}
		if took > 0 {
			return true
		}
	}
	n := len(*measures) - max(1, len(*measures)/10)
	if n <= 0 {
		return false
	}
	*measures = (*measures)[:n]
	return true
}

// checkMark refuses a mark that HTML or URL escaping would change, and one
// that a post could use to forge a slot.
func checkMark(e Edition) error {
	if e.Mark == "" || strings.Trim(e.Mark, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return fmt.Errorf("rendering: the mark %q must be letters and digits", e.Mark)
	}
	said := []string{e.Site.Name, e.Site.BlogURL, e.Site.Address, e.Title, e.Period, e.SubjectTemplate, e.Links.View, e.Links.Subscribe}
	for _, p := range e.Posts {
		said = append(said, p.Title, p.URL, p.Author, p.Image, p.Summary, p.Content)
		said = append(said, p.Tags...)
	}
	for _, s := range said {
		if strings.Contains(s, e.Mark) {
			return errors.New("rendering: the mark of the slots stands in the issue itself")
		}
	}
	return nil
}
