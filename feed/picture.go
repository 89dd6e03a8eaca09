package feed

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"

	nethtml "golang.org/x/net/html"
)

// maxWidth is the widest a picture may ask to be, in pixels: the sheet of a mail.
const maxWidth = 600

// trackerHost and trackerPath know, by its host or by its path behind that, a
// picture that counts readers, or spaces a layout, and shows nothing.
var trackerHost = regexp.MustCompile(`(?i)^https?://(?:` +
	`feeds\.feedburner\.com/~|feedproxy\.google\.com/~|[^/]*\.?feedsportal\.com/|[^/]*feedblitz\.com/(?:~|i/)|feeds\.wordpress\.com/1\.0/|` +
	`(?:stats|pixel)\.(?:wordpress|wp)\.com/|(?:www\.)?wp\.com/[bg]\.gif|pixel[.-]|medium\.com/_/stat|blogger\.googleusercontent\.com/tracker/|` +
	`[^/]*\.?(?:doubleclick\.net|google-analytics\.com|googlesyndication\.com|googleadservices\.com|quantserve\.com|scorecardresearch\.com|statcounter\.com|` +
	`sitemeter\.com|histats\.com|imrworldwide\.com|omtrdc\.net|2o7\.net|chartbeat\.net|pheedo\.com|pheedcontent\.com|addtoany\.com|sharethis\.com|yadro\.ru)/|` +
	`(?:www\.)?facebook\.com/tr\b|track\.hubspot\.com/|[^/]*\.list-manage\d?\.com/track/|(?:px|dc)\.ads\.linkedin\.com/|bat\.bing\.com/|ct\.pinterest\.com/|` +
	`mc\.yandex\.ru/|top[^/]*\.mail\.ru/counter|counter\.rambler\.ru/)`)

var trackerPath = regexp.MustCompile(`(?i)/(?:(?:piwik|matomo)\.php\b|__ptq\.gif|(?:wf|track|e)/open\b|tracker/|` +
	`(?:pixel|tracking|tracker|beacon|open|counter|spacer|blank|transparent|clear|1x1)\.(?:gif|png|php|aspx?)\b)`)

// isTracker takes what [webAddress] returns.
func isTracker(address string) bool {
	_, path, _ := strings.Cut(address, "://")
	if end := strings.IndexAny(path, "?#"); end >= 0 {
		path = path[:end]
	}
	return trackerHost.MatchString(address) || trackerPath.MatchString(path)
}

var (
	// dotStyle is the size of a picture that isn't there to be seen.
	dotStyle = regexp.MustCompile(`(?i)(?:^|[;\s])(?:max-)?(?:width|height)\s*:\s*[01](?:px)?\s*(?:!important\s*)?(?:;|$)`)
	// emojiClass marks a picture that stands for a character, its alt text.
	emojiClass = regexp.MustCompile(`(?i)\b(?:wp-smiley|emoji|emojione|twemoji)\b`)
)

// shown is a picture or player that was written.
type shown struct {
	node     *nethtml.Node
	address  string
	lazy     bool // its page loads it by a script
	noscript bool
}

// twice reports whether s and next, written one after the other, are one for
// those with scripts and one for those without.
func (s shown) twice(next shown) bool {
	return s.node != nil && s.node.Data == next.node.Data && s.noscript != next.noscript && (s.lazy || next.lazy || sameSource(s.address, next.address))
}

func isEmoji(class string) bool { return class != "" && emojiClass.MatchString(class) }

func sameSource(a, b string) bool {
	a, _, _ = strings.Cut(a, "?")
	b, _, _ = strings.Cut(b, "?")
	return a == b
}

// picture writes an img, unless it is none worth showing: without an address, of
// one pixel, a known counter, or the twin of the one before.
func (c *cleaner) picture(parent, n *nethtml.Node) {
	alt := foldText(attrOf(n, "alt"))
	if alt != "" && len(alt) <= 32 && isEmoji(attrOf(n, "class")) {
		c.text(parent, alt, nil)
		return
	}
	src, lazy := c.source(n)
	if src == "" || isTracker(src) || isDot(n) {
		return
	}
	made := newElement("img")
	next := shown{made, src, lazy, c.noscript}
	if c.before.twice(next) {
		if next.noscript { // the true address, beside one made for a script
			made = c.before.node
			made.Attr[0].Val = src
			made.Attr[1].Val = first(made.Attr[1].Val, alt)
		}
		return
	}
	c.before = next
	made.Attr = append(made.Attr, nethtml.Attribute{Key: "src", Val: src}, nethtml.Attribute{Key: "alt", Val: alt})
	made.Attr = append(made.Attr, sides(n)...)
	if t := foldText(attrOf(n, "title")); t != "" {
		made.Attr = append(made.Attr, nethtml.Attribute{Key: "title", Val: t})
	}
	c.room -= 16 + 2*len(src) + len(alt)
	parent.AppendChild(made)
}

