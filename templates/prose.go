package templates

import (
	"strconv"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// bodyWidth is the width of text and images inside the 600 pixel sheet.
const bodyWidth = 520

// The letter's colours, light; the dark ones stand in its style sheet, which
// overrides these by element.
const (
	colourAccent = "#8c2f1f"
	colourMuted  = "#6b6258"
	colourRule   = "#e5ddd0"
	colourShade  = "#f6f2ea"
)

// dressing is what the letter puts on each element a post may hold. An element
// that is not listed loses its tags and keeps its content. Gmail and Outlook
// drop style sheets, so what matters stands inline, and as little as will do.
var dressing = map[atom.Atom]string{
	atom.A:          "color:" + colourAccent,
	atom.Blockquote: "margin:1.2em 0;padding:0 18px;border-left:3px solid #d9bfb2;font-style:italic",
	atom.Caption:    "padding:0 7px 4px;text-align:left;font-style:italic",
	atom.Code:       "font-family:Menlo,Consolas,monospace;font-size:.86em",
	atom.Figcaption: "font-size:14px;color:" + colourMuted,
	atom.Figure:     "margin:1.2em 0",
	atom.H3:         "margin:1.6em 0 .4em;font-size:20px;line-height:1.3",
	atom.H4:         "margin:1.4em 0 .4em;font-size:17px;line-height:1.3",
	atom.H5:         "margin:1.4em 0 .4em;font-size:17px;line-height:1.3;font-weight:normal;font-style:italic",
	atom.H6:         "margin:1.4em 0 .4em;font-size:15px;line-height:1.3",
	atom.Hr:         "margin:2em 0;border:0;border-top:1px solid " + colourRule,
	atom.Img:        "max-width:100%;height:auto",
	atom.Ol:         "padding-left:26px",
	atom.Pre:        "padding:14px 16px;background-color:" + colourShade + ";font:13px/1.6 Menlo,Consolas,monospace;white-space:pre-wrap;word-wrap:break-word",
	atom.Sub:        "line-height:0",
	atom.Sup:        "line-height:0",
	atom.Table:      "border-collapse:collapse;font-size:15px;line-height:1.4",
	atom.Th:         "text-align:left",
	atom.Ul:         "padding-left:26px",

	atom.Abbr: "", atom.B: "", atom.Br: "", atom.Cite: "", atom.Dd: "", atom.Del: "", atom.Dfn: "",
	atom.Div: "", atom.Dl: "", atom.Dt: "", atom.Em: "", atom.I: "", atom.Ins: "", atom.Kbd: "", atom.Li: "", atom.Mark: "",
	atom.P: "", atom.Q: "", atom.Rp: "", atom.Rt: "", atom.Ruby: "", atom.S: "", atom.Samp: "", atom.Small: "", atom.Strong: "",
	atom.Tbody: "", atom.Td: "", atom.Tfoot: "", atom.Thead: "", atom.Tr: "", atom.U: "", atom.Var: "", atom.Wbr: "",
}

// renamed elements are unknown to many mail programs.
var renamed = map[atom.Atom]atom.Atom{
	atom.Address: atom.Div, atom.Article: atom.Div, atom.Aside: atom.Div, atom.Details: atom.Div, atom.Footer: atom.Div,
	atom.Header: atom.Div, atom.Main: atom.Div, atom.Nav: atom.Div, atom.Section: atom.Div, atom.Summary: atom.P, atom.Tt: atom.Code,
}

// dropped elements go with all they hold.
var dropped = map[atom.Atom]bool{
	atom.Applet: true, atom.Audio: true, atom.Base: true, atom.Button: true, atom.Canvas: true, atom.Embed: true, atom.Form: true,
	atom.Frame: true, atom.Frameset: true, atom.Head: true, atom.Iframe: true, atom.Input: true, atom.Link: true, atom.Math: true,
	atom.Meta: true, atom.Noembed: true, atom.Noframes: true, atom.Noscript: true, atom.Object: true, atom.Plaintext: true,
	atom.Script: true, atom.Select: true, atom.Style: true, atom.Svg: true, atom.Template: true, atom.Textarea: true,
	atom.Title: true, atom.Video: true, atom.Xmp: true,
}

// prose is the body of one post, dressed for the letter.
type prose struct{ root *html.Node }

// dress parses a post's HTML and rebuilds it for the mail: known elements
// only, each with its inline style; headings below the post's own h2; links
// and images absolute; blocks written the other way marked so.
func dress(source, dir string) prose {
	context := &html.Node{Type: html.ElementNode, Data: "body", DataAtom: atom.Body}
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	nodes, err := html.ParseFragment(strings.NewReader(strings.ToValidUTF8(source, "\uFFFD")), context)
	if err != nil { // a reader that cannot fail; nothing rather than something half read
		return prose{root}
	}
	t := &tailor{last: 2}
	for _, n := range nodes {
		root.AppendChild(n)
	}
	t.shift = 3 - topHeading(root)
	t.children(root, dir)
	return prose{root}
}

// HTML renders the dressed body, balanced.
func (p prose) HTML() string {
	var b strings.Builder
	for n := p.root.FirstChild; n != nil; n = n.NextSibling {
		if html.Render(&b, n) != nil { // only a tree the parser cannot make
			return ""
		}
	}
	return b.String()
}

// shows reports whether the body holds the image at address.
func (p prose) shows(address string) bool {
	for n := range p.root.Descendants() {
		if n.DataAtom == atom.Img && bare(attr(n, "src")) == bare(address) {
			return true
		}
	}
	return false
}

// altOf is the text a post's HTML gives for the image at address, "" for none.
func altOf(source, address string) string {
	z := html.NewTokenizer(strings.NewReader(source))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return ""
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			n := &html.Node{Attr: t.Attr}
			if t.DataAtom == atom.Img && bare(attr(n, "src")) == bare(address) {
				return plain(attr(n, "alt"))
			}
		}
	}
}

