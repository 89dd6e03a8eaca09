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
		return body, !c.lost
	}
	return body, p.Summary == "" || p.Content == "" || dress(p.Content, dir).length() <= length
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
const loose = " \n\t,;:-–—"

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
}

func (c *clipper) clip(parent *html.Node) {
	for n := parent.FirstChild; n != nil; {
		next := n.NextSibling
		switch {
		case c.done, stepsOver(n):
			c.remove(n)
		case n.Type == html.TextNode:
			c.text(n)
		default:
			c.clip(n)
			if n.FirstChild == nil && n.DataAtom != atom.Br {
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
// last whole sentence, else of its last whole word.
func (c *clipper) text(n *html.Node) {
	rs := []rune(n.Data)
	if len(rs) <= c.left {
		c.left -= len(rs)
		c.said += len(rs)
		return
	}
	c.done, c.lost = true, true
	head := cut(n.Data, max(1, c.left))
	if end := lastSentence(head); end > len(head)/2 {
		n.Data = head[:end]
		return
	}
	if space := strings.LastIndexByte(head, ' '); space > len(head)/2 {
		head = head[:space] + "…"
	}
	n.Data = head
}

// lastSentence is where the last whole sentence of s ends, 0 for none.
func lastSentence(s string) int {
	end := 0
	for _, stop := range []string{". ", "! ", "? ", ".” ", ".\n", "。", "！", "？"} {
		if i := strings.LastIndex(s, stop); i >= 0 {
			end = max(end, i+len(strings.TrimRight(stop, " \n")))
		}
	}
	return end
}
