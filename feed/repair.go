package feed

import (
	"bytes"
	"fmt"
	"html"
	"net/url"
	"strings"
	"unicode/utf8"
)

// textKind says how the text of an Atom text construct reads (RFC 4287 section 3.1).
type textKind int

const (
	asIs  textKind = iota // not an Atom text construct, or one that is HTML already
	plain                 // text: escaped once more, so that all that leaves the parser is HTML
)

type element struct {
	name string // as written, prefix included
	base *url.URL
	kind textKind
}

// repair walks over XML as it is found in the wild and writes it again,
// balanced: the parser behind it fails a whole feed for one stray "&".
type repair struct {
	in      []byte
	pos     int
	out     []byte
	stack   []element
	base    *url.URL
	atom    bool
	done    bool // the root is closed
	tags    int
	posts   int
	damaged bool
	item    int // where in out the item that is open begins; -1 = none
	next    string
	section int             // where the next "]]>" stands; len(in) = nowhere
	endless map[string]bool // closing marks not found once: not looked for again, or reading turns quadratic
}

// repairXML returns in as balanced XML without prolog, comments and DTD.
// An item that was cut off by the end of the bytes is dropped.
func repairXML(in []byte, base *url.URL) (normalised, error) {
	r := &repair{in: in, base: base, item: -1, section: -1, endless: map[string]bool{}, out: make([]byte, 0, len(in)+len(in)/16)}
	for r.pos < len(r.in) && !r.done {
		if err := r.step(); err != nil {
			return normalised{}, err
		}
	}
	if r.tags == 0 {
		return normalised{}, ErrNotFeed
	}
	if len(r.stack) > 0 {
		r.damaged = true
		if r.item >= 0 {
			r.dropItem()
		}
		r.closeTo(0)
	}
	return normalised{body: r.out, damaged: r.damaged, next: r.next}, nil
}

// dropItem takes back the item whose end never came.
func (r *repair) dropItem() {
	r.out = r.out[:r.item]
	for i, e := range r.stack {
		if isItem(e.name) {
			r.stack = r.stack[:i]
			return
		}
	}
}

