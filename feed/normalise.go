package feed

import (
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/url"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/html/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
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
	// ErrEmpty: there are no bytes at all, or only white space.
	ErrEmpty = errors.New("the answer is empty")
	// ErrTooDeep: elements are nested more than 256 deep.
	ErrTooDeep = errors.New("the feed is nested too deeply")
	// ErrTooBig: the feed is larger than the limit, 10 MiB unless set, or holds
	// more than 10,000 posts.
	ErrTooBig = errors.New("the feed is too big")
	errPosts  = fmt.Errorf("%w: more than 10,000 posts", ErrTooBig)
)

var (
	prologEncoding = regexp.MustCompile(`(?i)^\s*<\?xml[^>]*?encoding\s*=\s*["']\s*([A-Za-z0-9._:-]+)`)
	feedStart      = regexp.MustCompile(`(?i)<\?xml|<(?:[a-z0-9_]+:)?(?:rss|rdf|feed)[\s>]`)
	pageStart      = regexp.MustCompile(`(?i)<!doctype\s+html|<html[\s>]`)
)

// normalised is a feed document gofeed can read without failing as a whole.
type normalised struct {
	body    []byte // UTF-8; JSON, or balanced XML without prolog, comments and DTD
	damaged bool   // something was cut off or closed by us
	next    string // value of the feed's own rel="next" link, resolved; "" = none
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
	if body[0] == '{' {
		fixed, err := repairJSON(body)
		return normalised{body: fixed}, err
	}
	start := feedStart.FindIndex(body)
	page := pageStart.FindIndex(body)
	if start == nil || (page != nil && page[0] < start[0]) {
		if page != nil {
			return normalised{}, fmt.Errorf("%w: it is an HTML page", ErrNotFeed)
		}
		return normalised{}, ErrNotFeed
	}
	return repairXML(body[start[0]:], base)
}

// toUTF8 decodes body. The order is byte order mark, HTTP header, prolog,
// guess; but bytes that are valid UTF-8 beyond ASCII are taken as that whatever
// was declared, because old servers stamp iso-8859-1 on everything.
func toUTF8(body []byte, contentType string) []byte {
	if decoded, ok := byMark(body); ok {
		return decoded
	}
	if utf8.Valid(body) && !isASCII(body) {
		return body
	}
	for _, label := range declared(body, contentType) {
		enc, name := charset.Lookup(label)
		if enc == nil || name == "replacement" || strings.HasPrefix(name, "utf-16") || name == "utf-8" {
			continue
		}
		decoded, err := enc.NewDecoder().Bytes(body)
		if err == nil && bytes.Count(decoded, []byte("\uFFFD")) <= len(decoded)/200 {
			return decoded
		}
	}
	if utf8.Valid(body) {
		return body
	}
	return mixedUTF8(body)
}

// byMark decodes by the byte order mark, or by the zero bytes that "<" has in
// UTF-16.
func byMark(body []byte) ([]byte, bool) {
	var enc encoding.Encoding
	switch {
	case bytes.HasPrefix(body, []byte("\xEF\xBB\xBF")):
		body = body[3:]
		if utf8.Valid(body) {
			return body, true
		}
		return mixedUTF8(body), true
	case bytes.HasPrefix(body, []byte("\xFF\xFE")), bytes.HasPrefix(body, []byte("<\x00")):
		enc = unicode.UTF16(unicode.LittleEndian, unicode.UseBOM)
	case bytes.HasPrefix(body, []byte("\xFE\xFF")), bytes.HasPrefix(body, []byte("\x00<")):
		enc = unicode.UTF16(unicode.BigEndian, unicode.UseBOM)
	default:
		return nil, false
	}
	decoded, err := enc.NewDecoder().Bytes(body)
	return decoded, err == nil
}

// declared lists the charsets the HTTP header and the prolog name, in this order.
func declared(body []byte, contentType string) []string {
	var labels []string
	if _, params, err := mime.ParseMediaType(contentType); err == nil && params["charset"] != "" {
		labels = append(labels, params["charset"])
	}
	head := body[:min(len(body), 1024)]
	if i := bytes.Index(head, []byte("<?xml")); i > 0 {
		head = head[i:]
	}
	if m := prologEncoding.FindSubmatch(head); m != nil {
		labels = append(labels, string(m[1]))
	}
	return labels
}

func isASCII(b []byte) bool {
	for _, c := range b {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// mixedUTF8 reads body as UTF-8 in which single bytes are windows-1252, as
// happens where old posts were pasted into a newer database; or all of it as
// windows-1252 when hardly anything in it is UTF-8.
func mixedUTF8(body []byte) []byte {
	good, bad := 0, 0
	for rest := body; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		switch {
		case r == utf8.RuneError && n == 1:
			bad++
		case n > 1:
			good++
		}
		rest = rest[n:]
	}
	out := make([]byte, 0, len(body)+2*bad)
	for len(body) > 0 {
		r, n := utf8.DecodeRune(body)
		if (r == utf8.RuneError && n == 1) || (n > 1 && good < bad) {
			out = utf8.AppendRune(out, charmap.Windows1252.DecodeByte(body[0]))
			body = body[1:]
			continue
		}
		out = append(out, body[:n]...)
		body = body[n:]
	}
	return out
}
