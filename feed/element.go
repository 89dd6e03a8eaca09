package feed

import (
	"fmt"
	"strings"
)

// role is what an element is to us.
type role uint8

const (
	roleFeed   role = iota // rss, channel, feed: items stand in it
	rolePost               // item, entry
	roleGroup              // holds fields of its own: author, media:group
	roleField              // holds text or HTML
	roleInline             // HTML inside a field
	roleMute               // nothing of it is written
)

func (r *repair) startTag(rest []byte) error {
	t, n := r.parseTag(rest)
	if err := r.count(); err != nil {
		return err
	}
	r.pos += n
	if len(r.stack) == 0 && !r.root(&t) {
		return nil
	}
	r.bind(&t, len(r.stack)+1)
	space := r.space(t.name)
	r.unbind(len(r.stack))
	r.closeBefore(t.name, space)
	if len(r.stack) >= maxDepth {
		return fmt.Errorf("%w: more than %d elements", ErrTooDeep, maxDepth)
	}
	e := element{name: t.name, base: r.scope()}
	if t.based {
		if u := resolve(e.base, t.value("xml:base")); webAddress(u) != "" {
			e.base = u
		}
	}
	if err := r.place(&e, &t, space); err != nil {
		return err
	}
	if e.role == roleInline && voidTags[t.name.local] {
		return nil // has no end tag
	}
	if t.closed {
		r.finish(e)
		return nil
	}
	r.stack = append(r.stack, e)
	r.bind(&t, len(r.stack))
	return nil
}

// root says whether t begins the document. Junk before the root is passed by;
// a root that was lost is made up.
func (r *repair) root(t *tag) bool {
	made := "rss"
	switch local := t.name.local; {
	case local == "feed":
		r.atom, r.prefix, r.lang = true, t.name.prefix, t.value("xml:lang")
		return true
	case local == "rss" || local == "rdf":
		r.prefix, r.lang = t.name.prefix, t.value("xml:lang")
		return true
	case local == "entry":
		r.atom, made = true, "feed"
	case local == "channel", local == "item" && (r.stranger == "" || r.headless):
	case local == "html" || local == "body" || local == "head":
		r.page = true
		return false
	default:
		if r.stranger == "" && !junk[local] {
			r.stranger = t.name.raw
		}
		return false
	}
	r.stack = append(r.stack, element{out: made, base: r.base})
	r.out = append(r.out, "<"+made+">"...)
	return true
}

// junk are the elements of messages that servers put before a feed.
var junk = map[string]bool{
	"a": true, "b": true, "br": true, "center": true, "code": true, "div": true, "em": true, "font": true, "h1": true, "h2": true, "h3": true, "hr": true,
	"i": true, "p": true, "pre": true, "script": true, "small": true, "span": true, "strong": true, "style": true, "table": true, "td": true, "th": true, "tr": true, "u": true,
}

func isPost(n *name) bool { return n.local == "item" || n.local == "entry" }

// closeBefore closes what a start tag of this name ends: HTML paragraphs and
// list items left open, before an item all that items do not stand in, and
// before a field the one whose end tag is lost.
func (r *repair) closeBefore(n *name, space string) {
	top := len(r.stack) - 1
	if top < 0 {
		return
	}
	if e := r.stack[top]; e.role == roleInline && (n.fold == "p" || n.fold == "li") && e.name.fold == n.fold {
		r.closeTo(top)
		return
	}
	if isPost(n) && (space == "" || space == "atom") && (r.atom == (n.local == "entry") || r.glued) {
		for i := top; i >= 0; i-- {
			if r.stack[i].role == roleFeed {
				r.damaged = r.damaged || i < top
				r.closeTo(i + 1)
				return
			}
		}
	}
	if r.field.at >= 0 && r.endsField(n, space) {
		r.damaged = true
		r.closeTo(r.field.at)
	}
}

// endsField: no HTML has an element of this name, so that the field it stands in
// has lost its end tag.
func (r *repair) endsField(n *name, space string) bool {
	switch space {
	case "":
	case "dc", "dcterms", "content", "media", "itunes", "feedburner":
		return true
	default:
		return false
	}
	switch n.local {
	case "pubdate", "guid", "enclosure", "comments", "published", "updated", "issued", "modified", "category":
		return true
	case "title", "link", "description", "content", "id", "author", "summary":
		return r.field.short
	}
	return false
}

// place finds out what e is, and writes its start tag.
func (r *repair) place(e *element, t *tag, space string) error {
	in := roleFeed
	if n := len(r.stack); n > 0 {
		in = r.stack[n-1].role
	}
	switch {
	case in == roleMute:
		e.role = roleMute
	case in == roleField || in == roleInline:
		r.inField(e, t, space)
	case in == roleFeed:
		return r.inFeed(e, t, space)
	default:
		r.inPost(e, t, space)
	}
	return nil
}

func (r *repair) inFeed(e *element, t *tag, space string) error {
	local := t.name.local
	switch {
	case len(r.stack) == 0:
		e.out = "rss"
		if r.atom {
			e.out = "feed"
		}
		r.out = append(r.out, "<"+e.out+">"...)
	case space != "" && !(isPost(t.name) && space == "atom"):
		r.feedField(e, t, space+":"+local)
	case local == "channel" && !r.atom && !r.titled["channel"]:
		r.titled["channel"] = true
		e.out = "channel"
		r.out = append(r.out, "<channel>"...)
		r.lang = first(r.lang, t.value("xml:lang"))
		r.channelLink(t)
	case local == "channel" || local == "items" || local == "rss" || local == "rdf" || local == "feed":
		// holds items, and is not needed for that
	case isPost(t.name):
		return r.openPost(e, t)
	default:
		r.feedField(e, t, local)
	}
	return nil
}

