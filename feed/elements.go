package feed

import (
	"strings"

	"golang.org/x/net/html/atom"
)

// kept are the elements that stay, each with the attributes that stay on it
// beside lang and dir. Everything else is unwrapped or dropped.
var kept = attributesOf(map[string]string{
	"p": "", "div": "", "h1": "", "h2": "", "h3": "", "h4": "", "h5": "", "h6": "", "blockquote": "cite", "pre": "", "hr": "", "br": "", "wbr": "",
	"ul": "", "ol": "start reversed", "li": "value", "dl": "", "dt": "", "dd": "", "figure": "", "figcaption": "",
	"table": "", "caption": "", "thead": "", "tbody": "", "tfoot": "", "tr": "", "th": "colspan rowspan scope align", "td": "colspan rowspan align",
	"a": "href title", "img": "src alt width height title", "strong": "", "b": "", "em": "", "i": "", "u": "", "s": "", "del": "", "ins": "", "mark": "", "small": "",
	"sub": "", "sup": "", "code": "", "kbd": "", "samp": "", "var": "", "abbr": "title", "cite": "", "q": "", "dfn": "", "time": "datetime",
	"span": "", "bdi": "", "bdo": "", "ruby": "", "rt": "", "rp": "",
})

// attributesOf splits the lists, and adds what may stay on every element.
func attributesOf(lists map[string]string) map[string][]string {
	m := make(map[string][]string, len(lists))
	for name, list := range lists {
		m[name] = strings.Fields(list + " lang dir")
	}
	return m
}

// renamed are elements that mail programs know by another name, or as nothing
// but a block.
var renamed = map[string]string{
	"tt": "code", "strike": "s", "acronym": "abbr", "dir": "ul", "menu": "ul", "listing": "pre",
	"address": "div", "article": "div", "aside": "div", "center": "div", "details": "div", "fieldset": "div", "footer": "div", "header": "div",
	"hgroup": "div", "main": "div", "nav": "div", "section": "div", "summary": "div",
}

// dropped go with all they contain; svg and math, the only ways out of HTML, are
// among them. Unknown and other elements lose their tags only.
var dropped = map[string]bool{
	"script": true, "style": true, "noscript": true, "template": true, "svg": true, "math": true, "head": true, "title": true, "meta": true, "link": true, "base": true,
	"applet": true, "frame": true, "frameset": true, "noframes": true, "noembed": true, "select": true, "option": true, "optgroup": true, "datalist": true, "button": true,
	"input": true, "textarea": true, "canvas": true, "map": true, "area": true, "param": true, "source": true, "track": true, "plaintext": true, "xmp": true, "portal": true,
	"xml": true,
}

// embedded become a picture or a line with a link to what they would show.
var embedded = map[string]bool{"iframe": true, "video": true, "audio": true, "embed": true, "object": true}

func isBlock(name string) bool {
	switch name {
	case "p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "hr", "ul", "ol", "li", "dl",
		"dt", "dd", "figure", "figcaption", "table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td":
		return true
	}
	return false
}

// mayBeEmpty: the element means something without content.
func mayBeEmpty(name string) bool {
	switch name {
	case "img", "br", "hr", "wbr", "td", "th", "tr":
		return true
	}
	return false
}

// keepsSpace: the white space in the element is part of what it says.
func keepsSpace(name string) bool {
	switch name {
	case "pre", "code", "kbd", "samp":
		return true
	}
	return false
}

// formatting are the elements, links aside, that HTML opens again in each block
// that follows when nobody closed them (HTML, "the list of active formatting
// elements").
var formatting = map[string]bool{
	"b": true, "big": true, "code": true, "em": true, "font": true, "i": true, "nobr": true, "s": true, "small": true, "strike": true, "strong": true, "tt": true, "u": true,
}

// isHTML: name is an element of HTML, living or not.
func isHTML(name string) bool {
	_, stays := kept[name]
	_, other := renamed[name]
	return stays || other || dropped[name] || embedded[name] || atom.Lookup([]byte(name)) != 0
}
