package feed

import (
	"bytes"
	"html"
	"net/url"
	"strings"
	"unicode/utf8"
)

const maxAttrs = 64 // of one element; more are dropped

type attribute struct{ name, value string } // value as text, references decoded

type tag struct {
	name   string
	attrs  []attribute
	closed bool // <name/>, or an HTML element that never has content
}

// voidTags are the HTML elements without an end tag that stand unescaped in
// feeds; "link" and "source" are not among them, feeds have their own.
var voidTags = map[string]bool{"br": true, "hr": true, "img": true, "wbr": true, "input": true, "meta": true}

// parseTag reads the start tag b begins with, and says how many bytes it takes.
func parseTag(b []byte) (tag, int) {
	n := 1
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	t := tag{name: xmlName(b[1:n])}
	for n < len(b) {
		switch c := b[n]; {
		case c == '>':
			t.closed = t.closed || voidTags[strings.ToLower(t.name)]
			return t, n + 1
		case c == '<': // the ">" was forgotten
			return t, n
		case c == '/':
			n++
			t.closed = n < len(b) && b[n] == '>'
		case isNameStart(c):
			a, taken := parseAttr(b[n:])
			n += taken
			if len(t.attrs) < maxAttrs && t.attr(a.name) == nil {
				t.attrs = append(t.attrs, a)
			}
		default:
			n++
		}
	}
	return t, n
}

func parseAttr(b []byte) (attribute, int) {
	n := 0
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	a := attribute{name: xmlName(b[:n])}
	i := n
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i == len(b) || b[i] != '=' {
		a.value = a.name
		return a, n
	}
	for i++; i < len(b) && isSpace(b[i]); i++ {
	}
	if i == len(b) {
		return a, i
	}
	raw, taken := attrValue(b[i:])
	a.value = html.UnescapeString(string(appendText(nil, raw)))
	return a, i + taken
}

// attrValue reads a value, quoted or not. A quote that is never closed ends at
// the tag's ">".
func attrValue(b []byte) ([]byte, int) {
	if q := b[0]; q == '"' || q == '\'' {
		if end := bytes.IndexByte(b[1:], q); end >= 0 && !spansTags(b[1:1+end]) {
			return b[1 : 1+end], end + 2
		}
		b = b[1:]
		end := bytes.IndexByte(b, '>')
		if end < 0 {
			end = len(b)
		}
		return b[:end], end + 1
	}
	end := bytes.IndexAny(b, " \t\r\n>")
	if end < 0 {
		end = len(b)
	}
	if end > 0 && end < len(b) && b[end] == '>' && b[end-1] == '/' {
		end--
	}
	return b[:end], end
}

// spansTags: what looks like a value runs from one tag into the next, because
// its closing quote is missing.
func spansTags(value []byte) bool {
	end := bytes.IndexByte(value, '>')
	return end >= 0 && bytes.IndexByte(value[end:], '<') >= 0 && bytes.IndexByte(value[:end], '<') < 0
}

// xmlName is b as a name every XML parser takes: damaged bytes replaced, with
// one prefix at most.
func xmlName(b []byte) string {
	name := strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '_'
		}
		return r
	}, strings.Trim(string(b), ":"))
	prefix, rest, found := strings.Cut(name, ":")
	if !found {
		return name
	}
	rest = strings.ReplaceAll(rest, ":", "_")
	if !isNameStart(rest[0]) {
		rest = "_" + rest
	}
	return prefix + ":" + rest
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (t *tag) attr(name string) *attribute {
	for i := range t.attrs {
		if t.attrs[i].name == name {
			return &t.attrs[i]
		}
	}
	return nil
}

func (t *tag) value(name string) string {
	if a := t.attr(name); a != nil {
		return a.value
	}
	return ""
}

