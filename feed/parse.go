package feed

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/json"
)

// Parse reads RSS 0.9x, 1.0 and 2.0, Atom 0.3 and 1.0, and JSON Feed.
//
// base is the address the feed came from, against which relative links are
// resolved; nil or a file address resolves nothing. contentType is the HTTP
// header, "" = none. now stands in for dates that are missing or absurd.
//
// It never panics. Bytes that are no feed give [ErrNotFeed], [ErrEmpty],
// [ErrTooDeep] or [ErrTooBig]. A damaged feed gives the posts that stand whole
// in it, with Partial set, or [ErrDamaged] where none does. A feed without posts
// that is not damaged is no error.
func Parse(body []byte, base *url.URL, contentType string, now time.Time) (Document, error) {
	parts, from, err := interpret(body, base, contentType)
	if err != nil {
		return Document{}, fmt.Errorf("reading the feed: %w", err)
	}
	doc := document(parts, from, base, now.UTC().Truncate(time.Second))
	if doc.Partial && len(doc.Posts) == 0 {
		return Document{}, fmt.Errorf("reading the feed: %w", ErrDamaged)
	}
	return doc, nil
}

// interpret reads the bytes, and cleans nothing of what they say: the feed, or the
// parts of it that could be read where it can't be as a whole.
func interpret(body []byte, base *url.URL, contentType string) ([]*gofeed.Feed, normalised, error) {
	doc, err := normalise(body, contentType, base)
	if err != nil {
		return nil, normalised{}, err
	}
	return partsOf(doc)
}

func partsOf(doc normalised) (parts []*gofeed.Feed, read normalised, err error) {
	whole, err := newParser().Parse(bytes.NewReader(doc.body))
	if err == nil {
		parts = append(parts, whole)
	} else {
		parts, doc.damaged = salvage(doc), true
	}
	if len(parts) == 0 {
		return nil, normalised{}, fmt.Errorf("%w: %w", ErrNotFeed, err)
	}
	doc.body = nil // as large as the feed, and read
	return parts, doc, nil
}

func newParser() *gofeed.Parser {
	p := gofeed.NewParser()
	p.KeepOriginalFeed = true
	p.RSSTranslator = &gofeed.DefaultRSSTranslator{DisableContentImageScan: true}
	return p
}

func document(parts []*gofeed.Feed, from normalised, base *url.URL, now time.Time) Document {
	f := parts[0]
	var link *url.URL // nil: the feed names no site
	if strings.TrimSpace(f.Link) != "" {
		link = resolve(base, f.Link)
	}
	doc := Document{
		Title:    cut(plainText(f.Title), maxFeedTitle),
		Link:     boundAddress(webAddress(link)),
		Language: cut(strings.ReplaceAll(strings.TrimSpace(first(f.Language, from.lang)), "_", "-"), 100),
		Self:     from.links.self,
		Next:     from.links.next,
		Partial:  from.damaged,
	}
	if original, ok := f.OriginalFeed().(*json.Feed); ok {
		doc.links(original, base)
	}
	doc.Self, doc.Next = boundAddress(doc.Self), boundAddress(doc.Next)
	site := base
	if doc.Link != "" {
		site = link
	}
	doc.Posts = make([]Post, 0, len(f.Items))
	for _, f := range parts {
		for i, item := range f.Items {
			r := reader{item: item, feed: f, site: site, now: now}
			r.original(f.OriginalFeed(), i)
			doc.Posts = append(doc.Posts, r.post())
			f.Items[i] = nil // what was read need not be held twice
		}
	}
	return doc
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
