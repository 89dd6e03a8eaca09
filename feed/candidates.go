package feed

import (
	"bytes"
	"cmp"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
)

// Ways in which the address of a feed is come by, as [Candidate].How holds them.
// The sentence a person reads is the value itself.
const (
	HowGiven  = "it is the address given"
	HowLink   = "the page declares it"
	HowHeader = "the answer's Link header declares it"
	HowAnchor = "the page links to it"
	HowPlace  = "feeds of this kind of site stand there"
	HowUsual  = "feeds often stand there"
)

// Candidate is an address where a feed may be, and once [Discover] has read it,
// what stands there.
type Candidate struct {
	URL   string // absolute http(s)
	How   string // one of the How constants
	Title string // as declared beside the address, text on one line; "" = none
	Type  string // the media type as declared, lower case; "" = none
	Kind  string // KindPosts, KindPart or KindComments

	Document Document // zero from [Candidates]
	Full     bool     // most posts stand in it with their whole text
	Same     int      // 1 + the index in [Found].Candidates of one that holds the same posts; 0 = none before it does
}

// Kinds of feeds, the better first.
const (
	KindPosts    = "posts"
	KindPart     = "part"     // of the posts: of one category, tag or author
	KindComments = "comments" // what readers wrote
)

const (
	maxCandidates = 20
	maxDeclared   = 12
	maxAnchors    = 4
	maxScanned    = 50_000 // tags of a page that are looked at
)

// Candidates lists where the feeds of a page may be, the likeliest first, at most
// 20 and each once: what <link rel="alternate"> and the Link header (RFC 8288)
// declare, then what the page links to, then the places where its kind of site
// keeps feeds, then the usual ones. Feeds of comments come after the others of
// their group.
//
// contentType is the HTTP header, "" = none. base is the page's address, http or
// https. The page may be broken in any way; nothing is fetched.
func Candidates(page []byte, contentType string, base *url.URL, header http.Header) []Candidate {
	if base == nil || webAddress(base) == "" {
		return nil
	}
	return scanPage(page, contentType, base).candidates(base, header)
}

// candidates are those of [Candidates].
func (p webPage) candidates(base *url.URL, header http.Header) []Candidate {
	declared := slices.Concat(p.links, linkHeader(header.Values("Link"), base))
	var list []Candidate
	list = appendNew(list, maxDeclared, commentsLast(declared))
	list = appendNew(list, len(list)+maxAnchors, commentsLast(sameSiteFirst(p.anchors, base)))
	return appendNew(list, maxCandidates, places(p, base))
}

// appendNew adds those of more that are not in list, until it holds limit.
func appendNew(list []Candidate, limit int, more []Candidate) []Candidate {
	for _, c := range more {
		if len(list) >= limit {
			break
		}
		if !slices.ContainsFunc(list, func(have Candidate) bool { return have.URL == c.URL }) {
			list = append(list, c)
		}
	}
	return list
}

func commentsLast(list []Candidate) []Candidate {
	return slices.SortedStableFunc(slices.Values(list), func(a, b Candidate) int {
		return cmp.Compare(kindRank(a.Kind), kindRank(b.Kind))
	})
}

func sameSiteFirst(list []Candidate, base *url.URL) []Candidate {
	away := func(c Candidate) int {
		if u, err := url.Parse(c.URL); err == nil && sameSite(u, base) {
			return 0
		}
		return 1
	}
	return slices.SortedStableFunc(slices.Values(list), func(a, b Candidate) int { return cmp.Compare(away(a), away(b)) })
}

func kindRank(kind string) int {
	return slices.Index([]string{KindPosts, KindPart, KindComments}, kind)
}

// sameSite: the same host, with or without www.
func sameSite(a, b *url.URL) bool {
	bare := func(u *url.URL) string { return strings.TrimPrefix(strings.ToLower(u.Host), "www.") }
	return bare(a) == bare(b)
}

// webPage is what of an HTML page can tell where its feeds are.
type webPage struct {
	base      *url.URL // after <base href>
	links     []Candidate
	anchors   []Candidate
	generator string // lower case
	refresh   string // where <meta http-equiv="refresh"> leads, absolute; "" = nowhere
	canonical string // as written
	channel   string // of a YouTube page
	title     string
	text      []byte // of the page, UTF-8
}

var (
	outOfPage  = regexp.MustCompile(`(?is)<!--.*?-->|<script\b.*?</script\s*>`)
	looseLinks = regexp.MustCompile(`(?i)<link\s[^<>]*`)
)

// scanPage reads a page tag by tag: no tree is built, so nothing in it can nest.
func scanPage(body []byte, contentType string, base *url.URL) webPage {
	p := webPage{base: base, text: pageText(body, contentType)}
	tags := tagsOf(p.text, maxScanned)
	p.read(tags)
	if len(p.links) == 0 {
		// An element that is never closed, <title> say, may have swallowed them.
		var loose []startTag
		rest := outOfPage.ReplaceAll(p.text, nil)
		for _, m := range looseLinks.FindAll(rest, maxScanned) {
			loose = append(loose, tagsOf(append(slices.Clone(m), '>'), 1)...)
		}
		p.read(loose)
	}
	return p
}

