package feed

import (
	"net/url"
	"regexp"
	"strings"

	nethtml "golang.org/x/net/html"
)

var (
	videoID = regexp.MustCompile(`^[A-Za-z0-9_-]{6,20}$`)
	// machinery are frames that are no part of a post: advertising, counters,
	// buttons of social networks.
	machinery = regexp.MustCompile(`(?i)^https?://(?:[^/]*\.?(?:doubleclick\.net|googlesyndication\.com|googletagmanager\.com|amazon-adsystem\.com|addthis\.com|addtoany\.com|sharethis\.com)/|` +
		`(?:www\.)?facebook\.com/(?:v[0-9.]+/)?plugins/(?:like|share|page|follow)|platform\.twitter\.com/widgets/(?:tweet_button|follow_button)|apis\.google\.com/|disqus\.com/)`)
)

// embed writes, in place of a frame, video, sound or plug-in, its still picture or
// else its name, linked to what it would show.
func (c *cleaner) embed(parent, n *nethtml.Node, name string) {
	target := c.target(n)
	poster := c.address(attrOf(n, "poster"), false)
	if target == "" && poster != "" && c.base != nil {
		target = webAddress(c.base) // a video its page puts together
	}
	switch {
	case target == "" && name == "object":
		c.children(parent, n)
		return
	case target == "" || isDot(n) || machinery.MatchString(target) || isTracker(target):
		return
	case name == "object" && strings.HasPrefix(attrOf(n, "type"), "image/"):
		poster = target
	}
	page, still := watchPage(target)
	next := shown{newElement("a"), page, hasAttr(n, "data-src"), c.noscript}
	if c.before.twice(next) {
		return
	}
	c.before = next
	c.line(parent, next, first(poster, still), embedTitle(n, page))
}

// embedTitle is what people know the embedded thing by: its title, else the name of
// its file or host.
func embedTitle(n *nethtml.Node, page string) string {
	said := foldText(first(attrOf(n, "title"), attrOf(n, "aria-label")))
	if said == "" {
		if u, err := url.Parse(page); err == nil {
			said = hostName(u)
		}
	}
	return "▶ " + cut(said, 200)
}

// line writes the link, in a paragraph of its own where one may stand.
func (c *cleaner) line(parent *nethtml.Node, what shown, still, label string) {
	c.embeds = true
	c.room -= 48 + len(what.address) + len(still) + len(label)
	content := &nethtml.Node{Type: nethtml.TextNode, Data: label}
	if still != "" {
		content = newElement("img")
		content.Attr = []nethtml.Attribute{{Key: "src", Val: still}, {Key: "alt", Val: label}}
	}
	if insideLink(parent) {
		parent.AppendChild(content)
		return
	}
	link := what.node
	link.Attr = []nethtml.Attribute{{Key: "href", Val: what.address}}
	link.AppendChild(content)
	if parent.Type == nethtml.DocumentNode || parent.Data == "div" || parent.Data == "figure" || parent.Data == "blockquote" {
		line := newElement("p")
		line.AppendChild(link)
		link = line
	}
	parent.AppendChild(link)
}

// target is the address of what n embeds, "" for none.
func (c *cleaner) target(n *nethtml.Node) string {
	for _, name := range []string{"src", "data-src", "data-lazy-src", "data-litespeed-src", "data"} {
		if a := c.address(attrOf(n, name), false); a != "" {
			return a
		}
	}
	for child := range n.ChildNodes() {
		a := ""
		switch {
		case child.Data == "source" || child.Data == "embed":
			a = c.address(attrOf(child, "src"), false)
		case child.Data == "param" && strings.EqualFold(attrOf(child, "name"), "movie"):
			a = c.address(attrOf(child, "value"), false)
		}
		if a != "" {
			return a
		}
	}
	return ""
}

func insideLink(n *nethtml.Node) bool {
	for ; n != nil; n = n.Parent {
		if n.Data == "a" {
			return true
		}
	}
	return false
}

// watchPage is the page a person opens for a player's address, and the still
// picture of the video if its address follows from that, "" if not.
func watchPage(address string) (page, still string) {
	u, err := url.Parse(address)
	if err != nil {
		return address, ""
	}
	host := strings.TrimPrefix(u.Hostname(), "www.")
	kind, id, _ := strings.Cut(strings.Trim(u.Path, "/"), "/")
	switch host {
	case "youtube.com", "youtube-nocookie.com", "m.youtube.com":
		switch {
		case kind == "watch":
			id = u.Query().Get("v")
		case id == "videoseries" && u.Query().Get("list") != "":
			return "https://www.youtube.com/playlist?list=" + url.QueryEscape(u.Query().Get("list")), ""
		case kind != "embed" && kind != "v" && kind != "shorts" && kind != "live":
			id = ""
		}
		id, _, _ = strings.Cut(id, "&") // as in /v/ID&hl=en of old players
	case "youtu.be":
		id = kind
	case "player.vimeo.com":
		if number, _, _ := strings.Cut(id, "/"); kind == "video" && videoID.MatchString(number) {
			return "https://vimeo.com/" + number, ""
		}
		return address, ""
	default:
		return address, ""
	}
	if id = strings.Trim(id, "/"); id == "videoseries" || !videoID.MatchString(id) {
		return address, ""
	}
	return "https://www.youtube.com/watch?v=" + id, "https://i.ytimg.com/vi/" + id + "/hqdefault.jpg"
}
