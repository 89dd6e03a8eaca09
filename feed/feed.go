// Package feed knows what the blog wrote: it fetches a feed, parses it, cleans
// the HTML, tells which posts are new, and keeps them.
//
// It never decides what is mailed or when, never sends anything, and never lets
// a failed, empty or HTML answer change a stored post.
//
// Its one invariant: a post is stored once. Whatever a site does to addresses,
// GUIDs or dates, a post that shares a strong key with a stored one is that
// post (see [Keys]).
package feed

import "time"

// Post is one piece of writing, identified for ever by its ID once stored.
type Post struct {
	ID     int64 // 0 = not stored
	FeedID int64
	GUID   string // verbatim; "" = the feed gives none
	Title  string // text, not HTML; "" = the feed gives none, see [Post.Heading]
	URL    string // absolute http(s); "" = the feed gives none
	Author string
	Tags   []string

	Published time.Time // UTC; the moment of the first read where the feed gives no usable date
	Updated   time.Time // UTC; Published where the feed gives none
	FirstSeen time.Time // UTC
	Released  time.Time // UTC; when the author let it in, or, beside Baseline, any moment: they have dismissed it; zero = neither

	Summary string // HTML, a fixed point of [Clean]; "" = none
	Content string // HTML, a fixed point of [Clean]; "" = none

	Image    string // absolute http(s) address of the lead image; "" = none
	Baseline bool   // stood in the feed before the start: never mailed by itself
	Aside    string // why it is kept back from mail until the author decides, AsideFlood or AsideReplaced; "" = it is not
	Missing  int    // good looks in a row without it, though the feed reaches further back than it; 2 at most

	UnreadSince time.Time // the good look before FirstSeen; zero = none, or not known
}

// Feed is a source with an address, and what is known of its last reads.
type Feed struct {
	ID           int64
	URL          string // as configured: http(s), file:// or a path
	Title        string
	Link         string
	Language     string
	ETag         string    // as the server sent it, quotes included; "" = none
	LastModified string    // as the server sent it; "" = none
	BodyHash     string    // hex SHA-256 of the last good body; "" = never read
	Checked      time.Time // last try; zero = never
	Read         time.Time // last good answer; zero = never read
	Failures     int       // in a row since Read
	Error        string    // of the last try; "" = it was good
	FailedSince  time.Time // the first of Failures; zero = none
	Next         time.Time // not to be asked again before; zero = whenever
	Told         bool      // Next is the server's own wish (Retry-After)
	Full         time.Time // last good answer to a request without validators; zero = none
	Gone         int       // answers 410 in a row
	GoneSince    time.Time // the first of them
	Stopped      bool      // gone for good: asked only by hand
	MovedTo      string    // where permanent redirects lead; "" = nowhere
	MovedSince   time.Time // the first look in a row that led there
	Moved        int       // looks in a row that led there
	GapAt        time.Time // the look that met no known post, so that posts may have been missed; zero = no open gap
	GapSince     time.Time // the good look before it
	GapMissed    int       // about how many posts may be missing, by the blog's pace
	Damaged      bool      // the last good answer was, see [Document].Partial
}

// Document is one parsed feed document. Posts stand in the document's order.
type Document struct {
	Title    string
	Link     string // of the site; absolute
	Language string
	Self     string // absolute address the document gives as its own; "" = none
	Next     string // absolute address of the next older page (RFC 5005); in a file a name beside it; "" = none
	Posts    []Post
	Partial  bool // true: the document was damaged, and some of its posts may be missing
}

// Reasons why a post is set aside, as [Post].Aside holds them.
const (
	AsideFlood    = "flood"    // more new posts at once than the blog's pace explains
	AsideReplaced = "replaced" // most of what was known is gone, most of what is there is new
)
