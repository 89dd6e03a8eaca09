package templates

import (
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// phrasing are the elements that run on with the text around them.
var phrasing = map[atom.Atom]bool{
	atom.A: true, atom.Abbr: true, atom.B: true, atom.Big: true, atom.Br: true, atom.Cite: true, atom.Code: true,
	atom.Del: true, atom.Dfn: true, atom.Em: true, atom.Font: true, atom.I: true, atom.Ins: true, atom.Kbd: true,
	atom.Mark: true, atom.Q: true, atom.S: true, atom.Samp: true, atom.Small: true, atom.Span: true, atom.Strike: true,
	atom.Strong: true, atom.Sub: true, atom.Sup: true, atom.Time: true, atom.Tt: true, atom.U: true, atom.Var: true,
}

// paragraphs puts text that stands bare at the top of a post, as most feeds'
// summaries do, into paragraphs: only those keep their distance in the letter.
func paragraphs(root *html.Node) {
	for n := root.FirstChild; n != nil; {
		run := runFrom(n)
		if len(run) == 0 {
			n = n.NextSibling
			continue
		}
		n = run[len(run)-1].NextSibling
		if blank(run) {
			continue // the space between two blocks
		}
		p := &html.Node{Type: html.ElementNode, Data: "p", DataAtom: atom.P}
		for _, m := range run {
			root.RemoveChild(m)
			p.AppendChild(m)
		}
		root.InsertBefore(p, n)
	}
}

// runFrom is the longest run of text and phrasing that begins with n.
func runFrom(n *html.Node) (run []*html.Node) {
	for ; n != nil && runsOn(n); n = n.NextSibling {
		run = append(run, n)
	}
	return run
}

func blank(run []*html.Node) bool {
	for _, n := range run {
		if n.Type != html.TextNode || strings.TrimSpace(n.Data) != "" {
			return false
		}
	}
	return true
}

func runsOn(n *html.Node) bool {
	return n.Type == html.TextNode || (n.Type == html.ElementNode && phrasing[n.DataAtom])
}
