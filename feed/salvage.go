package feed

import (
	"bytes"

	"github.com/mmcdole/gofeed"
)

// span is where an item stands in a normalised body.
type span struct{ start, end int }

// salvage reads a feed the parser refuses as a whole item by item, each alone in
// a root, and gives those that can be read.
func salvage(doc normalised) []*gofeed.Feed {
	head, tail := "<rss><channel>", "</channel></rss>"
	if bytes.HasPrefix(doc.body, []byte("<feed>")) {
		head, tail = "<feed>", "</feed>"
	}
	var feeds []*gofeed.Feed
	for _, at := range doc.items {
		alone := head + string(doc.body[at.start:at.end]) + tail
		if f, err := newParser().ParseString(alone); err == nil {
			feeds = append(feeds, f)
		}
	}
	return feeds
}
