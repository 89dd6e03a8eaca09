package demo

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"
	"time"
)

// rss is the feed as RSS 2.0 writes it, with the modules for whole posts and
// authors. encoding/xml has no namespace prefixes, so they are part of names.
type rss struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Content string     `xml:"xmlns:content,attr"`
	DC      string     `xml:"xmlns:dc,attr"`
	Atom    string     `xml:"xmlns:atom,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string    `xml:"title"`
	Link        string    `xml:"link"`
	Self        rssSelf   `xml:"atom:link"`
	Description string    `xml:"description"`
	Language    string    `xml:"language"`
	Items       []rssItem `xml:"item"`
}

type rssSelf struct {
	Href string `xml:"href,attr"`
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr"`
}

type rssItem struct {
	Title       string   `xml:"title,omitempty"`
	Link        string   `xml:"link"`
	GUID        string   `xml:"guid"` // the address, which RSS takes for a permalink
	Creator     string   `xml:"dc:creator"`
	Published   string   `xml:"pubDate"` // RFC 822 with a four-digit year
	Categories  []string `xml:"category"`
	Description string   `xml:"description"`
	Content     string   `xml:"content:encoded"`
}

// writeFeed renders posts as RSS 2.0.
func (b *Blog) writeFeed(posts []Post) ([]byte, error) {
	doc := rss{
		Version: "2.0",
		Content: "http://purl.org/rss/1.0/modules/content/",
		DC:      "http://purl.org/dc/elements/1.1/",
		Atom:    "http://www.w3.org/2005/Atom",
		Channel: rssChannel{
			Title: blogTitle, Link: b.base + "/", Description: blogTagline, Language: "en",
			Self: rssSelf{Href: b.FeedURL(), Rel: "self", Type: "application/rss+xml"},
		},
	}
	for _, p := range posts {
		doc.Channel.Items = append(doc.Channel.Items, rssItem{
			Title: p.Title, Link: b.base + p.Link(), GUID: b.base + p.Link(),
			Creator: blogAuthor, Published: p.Published.Format(time.RFC1123Z), Categories: p.Tags,
			Description: p.Summary, Content: string(p.HTML),
		})
	}
	out, err := xml.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("writing the sample feed: %w", err)
	}
	return append([]byte(xml.Header), out...), nil
}

func (b *Blog) feed(w http.ResponseWriter, r *http.Request) {
	posts := b.current()
	body, err := b.writeFeed(posts)
	if err != nil {
		http.Error(w, "writing the feed failed", http.StatusInternalServerError)
		return
	}
	var modified time.Time // zero: no Last-Modified, for a feed without posts
	if len(posts) > 0 {
		modified = posts[0].Published
	}
	w.Header().Set("Content-Type", "application/rss+xml; charset=utf-8")
	serve(w, r, body, modified)
}

// serve answers with the body or, where the reader has it already, with 304
// (RFC 9110, section 13).
func serve(w http.ResponseWriter, r *http.Request, body []byte, modified time.Time) {
	sum := sha256.Sum256(body)
	w.Header().Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(sum[:12])+`"`)
	http.ServeContent(w, r, "", modified, bytes.NewReader(body))
}
