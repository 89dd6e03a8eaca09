package feed

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	nethtml "golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

func newElement(name string) *nethtml.Node {
	return &nethtml.Node{Type: nethtml.ElementNode, Data: name, DataAtom: atom.Lookup([]byte(name))}
}

// addText adds s to the end of parent. It does not join it to a text that stands
// there: of many small ones that would take the square of their time.
func addText(parent *nethtml.Node, s string) {
	if s != "" {
		parent.AppendChild(&nethtml.Node{Type: nethtml.TextNode, Data: s})
	}
}

// moveText is addText with the node the text was read from, which nothing reads
// again, but beside the sources of a picture.
func moveText(parent *nethtml.Node, s string, from *nethtml.Node) {
	switch {
	case from == nil || from.Parent != nil && from.Parent.Data == "picture":
		addText(parent, s)
		return
	case from.Parent != nil:
		from.Parent.RemoveChild(from)
	}
	from.Data = s
	parent.AppendChild(from)
}

// attrOf is the attribute of this name, "" for none. Of two the first counts.
func attrOf(n *nethtml.Node, name string) string {
	for i := range n.Attr {
		if n.Attr[i].Key == name && n.Attr[i].Namespace == "" {
			return n.Attr[i].Val
		}
	}
	return ""
}

func hasAttr(n *nethtml.Node, name string) bool {
	for i := range n.Attr {
		if n.Attr[i].Key == name {
			return true
		}
	}
	return false
}

// settle decides what becomes of made, the last child of parent, once its content
// is known: what says nothing goes, and leaves its space.
func settle(parent, made *nethtml.Node) {
	name := made.Data
	if isBlock(name) && name != "pre" {
		tidyBreaks(made)
	}
	switch {
	case mayBeEmpty(name):
	case made.FirstChild == nil:
		parent.RemoveChild(made)
	case !keepsSpace(name) && allBlank(made):
		parent.RemoveChild(made)
		if isBlock(name) {
			addText(parent, " ")
			return
		}
		unwrap(parent, made)
	case len(made.Attr) == 0 && (name == "a" || name == "span" || name == "bdo"):
		parent.RemoveChild(made)
		unwrap(parent, made)
	}
}

// unwrap moves the children of made, which stands nowhere, to the end of parent.
func unwrap(parent, made *nethtml.Node) {
	for child := made.FirstChild; child != nil; child = made.FirstChild {
		made.RemoveChild(child)
		parent.AppendChild(child)
	}
}

// allBlank: made shows nothing: only white space and line breaks are in it.
func allBlank(made *nethtml.Node) bool {
	for child := made.FirstChild; child != nil; child = child.NextSibling {
		if !isBreak(child) && !(child.Type == nethtml.TextNode && isBlank(child.Data)) {
			return false
		}
	}
	return true
}

func isBreak(n *nethtml.Node) bool { return n.Data == "br" || n.Data == "wbr" }

// tidyBreaks takes away the line breaks with which a block begins and ends, and
// of three and more in a row all but two.
func tidyBreaks(block *nethtml.Node) {
	var row []*nethtml.Node
	begun := false
	for child := block.FirstChild; child != nil; {
		next := child.NextSibling
		switch {
		case child.Data == "br" && child.Type == nethtml.ElementNode:
			if !begun || len(row) == 2 {
				block.RemoveChild(child)
			} else {
				row = append(row, child)
			}
		case child.Type != nethtml.TextNode || !isBlank(child.Data):
			begun, row = true, row[:0]
		}
		child = next
	}
	for _, br := range row {
		block.RemoveChild(br)
	}
}

// isBlank: s is white space, hard spaces included.
func isBlank(s string) bool {
	if s != "" && s[0] > ' ' && s[0] < utf8.RuneSelf {
		return false
	}
	return strings.TrimFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == 0x200B }) == ""
}

// hardSpaces is a run of hard spaces that is layout.
var hardSpaces = regexp.MustCompile(`(?:\x{A0} ?){5,}`)

func foldHard(s string) string {
	if strings.Count(s, "\u00A0") < 5 {
		return s
	}
	return hardSpaces.ReplaceAllString(s, "\u00A0")
}