// source is the picture's address, and whether a script was to put it there: in
// that case src names a placeholder.
func (c *cleaner) source(n *nethtml.Node) (src string, lazy bool) {
	for _, name := range []string{"data-src", "data-lazy-src", "data-original", "data-lazy", "data-orig-src", "data-url"} {
		if src = c.address(attrOf(n, name), false); src != "" {
			return src, true
		}
	}
	for _, name := range []string{"data-srcset", "data-lazy-srcset"} {
		if src = c.address(fromSet(attrOf(n, name)), false); src != "" {
			return src, true
		}
	}
	lazy = strings.Contains(attrOf(n, "class"), "lazy")
	if src = c.address(attrOf(n, "src"), false); src != "" {
		return src, lazy
	}
	if src = c.address(fromSet(attrOf(n, "srcset")), false); src != "" || n.Parent == nil || n.Parent.Data != "picture" {
		return src, lazy
	}
	source := n.PrevSibling // the last source is the one most programs know
	for range 8 {
		if source == nil || src != "" {
			break
		}
		src = c.address(fromSet(first(attrOf(source, "srcset"), attrOf(source, "data-srcset"))), false)
		source = source.PrevSibling
	}
	return src, lazy
}

// fromSet is the picture of a srcset that suits a mail: the smallest as wide as
// maxWidth, else the widest, else the first (HTML, "parse a srcset attribute").
func fromSet(srcset string) string {
	best, bestWidth := "", -1
	for rest := srcset; len(rest) > 0; {
		rest = strings.TrimLeft(rest, ", \t\r\n\f")
		end := strings.IndexAny(rest, " \t\r\n\f")
		if end < 0 {
			end = len(rest)
		}
		address, descriptor := rest[:end], ""
		if rest = rest[end:]; !strings.HasSuffix(address, ",") {
			descriptor, rest, _ = strings.Cut(rest, ",")
		}
		width := 0
		if w, ok := strings.CutSuffix(strings.TrimSpace(descriptor), "w"); ok {
			width = atoi(w)
		}
		better := bestWidth < maxWidth && width > bestWidth || width >= maxWidth && width < bestWidth
		if address = strings.TrimRight(address, ","); address != "" && better {
			best, bestWidth = address, width
		}
	}
	return best
}

// sides are the width and height of a picture, in proportion and no wider than
// maxWidth; those that aren't numbers of pixels go.
func sides(n *nethtml.Node) (list []nethtml.Attribute) {
	w, h := pixels(attrOf(n, "width")), pixels(attrOf(n, "height"))
	if w > maxWidth {
		w, h = maxWidth, h*maxWidth/w
	}
	if w > 0 {
		list = append(list, nethtml.Attribute{Key: "width", Val: strconv.Itoa(w)})
	}
	if h > 0 && (w > 0 || h <= maxWidth) {
		list = append(list, nethtml.Attribute{Key: "height", Val: strconv.Itoa(h)})
	}
	return list
}

// pixels is a length in pixels, 0 when s is none.
func pixels(s string) int {
	s = strings.TrimSuffix(strings.TrimSpace(s), "px")
	if whole, part, ok := strings.Cut(s, "."); ok && strings.Trim(part, "0123456789") == "" {
		s = whole
	}
	if !smallNumber.MatchString(s) {
		return 0
	}
	return atoi(s)
}

// isDot: a side is declared to be of at most one pixel.
func isDot(n *nethtml.Node) bool {
	for _, name := range []string{"width", "height"} {
		v := strings.TrimSuffix(strings.TrimSpace(attrOf(n, name)), "px")
		if v == "" || v[0] > '1' { // as most are
			continue
		}
		if side, err := strconv.Atoi(v); err == nil && side <= 1 {
			return true
		}
	}
	style := attrOf(n, "style")
	return style != "" && dotStyle.MatchString(style)
}

// hostName is the host as people say it.
func hostName(u *url.URL) string {
	host := u.Hostname()
	for _, prefix := range []string{"www.", "player.", "embed.", "open.", "w."} {
		if short, ok := strings.CutPrefix(host, prefix); ok && strings.Contains(short, ".") {
			return short
		}
	}
	return host
}
