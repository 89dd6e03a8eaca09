package feed

import (
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// kept are the elements that stay, each with the attributes that stay on it
// beside lang and dir. Everything else is unwrapped or dropped.
var kept = map[string]string{
	"p": "", "div": "", "h1": "", "h2": "", "h3": "", "h4": "", "h5": "", "h6": "", "blockquote": "cite", "pre": "", "hr": "", "br": "", "wbr": "",
	"ul": "", "ol": "start reversed", "li": "value", "dl": "", "dt": "", "dd": "", "figure": "", "figcaption": "",
	"table": "", "caption": "", "thead": "", "tbody": "", "tfoot": "", "tr": "", "th": "colspan rowspan scope", "td": "colspan rowspan",
	"a": "href title", "img": "src alt width height title", "strong": "", "b": "", "em": "", "i": "", "u": "", "s": "", "del": "", "ins": "", "mark": "", "small": "",
	"sub": "", "sup": "", "code": "", "kbd": "", "samp": "", "var": "", "abbr": "title", "cite": "", "q": "", "dfn": "", "time": "datetime",
	"span": "", "bdi": "", "bdo": "", "ruby": "", "rt": "", "rp": "",
}

// renamed are old elements that have a living equal.
var renamed = map[string]string{"tt": "code", "strike": "s", "acronym": "abbr", "center": "div", "section": "div", "article": "div", "dir": "ul"}

// dropped go with all they contain; svg and math, the only ways out of HTML, are
// among them. Unknown and other elements lose their tags only.
var dropped = map[string]bool{
	"script": true, "style": true, "noscript": true, "template": true, "svg": true, "math": true, "head": true, "title": true, "meta": true, "link": true, "base": true,
	"applet": true, "frame": true, "frameset": true, "noframes": true, "noembed": true, "select": true, "option": true, "optgroup": true, "datalist": true, "button": true,
	"input": true, "textarea": true, "canvas": true, "map": true, "area": true, "param": true, "source": true, "track": true, "plaintext": true, "xmp": true, "portal": true,
}

// embedded become a line with a link to what they would show.
var embedded = map[string]bool{"iframe": true, "video": true, "audio": true, "embed": true, "object": true}

var isBlock = map[string]bool{
	"p": true, "div": true, "h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "blockquote": true, "pre": true, "hr": true, "ul": true, "ol": true, "li": true,
	"dl": true, "dt": true, "dd": true, "figure": true, "figcaption": true, "table": true, "caption": true, "thead": true, "tbody": true, "tfoot": true, "tr": true, "th": true, "td": true,
}

// mayBeEmpty are the elements that mean something without content.
var mayBeEmpty = map[string]bool{"img": true, "br": true, "hr": true, "wbr": true, "td": true, "th": true, "tr": true}

var (
	hiddenStyle = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|(?:^|[;\s])(?:width|height)\s*:\s*[01](?:px|\s*;|\s*$)`)
	langTag     = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
	smallNumber = regexp.MustCompile(`^[0-9]{1,5}$`)
	dateTime    = regexp.MustCompile(`^[0-9TZtz:.+ -]{4,40}$`)
	tracker     = regexp.MustCompile(`(?i)^https?://(?:feeds\.feedburner\.com/~r/|[^/]*feedsportal\.com/|pixel\.|stats\.wordpress\.com/|medium\.com/_/stat|[^/]*\.doubleclick\.net/|[^/]*google-analytics\.com/|[^/]*/(?:pixel|tracking|beacon)\.gif)`)
)

// isHTML: name is an element of HTML, living or not.
func isHTML(name string) bool {
	_, stays := kept[name]
	_, other := renamed[name]
	return stays || other || dropped[name] || embedded[name] || atom.Lookup([]byte(name)) != 0
}

// Clean rebuilds HTML from strangers through an allow-list. What comes out is
// balanced, has no active content, no styling and no address that is not http,
// https or mailto, and Clean of it is itself.
//
// Frames and videos become a linked line, pictures of one pixel go, all others
// have an alt text, "" if need be. Relative addresses are resolved against base;
// nil = they go.
func Clean(s string, base *url.URL) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	// What an HTML parser does to nested tables, links and paragraphs shows
	// only when its output is read again; a few rounds settle all that nests
	// in earnest, and what does not is built to confuse.
	for range 5 {
		once, ok := rebuild(s, base)
		if !ok {
			break
		}
		if once == s {
			return s
		}
		s = once
	}
	return strings.TrimSpace(html.EscapeString(textOf(s, 1<<20)))
}