// bare is an image's address without what content delivery networks add.
func bare(address string) string {
	address, _, _ = strings.Cut(address, "?")
	_, rest, _ := strings.Cut(address, "://")
	return rest
}

// topHeading is the level of the highest heading in the tree, 3 when there is none.
func topHeading(root *html.Node) int {
	top := 7
	for n := range root.Descendants() {
		if l := level(n); l > 0 && l < top {
			top = l
		}
	}
	if top == 7 {
		return 3
	}
	return top
}

// level is a heading's 1 to 6, 0 for anything else.
func level(n *html.Node) int {
	switch n.DataAtom {
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		return int(n.Data[1] - '0')
	}
	return 0
}

type tailor struct {
	shift int // added to each heading's level
	last  int // level of the heading before: the next goes one deeper at most
}

func (t *tailor) children(parent *html.Node, dir string) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		t.node(n, dir)
		n = next
	}
}

func (t *tailor) node(n *html.Node, dir string) {
	switch n.Type {
	case html.TextNode:
		n.Data = strings.Map(tameLines, n.Data)
		if within(n, atom.Pre) { // a tab is eight columns wide in a mail, whatever the sheet says
			n.Data = strings.ReplaceAll(n.Data, "\t", "    ")
		}
	case html.ElementNode:
		t.element(n, dir)
	default:
		n.Parent.RemoveChild(n)
	}
}

func (t *tailor) element(n *html.Node, dir string) {
	if dropped[n.DataAtom] || n.Namespace != "" {
		n.Parent.RemoveChild(n)
		return
	}
	if to, ok := renamed[n.DataAtom]; ok {
		n.DataAtom, n.Data = to, to.String()
	}
	if l := level(n); l > 0 {
		t.last = min(l+t.shift, t.last+1, 6)
		n.Data = "h" + strconv.Itoa(t.last)
		n.DataAtom = atom.Lookup([]byte(n.Data))
	}
	style, known := dressing[n.DataAtom]
	if known {
		known = t.attributes(n)
	}
	if !known {
		t.children(n, dir)
		unwrap(n)
		return
	}
	if d := blockDirection(n); d != "" && d != dir {
		set(n, "dir", d)
		dir = d
	}
	if dir == "rtl" {
		style = strings.NewReplacer("padding-left", "padding-right", "border-left", "border-right", ":left", ":right").Replace(style)
	}
	if style != "" && !(n.DataAtom == atom.Code && within(n, atom.Pre)) {
		set(n, "style", style)
	}
	t.children(n, dir)
	if n.DataAtom == atom.Table {
		scroll(n)
	}
}

