package templates

import (
	"cmp"
	"regexp"
	"strings"
	"unicode/utf8"

	"digest/feed"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// excerptLimit is the length of an excerpt in characters.
const excerptLimit = 420

// excerptEnough is what an excerpt has said when it may end at a heading, a
// table or code instead of stepping over it.
const excerptEnough = 120

// excerptOf is a post's excerpt, and whether that is all of the post: its
// summary, else its first sentences, with their links and emphasis. What is
// short anyway stays as it was written.
func excerptOf(p feed.Post, dir string) (body prose, whole bool) {
	source := cmp.Or(p.Summary, p.Content)
	body = dress(source, dir)
	body.dropMore()
	body.tidyEnd()
	length := body.length()
	if length > excerptLimit || len(source) > 4*excerptLimit {
		c := clipper{left: excerptLimit}
		c.clip(body.root)
		body.tidyEnd()
		if len(body.said()) == 0 && c.lost {
			return glimpseOf(dress(source, dir)), false
		}
		return body, !c.lost
	}
	return body, p.Summary == "" || p.Content == "" || dress(p.Content, dir).length() <= length
}

// What is shown of a post that is all code or all table.
const (
	glimpseLines = 8
	glimpseRows  = 5
)

// glimpseOf is the beginning of a post that has no words beside its pictures, code
// and tables: the first of them, no longer than an excerpt.
func glimpseOf(body prose) prose {
	var found *html.Node
	for n := range body.root.Descendants() {
		if n.DataAtom == atom.Pre || n.DataAtom == atom.Table || n.DataAtom == atom.Img {
			found = n
			break
		}
	}
	root := &html.Node{Type: html.ElementNode, Data: "div", DataAtom: atom.Div}
	if found == nil {
		return prose{root}
	}
	switch found.DataAtom {
	case atom.Pre:
		keepLines(found, glimpseLines)
	case atom.Table:
		keepRows(found, glimpseRows)
	}
	keepChars(found, excerptLimit)
	found.Parent.RemoveChild(found)
	root.AppendChild(found)
	if found.DataAtom == atom.Table {
		scroll(found)
	}
	return prose{root}
}

// keepLines leaves the first n lines of a text, and says where more follow.
func keepLines(pre *html.Node, n int) {
	done := false
	for d := range pre.Descendants() {
		if d.Type != html.TextNode {
			continue
		}
		if done {
			d.Data = ""
			continue
		}
		for i := range len(d.Data) {
			if d.Data[i] == '\n' {
				n--
			}
			if n == 0 {
				d.Data, done = d.Data[:i]+"\n…", true
				break
			}
		}
	}
}

// keepChars leaves the first n characters of a tree's texts.
func keepChars(root *html.Node, n int) {
	for d := range root.Descendants() {
		if d.Type != html.TextNode {
			continue
		}
		length := utf8.RuneCountInString(d.Data)
		switch {
		case n <= 0:
			d.Data = ""
		case length > n:
			d.Data = feed.CutWord(d.Data, n) + "…"
		}
		n -= length
	}
}

// keepRows leaves the first n rows of a table.
func keepRows(table *html.Node, n int) {
	var rest []*html.Node
	for d := range table.Descendants() {
		if d.DataAtom != atom.Tr {
			continue
		}
		if n--; n < 0 {
			rest = append(rest, d)
		}
	}
	for _, row := range rest {
		row.Parent.RemoveChild(row)
	}
}

// length is the number of characters a body says.
func (p prose) length() int {
	return utf8.RuneCountInString(plain(textOf(p.root, 1<<30)))
}

var moreWords = regexp.MustCompile(`(?i)^\W*(continue reading|keep reading|read (more|on|the rest|the full)|more\W*$|weiterlesen|lire la suite|leer más)`)

// bracketed is the end WordPress gives a summary it cut.
var bracketed = regexp.MustCompile(`\s*\[(\.\.\.|…)\]\s*$`)

// dropMore takes away the "Continue reading" with which blogs end a summary:
// the letter has its own. "[…]" loses its brackets.
func (p prose) dropMore() {
	var last *html.Node
	for n := range p.root.Descendants() {
		if n.DataAtom == atom.A {
			last = n
		}
	}
	if last != nil && moreWords.MatchString(plain(textOf(last, 200))) {
		last.Parent.RemoveChild(last)
	}
	if said := p.said(); len(said) > 0 {
		end := said[len(said)-1]
		end.Data = bracketed.ReplaceAllString(end.Data, "…")
	}
}

// tidyEnd takes away the comma before the ellipsis of a text that breaks off,
// be it in the link or the emphasis before.
func (p prose) tidyEnd() {
	said := p.said()
	if len(said) == 0 {
		return
	}
	last := said[len(said)-1]
	text, broken := strings.CutSuffix(strings.TrimSpace(last.Data), "…")
	if !broken {
		return
	}
	last.Data = strings.TrimRight(last.Data[:strings.LastIndex(last.Data, "…")], loose) + "…"
	if strings.Trim(text, loose) == "" && len(said) > 1 {
		before := said[len(said)-2]
		before.Data = strings.TrimRight(before.Data, loose)
	}
}

// loose is what does not stand before an ellipsis.
const loose = " \n\t\u00a0,;:-–—、，：；「『（(["

// said are the texts of a body that hold a word or a sign, in order.
func (p prose) said() (texts []*html.Node) {
	for n := range p.root.Descendants() {
		if n.Type == html.TextNode && strings.TrimSpace(n.Data) != "" {
			texts = append(texts, n)
		}
	}
	return texts
}

// clipper cuts a tree of HTML after a number of characters.
type clipper struct {
	left int  // characters it may still say
	said int  // characters said
	done bool // all that follows goes
	lost bool // something went that a reader would have seen

	last *html.Node // the text with the last end of a sentence within reach, nil for none
	end  int        // where in it
}

func (c *clipper) clip(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case n.Parent == nil: // gone with all behind the end
		case c.done, stepsOver(n):
			c.remove(n)
		case n.Type == html.TextNode:
			c.text(n)
		default:
			c.clip(n)
			if n.Parent != nil && n.FirstChild == nil && n.DataAtom != atom.Br {
				parent.RemoveChild(n)
			}
		}
		n = next
	}
}

