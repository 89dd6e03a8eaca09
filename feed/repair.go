package feed

import (
	"bytes"
	"fmt"
	"net/url"
	"regexp"
)

// element is one that is open.
type element struct {
	name *name  // nil = ours, which no end tag closes
	out  string // as we write it; "" = not at all
	role role
	base *url.URL
}

// repair walks over XML as it is found in the wild and writes it again, as a
// feed any parser reads: balanced, without namespace declarations, every field
// under the name it usually has, its HTML as one CDATA section. The parser
// behind it fails a whole feed for one stray "&".
type repair struct {
	in      []byte
	pos     int
	out     []byte
	stack   []element
	base    *url.URL
	damaged bool
	done    bool // the root is closed, and no item comes after it
	links   links
	lang    string
	doc     normalised

	atom     bool   // Atom; RSS otherwise
	prefix   string // of the root
	stranger string // the element that stands where the root should; "" = none
	page     bool   // what was read so far is an HTML page
	headless bool   // it ends as a feed does, so that an item may be the first element we know
	glued    bool   // what follows is another document, of which only the items count
	titled   map[string]bool

	names    map[string]*name
	bindings []binding
	attrs    []attribute // room for the next tag's
	tags     int
	posts    int
	item     int   // where in out the item that is open begins; -1 = none
	field    field // the field that is open

	section int             // where the next "]]>" stands; len(in) = nowhere
	seam    int             // where the next end tag of an item stands; len(in) = nowhere
	begin   int             // where the next start tag of one stands; len(in) = nowhere
	post    int             // where the next item starts; len(in) = nowhere
	peeked  int             // bytes looked at ahead
	endless map[string]bool // closing marks not found once: not looked for again, or reading turns quadratic
}

// feedEnd are the end tags of feeds, and of the items that a feed cut off at both
// ends ends with.
var feedEnd = regexp.MustCompile(`(?i)</(?:[a-z]+:)?(?:rss|rdf|channel|feed|item|entry)\s*>\s*(?:<!--[^<>]*-->\s*)?$`)

// repairXML returns in as balanced XML without prolog, comments and DTD.
// An item that was cut off by the end of the bytes is dropped.
func repairXML(in []byte, base *url.URL) (normalised, error) {
	r := &repair{
		in: in, base: base, item: -1, section: -1, seam: -1, begin: -1, post: -1, field: field{at: -1},
		endless: map[string]bool{}, titled: map[string]bool{}, names: map[string]*name{}, out: make([]byte, 0, len(in)+len(in)/16),
	}
	r.headless = feedEnd.Match(in[max(0, len(in)-1024):])
	for r.pos < len(r.in) && !r.done && !r.page {
		if err := r.step(); err != nil {
			return normalised{}, err
		}
	}
	switch {
	case len(r.stack) == 0 && !r.done && r.page:
		return normalised{}, fmt.Errorf("%w: it is an HTML page", ErrNotFeed)
	case r.stranger != "" && r.posts == 0:
		return normalised{}, fmt.Errorf("%w: its first element is <%.40s>", ErrNotFeed, r.stranger)
	case len(r.stack) == 0 && !r.done:
		return normalised{}, ErrNotFeed
	}
	r.damaged = r.damaged || r.stranger != "" || r.item >= 0
	for _, e := range r.stack {
		r.damaged = r.damaged || e.name != nil // what we made up has no end
	}
	r.dropItem()
	r.closeTo(0)
	r.doc.body, r.doc.damaged, r.doc.links, r.doc.lang = r.out, r.damaged, r.links, r.lang
	return r.doc, nil
}