func rebuild(s string, base *url.URL) (string, bool) {
	context := &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := nethtml.ParseFragment(strings.NewReader(s), context)
	if err != nil {
		return "", false
	}
	root := &nethtml.Node{Type: nethtml.DocumentNode}
	c := cleaner{base: base}
	for _, n := range nodes {
		c.node(root, n)
	}
	var b strings.Builder
	if nethtml.Render(&b, root) != nil {
		return "", false
	}
	return strings.TrimSpace(b.String()), true
}

type cleaner struct{ base *url.URL }

// node copies what may stay of n below parent.
func (c cleaner) node(parent, n *nethtml.Node) {
	switch n.Type {
	case nethtml.TextNode:
		c.text(parent, n.Data)
	case nethtml.ElementNode:
		c.element(parent, n)
	}
}

func (c cleaner) text(parent *nethtml.Node, s string) {
	s = strings.Map(func(r rune) rune {
		if !allowed(r) || r == '\r' || r == 0x202D || r == 0x202E {
			return -1
		}
		return r
	}, s)
	if s == "" {
		return
	}
	if last := parent.LastChild; last != nil && last.Type == nethtml.TextNode {
		last.Data += s
		return
	}
	parent.AppendChild(&nethtml.Node{Type: nethtml.TextNode, Data: s})
}

func (c cleaner) element(parent, n *nethtml.Node) {
	name := strings.ToLower(n.Data)
	if other := renamed[name]; other != "" {
		name = other
	}
	attrs := attributes(n.Attr)
	_, isHidden := attrs["hidden"]
	switch {
	case dropped[name] || isHidden || hiddenStyle.MatchString(attrs["style"]):
		return
	case embedded[name]:
		c.embed(parent, n, name, attrs)
		return
	}
	allowedAttrs, stays := kept[name]
	if !stays {
		c.children(parent, n)
		return
	}
	made := newElement(name)
	if name == "img" {
		if !c.picture(made, attrs) {
			return
		}
		parent.AppendChild(made)
		return
	}
	c.attrs(made, attrs, allowedAttrs)
	c.children(made, n)
	switch {
	case made.FirstChild == nil && !mayBeEmpty[name]:
	case len(made.Attr) == 0 && (name == "a" || name == "span" || name == "bdo"):
		unwrap(parent, made)
	default:
		parent.AppendChild(made)
	}
}

func newElement(name string) *nethtml.Node {
	return &nethtml.Node{Type: nethtml.ElementNode, Data: name, DataAtom: atom.Lookup([]byte(name))}
}

func (c cleaner) children(parent, n *nethtml.Node) {
	for child := n.FirstChild; child != nil; child = child.NextSibling {
		c.node(parent, child)
	}
}

// unwrap moves the children of made to the end of parent.
func unwrap(parent, made *nethtml.Node) {
	for child := made.FirstChild; child != nil; child = made.FirstChild {
		made.RemoveChild(child)
		if last := parent.LastChild; child.Type == nethtml.TextNode && last != nil && last.Type == nethtml.TextNode {
			last.Data += child.Data
			continue
		}
		parent.AppendChild(child)
	}
}

func (c cleaner) attrs(made *nethtml.Node, attrs map[string]string, names string) {
	for name := range strings.FieldsSeq(names + " lang dir") {
		value, there := attrs[name]
		if !there {
			continue
		}
		ok := false
		switch name {
		case "href", "cite":
			value = c.address(value, name == "href")
			ok = value != ""
		case "title":
			value = foldText(value)
			ok = value != ""
		case "lang":
			ok = langTag.MatchString(value)
		case "dir":
			value = strings.ToLower(value)
			ok = value == "ltr" || value == "rtl" || value == "auto"
		case "datetime":
			ok = dateTime.MatchString(value)
		case "scope":
			ok = value == "row" || value == "col"
		case "reversed":
			value, ok = "", true
		default:
			ok = smallNumber.MatchString(value)
		}
		if ok {
			made.Attr = append(made.Attr, nethtml.Attribute{Key: name, Val: value})
		}
	}
}

