package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"html"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/mmcdole/gofeed"
	"github.com/mmcdole/gofeed/atom"
	ext "github.com/mmcdole/gofeed/extensions"
	"github.com/mmcdole/gofeed/json"
	"github.com/mmcdole/gofeed/rss"
)

// reader reads one item of a parsed feed.
type reader struct {
	item *gofeed.Item
	feed *gofeed.Feed
	site *url.URL // relative addresses resolve against it; nil = they are dropped
	now  time.Time

	permalink bool     // the GUID is the post's address (RSS 2.0, guid)
	author    string   // as RSS spells it
	credited  []string // whom the source of an aggregated Atom entry names
}

// original reads what gofeed's common form leaves out of item i.
func (r *reader) original(feed any, i int) {
	switch f := feed.(type) {
	case *rss.Feed:
		guid := f.Items[i].GUID
		r.permalink = guid == nil || !strings.EqualFold(guid.IsPermalink, "false")
		r.author = f.Items[i].Author
		f.Items[i] = nil
	case *atom.Feed:
		r.permalink = true
		if s := f.Entries[i].Source; s != nil {
			for _, a := range s.Authors {
				r.credited = append(r.credited, a.Name)
			}
		}
		f.Entries[i] = nil
	case *json.Feed:
		r.permalink = true
	}
}

func (r *reader) post() Post {
	p := Post{
		GUID:      strings.TrimSpace(first(r.item.GUID, r.extension("raw", "id"), r.extension("raw", "about"))),
		Title:     cut(plainText(r.title()), maxTitle),
		Author:    cut(r.byline(), maxAuthor),
		Tags:      r.tags(),
		FirstSeen: r.now,
	}
	p.URL = r.link(p.GUID)
	p.GUID = boundKey(p.GUID)
	p.Published, p.Updated = r.dates()
	base := r.site
	if u, err := url.Parse(p.URL); err == nil && p.URL != "" {
		base = u
	}
	content, summary := r.bodies()
	p.Content, p.Summary = cleanBody(content, base), cleanBody(summary, base)
	if p.Content == "" {
		p.Content = p.Summary
	}
	p.Image = boundAddress(r.image(p, base))
	return p
}

// What a post says of itself at most; a body has bounds of its own.
const (
	maxTitle     = 1000 // characters
	maxAuthor    = 200
	maxTag       = 100
	maxFeedTitle = 300
	maxAddress   = longKey // bytes of an address
)

// boundKey is guid, or the hash that [Keys] has for one as long.
func boundKey(guid string) string {
	if len(guid) > longKey {
		sum := sha256.Sum256([]byte(guid))
		return hex.EncodeToString(sum[:])
	}
	return guid
}

// boundAddress is address, or "": one of more than 2,000 bytes leads nowhere in a mail.
func boundAddress(address string) string {
	if len(address) > maxAddress {
		return ""
	}
	return address
}

func (r *reader) title() string {
	title := first(r.item.Title, r.extension("dc", "title"), r.extension("dcterms", "title"), r.extension("atom", "title"))
	if title != "" {
		return title
	}
	for _, m := range r.mediaParts() {
		for _, t := range m["title"] {
			title = first(title, t.Value)
		}
	}
	return first(title, r.extension("itunes", "title"))
}

// link is the post's own address. What FeedBurner replaced by its counter comes
// back from origLink.
func (r *reader) link(guid string) string {
	candidates := []string{r.extension("feedburner", "origLink"), r.item.Link}
	for _, l := range r.item.Extensions["atom"]["link"] {
		if rel := l.Attrs["rel"]; rel == "" || strings.EqualFold(rel, "alternate") {
			candidates = append(candidates, l.Attrs["href"])
		}
	}
	for _, c := range candidates {
		if u := boundAddress(webAddress(resolve(r.site, c))); c != "" && u != "" {
			return u
		}
	}
	if r.permalink && isWeb(guid) {
		return boundAddress(webAddress(resolve(nil, guid)))
	}
	for _, c := range append(r.item.Links, r.extension("dc", "identifier"), r.extension("dcterms", "identifier")) {
		if u := boundAddress(webAddress(resolve(r.site, c))); c != "" && u != "" {
			return u
		}
	}
	return ""
}

// byline is who wrote the post, by name: by the first source that gives one. A
// mail address is no name, and none is passed on.
func (r *reader) byline() string {
	var people []string
	for _, p := range r.item.Authors {
		if p != nil && r.feed.FeedType != "rss" {
			people = append(people, p.Name)
		}
	}
	sources := [][]string{people, {r.author}, r.extensions("dc", "creator"), r.extensions("dc", "author"), r.extensions("dcterms", "creator")}
	for _, a := range r.item.Extensions["atom"]["author"] {
		for _, n := range a.Children["name"] {
			people = append(people, n.Value)
		}
	}
	sources = append(sources, people, r.extensions("itunes", "author"), r.credited)
	if r.feed.FeedType != "rss" {
		var all []string
		for _, p := range r.feed.Authors {
			all = append(all, p.Name)
		}
		sources = append(sources, all)
	}
	for _, list := range sources {
		var names []string
		for _, s := range list {
			if n := personName(s); n != "" {
				names = append(names, n)
			}
		}
		if len(names) > 0 {
			return strings.Join(unique(names), ", ")
		}
	}
	return ""
}