// feedField keeps of what a feed says about itself what we want to know, the
// first time it is said: later ones may come from an item that lost its start tag.
func (r *repair) feedField(e *element, t *tag, name string) {
	e.role = roleMute
	if r.glued {
		return
	}
	if name == "link" || name == "atom:link" {
		r.links.note(t.value("rel"), t.value("href"), e.base)
	}
	if r.titled[name] {
		return
	}
	switch name {
	case "link", "atom:link":
		if name == "atom:link" || t.value("href") != "" {
			r.openLink(e, t)
			return
		}
	case "author", "atom:author":
		if !r.atom {
			return
		}
		r.openGroup(e, t, "author")
		return
	case "title", "language", "dc:title", "dc:language":
	default:
		return
	}
	r.titled[name] = !t.closed
	r.openField(e, t, name)
}

// channelLink takes over the address a Channel Definition Format channel, or an
// item of one, carries as an attribute.
func (r *repair) channelLink(t *tag) {
	if href := t.value("href"); href != "" && !r.atom {
		r.out = append(append(append(r.out, "<link>"...), escapeText(href)...), "</link>"...)
	}
}

// openPost starts an item. It refuses more than any reader of the feed could
// want before the parser makes something of each.
func (r *repair) openPost(e *element, t *tag) error {
	if r.posts++; r.posts > maxPosts {
		return errPosts
	}
	e.role, e.out = rolePost, "item"
	if r.atom {
		e.out = "entry"
	}
	r.item = len(r.out)
	r.out = append(r.out, "<"+e.out+">"...)
	r.channelLink(t)
	if mod := t.value("lastmod"); mod != "" {
		r.out = append(append(append(r.out, "<pubDate>"...), escapeText(mod)...), "</pubDate>"...)
	}
	if about := t.value("rdf:about"); about != "" {
		r.out = append(append(append(r.out, "<raw:about>"...), escapeText(about)...), "</raw:about>"...)
	}
	return nil
}

// inPost places what stands in an item, or in a group of one.
func (r *repair) inPost(e *element, t *tag, space string) {
	parent := r.stack[len(r.stack)-1]
	local := t.name.local
	switch {
	case parent.out == "author" || parent.out == "atom:author":
		e.role = roleMute
		if local == "name" {
			r.openField(e, t, strings.TrimSuffix(parent.out, "author")+"name")
		}
	case parent.out == "source":
		e.role = roleMute
		if local == "author" {
			r.openGroup(e, t, "author")
		}
	case space == "":
		r.ownField(e, t, local)
	case space == foreign:
		e.role = roleMute
	case space == "atom":
		r.atomField(e, t, local)
	case space == "xhtml":
		e.role = roleMute
		if local == "body" || local == "div" {
			r.openField(e, t, "content:encoded")
		}
	case groups[space+":"+local]:
		r.openGroup(e, t, space+":"+local)
	case space == "media" && !mediaFields[local]:
		e.role = roleMute
	default:
		r.openField(e, t, space+":"+t.name.word)
	}
}

// groups are the fields of an item with fields of their own.
var groups = map[string]bool{"media:group": true, "media:content": true, "itunes:category": true}

// mediaFields are those of Media RSS (1.5.1) that say something of a post.
var mediaFields = map[string]bool{"title": true, "description": true, "keywords": true, "category": true, "thumbnail": true, "player": true}

// ownField places a field in the format's own namespace.
func (r *repair) ownField(e *element, t *tag, local string) {
	switch {
	case local == "id":
		r.openField(e, t, "raw:id")
	case local == "link" && (r.atom || t.value("href") != ""):
		r.openLink(e, t)
	case local == "category" || local == "tag":
		r.openCategory(e, t)
	case local == "author" && r.atom:
		r.openGroup(e, t, "author")
	case local == "source" && r.atom:
		r.openGroup(e, t, "source")
	case local == "created" || !r.atom && local == "issued":
		r.openField(e, t, "dcterms:"+local)
	case !r.atom && (local == "modified" || local == "updated"):
		r.openField(e, t, "dcterms:modified")
	case local == "image":
		r.openGroup(e, t, "raw:image")
	case local == "source" || local == "comments" || local == "contributor" || local == "textinput":
		e.role = roleMute
	case r.atom && local == "description":
		r.openField(e, t, "summary")
	case r.atom && local == "pubdate":
		r.openField(e, t, "published")
	case r.atom:
		r.openField(e, t, local)
	case local == "content" || local == "body" || local == "fullitem" || local == "encoded":
		r.openField(e, t, "content:encoded")
	case local == "abstract":
		r.openField(e, t, "description")
	default:
		r.openField(e, t, local)
	}
}

// atomField places an Atom element of an RSS item.
func (r *repair) atomField(e *element, t *tag, local string) {
	switch local {
	case "id":
		r.openField(e, t, "raw:id")
	case "link":
		r.openLink(e, t)
	case "category":
		r.openCategory(e, t)
	case "author":
		r.openGroup(e, t, "atom:author")
	case "source", "contributor":
		e.role = roleMute
	default:
		r.openField(e, t, "atom:"+local)
	}
}