func (r *repair) step() error {
	rest := r.in[r.pos:]
	lt := bytes.IndexByte(rest, '<')
	if lt != 0 {
		if lt < 0 {
			lt = len(rest)
		}
		r.text(rest[:lt])
		r.pos += lt
		return nil
	}
	switch {
	case bytes.HasPrefix(rest, []byte("<!--")):
		r.skip(rest, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		r.cdata(rest[len("<![CDATA["):])
	case bytes.HasPrefix(rest, []byte("<?")):
		r.skip(rest, "?>")
	case bytes.HasPrefix(rest, []byte("<!")) && !r.endless["<!"]:
		r.doctype(rest)
	case bytes.HasPrefix(rest, []byte("</")) && len(rest) > 2 && isNameStart(rest[2]):
		r.endTag(rest)
	case len(rest) > 1 && isNameStart(rest[1]):
		return r.startTag(rest)
	default:
		r.literal()
	}
	return nil
}

// literal writes a "<" that begins no markup.
func (r *repair) literal() {
	r.text([]byte("&lt;"))
	r.pos++
}

func (r *repair) skip(rest []byte, end string) {
	if !r.endless[end] {
		if i := bytes.Index(rest, []byte(end)); i >= 0 {
			r.pos += i + len(end)
			return
		}
		r.endless[end] = true
	}
	r.literal()
}

func (r *repair) doctype(rest []byte) {
	depth := 0
	for i, c := range rest[:min(len(rest), 64<<10)] {
		switch {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case c == '>' && depth <= 0:
			r.pos += i + 1
			return
		}
	}
	r.endless["<!"] = true
	r.literal()
}

// cdata writes a CDATA section; one without an end reaches to the end tag of
// the element it stands in.
func (r *repair) cdata(rest []byte) {
	start := r.pos + len("<![CDATA[")
	end := r.sectionEnd(start)
	after := end + 3
	if end < 0 || bytes.Contains(rest[:end], []byte("<![CDATA[")) {
		if i := r.closing(rest); i >= 0 {
			end = i
		}
		if end < 0 {
			end = len(rest)
		}
		r.damaged = true
		after = end
	}
	r.pos = start + after
	if len(r.stack) == 0 {
		return
	}
	content := rest[:end]
	if r.kind() == plain {
		content = []byte(html.EscapeString(string(content)))
	}
	r.out = append(r.out, "<![CDATA["...)
	r.out = appendAllowed(r.out, content)
	r.out = append(r.out, "]]>"...)
}

// sectionEnd is where in in[start:] the next "]]>" stands, -1 if nowhere. It is
// remembered, or many sections cut short make reading quadratic.
func (r *repair) sectionEnd(start int) int {
	if r.section < start {
		i := bytes.Index(r.in[start:], []byte("]]>"))
		r.section = start + i
		if i < 0 {
			r.section = len(r.in)
		}
	}
	if r.section == len(r.in) {
		return -1
	}
	return r.section - start
}

// closing is where in rest the end tag of the open element stands, -1 if nowhere.
func (r *repair) closing(rest []byte) int {
	if len(r.stack) == 0 {
		return -1
	}
	return bytes.Index(rest, []byte("</"+r.stack[len(r.stack)-1].name))
}

func (r *repair) kind() textKind { return r.stack[len(r.stack)-1].kind }

// text writes character data. Text outside the root is junk and dropped.
func (r *repair) text(raw []byte) {
	if len(r.stack) == 0 {
		return
	}
	from := len(r.out)
	r.out = appendText(r.out, bytes.ReplaceAll(raw, []byte("]]>"), []byte("]]&gt;")))
	if r.kind() == plain {
		twice := bytes.ReplaceAll(r.out[from:], []byte("&"), []byte("&amp;"))
		r.out = append(r.out[:from], twice...)
	}
}

func isNameStart(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= utf8.RuneSelf
}

func isNameByte(c byte) bool {
	return isNameStart(c) || c >= '0' && c <= '9' || c == '-' || c == '.' || c == ':'
}

func local(name string) string {
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	return strings.ToLower(name)
}

func isItem(name string) bool {
	name = strings.ToLower(name)
	return name == "item" || name == "entry" || name == "rss:item" || name == "atom:entry"
}

func (r *repair) endTag(rest []byte) {
	n := 2
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	name := xmlName(rest[2:n])
	near := rest[n:min(len(rest), n+256)]
	if i := bytes.IndexAny(near, "<>"); i >= 0 && near[i] == '>' {
		n += i + 1
	}
	r.pos += n
	for i := len(r.stack) - 1; i >= 0; i-- {
		if r.stack[i].name == name || strings.EqualFold(r.stack[i].name, name) {
			r.closeTo(i)
			r.done = i == 0
			return
		}
	}
}

// closeTo closes open elements until only n are left.
func (r *repair) closeTo(n int) {
	for i := len(r.stack) - 1; i >= n; i-- {
		r.out = append(r.out, "</"...)
		r.out = append(r.out, r.stack[i].name...)
		r.out = append(r.out, '>')
		if isItem(r.stack[i].name) {
			r.item = -1
		}
	}
	r.stack = r.stack[:n]
}

func (r *repair) startTag(rest []byte) error {
	t, n := parseTag(rest)
	if r.tags++; r.tags > maxTags {
		return fmt.Errorf("%w: more than %d elements", ErrTooBig, maxTags)
	}
	if len(r.stack) == 0 {
		if err := r.root(t); err != nil {
			return err
		}
	}
	r.pos += n
	r.closeBefore(t.name)
	if err := r.count(t.name); err != nil {
		return err
	}
	if len(r.stack) >= maxDepth {
		return fmt.Errorf("%w: more than %d elements", ErrTooDeep, maxDepth)
	}
	e := element{name: t.name, base: r.scope(), kind: asIs}
	if b := t.attr("xml:base"); b != nil {
		e.base = directory(resolve(e.base, b.value))
		b.value = ""
		if e.base != nil {
			b.value = e.base.String()
		}
	}
	if r.atom {
		e.kind = r.construct(&t)
	}
	r.noteLink(t, e.base)
	if isItem(t.name) && r.item < 0 {
		r.item = len(r.out)
	}
	r.out = t.append(r.out)
	if !t.closed {
		r.stack = append(r.stack, e)
		return nil
	}
	if isItem(t.name) {
		r.item = -1
	}
	r.done = len(r.stack) == 0
	return nil
}

// count refuses more posts than any reader of the feed could want before the
// parser makes something of each.
func (r *repair) count(name string) error {
	if n := len(r.stack); n == 0 || !isContainer(r.stack[n-1].name) {
		return nil
	}
	if name = local(name); name != "item" && name != "entry" {
		return nil
	}
	if r.posts++; r.posts > maxPosts {
		return errPosts
	}
	return nil
}

func (r *repair) root(t tag) error {
	switch local(t.name) {
	case "feed":
		r.atom = true
	case "rss", "rdf":
	default:
		return fmt.Errorf("%w: its first element is <%.40s>", ErrNotFeed, t.name)
	}
	return nil
}

// scope is the base address in force, or nil where no xml:base was seen.
func (r *repair) scope() *url.URL {
	if len(r.stack) == 0 {
		return r.base
	}
	return r.stack[len(r.stack)-1].base
}

// closeBefore closes what a start tag of this name ends: HTML paragraphs and
// list items left open, and before an item all that items do not stand in.
func (r *repair) closeBefore(name string) {
	n := len(r.stack)
	if n == 0 {
		return
	}
	if lower := strings.ToLower(name); (lower == "p" || lower == "li") && strings.EqualFold(r.stack[n-1].name, name) {
		r.closeTo(n - 1)
		return
	}
	if !isItem(name) {
		return
	}
	for i := n - 1; i >= 0; i-- {
		if isContainer(r.stack[i].name) {
			r.damaged = r.damaged || i+1 < n
			r.closeTo(i + 1)
			return
		}
	}
}

// isContainer: items stand directly in it.
func isContainer(name string) bool {
	switch local(name) {
	case "channel", "rdf", "rss", "feed":
		return true
	}
	return false
}