// dropItem takes back the item whose end never came.
func (r *repair) dropItem() {
	if r.item < 0 {
		return
	}
	r.out = r.out[:r.item]
	r.item, r.field.at = -1, -1
	for i, e := range r.stack {
		if e.role == rolePost {
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
	case len(rest) > 1 && isNameStart(rest[1]):
		return r.startTag(rest)
	case len(rest) > 2 && rest[1] == '/' && isNameStart(rest[2]):
		return r.endTag(rest)
	case bytes.HasPrefix(rest, []byte("<!--")):
		r.skip(rest, "-->")
	case bytes.HasPrefix(rest, []byte("<![CDATA[")):
		r.cdata(rest[len("<![CDATA["):])
	case bytes.HasPrefix(rest, []byte("<?")):
		r.skip(rest, "?>")
	case bytes.HasPrefix(rest, []byte("<!")) && !r.endless["<!"]:
		r.doctype(rest)
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

// cdata reads a CDATA section. One without an end, or with another inside,
// reaches to the end tag of the field it stands in, and none beyond its item:
// what follows is markup again.
func (r *repair) cdata(rest []byte) {
	start := r.pos + len("<![CDATA[")
	end := find(&r.section, r.in, start, "]]>")
	after := end + len("]]>")
	seam := r.itemEnd(start)
	lost := end < 0 || seam >= 0 && seam < end
	if lost || bytes.Contains(rest[:end], []byte("<![CDATA[")) {
		switch i := r.closing(rest); {
		case i >= 0 && (seam < 0 || i < seam):
			end = i
		case lost && seam >= 0:
			end = seam
		case end < 0:
			end = len(rest)
		}
		r.damaged = true
		after = end
	}
	r.pos = start + after
	said := rest[:end]
	if after == end {
		for _, mark := range []string{"<![CDATA[", "]]>"} {
			said = bytes.ReplaceAll(said, []byte(mark), nil)
		}
	}
	r.literalText(said)
}

// find is where in in[start:] mark stands next, -1 if nowhere. It is remembered
// in at, or many sections cut short make reading quadratic.
func find(at *int, in []byte, start int, mark string) int {
	if *at < start {
		i := bytes.Index(in[start:], []byte(mark))
		*at = start + i
		if i < 0 {
			*at = len(in)
		}
	}
	if *at == len(in) {
		return -1
	}
	return *at - start
}

// itemEnd is where in in[start:] the open item ends, as far as text can tell
// that: at its end tag, if no item begins before it, and one does behind it or
// the feed ends there.
// -1 if nowhere.
func (r *repair) itemEnd(start int) int {
	raw := r.openItem()
	if raw == "" {
		return -1
	}
	end := find(&r.seam, r.in, start, "</"+raw)
	if end < 0 {
		return -1
	}
	behind := bytes.TrimLeft(r.in[start+end+len("</"+raw):], " \t\r\n>")
	begin := find(&r.begin, r.in, start, "<"+raw)
	if begin >= 0 && begin < end || !bytes.HasPrefix(behind, []byte("<"+raw)) && !endsFeed.Match(behind[:min(len(behind), 40)]) {
		return -1
	}
	return end
}

var endsFeed = regexp.MustCompile(`(?i)^</(?:[a-z]+:)?(?:rss|rdf|channel|feed)\b`)

// openItem is the name of the item that is open, as written; "" = none is.
func (r *repair) openItem() string {
	for i := len(r.stack) - 1; i >= 0 && r.item >= 0; i-- {
		if e := r.stack[i]; e.role == rolePost && e.name != nil {
			return e.name.raw
		}
	}
	return ""
}

// closing is where in rest the end tag of the open field stands, -1 if nowhere.
func (r *repair) closing(rest []byte) int {
	if r.field.at < 0 {
		return -1
	}
	mark := "</" + r.stack[r.field.at].name.raw
	if r.endless[mark] {
		return -1
	}
	i := bytes.Index(rest, []byte(mark))
	if i < 0 {
		r.endless[mark] = true
	}
	return i
}

func (r *repair) endTag(rest []byte) error {
	n := 2
	for n < len(rest) && isNameByte(rest[n]) {
		n++
	}
	fold := r.intern(rest[2:n]).fold
	near := rest[n:min(len(rest), n+256)]
	if i := bytes.IndexAny(near, "<>"); i >= 0 && near[i] == '>' {
		n += i + 1
	}
	r.pos += n
	for i := len(r.stack) - 1; i >= 0; i-- {
		if e := r.stack[i]; e.name == nil || e.name.fold != fold {
			continue
		}
		if i > 0 {
			r.closeTo(i)
		} else {
			r.endRoot()
		}
		return nil
	}
	r.tags += len(r.stack) / 32 // for the search
	return r.count()
}

// endRoot closes the document, unless another was glued to it.
func (r *repair) endRoot() {
	if r.post < r.pos {
		r.post = len(r.in)
		for _, mark := range []string{"<item>", "<item ", "<entry>", "<entry "} {
			if i := bytes.Index(r.in[r.pos:], []byte(mark)); i >= 0 {
				r.post = min(r.post, r.pos+i)
			}
		}
	}
	if r.post < len(r.in) {
		r.closeTo(1)
		r.glued, r.damaged = true, true
		return
	}
	r.closeTo(0)
	r.done = true
}

// closeTo closes open elements until only n are left.
func (r *repair) closeTo(n int) {
	for len(r.stack) > n {
		last := len(r.stack) - 1
		e := r.stack[last]
		r.stack = r.stack[:last]
		r.unbind(last)
		r.finish(e)
	}
}

// finish writes what ends e, which is no longer on the stack.
func (r *repair) finish(e element) {
	if e.role == roleField {
		r.endField(e)
	}
	if e.out != "" {
		r.endMark(e)
	}
	if e.role == rolePost {
		r.doc.items = append(r.doc.items, span{r.item, len(r.out)})
		r.item = -1
	}
}

func (r *repair) endMark(e element) {
	r.out = append(r.out, "</"...)
	r.out = append(r.out, e.out...)
	r.out = append(r.out, '>')
}

func (r *repair) count() error {
	if r.tags++; r.tags > maxTags {
		return fmt.Errorf("%w: more than %d elements", ErrTooBig, maxTags)
	}
	return nil
}

// scope is the base address in force.
func (r *repair) scope() *url.URL {
	if len(r.stack) == 0 {
		return r.base
	}
	return r.stack[len(r.stack)-1].base
}
