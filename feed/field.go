package feed

import (
	"bytes"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// textKind says how the text of a field reads (RFC 4287 section 3.1).
type textKind uint8

const (
	asHTML  textKind = iota // HTML, as RSS has it: escaped, in CDATA, or plainly inside
	asText                  // text
	asXHTML                 // markup is markup, and text is text
	asBytes                 // base64 of HTML
)

// field is the one that is open.
type field struct {
	at      int // in the stack; -1 = none is open
	kind    textKind
	short   bool // a title, a name, an address: no HTML of several lines
	section bool // its CDATA section is open
	begin   int  // in out, of what is inside its tags
	start   int  // in out, of what it says
	wrapped bool // the first element inside was seen
	drop    bool // what it says is a file
}

func (r *repair) mark(t *tag, e *element) {
	if e.base != r.base {
		t.resolve(e.base)
	}
	r.out = append(r.out, '<')
	r.out = append(r.out, e.out...)
	r.out = t.append(r.out)
	r.out = append(r.out, '>')
}

func (r *repair) openGroup(e *element, t *tag, out string) {
	e.role, e.out = roleGroup, out
	r.mark(t, e)
}

// openLink writes an Atom link, which says all in its attributes.
func (r *repair) openLink(e *element, t *tag) {
	e.out = "link"
	if !r.atom {
		e.out = "atom:link"
	}
	r.mark(t, e)
	r.endMark(*e)
	e.role, e.out = roleMute, ""
}

// openCategory writes a category under its term. What stands for it on paper is
// wanted only where the term is an address or a number.
func (r *repair) openCategory(e *element, t *tag) {
	term, label := t.value("term"), t.value("label")
	if term == "" || label != "" && (strings.Contains(term, "://") || strings.Trim(term, "0123456789.-") == "") {
		term = label
	}
	switch {
	case strings.HasSuffix(t.value("scheme"), "#kind"): // says what sort of entry it is (Google Data APIs)
		e.role = roleMute
	case term != "":
		r.out = append(append(append(r.out, "<dc:subject>"...), escapeText(term)...), "</dc:subject>"...)
		e.role = roleMute
	case r.atom:
		r.openField(e, t, "dc:subject")
	default:
		r.openField(e, t, "category")
	}
}

// openField starts a field. Where its end tag follows plain text at once, as it
// does most often, it needs no CDATA section.
func (r *repair) openField(e *element, t *tag, out string) {
	e.role, e.out = roleField, out
	f := field{at: len(r.stack), kind: asHTML, short: !bodies[out]}
	if out == "title" || bodies[out] {
		f.kind, f.drop = r.construct(t, out)
	}
	r.mark(t, e)
	f.begin, f.start = len(r.out), len(r.out)
	r.field = f
	if t.closed {
		return
	}
	if e.base != r.base && e.base != nil && bodies[out] && f.kind != asText && f.kind != asBytes {
		r.openSection()
		r.out = append(r.out, baseMark+escapeText(e.base.String())+`">`...)
		r.field.start = len(r.out)
	}
	rest := r.in[r.pos:]
	lt := bytes.IndexByte(rest, '<')
	if lt < 0 || lt+1 >= len(rest) || rest[lt+1] != '/' || f.kind == asBytes || bytes.ContainsAny(rest[:lt], "&>") {
		r.openSection()
	}
}

const maxShort = 32 << 10 // bytes of a title, a name, an address; the rest is dropped

// baseMark begins a body written below an xml:base: relative addresses in it
// resolve against that.
const baseMark = `<base href="`

// bodies are the fields that hold HTML of any length.
var bodies = map[string]bool{
	"description": true, "content:encoded": true, "content": true, "summary": true, "atom:content": true, "atom:summary": true,
	"dc:description": true, "media:description": true, "itunes:summary": true,
}

// openSection begins the CDATA section of the open field, if it has none yet.
func (r *repair) openSection() {
	if r.field.section {
		return
	}
	r.field.section = true
	const mark = "<![CDATA["
	r.out = slices.Insert(r.out, r.field.start, []byte(mark)...)
	r.field.start += len(mark)
}

// construct is the type of an Atom text construct (RFC 4287 section 3.1; Atom
// 0.3 had media types and a mode). drop: it is a picture or a file.
func (r *repair) construct(t *tag, out string) (kind textKind, drop bool) {
	if !r.atom && !strings.HasPrefix(out, "atom:") {
		if strings.EqualFold(t.value("mode"), "base64") {
			return asBytes, false
		}
		return asHTML, false
	}
	media, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(t.value("type"))), ";")
	mode := strings.ToLower(t.value("mode"))
	switch {
	case mode == "base64":
		return asBytes, false
	case media == "xhtml" || strings.Contains(media, "html") && mode == "xml" || strings.HasSuffix(media, "+xml") || media == "application/xml" || media == "text/xml":
		return asXHTML, false
	case media == "html" || media == "text/html":
		return asHTML, false
	case media == "" && (mode == "escaped" || !t.closed && out != "title" && r.looksHTML(t.name)):
		return asHTML, false
	case media == "" || media == "text" || strings.HasPrefix(media, "text/") || !strings.Contains(media, "/"):
		return asText, false
	case strings.HasPrefix(media, "application/"):
		return asBytes, false
	}
	return asText, true
}