// set replaces the named attribute, or removes it when value is "".
func (t *tag) set(name, value string) {
	kept := t.attrs[:0]
	for _, a := range t.attrs {
		if a.name != name {
			kept = append(kept, a)
		}
	}
	t.attrs = kept
	if value != "" {
		t.attrs = append(t.attrs, attribute{name, value})
	}
}

func (t *tag) append(out []byte) []byte {
	out = append(out, '<')
	out = append(out, t.name...)
	for _, a := range t.attrs {
		if a.name == "" || a.name == "xml:base" && a.value == "" {
			continue
		}
		out = append(out, ' ')
		out = append(out, a.name...)
		out = append(out, '=', '"')
		out = append(out, html.EscapeString(a.value)...)
		out = append(out, '"')
	}
	if t.closed {
		out = append(out, '/')
	}
	return append(out, '>')
}

// construct settles the type of an Atom text construct, so that what follows
// has to know only "html" and "xhtml" (RFC 4287 section 3.1; Atom 0.3 had
// media types and a mode).
func (r *repair) construct(t *tag) textKind {
	switch local(t.name) {
	case "title", "subtitle", "tagline", "summary", "content":
	default:
		return asIs
	}
	if n := len(r.stack); n == 0 || !isItem(r.stack[n-1].name) && local(r.stack[n-1].name) != "feed" {
		return asIs
	}
	kind, mode := strings.ToLower(t.value("type")), strings.ToLower(t.value("mode"))
	switch {
	case mode == "base64":
		return asIs
	case strings.Contains(kind, "html") && mode == "xml":
		t.set("type", "xhtml")
	case kind == "html" || kind == "text/html":
		t.set("type", "html")
	case kind == "" && !t.closed && r.looksHTML(t.name), kind == "" && mode == "escaped":
		t.set("type", "html")
	case kind == "" || kind == "text" || kind == "text/plain":
		t.set("type", "html")
		t.set("mode", "")
		return plain
	default:
		return asIs
	}
	t.set("mode", "")
	return asIs
}

// looksHTML: an element of no declared type that holds escaped end tags is
// HTML whose author forgot to say so. Titles are taken at their word.
func (r *repair) looksHTML(name string) bool {
	if local(name) == "title" {
		return false
	}
	end := "</" + name + ">"
	window := 256 << 10
	if r.endless[end] {
		window = 512
	}
	rest := r.in[r.pos:min(len(r.in), r.pos+window)]
	if i := bytes.Index(rest, []byte(end)); i >= 0 {
		rest = rest[:i]
	} else {
		r.endless[end] = true
	}
	for _, sign := range []string{"&lt;/", "&lt;br", "&lt;p&gt;", "</", "<br", "&lt;img "} {
		if bytes.Contains(rest, []byte(sign)) {
			return true
		}
	}
	return false
}

// noteLink keeps the feed's link to the next older page (RFC 5005 section 3),
// which gofeed does not hand on for every format.
func (r *repair) noteLink(t tag, base *url.URL) {
	if r.item >= 0 || len(r.stack) > 2 || local(t.name) != "link" {
		return
	}
	if r.next == "" && strings.EqualFold(t.value("rel"), "next") {
		r.next = webAddress(resolve(base, t.value("href")))
	}
}

// resolve reads ref against base; nil when it is no address.
func resolve(base *url.URL, ref string) *url.URL {
	u, err := url.Parse(squeezeURL(ref))
	if err != nil {
		return nil
	}
	if base != nil && (base.Scheme == "http" || base.Scheme == "https") {
		return base.ResolveReference(u)
	}
	return u
}

// directory cuts u after the last "/" of its path: gofeed takes every base for
// a directory.
func directory(u *url.URL) *url.URL {
	if u == nil || u.Scheme != "http" && u.Scheme != "https" {
		return nil
	}
	cut := *u
	cut.Path = cut.Path[:strings.LastIndexByte(cut.Path, '/')+1]
	cut.RawPath, cut.RawQuery, cut.Fragment = "", "", ""
	return &cut
}