// attributes keeps those that mean something in a mail; false: the element
// means nothing without one it lacks.
func (t *tailor) attributes(n *html.Node) bool {
	old := *n
	n.Attr = nil
	switch n.DataAtom {
	case atom.A:
		if href := link(attr(&old, "href")); href != "" {
			set(n, "href", href)
			return true
		}
		return false
	case atom.Img:
		return image(n, &old)
	case atom.Td, atom.Th:
		keepNumbers(n, &old, "colspan", "rowspan")
		if a := strings.ToLower(attr(&old, "align")); a == "right" || a == "center" {
			set(n, "align", a)
		}
	case atom.Ol:
		keepNumbers(n, &old, "start")
	case atom.Table:
		set(n, "cellpadding", "7")
		set(n, "cellspacing", "0")
	}
	return true
}

// image keeps an image that can be loaded and gives it a width, without which
// Outlook shows a photograph at its full size; one that stands in a line of
// text keeps its own.
func image(n, old *html.Node) bool {
	src := web(attr(old, "src"))
	alt := plain(attr(old, "alt"))
	if src == "" {
		n.Type, n.DataAtom, n.Data = html.TextNode, 0, alt
		return true
	}
	set(n, "src", src)
	set(n, "alt", alt)
	w, _ := strconv.Atoi(attr(old, "width"))
	h, _ := strconv.Atoi(attr(old, "height"))
	switch {
	case w > bodyWidth, w <= 0 && alone(n):
		set(n, "width", strconv.Itoa(bodyWidth))
	case w > 0:
		set(n, "width", strconv.Itoa(w))
		if h > 0 {
			set(n, "height", strconv.Itoa(h))
		}
	}
	return true
}

// alone reports whether an image has a block, or a link in one, for itself.
func alone(n *html.Node) bool {
	p := n.Parent
	for p != nil && p.DataAtom == atom.A {
		p = p.Parent
	}
	if p == nil || p.DataAtom == atom.Td || p.DataAtom == atom.Li {
		return false
	}
	return strings.TrimSpace(textOf(p, 200)) == ""
}

// blockDirection is the direction a block of text is written in, "" when it
// says nothing or is no block.
func blockDirection(n *html.Node) string {
	switch n.DataAtom {
	case atom.Pre:
		return "ltr"
	case atom.P, atom.Li, atom.H3, atom.H4, atom.H5, atom.H6, atom.Blockquote, atom.Td, atom.Th, atom.Dt, atom.Dd,
		atom.Figcaption, atom.Ul, atom.Ol, atom.Div, atom.Table:
		return direction(textOf(n, 1000))
	}
	return ""
}

// scroll puts a table in a box of its own: a wide one scrolls on a telephone
// instead of widening the letter.
func scroll(table *html.Node) {
	box := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	set(box, "style", "overflow-x:auto")
	table.Parent.InsertBefore(box, table)
	table.Parent.RemoveChild(table)
	box.AppendChild(table)
}

func unwrap(n *html.Node) {
	for c := n.FirstChild; c != nil; c = n.FirstChild {
		n.RemoveChild(c)
		n.Parent.InsertBefore(c, n)
	}
	n.Parent.RemoveChild(n)
}

// textOf is the text in a tree, as far as it takes to hold limit bytes.
func textOf(n *html.Node, limit int) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
		if b.Len() >= limit {
			break
		}
	}
	return b.String()
}

func within(n *html.Node, a atom.Atom) bool {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.DataAtom == a {
			return true
		}
	}
	return false
}

func attr(n *html.Node, key string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == key {
			return a.Val
		}
	}
	return ""
}

func set(n *html.Node, key, value string) {
	n.Attr = append(n.Attr, html.Attribute{Key: key, Val: value})
}

func keepNumbers(n, old *html.Node, keys ...string) {
	for _, key := range keys {
		if v, err := strconv.Atoi(attr(old, key)); err == nil && v > 1 && v <= 1000 {
			set(n, key, strconv.Itoa(v))
		}
	}
}