// looksHTML: an element of no declared type that holds end tags, escaped or not,
// is HTML whose author forgot to say so. Titles are taken at their word.
func (r *repair) looksHTML(n *name) bool {
	rest := r.in[r.pos:min(len(r.in), r.pos+16<<10)]
	if r.peeked > 2*len(r.in) {
		return false
	}
	r.peeked += len(rest)
	if i := bytes.Index(rest, []byte("</"+n.raw)); i >= 0 {
		rest = rest[:i]
	}
	for _, sign := range []string{"</", "&lt;/", "&lt;br", "&lt;p&gt;", "<br", "&lt;img "} {
		if bytes.Contains(rest, []byte(sign)) {
			return true
		}
	}
	return false
}

// inField writes an element of HTML.
func (r *repair) inField(e *element, t *tag, space string) {
	e.role = roleMute
	if r.field.kind == asBytes || r.field.drop {
		return
	}
	local := t.name.local
	if r.stack[r.field.at].out == "author" { // of RSS, which has no fields of its own
		switch local {
		case "email", "uri", "url":
			return
		}
	}
	e.role = roleInline
	wrapper := r.field.kind == asXHTML && local == "div" && !r.field.wrapped
	if r.field.wrapped = true; wrapper {
		return
	}
	r.openSection()
	if e.base != r.stack[r.field.at].base {
		t.resolve(e.base)
	}
	e.out = t.name.fold
	if space == "xhtml" {
		e.out = local
	}
	r.out = append(r.out, '<')
	r.out = append(r.out, e.out...)
	r.out = t.appendHTML(r.out)
	r.out = append(r.out, '>')
}

// text reads character data. Outside fields it says nothing.
func (r *repair) text(raw []byte) {
	if r.field.at < 0 || r.silent() {
		return
	}
	if !r.field.section && bytes.ContainsAny(raw, "&>") {
		r.openSection()
	}
	switch top := r.stack[len(r.stack)-1].role; {
	case r.field.kind == asBytes, r.field.kind == asHTML && top == roleField:
		r.out = appendDecoded(r.out, raw)
	default:
		r.out = appendText(r.out, raw)
	}
}

// literalText reads what stands in a CDATA section.
func (r *repair) literalText(raw []byte) {
	if r.field.at < 0 || r.silent() {
		return
	}
	r.openSection()
	if k := r.field.kind; k == asHTML || k == asBytes {
		r.out = appendAllowed(r.out, raw)
		return
	}
	r.out = append(r.out, escapeText(string(appendAllowed(nil, raw)))...)
}

func (r *repair) silent() bool { return r.stack[len(r.stack)-1].role == roleMute || r.field.drop }

// endField closes the CDATA section of the field that ends.
func (r *repair) endField(e element) {
	f := r.field
	r.field.at = -1
	if f.kind == asBytes && f.section {
		r.out = append(r.out[:f.start], decodeBase64(r.out[f.start:])...)
	}
	if f.short && len(r.out)-f.start > maxShort {
		r.out = append(r.out[:f.start], bytes.ToValidUTF8(r.out[f.start:f.start+maxShort], nil)...)
	}
	if e.base != r.base && (e.out == "link" || e.out == "url") {
		r.absolute(f, e.base)
	}
	if len(r.out) == f.start {
		r.out = r.out[:f.begin]
		return
	}
	if !f.section {
		return
	}
	const end = "]]>"
	if bytes.Contains(r.out[f.start:], []byte(end)) {
		said := bytes.ReplaceAll(r.out[f.start:], []byte(end), []byte("]]]]><![CDATA[>"))
		r.out = append(r.out[:f.start], said...)
	}
	r.out = append(r.out, end...)
}

// absolute resolves the address that is all a field says.
func (r *repair) absolute(f field, base *url.URL) {
	said := strings.TrimSpace(string(r.out[f.start:]))
	if u := resolve(base, said); u != nil && said != "" {
		r.out = append(r.out[:f.start], u.String()...)
	}
}

// decodeBase64 is what b says, if that is text; b itself where it is no base64.
func decodeBase64(b []byte) []byte {
	packed := bytes.Join(bytes.Fields(b), nil)
	plain := make([]byte, base64.StdEncoding.DecodedLen(len(packed)))
	n, err := base64.StdEncoding.Decode(plain, packed)
	switch {
	case err != nil:
		return b
	case !utf8.Valid(plain[:n]):
		return nil
	}
	return appendAllowed(nil, plain[:n])
}