// pageText is the page in UTF-8. Its charset is found as browsers do, for titles
// alone: addresses are ASCII.
func pageText(body []byte, contentType string) []byte {
	enc, name, _ := charset.DetermineEncoding(body, contentType)
	if name == "utf-8" {
		return bytes.ToValidUTF8(body, []byte("\uFFFD"))
	}
	if decoded, err := enc.NewDecoder().Bytes(body); err == nil {
		return decoded
	}
	return bytes.ToValidUTF8(body, []byte("\uFFFD"))
}

// startTag is one that may matter, and the text up to the next tag.
type startTag struct {
	name  string
	attrs map[string]string
	text  string
}

// tagsOf reads at most limit tags of the kinds that matter. Bytes that make up
// an attribute of more than 64 KiB are no address and end the reading.
func tagsOf(text []byte, limit int) []startTag {
	var tags []startTag
	z := html.NewTokenizer(bytes.NewReader(text))
	z.SetMaxBuf(1 << 20)
	for len(tags) < limit {
		switch z.Next() {
		case html.ErrorToken:
			return tags
		case html.TextToken:
			if text := z.Text(); len(tags) > 0 && len(tags[len(tags)-1].text) < 300 {
				tags[len(tags)-1].text += string(text[:min(300, len(text))])
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := z.TagName()
			switch n := string(name); n {
			case "link", "base", "meta", "a", "title":
				tags = append(tags, startTag{name: n, attrs: attrsOf(z, more)})
			}
		}
	}
	return tags
}

func attrsOf(z *html.Tokenizer, more bool) map[string]string {
	attrs := map[string]string{}
	for more {
		var key, value []byte
		key, value, more = z.TagAttr()
		if _, again := attrs[string(key)]; !again && len(attrs) < 20 && len(value) < 4096 {
			attrs[string(key)] = strings.ToValidUTF8(string(value), "\uFFFD")
		}
	}
	return attrs
}

// read takes what matters from tags. <base href> counts wherever it stands, the
// first one alone (HTML, section 4.2.3).
func (p *webPage) read(tags []startTag) {
	for _, t := range tags {
		if href := t.attrs["href"]; t.name == "base" && href != "" {
			if u := resolve(p.base, href); webAddress(u) != "" {
				p.base = u
			}
			break
		}
	}
	for _, t := range tags {
		switch t.name {
		case "title":
			p.title = first(p.title, foldText(t.text))
		case "meta":
			p.meta(t.attrs)
		case "link":
			p.link(t.attrs)
		case "a":
			p.anchor(t)
		}
	}
	p.judge()
}

// judge takes back what titles told of comments where the blog's own name does.
func (p *webPage) judge() {
	if !commentsWord.MatchString(p.title) {
		return
	}
	for _, list := range [][]Candidate{p.links, p.anchors} {
		for i, c := range list {
			if u, err := url.Parse(c.URL); err == nil {
				list[i].Kind = kindOf(u, "")
			}
		}
	}
}

var refreshTo = regexp.MustCompile(`(?i)^\s*[0-9.]*\s*[;,]\s*(?:url\s*=)?\s*["']?\s*([^"']+)`)

func (p *webPage) meta(attrs map[string]string) {
	content := attrs["content"]
	switch {
	case strings.EqualFold(attrs["name"], "generator"):
		p.generator = first(p.generator, strings.ToLower(content))
	case strings.EqualFold(attrs["http-equiv"], "refresh"):
		if m := refreshTo.FindStringSubmatch(content); m != nil && p.refresh == "" {
			p.refresh = webAddress(resolve(p.base, m[1]))
		}
	case strings.EqualFold(attrs["itemprop"], "channelId"), strings.EqualFold(attrs["itemprop"], "identifier"):
		p.channel = first(p.channel, content)
	}
}

func (p *webPage) link(attrs map[string]string) {
	rels := strings.Fields(strings.ToLower(attrs["rel"]))
	if slices.Contains(rels, "canonical") {
		p.canonical = first(p.canonical, attrs["href"])
	}
	if !declaresFeed(rels, attrs["type"], attrs["href"]) {
		return
	}
	if c, ok := candidate(p.base, attrs["href"], attrs["title"], attrs["type"], HowLink); ok && len(p.links) < 10*maxDeclared {
		p.links = append(p.links, c)
	}
}

// declaresFeed: rel "feed" always does, "alternate" with the type of a feed, or
// without a type and with the address of one.
func declaresFeed(rels []string, mediaType, href string) bool {
	mediaType, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(mediaType)), ";")
	switch {
	case slices.Contains(rels, "feed"), slices.Contains(rels, "service.feed"):
		return !strings.HasPrefix(mediaType, "text/html")
	case !slices.Contains(rels, "alternate") || slices.Contains(rels, "stylesheet"):
		return false
	}
	switch mediaType = strings.TrimSpace(mediaType); mediaType {
	case "":
		return looksLikeFeed(href)
	case "application/json":
		return !strings.Contains(href, "wp-json") && !strings.Contains(href, "rest_route=")
	case "application/xml", "text/xml", "application/feed+json":
		return true
	}
	return strings.Contains(mediaType, "rss") || strings.Contains(mediaType, "atom") || strings.Contains(mediaType, "rdf")
}