// stepsOver reports whether n is of no use in an excerpt.
func stepsOver(n *html.Node) bool {
	switch n.DataAtom {
	case atom.H3, atom.H4, atom.H5, atom.H6, atom.Table, atom.Pre, atom.Figure, atom.Img, atom.Hr:
		return true
	}
	return false
}

func (c *clipper) remove(n *html.Node) {
	n.Parent.RemoveChild(n)
	if n.Type != html.TextNode || strings.TrimSpace(n.Data) != "" {
		c.lost = true
	}
	if c.said >= excerptEnough && stepsOver(n) && n.DataAtom != atom.Img && n.DataAtom != atom.Figure {
		c.done = true
	}
}

// text keeps a text, or the part of it there is room for: up to the end of its
// last whole sentence, else of one before it, else of its last whole word.
func (c *clipper) text(n *html.Node) {
	length := utf8.RuneCountInString(n.Data)
	if length <= c.left {
		if end := lastSentence(n.Data, len(n.Data)); end > 0 && c.said+end > excerptLimit/2 {
			c.last, c.end = n, end
		}
		c.left -= length
		c.said += length
		return
	}
	c.done, c.lost = true, true
	head := feed.CutWord(n.Data, max(1, c.left-1))
	if end := lastSentence(n.Data, len(head)); end > len(head)/2 {
		n.Data = n.Data[:end]
		return
	}
	if c.last != nil {
		c.last.Data = c.last.Data[:c.end]
		removeBehind(c.last)
		return
	}
	if n.Data = strings.TrimRight(head, loose); !endsSentence(n.Data) {
		n.Data += "…"
	}
}

// removeBehind takes away all that follows n in its tree.
func removeBehind(n *html.Node) {
	for ; n.Parent != nil; n = n.Parent {
		for n.NextSibling != nil {
			n.Parent.RemoveChild(n.NextSibling)
		}
	}
}
