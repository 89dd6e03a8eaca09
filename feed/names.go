package feed

import (
	"strings"
	"unicode/utf8"
)

// name is the name of an element or attribute.
type name struct {
	raw    string // as written
	fold   string // in lower case, by which start and end tags meet
	prefix string // in lower case; "" = none
	local  string // in lower case
	word   string // local as written
}

// maxNames of a document are remembered; more are made anew each time.
const maxNames = 4096

// intern is b as a name. Feeds have few, so that remembering them saves making
// each thousands of times.
func (r *repair) intern(b []byte) *name {
	if n, known := r.names[string(b)]; known {
		return n
	}
	n := newName(string(b))
	if len(r.names) < maxNames {
		r.names[n.raw] = n
	}
	return n
}

func newName(raw string) *name {
	word := strings.Map(func(c rune) rune {
		if c >= utf8.RuneSelf {
			return '_'
		}
		return c
	}, strings.Trim(raw, ":"))
	n := &name{raw: raw, fold: strings.ToLower(raw)}
	if prefix, rest, found := strings.Cut(word, ":"); found {
		n.prefix, word = strings.ToLower(prefix), strings.ReplaceAll(rest, ":", "_")
	}
	n.local = strings.ToLower(word)
	if n.word = word; word == strings.ToUpper(word) {
		n.word = n.local
	}
	return n
}

// spaces are the namespaces a post's fields come from, by address as
// [spaceKey] has it, and the prefix each goes by behind us. Elements of any
// other namespace are no field of a post.
var spaces = map[string]string{
	"purl.org/dc/elements/1.0":              "dc",
	"purl.org/dc/elements/1.1":              "dc",
	"purl.org/dc/terms":                     "dcterms",
	"purl.org/rss/1.0/modules/dcterms":      "dcterms",
	"purl.org/rss/1.0/modules/content":      "content",
	"search.yahoo.com/mrss":                 "media",
	"video.search.yahoo.com/mrss":           "media",
	"tools.search.yahoo.com/mrss":           "media",
	"itunes.com/dtds/podcast-1.0.dtd":       "itunes",
	"example.com/dtds/podcast-1.0.dtd":      "itunes",
	"w3.org/2005/atom":                      "atom",
	"purl.org/atom/ns":                      "atom",
	"rssnamespace.org/feedburner/ext/1.0":   "feedburner",
	"w3.org/1999/xhtml":                     "xhtml",
	"w3.org/1999/02/22-rdf-syntax-ns":       "rss",
	"purl.org/rss/1.0":                      "rss",
	"purl.org/net/rss1.1":                   "rss",
	"my.netscape.com/rdf/simple/0.9":        "rss",
	"channel.netscape.com/rdf/simple/0.9":   "rss",
	"my.netscape.com/publish/formats/rss-0": "rss",
	"backend.userland.com/rss":              "rss",
	"backend.userland.com/rss2":             "rss",
	"backend.userland.com/rss091":           "rss",
	"blogs.law.harvard.edu/tech/rss":        "rss",
	"cyber.law.harvard.edu/rss":             "rss",
}

// prefixes are those that mean the usual thing where nothing declares them, or
// where their address is misspelt.
var prefixes = map[string]string{
	"dc": "dc", "dcterms": "dcterms", "content": "content", "media": "media", "itunes": "itunes", "feedburner": "feedburner",
	"atom": "atom", "atom10": "atom", "atom03": "atom", "a10": "atom", "xhtml": "xhtml", "rss": "rss", "rdf": "rss",
}

const foreign = "?" // a namespace none of a post's fields come from

// binding is a namespace declaration in force.
type binding struct {
	prefix string
	space  string // see spaces
	depth  int    // of the element that makes it
}

// maxBindings in force at once; more are not heeded, for each name is looked up in them.
const maxBindings = 128

// bind takes up the declarations of t, whose element is to stand depth deep.
func (r *repair) bind(t *tag, depth int) {
	if !t.declares {
		return
	}
	for _, a := range t.attrs {
		if prefix := a.name.local; a.name.fold == "xmlns" || a.name.prefix == "xmlns" {
			if a.name.fold == "xmlns" {
				prefix = ""
			}
			if len(r.bindings) < maxBindings {
				r.bindings = append(r.bindings, binding{prefix, spaceOf(prefix, a.value), depth})
			}
		}
	}
}

// unbind forgets what elements deeper than depth declared.
func (r *repair) unbind(depth int) {
	n := len(r.bindings)
	for n > 0 && r.bindings[n-1].depth > depth {
		n--
	}
	r.bindings = r.bindings[:n]
}

func spaceOf(prefix, address string) string {
	if space, known := spaces[spaceKey(address)]; known {
		return space
	}
	if space, known := prefixes[prefix]; known {
		return space
	}
	return foreign
}

// spaceKey is a namespace's address without what writers get wrong in it.
func spaceKey(address string) string {
	s := strings.ToLower(strings.TrimSpace(address))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "http://"), "https://")
	return strings.TrimRight(strings.TrimPrefix(s, "www."), "/#")
}

// space is the namespace of an element, "" for the format's own. The default
// namespace of the root is the format's own whatever it is called.
func (r *repair) space(n *name) string {
	for i := len(r.bindings) - 1; i >= 0; i-- {
		b := r.bindings[i]
		if b.prefix != n.prefix {
			continue
		}
		if n.prefix == "" && (b.depth <= 1 || b.space == foreign) {
			return ""
		}
		return r.native(b.space, b.depth <= 1 && n.prefix == r.prefix)
	}
	if n.prefix == "" {
		return ""
	}
	space, known := prefixes[n.prefix]
	if !known {
		space = foreign
	}
	return r.native(space, n.prefix == r.prefix)
}

// native is space, or "" when it is the format's own: by its name, or for being
// the root's.
func (r *repair) native(space string, root bool) string {
	if root || space == "rss" || r.atom && space == "atom" {
		return ""
	}
	return space
}