var (
	mailWord    = regexp.MustCompile(`(?i)(?:mailto:)?[^\s<>()\[\]",;]+@[^\s<>()\[\]",;]+`)
	emptyQuotes = regexp.MustCompile(`<\s*>|\(\s*\)|\[\s*\]`)
)

// personName is the name in what feeds write of a person: "Name", "mail (Name)",
// "Name (mail)", "Name <mail>", or a mail address alone, in which there is none.
func personName(s string) string {
	s = plainText(s)
	if !strings.Contains(s, "@") {
		return s
	}
	s = mailWord.ReplaceAllString(s, "")
	s = strings.Trim(emptyQuotes.ReplaceAllString(s, ""), " \t\"',;:-")
	if strings.HasPrefix(s, "(") && strings.HasSuffix(s, ")") {
		s = s[1 : len(s)-1]
	}
	return foldText(s)
}

// bodies are the post's HTML in full and in short, "" where there is none.
func (r *reader) bodies() (content, summary string) {
	content = first(r.item.Content, r.extension("content", "encoded"), r.extension("atom", "content"))
	summary = r.item.Description
	if content == "" && summary == "" {
		content = r.mediaText()
	}
	if other := r.item.Custom["summary"]; content == "" && other != "" { // beside a description: the longer is the text
		if content = summary; len(other) > len(content) {
			content, other = other, content
		}
		summary = other
	}
	summary = first(summary, r.extension("atom", "summary"), r.extension("dc", "description"), r.extension("dcterms", "abstract"),
		paragraphs(r.extension("itunes", "summary")), paragraphs(r.extension("itunes", "subtitle")))
	return content, summary
}

// cleanBody cleans a body, whose addresses resolve against base unless it names
// another one in front.
func cleanBody(body string, base *url.URL) string {
	if rest, based := strings.CutPrefix(body, baseMark); based {
		if href, rest, found := strings.Cut(rest, `">`); found {
			if u := resolve(base, html.UnescapeString(href)); webAddress(u) != "" {
				return Clean(rest, u)
			}
		}
	}
	return Clean(body, base)
}

// tags are the categories as text, each once whatever its case, at most 50.
func (r *reader) tags() []string {
	list := append([]string(nil), r.item.Categories...)
	list = append(list, strings.Split(r.item.Custom["tags"], ",")...)
	if r.feed.FeedType != "rss" {
		list = append(list, r.extensions("dc", "subject")...)
		list = append(list, strings.Split(r.extension("itunes", "keywords"), ",")...)
	}
	list = append(list, r.extensions("dcterms", "subject")...)
	for _, c := range r.item.Extensions["itunes"]["category"] {
		list = append(list, c.Attrs["text"])
		for _, c := range c.Children["category"] {
			list = append(list, c.Attrs["text"])
		}
	}
	for _, m := range r.mediaParts() {
		for _, c := range m["category"] {
			list = append(list, first(c.Attrs["label"], c.Value))
		}
		for _, k := range m["keywords"] {
			list = append(list, strings.Split(k.Value, ",")...)
		}
	}
	var out []string
	for _, c := range list {
		if t := cut(plainText(c), maxTag); t != "" && len(out) < 50 {
			out = append(out, t)
		}
	}
	return unique(out)
}

// mediaParts are the item's Media RSS elements, those of groups and of single
// contents included.
func (r *reader) mediaParts() []map[string][]ext.Extension {
	parts := r.media()
	for _, m := range parts {
		for _, c := range m["content"] {
			parts = append(parts, c.Children)
		}
	}
	return parts
}

// extension is the text of the first extension element of this name.
func (r *reader) extension(prefix, name string) string {
	if list := r.item.Extensions[prefix][name]; len(list) > 0 {
		return strings.TrimSpace(list[0].Value)
	}
	return ""
}

func (r *reader) extensions(prefix, name string) []string {
	var out []string
	for _, e := range r.item.Extensions[prefix][name] {
		out = append(out, e.Value)
	}
	return out
}

func first(values ...string) string {
	for _, v := range values {
		if strings.TrimSpace(v) != "" {
			return v
		}
	}
	return ""
}

// unique drops what stood earlier in list, whatever its case.
func unique(list []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, s := range list {
		if key := strings.ToLower(s); !seen[key] {
			seen[key] = true
			out = append(out, s)
		}
	}
	return out
}
