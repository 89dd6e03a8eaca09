package feed

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
)

const (
	maxBytes = 10 << 20 // of a feed, decompressed
	maxDepth = 256      // of nested elements; the parser recurses, and a stack overflow cannot be recovered
	maxTags  = 1_000_000
	maxPosts = 10_000
)

var (
	// ErrNotFeed: the bytes are no feed, most often an HTML page (a parked
	// domain, a login, an error page sent with status 200).
	ErrNotFeed = errors.New("this is not a feed")
	// ErrDamaged: it is a feed, cut off or broken, and none of its posts is whole.
	ErrDamaged = errors.New("the feed is damaged, and no whole post stands in it")
	// ErrEmpty: there are no bytes at all, or only white space.
	ErrEmpty = errors.New("the answer is empty")
	// ErrTooDeep: elements are nested more than 256 deep.
	ErrTooDeep = errors.New("the feed is nested too deeply")
	// ErrTooBig: the feed is larger than the limit, 10 MiB unless set, or holds
	// more than 10,000 posts.
	ErrTooBig = errors.New("the feed is too big")
	errPosts  = fmt.Errorf("%w: more than 10,000 posts", ErrTooBig)
)

// normalised is a feed document gofeed can read without failing as a whole.
type normalised struct {
	body    []byte // UTF-8; JSON, or balanced XML without prolog, comments and DTD
	damaged bool   // something was cut off or closed by us
	links   links
	lang    string // of the root, where it says so
	items   []span // of XML
}

// normalise turns what a server sent into UTF-8 that parses: XML is balanced
// and free of undeclared entities, JSON Feed fields have the types they should.
// base is the feed's address, or nil.
func normalise(body []byte, contentType string, base *url.URL) (normalised, error) {
	if len(body) > maxBytes {
		return normalised{}, fmt.Errorf("%w: %d bytes, the limit is %d", ErrTooBig, len(body), maxBytes)
	}
	body = bytes.TrimLeft(toUTF8(body, contentType), "\x00 \t\r\n\v\f\uFEFF")
	if len(body) == 0 {
		return normalised{}, ErrEmpty
	}
	if body[0] == '{' || body[0] == '[' && bytes.HasPrefix(bytes.TrimLeft(body[1:], " \t\r\n"), []byte("{")) {
		fixed, cut, err := repairJSON(body)
		if !errors.Is(err, ErrNotFeed) || !hasItems(body) {
			return normalised{body: fixed, damaged: cut}, err
		}
	}
	if bytes.IndexByte(body, 0) >= 0 {
		body = bytes.ReplaceAll(body, []byte{0}, nil)
	}
	return repairXML(body, base)
}

// hasItems: XML whose front was cut off may begin with a brace of its text.
func hasItems(body []byte) bool {
	return bytes.Contains(body, []byte("<item")) || bytes.Contains(body, []byte("<entry"))
}
