package digesttest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"slices"
	"strings"
	"time"
)

// style is how a blog shows its articles. A migration is a change of style.
type style struct {
	site                 int // tells its hosts from those of other migrations
	scheme, host, prefix string
	permalink            string // %Y %M %D %T of the date, %S the slug, %N the number; "outside" = the page it is about
	index                string // behind the permalink
	query                string // likewise
	upper                bool   // the path begins with a capital letter
	burner               bool   // FeedBurner's counter stands in for the link
	guid                 string // p, url, tag, hex, uuid, number, front, few, none
	guidSalt             string // makes all GUIDs other ones
	counted              int    // by how much posts are numbered otherwise than at first
	format               string // rss, atom, json
	body                 string // full, start, teaser, none
	markdown             bool   // typographic quotes and dashes, other markup
	pictures             string // host of the pictures; "" = the blog's
	dates                string // "", day, none, now, zone
	order                string // "", reverse, mixed
	items                int
	before               string // stands before each title
	tag                  string
}

func (s style) path(a article, permalink string) string {
	p := strings.NewReplacer("%Y", a.date.Format("2006"), "%M", a.date.Format("01"), "%D", a.date.Format("02"), "%T", a.date.Format("150405"),
		"%S", a.slug, "%N", fmt.Sprint(a.number), "%P", fmt.Sprint(s.id(a))).Replace(permalink)
	if s.upper && len(p) > 2 {
		p = p[:1] + strings.ToUpper(p[1:2]) + p[2:]
	}
	return p
}

// id is the number that the blog's software gives an article.
func (s style) id(a article) int { return 100 + s.counted + a.number }

func (s style) link(a article) string {
	switch {
	case s.permalink == "outside":
		return a.outside
	case s.burner:
		return fmt.Sprintf("http://feeds.example/~r/blog/~3/%x/", sha256.Sum256([]byte(a.token)))[:50]
	}
	link := s.scheme + "://" + s.host + s.prefix + s.path(a, s.permalink)
	if s.index != "" {
		link = strings.TrimSuffix(link, "/") + s.index
	}
	if s.query != "" {
		sign := "?"
		if strings.Contains(link, "?") {
			sign = "&"
		}
		link += sign + s.query
	}
	return link
}

func (s style) guidOf(a article) string {
	if a.guid != "" {
		return a.guid
	}
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(a.token+s.guidSalt)))
	switch s.guid {
	case "p":
		return fmt.Sprintf("%s://%s%s/?p=%d", s.scheme, s.host, s.prefix, s.id(a))
	case "url":
		plain := s
		plain.query, plain.burner = "", false
		if s.permalink == "outside" {
			plain.permalink = "/%S/"
		}
		return plain.link(a)
	case "tag":
		return fmt.Sprintf("tag:%s,2020:post-%s%d", s.host, s.guidSalt, 7_000_000+a.number)
	case "hex":
		return sum[:24]
	case "uuid":
		return fmt.Sprintf("urn:uuid:%s-%s-4%s-8%s-%s", sum[:8], sum[8:12], sum[12:15], sum[15:18], sum[18:30])
	case "number":
		return fmt.Sprintf("%s%d", s.guidSalt, s.id(a))
	case "front":
		return s.scheme + "://" + s.host + "/"
	case "few":
		return fmt.Sprintf("item-%d", a.number%4)
	}
	return ""
}

func (s style) title(a article) string {
	if a.title == "" {
		return ""
	}
	if s.markdown {
		return s.before + typeset(a.title)
	}
	return s.before + a.title
}

func typeset(text string) string {
	return strings.NewReplacer(` "`, " “", `"`, "”", "'", "’", "--", "–", "...", "…").Replace(text)
}

func (s style) html(a article) string {
	words := a.words
	switch s.body {
	case "none":
		words = nil
	case "teaser":
		words = strings.Fields(a.teaser)
	case "start":
		words = words[:min(55, len(words))]
	}
	open, end := "<p>", "</p>\n"
	if s.markdown {
		open, end = `<p class="text">`, "</p>"
	}
	var b strings.Builder
	for part := range slices.Chunk(words, 40) {
		text := strings.Join(part, " ")
		if s.markdown {
			text = typeset(text)
		}
		b.WriteString(open + html.EscapeString(text) + end)
	}
	if a.picture != "" {
		host := s.pictures
		if host == "" {
			host = s.host
		}
		fmt.Fprintf(&b, `<img src="https://%s/uploads/%s" alt="">`, host, a.picture)
	}
	return b.String()
}

func (s style) date(a article, now time.Time) time.Time {
	switch s.dates {
	case "none":
		return time.Time{}
	case "now":
		return now.Truncate(time.Minute)
	case "zone":
		return a.date.Add(5 * time.Hour)
	case "day":
		return a.date.Truncate(24 * time.Hour)
	}
	return a.date
}

// render is the feed with these articles, the newest first, as it is at now.
func (s style) render(list []article, now time.Time) []byte {
	list = slices.Clone(list[:min(s.items, len(list))])
	switch s.order {
	case "reverse":
		slices.Reverse(list)
	case "mixed":
		slices.SortFunc(list, func(a, b article) int { return strings.Compare(slugHash(a), slugHash(b)) })
	}
	switch s.format {
	case "atom":
		return s.atom(list, now)
	case "json":
		return s.json(list, now)
	}
	b := &Weblog{URL: s.scheme + "://" + s.host + "/", title: "A Blog"}
	for _, a := range list {
		e := Entry{Title: s.title(a), Link: s.link(a), GUID: s.guidOf(a), Author: a.token, Content: s.html(a), Date: s.date(a, now)}
		if s.tag != "" {
			e.Tags = []string{s.tag}
		}
		b.entries = append(b.entries, e)
	}
	return b.render()
}

func slugHash(a article) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(a.token))) }

func (s style) atom(list []article, now time.Time) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>A Blog</title><link href="%s://%s/"/>`, s.scheme, s.host)
	for _, a := range list {
		b.WriteString("<entry>")
		if t := s.title(a); t != "" {
			fmt.Fprintf(&b, "<title>%s</title>", escape(t))
		}
		if id := s.guidOf(a); id != "" {
			fmt.Fprintf(&b, "<id>%s</id>", escape(id))
		}
		fmt.Fprintf(&b, `<link href="%s"/><author><name>%s</name></author><content type="html">%s</content>`, escape(s.link(a)), a.token, escape(s.html(a)))
		if d := s.date(a, now); !d.IsZero() {
			fmt.Fprintf(&b, "<published>%s</published><updated>%[1]s</updated>", d.Format(time.RFC3339))
		}
		b.WriteString("</entry>")
	}
	return []byte(b.String() + "</feed>")
}

func (s style) json(list []article, now time.Time) []byte {
	items := []map[string]any{}
	for _, a := range list {
		item := map[string]any{"url": s.link(a), "author": map[string]string{"name": a.token}, "content_html": s.html(a)}
		for name, value := range map[string]string{"id": s.guidOf(a), "title": s.title(a)} {
			if value != "" {
				item[name] = value
			}
		}
		if d := s.date(a, now); !d.IsZero() {
			item["date_published"] = d.Format(time.RFC3339)
		}
		items = append(items, item)
	}
	home := url.URL{Scheme: s.scheme, Host: s.host, Path: "/"}
	body, err := json.Marshal(map[string]any{"version": "https://jsonfeed.org/version/1.1", "title": "A Blog", "home_page_url": home.String(), "items": items})
	if err != nil {
		panic(err) // strings and maps always marshal
	}
	return body
}
