package feed

import (
	"strings"

	nethtml "golang.org/x/net/html"
)

// around says what an element stands in.
type around struct {
	depth                      int
	paragraph, link, head, pre bool
}

// isFixed reports that Clean of out, which is what root was written as, is surely
// out, so that it need not be tried: an HTML parser makes the same tree of it
// again, and nothing in that is left to clean. False means no more than that this
// does not follow from a few plain rules, each narrower than those of HTML.
func (c *cleaner) isFixed(root *nethtml.Node, out string) bool {
	c.tags = 0
	return !c.embeds && !strings.Contains(out, "[caption") && c.allFixed(root, around{}) &&
		2*len(out)+16*c.tags < maxClean && 2*c.tags*(2+3*len(formatting)) < maxNodes
}

func (c *cleaner) allFixed(parent *nethtml.Node, in around) bool {
	for n := parent.FirstChild; n != nil; n = n.NextSibling {
		if n.Type == nethtml.TextNode && !isFixedText(parent, n, in) || n.Type == nethtml.ElementNode && !c.isFixedElement(parent, n, in) {
			return false
		}
	}
	return true
}

// isFixedText: texts that stand side by side will be one when they are read again,
// which may make a run of hard spaces or a shortcode of them.
func isFixedText(parent, n *nethtml.Node, in around) bool {
	switch parent.Data {
	case "table", "thead", "tbody", "tfoot", "tr":
		return strings.Trim(n.Data, " \t\n\f") == ""
	case "pre":
		return n.Data[0] != '\n'
	}
	switch {
	case in.pre:
		return true
	case isText(n.PrevSibling) || isText(n.NextSibling):
		return !strings.ContainsAny(n.Data, "[]\u00A0")
	}
	return strings.Count(n.Data, "\u00A0") < 5 && !isShortcode(n.Data)
}

func isText(n *nethtml.Node) bool { return n != nil && n.Type == nethtml.TextNode }

func (c *cleaner) isFixedElement(parent, n *nethtml.Node, in around) bool {
	c.tags++
	in.depth++
	if in.depth > 100 || !mayHold(parent.Data, n.Data) {
		return false
	}
	switch name := n.Data; name {
	case "p", "div", "blockquote", "pre", "hr", "ul", "ol", "dl", "figure", "figcaption", "table":
		if in.paragraph {
			return false
		}
		in.paragraph = name == "p"
	case "h1", "h2", "h3", "h4", "h5", "h6":
		if in.paragraph || in.head {
			return false
		}
		in.head = true
	case "a":
		if in.link {
			return false
		}
		in.link = true
	case "img":
		if isDot(n) {
			return false
		}
	}
	if len(n.Attr) > 0 && formatting[n.Data] {
		return false
	}
	in.pre = in.pre || keepsSpace(n.Data)
	return c.addressesFixed(n) && c.allFixed(n, in)
}

// mayHold: a parser leaves an element of this name where it is.
func mayHold(parent, name string) bool {
	switch name {
	case "caption":
		return false
	case "thead", "tbody", "tfoot":
		return parent == "table"
	case "tr":
		return parent == "thead" || parent == "tbody" || parent == "tfoot"
	case "td", "th":
		return parent == "tr"
	case "li":
		return parent == "ul" || parent == "ol"
	case "dt", "dd":
		return parent == "dl"
	case "rt", "rp":
		return parent == "ruby"
	}
	switch parent {
	case "table", "thead", "tbody", "tfoot", "tr":
		return false
	}
	return true
}

func (c *cleaner) addressesFixed(n *nethtml.Node) bool {
	for _, a := range n.Attr {
		switch a.Key {
		case "href", "src", "cite":
			if c.address(a.Val, a.Key == "href") != a.Val {
				return false
			}
		}
	}
	return true
}
