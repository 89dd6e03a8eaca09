package templates

import (
	"cmp"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"digest/feed"
)

// contentsFrom is the number of posts from which an issue has a table of contents.
const contentsFrom = 6

// view is what the theme sees: an edition with every word made ready. HTML and
// text are both written from it.
type view struct {
	Lang, Dir string
	Subject   string
	Preheader string
	Site      string
	SiteURL   string
	Digest    string // as in "the weekly digest of …"
	Title     string // as in "Weekly digest"
	Label     string // "No. 12 · February 2010"
	Contents  bool
	Posts     []post
	Rest      int // posts left out because the mail would be too long
	View      string
	Subscribe string
	Address   []string

	Web bool // a page: nothing personal in it

	// The slots, empty on a page.
	Reader, Since, Leave, Preferences string

	// The confirmation mail.
	Rhythm, Confirm string
}

// post is one post as the theme sees it.
type post struct {
	N          int // from 1; its anchor is "post-N"
	Title      string
	URL        string
	Dir        string // "" = as the page
	Meta       string // date, author and tags
	Foreign    bool   // Meta, in English, stands in text from right to left
	Image, Alt string
	Body       template.HTML
	Text       string // Body as plain text
	More       string // words of the link to the post; "" = the title is enough
}

// measure is how much of a post is shown.
type measure int

const (
	headline measure = iota
	excerpt
	full
)

func measureOf(show string) (measure, bool) {
	switch show {
	case ShowHeadline:
		return headline, true
	case ShowExcerpt, "":
		return excerpt, true
	case ShowFull:
		return full, true
	}
	return 0, false
}

// viewOf makes the view of an edition; measures has one entry for each post shown.
func viewOf(e Edition, subject string, measures []measure) view {
	v := frameOf(e.Site, e.Digest)
	v.Subject = subject
	v.Title = cmp.Or(plain(e.Title), v.Title)
	v.Label = labelOf(e)
	v.View = web(e.Links.View)
	v.Subscribe = web(e.Links.Subscribe)
	v.Rest = len(e.Posts) - len(measures)
	for i, m := range measures {
		p := postOf(e.Posts[i], m, v.Dir, zone(e))
		p.N = i + 1
		v.Posts = append(v.Posts, p)
		v.Contents = v.Contents || m != headline
	}
	v.Contents = v.Contents && len(v.Posts) >= contentsFrom
	v.Preheader = preheader(v)
	if e.Mark != "" {
		v.Reader, v.Since = e.Mark+SlotAddress, e.Mark+SlotSince
		v.Leave = e.Mark + SlotLeave
		if web(e.Site.PublicURL) != "" {
			v.Preferences = e.Mark + SlotPreferences
		}
	}
	return v
}

// frameOf is the view of what all mails share.
func frameOf(s Site, digest string) view {
	v := view{
		Lang:    cmp.Or(strings.TrimSpace(s.Language), "en"),
		Site:    siteName(s),
		SiteURL: web(s.BlogURL),
		Digest:  cmp.Or(plain(digest), "latest"),
	}
	v.Dir = dirOf(v.Lang)
	v.Digest = strings.TrimSuffix(v.Digest, " digest") + " digest"
	r, size := utf8.DecodeRuneInString(v.Digest)
	v.Title = string(unicode.ToUpper(r)) + v.Digest[size:]
	for line := range strings.SplitSeq(s.Address, "\n") {
		if line = plain(line); line != "" {
			v.Address = append(v.Address, line)
		}
	}
	return v
}

func siteName(s Site) string {
	if name := plain(s.Name); name != "" {
		return name
	}
	if u, err := url.Parse(s.BlogURL); err == nil && u.Hostname() != "" {
		return plain(u.Hostname())
	}
	return "the blog"
}

func zone(e Edition) *time.Location {
	if e.Location == nil {
		return time.UTC
	}
	return e.Location
}

func periodOf(e Edition) string {
	return cmp.Or(plain(e.Period), day(e.Date, zone(e)))
}

func labelOf(e Edition) string {
	number := ""
	if e.Number > 0 {
		number = "No. " + strconv.Itoa(e.Number)
	}
	return join(number, periodOf(e))
}

// datesOf is the span of days on which an edition's posts were published.
func datesOf(e Edition) string {
	var first, last time.Time
	for _, p := range e.Posts {
		if first.IsZero() || p.Published.Before(first) {
			first = p.Published
		}
		if p.Published.After(last) {
			last = p.Published
		}
	}
	return span(first, last, zone(e))
}

func headingOf(p feed.Post, loc *time.Location) string {
	if h := plain(p.Heading()); h != "" {
		return cut(h, 300)
	}
	if d := day(p.Published, loc); d != "" {
		return "Post of " + d
	}
	return "A post without words"
}

// postOf makes the view of one post.
func postOf(p feed.Post, m measure, dir string, loc *time.Location) post {
	v := post{Title: headingOf(p, loc), URL: web(p.URL), Meta: metaOf(p, loc)}
	within := dir
	if d := direction(v.Title); d != "" && d != dir {
		v.Dir, within = d, d
	}
	v.Foreign = within == "rtl"
	if m == headline {
		return v
	}
	body, whole := prose{}, true
	if m == full {
		body = dress(cmp.Or(p.Content, p.Summary), within)
	} else {
		body, whole = excerptOf(p, within)
	}
	paragraphs(body.root)
	if v.Image = web(p.Image); v.Image != "" && body.shows(v.Image) {
		v.Image = ""
	}
	if v.Image != "" {
		v.Alt = cmp.Or(altOf(p.Content, v.Image), altOf(p.Summary, v.Image), v.Title)
	}
	v.Body = template.HTML(body.HTML())
	v.Text = body.Text()
	if v.URL != "" {
		v.More = "Read on the blog"
		if !whole {
			v.More = "Continue reading"
		}
	}
	return v
}

// metaOf is the line below a title: date, author, up to five tags.
func metaOf(p feed.Post, loc *time.Location) string {
	var tags []string
	for _, tag := range p.Tags {
		if tag = cut(plain(tag), 40); tag != "" && len(tags) < 5 {
			tags = append(tags, tag)
		}
	}
	return join(day(p.Published, loc), cut(plain(p.Author), 80), strings.Join(tags, ", "))
}

// preheader is what a mailbox shows beside the subject: what else is in the issue.
func preheader(v view) string {
	var parts []string
	for _, p := range v.Posts {
		if !strings.Contains(v.Subject, p.Title) {
			parts = append(parts, p.Title)
		}
	}
	switch {
	case len(v.Posts) == 0:
		return "Nothing new this time."
	case len(parts) == 0:
		return cut(plain(v.Posts[0].Text), 140)
	}
	return cut(strings.Join(parts, " · "), 140)
}
