package feed

import (
	"bytes"
	"net/url"
	"unicode/utf8"
)

const maxAttrs = 64 // of one element; more are dropped

type attribute struct {
	name  *name
	value string // as text, references decoded
}

type tag struct {
	name     *name
	attrs    []attribute
	closed   bool // <name/>
	declares bool // has namespace declarations
	based    bool // has an xml:base
}

// voidTags are the HTML elements without an end tag that stand unescaped in
// feeds; "link" and "source" are not among them, feeds have their own.
var voidTags = map[string]bool{"br": true, "hr": true, "img": true, "wbr": true, "input": true, "meta": true}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isNameByte(c byte) bool {
	return isNameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

// parseTag reads the start tag b begins with, and says how many bytes it takes.
// Its attributes are good until the next one is read.
func (r *repair) parseTag(b []byte) (tag, int) {
	n := 1
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	t := tag{name: r.intern(b[1:n]), attrs: r.attrs[:0]}
	defer func() { r.attrs = t.attrs[:0] }()
	for n < len(b) {
		switch c := b[n]; {
		case c == '>':
			return t, n + 1
		case c == '<': // the ">" was forgotten
			return t, n
		case c == '/':
			n++
			t.closed = n < len(b) && b[n] == '>'
		case isNameStart(c):
			n += r.parseAttr(&t, b[n:])
		default:
			n++
		}
	}
	return t, n
}

// parseAttr adds the attribute b begins with to t, and says how many bytes it takes.
func (r *repair) parseAttr(t *tag, b []byte) int {
	n := 0
	for n < len(b) && isNameByte(b[n]) {
		n++
	}
	a := attribute{name: r.intern(b[:n])}
	i := n
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i == len(b) || b[i] != '=' {
		a.value = a.name.local
		t.add(a)
		return n
	}
	for i++; i < len(b) && isSpace(b[i]); i++ {
	}
	if i < len(b) {
		raw, taken := attrValue(b[i:])
		a.value = string(appendDecoded(nil, raw))
		t.add(a)
		i += taken
	}
	return i
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
		return bytes.TrimSuffix(b[:end], []byte("/")), end + 1
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

// add keeps the first attribute of each name.
func (t *tag) add(a attribute) {
	if len(t.attrs) >= maxAttrs {
		return
	}
	for i := range t.attrs {
		if t.attrs[i].name.fold == a.name.fold {
			return
		}
	}
	t.declares = t.declares || a.name.prefix == "xmlns" || a.name.fold == "xmlns"
	t.based = t.based || a.name.fold == "xml:base"
	t.attrs = append(t.attrs, a)
}

// value is the attribute of this name in lower case, or one of that local name
// with a prefix; "" if there is neither.
func (t *tag) value(name string) string {
	prefixed := ""
	for i := range t.attrs {
		switch a := &t.attrs[i]; {
		case a.name.fold == name:
			return a.value
		case a.name.local == name && a.name.prefix != "" && a.name.prefix != "xmlns":
			prefixed = a.value
		}
	}
	return prefixed
}

// resolve makes the addresses among the attributes absolute.
func (t *tag) resolve(base *url.URL) {
	for i := range t.attrs {
		switch a := &t.attrs[i]; a.name.fold {
		case "href", "src", "url", "cite", "poster", "data":
			if u := resolve(base, a.value); u != nil && a.value != "" {
				a.value = u.String()
			}
		}
	}
}

// append writes the attributes of an element of a feed: their plain names, as
// the parser behind us knows them.
func (t *tag) append(out []byte) []byte {
	for _, a := range t.attrs {
		switch {
		case a.name.local == "" || !isNameStart(a.name.local[0]), a.name.prefix == "xml", a.name.prefix == "xmlns", a.name.fold == "xmlns":
			continue
		case a.name.prefix != "" && t.value(a.name.local) != a.value:
			continue
		}
		local := a.name.local
		if local == "ispermalink" {
			local = "isPermaLink"
		}
		out = appendAttr(out, local, a.value)
	}
	return out
}

// appendHTML writes the attributes of an element of HTML.
func (t *tag) appendHTML(out []byte) []byte {
	for _, a := range t.attrs {
		if a.name.prefix == "" && a.name.fold != "xmlns" && a.name.local != "" {
			out = appendAttr(out, a.name.local, a.value)
		}
	}
	return out
}

func appendAttr(out []byte, name, value string) []byte {
	out = append(out, ' ')
	out = append(out, name...)
	out = append(out, '=', '"')
	out = append(out, escapeText(value)...)
	return append(out, '"')
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
