package feed

import (
	"net/url"
	"path"
	"strings"

	ext "github.com/mmcdole/gofeed/extensions"
	nethtml "golang.org/x/net/html"
)

// image is the post's lead image: what the feed names as one (media, enclosure,
// itunes), else the first of its content.
func (r *reader) image(p Post, base *url.URL) string {
	for _, candidate := range r.images() {
		if u := webAddress(resolve(base, candidate)); candidate != "" && u != "" {
			return u
		}
	}
	if src := firstImage(p.Content); src != "" {
		return src
	}
	return firstImage(p.Summary)
}

func (r *reader) images() []string {
	var list []string
	for _, m := range r.media() {
		for _, c := range m["content"] {
			if c.Attrs["medium"] == "image" || strings.HasPrefix(c.Attrs["type"], "image/") || isImageName(c.Attrs["url"]) {
				list = append(list, c.Attrs["url"])
			}
			for _, t := range c.Children["thumbnail"] {
				list = append(list, t.Attrs["url"])
			}
		}
		for _, t := range m["thumbnail"] {
			list = append(list, first(t.Attrs["url"], t.Value))
		}
	}
	for _, e := range r.item.Enclosures {
		if strings.HasPrefix(strings.ToLower(e.Type), "image/") || e.Type == "" && isImageName(e.URL) {
			list = append(list, e.URL)
		}
	}
	if r.item.ITunesExt != nil {
		list = append(list, r.item.ITunesExt.Image)
	}
	if r.item.Image != nil {
		list = append(list, r.item.Image.URL)
	}
	return list
}

// media are the item's Media RSS elements, those inside media:group included.
func (r *reader) media() []map[string][]ext.Extension {
	top := r.item.Extensions["media"]
	if top == nil {
		return nil
	}
	list := []map[string][]ext.Extension{top}
	for _, group := range top["group"] {
		list = append(list, group.Children)
	}
	return list
}

// mediaText is media:description as HTML; it is plain text unless it says so
// (Media RSS 1.5.1, media:description).
func (r *reader) mediaText() string {
	for _, m := range r.media() {
		for _, d := range m["description"] {
			if d.Attrs["type"] == "html" {
				return d.Value
			}
			if strings.TrimSpace(d.Value) != "" {
				return paragraphs(d.Value)
			}
		}
	}
	return ""
}

func isImageName(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(path.Ext(u.Path)) {
	case ".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif":
		return true
	}
	return false
}

// firstImage is the address of the first picture in cleaned HTML that is not an
// icon or a smiley, "" if there is none.
func firstImage(cleaned string) string {
	start := strings.Index(cleaned, "<img")
	if start < 0 {
		return ""
	}
	z := nethtml.NewTokenizer(strings.NewReader(cleaned[start:]))
	for {
		switch z.Next() {
		case nethtml.ErrorToken:
			return ""
		case nethtml.StartTagToken, nethtml.SelfClosingTagToken:
			t := z.Token()
			if t.Data != "img" {
				continue
			}
			a := attributes(t.Attr)
			if src := a["src"]; src != "" && !isIcon(a["width"]) && !isIcon(a["height"]) && !strings.Contains(src, "/smilies/") {
				return src
			}
		}
	}
}

func attributes(list []nethtml.Attribute) map[string]string {
	m := make(map[string]string, len(list))
	for _, a := range list {
		if _, twice := m[a.Key]; !twice && a.Namespace == "" {
			m[a.Key] = a.Val
		}
	}
	return m
}

// isIcon: a side of at most 32 pixels.
func isIcon(side string) bool {
	n := atoi(side)
	return n > 0 && n <= 32
}