var (
	feedPath = regexp.MustCompile(`(?i)(?:^|/)(?:feeds?|rss2?|atom|[a-z0-9_-]*feed|(?:index|feed|rss2?|atom|posts|all|blog)(?:[._-][a-z0-9_-]+)*\.(?:xml|json|rdf)|[^/]+\.(?:rss|atom|rdf))/?$`)
	feedWord = regexp.MustCompile(`(?i)^(?:rss|atom|xml|json)(?:[\s/-]*(?:feed|2\.0|1\.0|atom))?$|\b(?:rss|atom)\b.{0,20}\bfeed\b|\bvia rss\b`)
)

// readerSites show feeds or link to "add this feed"; none of them is one.
var readerSites = []string{"feedly.com", "inoreader.com", "newsblur.com", "theoldreader.com", "netvibes.com", "facebook.com", "twitter.com", "x.com"}

// looksLikeFeed: by its path or its query.
func looksLikeFeed(href string) bool {
	u, err := url.Parse(squeezeURL(href))
	if err != nil {
		return false
	}
	q := u.Query()
	for _, key := range []string{"feed", "format", "alt", "type"} {
		if v := strings.ToLower(q.Get(key)); v == "rss" || v == "rss2" || v == "atom" || v == "feed" {
			return true
		}
	}
	return feedPath.MatchString(u.Path) || strings.HasPrefix(u.Hostname(), "feeds.")
}

func (p *webPage) anchor(t startTag) {
	href := t.attrs["href"]
	if len(p.anchors) >= 10*maxAnchors || href == "" || !looksLikeFeed(href) && !feedWord.MatchString(foldText(t.text)) {
		return
	}
	c, ok := candidate(p.base, href, cmp.Or(t.attrs["title"], t.text), t.attrs["type"], HowAnchor)
	if !ok {
		return
	}
	for _, site := range readerSites {
		if u, err := url.Parse(c.URL); err != nil || below(u.Hostname(), site) {
			return
		}
	}
	p.anchors = append(p.anchors, c)
}

// candidate is href as an absolute address, unless it is none a feed can have.
func candidate(base *url.URL, href, title, mediaType, how string) (Candidate, bool) {
	if strings.TrimSpace(href) == "" {
		return Candidate{}, false // this page itself
	}
	u := resolve(base, webFeed(href))
	if u == nil || len(href) > 2048 {
		return Candidate{}, false
	}
	u.Fragment = ""
	c := Candidate{URL: webAddress(u), How: how, Title: cut(foldText(title), 200), Type: cut(strings.ToLower(foldText(mediaType)), 100)}
	c.Kind = kindOf(u, c.Title)
	return c, c.URL != ""
}

// webFeed is an address in the form feed://host/ or feed:https://host/ as one of the web.
func webFeed(address string) string {
	trimmed := strings.TrimSpace(address)
	if len(trimmed) > 5 && strings.EqualFold(trimmed[:5], "feed:") {
		rest := trimmed[5:]
		if isWeb(rest) {
			return rest
		}
		return "https://" + strings.TrimLeft(rest, "/")
	}
	return address
}

var (
	commentsPath = regexp.MustCompile(`(?i)(?:^|[/_.-])comments?(?:[/_.-]|$)|^/feeds/[0-9]+/comments`)
	// The word for comments as blog software writes it into titles of feeds.
	commentsWord = regexp.MustCompile(`(?i)\bcomments?\b|kommentar|commentaire|coment[aá]rio|commenti\b|reacties|komentar|коммент|комент|σχόλι|yorum|koment[aá]ř|hozzászólás|コメント|评论|評論|留言|댓글|תגובות|التعليقات`)
	partPath     = regexp.MustCompile(`(?i)/(?:categor(?:y|ies|ie|ia)|kategorie|tags?|tagged|labels?|topics?|authors?|archives?|search)/|/-/`)
)

// kindOf judges by address and declared title.
func kindOf(u *url.URL, title string) string {
	q := u.Query()
	switch {
	case commentsPath.MatchString(u.Path), commentsWord.MatchString(title), strings.HasPrefix(q.Get("feed"), "comments"):
		return KindComments
	case partPath.MatchString(u.Path), q.Has("cat"), q.Has("tag"), q.Has("author"), q.Has("s"):
		return KindPart
	}
	return KindPosts
}
