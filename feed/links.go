package feed

import (
	"net/url"
	"strings"

	"github.com/mmcdole/gofeed/json"
)

// links are what a feed says of its own place and of the page after it.
type links struct {
	self, next string
	rank       int // of next, see olderLink
}

// olderLink ranks what a link to the next older page is called, 0 for any other
// link: paged feeds say next (RFC 5005 section 3), archived ones prev-archive
// (section 4), and some say previous, meaning earlier.
func olderLink(rel string) int {
	switch strings.ToLower(strings.TrimSpace(rel)) {
	case "next":
		return 3
	case "prev-archive":
		return 2
	case "previous", "prev":
		return 1
	}
	return 0
}

// note keeps the first link of each kind.
func (l *links) note(rel, href string, base *url.URL) {
	if l.self == "" && strings.EqualFold(strings.TrimSpace(rel), "self") {
		l.self = webAddress(resolve(base, href))
	}
	if rank := olderLink(rel); rank > l.rank {
		if next := pageAddress(href, base); next != "" {
			l.next, l.rank = next, rank
		}
	}
}

// pageAddress is absolute; but of a document without an address, a file, it is
// what the link says.
func pageAddress(href string, base *url.URL) string {
	u := resolve(base, href)
	if u == nil || base != nil || u.Host != "" {
		return webAddress(u)
	}
	return u.String()
}

// links takes over what a JSON Feed calls feed_url and next_url.
func (d *Document) links(f *json.Feed, base *url.URL) {
	var l links
	l.note("self", f.FeedURL, base)
	l.note("next", f.NextURL, base)
	d.Self, d.Next = l.self, l.next
}
