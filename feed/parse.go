package feed

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	"github.com/mmcdole/gofeed/json"
	"github.com/mmcdole/gofeed/rss"
)

// Parse reads RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, and JSON Feed.
//
// base is the address the feed came from, against which relative links are
// resolved; nil or a file address resolves nothing. contentType is the HTTP
// header, "" = none. now stands in for dates that are missing or absurd.
//
// It never panics. Bytes that are no feed give [ErrNotFeed], [ErrEmpty],
// [ErrTooDeep] or [ErrTooBig]. A damaged feed gives the posts that stand whole
// in it, with Partial set.
func Parse(body []byte, base *url.URL, contentType string, now time.Time) (Document, error) {
	clean, err := normalise(body, contentType, base)
	if err != nil {
		return Document{}, fmt.Errorf("reading the feed: %w", err)
	}
	parser := gofeed.NewParser()
	parser.KeepOriginalFeed = true
	parser.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	parsed, err := parser.Parse(bytes.NewReader(clean.body))
	if err != nil {
		return Document{}, fmt.Errorf("reading the feed: %w: %w", ErrNotFeed, err)
	}
	clean.body = nil // as large as the feed, and read
	return document(parsed, clean, base, now.UTC().Truncate(time.Second)), nil
}

func document(f *gofeed.Feed, from normalised, base *url.URL, now time.Time) Document {
	link := resolve(base, f.Link)
	doc := Document{
		Title:    plainText(f.Title),
		Link:     webAddress(link),
		Language: strings.TrimSpace(f.Language),
		Next:     from.next,
		Partial:  from.damaged,
	}
	if original, ok := f.OriginalFeed().(*json.Feed); ok {
		doc.Next = webAddress(resolve(base, original.NextURL))
	}
	site := base
	if doc.Link != "" {
		site = link
	}
	doc.Posts = make([]Post, 0, len(f.Items))
	for i, item := range f.Items {
		r := reader{item: item, feed: f, site: site, now: now}
		r.original(f.OriginalFeed(), i)
		doc.Posts = append(doc.Posts, r.post())
		f.Items[i] = nil // what was read need not be held twice
	}
	return doc
}

// reader reads one item of a parsed feed.
type reader struct {
	item *gofeed.Item
	feed *gofeed.Feed
	site *url.URL // relative addresses resolve against it; nil = they are dropped
	now  time.Time

	permalink bool   // the GUID is the post's address (RSS 2.0, guid)
	bodyType  string // of the Atom content, "" otherwise
}

// original reads what gofeed's common form leaves out of item i.
func (r *reader) original(feed any, i int) {
	switch f := feed.(type) {
	case *rss.Feed:
		guid := f.Items[i].GUID
		r.permalink = guid != nil && !strings.EqualFold(guid.IsPermalink, "false")
		f.Items[i] = nil
	case *atom.Feed:
		r.permalink = true
		if c := f.Entries[i].Content; c != nil {
			r.bodyType = strings.ToLower(c.Type)
		}
		f.Entries[i] = nil
	case *json.Feed:
		r.permalink = true
	}
}

func (r *reader) post() Post {
	p := Post{
		GUID:      strings.TrimSpace(r.item.GUID),
		Title:     plainText(r.item.Title),
		URL:       r.link(),
		Author:    r.author(),
		Tags:      tags(r.item.Categories),
		FirstSeen: r.now,
	}
	p.Published, p.Updated = r.dates()
	base := r.site
	if u, err := url.Parse(p.URL); err == nil && p.URL != "" {
		base = u
	}
	content, summary := r.bodies()
	p.Content, p.Summary = Clean(content, base), Clean(summary, base)
	if p.Content == "" {
		p.Content = p.Summary
	}
	p.Image = r.image(p, base)
	return p
}

// link is the post's own address. What FeedBurner replaced by its counter comes
// back from origLink.
func (r *reader) link() string {
	candidates := []string{r.extension("feedburner", "origLink"), r.item.Link}
	for _, l := range r.item.Extensions["atom"]["link"] {
		if rel := l.Attrs["rel"]; rel == "" || rel == "alternate" {
			candidates = append(candidates, l.Attrs["href"])
		}
	}
	for _, c := range candidates {
		if u := webAddress(resolve(r.site, c)); c != "" && u != "" {
			return u
		}
	}
	if guid := strings.TrimSpace(r.item.GUID); r.permalink && isWeb(guid) {
		return webAddress(resolve(nil, guid))
	}
	for _, c := range r.item.Links {
		if u := webAddress(resolve(r.site, c)); u != "" {
			return u
		}
	}
	return ""
}

func (r *reader) author() string {
	people := r.item.Authors
	if len(people) == 0 && r.feed.FeedType != "rss" {
		people = r.feed.Authors
	}
	var names []string
	for _, p := range people {
		if p != nil && plainText(p.Name) != "" {
			names = append(names, plainText(p.Name))
		}
	}
	return strings.Join(unique(names), ", ")
}

// dates are the post's own, or the moment of this read: for those missing, and
// for those before 1990 or more than a year ahead, which are slips.
func (r *reader) dates() (published, updated time.Time) {
	published = r.firstDate(
		r.item.Published, r.extension("dcterms", "issued"), r.extension("dcterms", "created"), r.extension("dcterms", "date"),
		r.item.Custom["date"], r.item.Custom["published"], r.item.Custom["pubdate"], r.item.Updated, r.extension("dcterms", "modified"))
	if published.IsZero() && r.sane(r.item.PublishedParsed) {
		published = r.item.PublishedParsed.UTC().Truncate(time.Second)
	}
	if published.IsZero() {
		published = r.now
	}
	updated = r.firstDate(r.extension("atom", "updated"), r.extension("dcterms", "modified"), r.item.Updated)
	if updated.Before(published) {
		updated = published
	}
	return published, updated
}

func (r *reader) firstDate(spellings ...string) time.Time {
	for _, s := range spellings {
		if t, ok := parseDate(s); ok && r.sane(&t) {
			return t.Truncate(time.Second)
		}
	}
	return time.Time{}
}

func (r *reader) sane(t *time.Time) bool {
	return t != nil && t.Year() >= 1990 && t.Before(r.now.AddDate(1, 0, 1))
}

// bodies are the post's HTML in full and in short, "" where there is none.
func (r *reader) bodies() (content, summary string) {
	content, summary = r.item.Content, r.item.Description
	if t := r.bodyType; t != "" && !strings.Contains(t, "html") && !strings.HasPrefix(t, "text") {
		content = "" // a picture or a file
	}
	if content == "" && summary == "" {
		content = r.mediaText()
	}
	if r.item.ITunesExt != nil {
		summary = first(summary, paragraphs(r.item.ITunesExt.Summary))
	}
	if dc := r.item.DublinCoreExt; dc != nil && len(dc.Description) > 0 {
		summary = first(summary, dc.Description[0])
	}
	return content, summary
}

// extension is the text of the first extension element of this name.
func (r *reader) extension(prefix, name string) string {
	if list := r.item.Extensions[prefix][name]; len(list) > 0 {
		return strings.TrimSpace(list[0].Value)
	}
	return ""
}

func first(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}

// tags are the categories as text, each once whatever its case, at most 50.
func tags(categories []string) []string {
	var out []string
	for _, c := range categories {
		if t := cut(plainText(c), 100); t != "" && len(out) < 50 {
			out = append(out, t)
		}
	}
	return unique(out)
}

// unique drops what stood earlier in list, whatever its case.
func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if key := strings.ToLower(s); !seen[key] {
			seen[key] = true
			out = append(out, s)
		}
	}
	return out
}
