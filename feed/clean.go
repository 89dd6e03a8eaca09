package feed

import (
	"html"
	"net/url"
	"regexp"
	"strings"

	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

var (
	hiddenStyle = regexp.MustCompile(`(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|(?:^|[;\s])(?:left|top)\s*:\s*-\d{4}`)
	plainStyle  = regexp.MustCompile(`(?i)font-(?:weight|style)\s*:\s*(?:normal|400)`)
	boldStyle   = regexp.MustCompile(`(?i)font-weight\s*:\s*(?:bold|[6-9]00)`)
	italicStyle = regexp.MustCompile(`(?i)font-style\s*:\s*italic`)
	spaceStyle  = regexp.MustCompile(`(?i)white-space\s*:\s*(pre-wrap|pre-line|break-spaces|pre|nowrap|normal)`)
	alignStyle  = regexp.MustCompile(`(?i)text-align\s*:\s*(right|center)`)

	langTag     = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,4}$`)
	smallNumber = regexp.MustCompile(`^[0-9]{1,5}$`)
	dateTime    = regexp.MustCompile(`^[0-9TZtz:.+ -]{4,40}$`)
	bareMail    = regexp.MustCompile(`^[A-Za-z0-9._+=-]{1,64}@[A-Za-z0-9.-]{1,253}$`)

	// caption is what WordPress makes a figure of on its own pages, and leaves
	// as it is in some feeds.
	caption = regexp.MustCompile(`(?is)\[caption\b[^\]<>]*\]\s*((?:<a\b[^<>]*>\s*)?<img\b[^<>]*>(?:\s*</a>)?)([^\[]*)\[/caption\]`)
	// shortcode is another it left, alone in its place.
	shortcode = regexp.MustCompile(`^\s*\[/?(?:gallery|caption|embed|playlist|audio|video)\b[^\]]*\]\s*$`)
)

// Clean rebuilds HTML from strangers through an allow-list. What comes out is
// balanced, valid UTF-8, has no active content, no styling and no address that is
// not http, https or mailto, and Clean of it is itself.
//
// Frames and videos become a linked picture or line; counters and pictures of one
// pixel go, all others have an alt text, "" if need be, and ask for no more width
// than a mail has. Relative addresses are resolved against base; nil = they go.
//
// Time and memory are bounded: what is too large or too deep is cut, or is left
// as mere text.
func Clean(s string, base *url.URL) string {
	if strings.TrimSpace(s) == "" {
		return ""
	}
	// What an HTML parser does to nested tables, links and paragraphs shows
	// only when its output is read again; a few rounds settle all that nests
	// in earnest, and what does not is built to confuse.
	for range 5 {
		once, fixed, err := rebuild(s, base)
		if err != nil {
			break
		}
		if fixed || once == s {
			return once
		}
		s = once
	}
	return html.EscapeString(textOf(s, maxClean/8))
}

// rebuild is one round; fixed says that another would surely change nothing.
func rebuild(s string, base *url.URL) (out string, fixed bool, err error) {
	if strings.Contains(s, "[caption") {
		s = caption.ReplaceAllString(s, "<figure>$1<figcaption>$2</figcaption></figure>")
	}
	context := &nethtml.Node{Type: nethtml.ElementNode, Data: "div", DataAtom: atom.Div}
	// Without scripting what stands in a noscript is read as elements: some
	// blogs have their pictures nowhere else.
	nodes, err := nethtml.ParseFragmentWithOptions(strings.NewReader(bounded(s)), context, nethtml.ParseOptionEnableScripting(false))
	if err != nil {
		return "", false, err
	}
	root := &nethtml.Node{Type: nethtml.DocumentNode}
	c := cleaner{base: base, room: maxClean}
	for _, n := range nodes {
		c.node(root, n)
	}
	tidyBreaks(root)
	var b strings.Builder
	b.Grow(min(len(s)+len(s)/8, maxClean))
	if err := nethtml.Render(&b, root); err != nil {
		return "", false, err
	}
	out = strings.TrimSpace(b.String())
	if b.Cap()-len(out) > len(out)/8 {
		out = strings.Clone(out) // what was cleaned away need not be held
	}
	return out, c.isFixed(root, out), nil
}

// cleaner copies a tree, what may stay of it.
type cleaner struct {
	base *url.URL
	room int // bytes it may still write

	space    string // what white space means here: "" as in HTML, "lines" that line breaks show, "all"
	noscript bool   // inside a noscript
	before   shown  // the last picture, if no word followed it

	embeds bool // a frame or player was written
	tags   int  // elements [cleaner.isFixed] saw
}

func (c *cleaner) node(parent, n *nethtml.Node) {
	switch {
	case c.room <= 0:
	case n.Type == nethtml.TextNode:
		c.text(parent, n.Data, n)
	case n.Type == nethtml.ElementNode:
		c.element(parent, n)
	}
}

func (c *cleaner) children(parent, n *nethtml.Node) {
	for child := n.FirstChild; child != nil; {
		next := child.NextSibling
		c.node(parent, child)
		child = next
	}
}

// text writes s; from is the node it was read from, nil if it was none.
func (c *cleaner) text(parent *nethtml.Node, s string, from *nethtml.Node) {
	s = visible(s)
	if len(s) > c.room {
		s = strings.ToValidUTF8(s[:c.room], "")
	}
	blank := isBlank(s)
	if c.space == "" && !blank {
		s = foldHard(s)
	}
	if s == "" || c.noscript || c.space == "" && isShortcode(s) {
		return
	}
	if !blank {
		c.before = shown{}
	}
	c.room -= len(s)
	if c.space != "lines" || parent.Data == "table" {
		moveText(parent, s, from)
		return
	}
	for i, line := range strings.Split(s, "\n") {
		if i > 0 {
			parent.AppendChild(newElement("br"))
			c.room -= 16
		}
		addText(parent, line)
	}
}

func isShortcode(s string) bool {
	return strings.IndexByte(s, '[') >= 0 && shortcode.MatchString(s)
}

func (c *cleaner) element(parent, n *nethtml.Node) {
	name := strings.ToLower(n.Data)
	names, stays := kept[name]
	if !stays {
		if other := renamed[name]; other != "" {
			name = other
		}
	}
	style := attrOf(n, "style")
	switch {
	case stays && name != "img" && n.Namespace == "" && !isHidden(n, style):
	case name == "math" && n.Namespace == "math":
		c.formula(parent, n)
		return
	case name == "noscript":
		c.inNoscript(parent, n)
		return
	case dropped[name] || n.Namespace != "" || isHidden(n, style) || strings.HasPrefix(name, "w:") || strings.HasPrefix(name, "v:"):
		return
	case embedded[name]:
		c.embed(parent, n, name)
		return
	case name == "img":
		c.picture(parent, n)
		return
	}
	defer func(was string) { c.space = was }(c.space)
	name = c.styled(n, name, style)
	names, stays = kept[name]
	if !stays || c.noscript {
		c.children(parent, n)
		return
	}
	made := newElement(name)
	parent.AppendChild(made)
	c.room -= 16
	c.attrs(made, n, names)
	c.children(made, n)
	settle(parent, made)
}

// styled is the element that says what name and its style say together: the few
// styles that are emphasis or line breaks and no mere looks.
func (c *cleaner) styled(n *nethtml.Node, name, style string) string {
	if keepsSpace(name) {
		c.space = "all"
	}
	if isUndone(n) && formatting[name] {
		return "span"
	}
	if style == "" {
		return name
	}
	if m := spaceStyle.FindStringSubmatch(style); m != nil && c.space != "all" {
		switch strings.ToLower(m[1]) {
		case "pre":
			if name == "div" || name == "p" {
				c.space = "all"
				return "pre"
			}
		case "normal", "nowrap":
			c.space = ""
		default:
			c.space = "lines"
		}
	}
	switch {
	case name == "span" && boldStyle.MatchString(style):
		return "b"
	case name == "span" && italicStyle.MatchString(style):
		return "i"
	}
	return name
}

// isUndone: the bold or italic of n is taken back by the style of all it holds, as
// Google Docs does ([bounded] moved the style there).
func isUndone(n *nethtml.Node) bool {
	only := n.FirstChild
	return only != nil && only.NextSibling == nil && only.Data == "span" && plainStyle.MatchString(attrOf(only, "style"))
}

func isHidden(n *nethtml.Node, style string) bool {
	return hasAttr(n, "hidden") || style != "" && hiddenStyle.MatchString(style)
}

// inNoscript takes the pictures and players of a noscript and leaves its words,
// which ask for scripts.
func (c *cleaner) inNoscript(parent, n *nethtml.Node) {
	was := c.noscript
	c.noscript = true
	c.children(parent, n)
	c.noscript = was
}

// formula writes what a formula says in words, where it stands in no other form
// beside: its text alternative, its TeX source, else its signs.
func (c *cleaner) formula(parent, n *nethtml.Node) {
	for p := n.Parent; p != nil; p = p.Parent {
		if class := attrOf(p, "class"); strings.Contains(class, "katex-mathml") || strings.Contains(strings.ToLower(p.Data), "assistive-mml") {
			return
		}
	}
	said := attrOf(n, "alttext")
	var signs strings.Builder
	for d := range n.Descendants() {
		if d.Type != nethtml.TextNode {
			continue
		}
		switch d.Parent.Data {
		case "annotation":
			if said == "" && strings.Contains(attrOf(d.Parent, "encoding"), "tex") {
				said = d.Data
			}
		case "mi", "mn", "mo", "mtext":
			signs.WriteString(d.Data)
		}
	}
	c.text(parent, foldText(first(said, signs.String())), nil)
}

func (c *cleaner) attrs(made, n *nethtml.Node, names []string) {
	if len(n.Attr) == 0 {
		return
	}
	for _, name := range names {
		value, ok := c.attr(name, n)
		if ok {
			c.room -= len(name) + len(value)
			made.Attr = append(made.Attr, nethtml.Attribute{Key: name, Val: value})
		}
	}
}

// attr is the value the attribute keeps, and whether it does.
func (c *cleaner) attr(name string, n *nethtml.Node) (string, bool) {
	v := attrOf(n, name)
	if v == "" && name != "align" && name != "reversed" {
		return "", false
	}
	switch name {
	case "href", "cite":
		v = c.address(v, name == "href")
		return v, v != ""
	case "title":
		v = foldText(v)
		return v, v != ""
	case "lang":
		return v, langTag.MatchString(v)
	case "dir":
		v = strings.ToLower(v)
		return v, v == "ltr" || v == "rtl" || v == "auto"
	case "datetime":
		return v, dateTime.MatchString(v)
	case "scope":
		return v, v == "row" || v == "col"
	case "align":
		if style := attrOf(n, "style"); style != "" {
			if m := alignStyle.FindStringSubmatch(style); m != nil {
				v = m[1]
			}
		}
		v = strings.ToLower(v)
		return v, v == "right" || v == "center"
	case "reversed":
		return "", hasAttr(n, name)
	}
	return v, smallNumber.MatchString(v)
}

// address is an absolute http or https address, or with mail a mailto one without
// its header fields, "" if s is none.
func (c *cleaner) address(s string, mail bool) string {
	if s == "" || isPlainAddress(s) {
		return s
	}
	u := resolve(c.base, s)
	if u == nil || strings.ContainsAny(u.Host, "\"'<>`\\^{|}") {
		return ""
	}
	if u.Scheme != "mailto" {
		return webAddress(u)
	}
	if mail && bareMail.MatchString(u.Opaque) {
		return "mailto:" + u.Opaque
	}
	return ""
}

// isPlainAddress: s is an absolute web address that comes back as it is when it is
// taken apart, resolved and put together again.
func isPlainAddress(s string) bool {
	rest, web := strings.CutPrefix(s, "https://")
	if !web {
		rest, web = strings.CutPrefix(s, "http://")
	}
	slash := strings.IndexByte(rest, '/')
	if !web || slash < 1 {
		return false
	}
	for i := range slash {
		if c := rest[i]; !isLetterOrDigit(c) && c != '-' && c != '.' {
			return false
		}
	}
	query := false
	for i := slash; i < len(rest); i++ {
		switch c := rest[i]; {
		case isLetterOrDigit(c) || c == '-' || c == '_':
		case query && (c == '=' || c == '&' || c == '%' || c == '.' || c == '/' || c == '+' || c == ','):
		case c == '?' && !query && i+1 < len(rest):
			query = true
		case (c == '/' || c == '.') && (i == slash || rest[i-1] != '/'):
		default:
			return false
		}
	}
	return true
}

func isLetterOrDigit(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9'
}