// address is an absolute http or https address, or with mail a mailto one, "" if
// s is none.
func (c cleaner) address(s string, mail bool) string {
	u := resolve(c.base, s)
	if u == nil {
		return ""
	}
	if mail && u.Scheme == "mailto" && u.Opaque != "" && strings.Contains(u.Opaque, "@") {
		return u.String()
	}
	return webAddress(u)
}

// picture fills an img; false when it is none worth showing: without an
// address, of one pixel, or a known counter.
func (c cleaner) picture(made *nethtml.Node, attrs map[string]string) bool {
	src := c.address(attrs["src"], false)
	for _, lazy := range []string{attrs["data-src"], attrs["data-lazy-src"], attrs["data-original"], firstOfSet(attrs["srcset"])} {
		if src == "" && lazy != "" {
			src = c.address(lazy, false)
		}
	}
	if src == "" || tracker.MatchString(src) || isDot(attrs["width"]) || isDot(attrs["height"]) {
		return false
	}
	set := func(key, value string) {
		made.Attr = append(made.Attr, nethtml.Attribute{Key: key, Val: value})
	}
	set("src", src)
	set("alt", foldText(attrs["alt"]))
	for _, side := range []string{"width", "height"} {
		if v := strings.TrimSuffix(strings.TrimSpace(attrs[side]), "px"); smallNumber.MatchString(v) {
			set(side, v)
		}
	}
	if t := foldText(attrs["title"]); t != "" {
		set("title", t)
	}
	return true
}

func firstOfSet(srcset string) string {
	fields := strings.Fields(srcset)
	if len(fields) == 0 {
		return ""
	}
	return strings.TrimSuffix(fields[0], ",")
}

// isDot: a side of at most one pixel.
func isDot(side string) bool {
	n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(side), "px"))
	return err == nil && n <= 1
}

// embed writes a linked line in place of a frame or video.
func (c cleaner) embed(parent, n *nethtml.Node, name string, attrs map[string]string) {
	target := c.address(first(attrs["src"], attrs["data-src"], attrs["data"]), false)
	for child := n.FirstChild; child != nil && target == ""; child = child.NextSibling {
		if a := attributes(child.Attr); child.Data == "source" || child.Data == "embed" {
			target = c.address(a["src"], false)
		}
	}
	if target == "" {
		if name == "object" {
			c.children(parent, n)
		}
		return
	}
	target = watchPage(target)
	u, err := url.Parse(target)
	if err != nil || isDot(attrs["width"]) || isDot(attrs["height"]) {
		return
	}
	label := &nethtml.Node{Type: nethtml.TextNode, Data: "▶ " + u.Hostname()}
	if insideLink(parent) {
		c.text(parent, label.Data)
		return
	}
	link := newElement("a")
	link.Attr = []nethtml.Attribute{{Key: "href", Val: target}}
	link.AppendChild(label)
	if parent.Type == nethtml.DocumentNode || parent.Data == "div" || parent.Data == "figure" || parent.Data == "blockquote" {
		line := newElement("p")
		line.AppendChild(link)
		link = line
	}
	parent.AppendChild(link)
}

func insideLink(n *nethtml.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Data == "a" {
			return true
		}
	}
	return false
}

// watchPage is the page a person opens for a player's address.
func watchPage(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	host := strings.TrimPrefix(u.Hostname(), "www.")
	if id, ok := strings.CutPrefix(u.Path, "/embed/"); ok && (host == "youtube.com" || host == "youtube-nocookie.com") && id != "videoseries" {
		return "https://www.youtube.com/watch?v=" + url.QueryEscape(strings.Trim(id, "/"))
	}
	if id, ok := strings.CutPrefix(u.Path, "/video/"); ok && host == "player.vimeo.com" {
		return "https://vimeo.com/" + url.PathEscape(strings.Trim(id, "/"))
	}
	return address
}
