package feed

import (
	"bytes"
	"net/url"
	"path"
	"regexp"
	"strings"
)

// platform is software or a service that keeps its feeds in known places.
type platform struct {
	generator string   // what <meta name="generator"> contains, lower case; "" = is not asked
	hosts     []string // the service's own domains, and those below them
	places    []string // relative to the blog's folder; a leading "/" means the site's root
}

// platforms, most telling first. Hosts are asked before generators.
var platforms = []platform{
	{"wordpress", []string{"wordpress.com"}, []string{"feed/", "?feed=rss2"}},
	{"blogger", []string{"blogspot.com"}, []string{"/feeds/posts/default", "/feeds/posts/default?alt=rss"}},
	{"ghost", []string{"ghost.io"}, []string{"rss/", "/rss/"}},
	{"hugo", nil, []string{"index.xml", "/index.xml"}},
	{"jekyll", []string{"github.io"}, []string{"feed.xml", "/feed.xml", "/atom.xml"}},
	{"eleventy", nil, []string{"/feed.xml", "/feed/feed.xml", "/feed/"}},
	{"substack", []string{"substack.com"}, []string{"/feed"}},
	{"medium", []string{"medium.com"}, []string{"/feed"}},
	{"tumblr", []string{"tumblr.com"}, []string{"/rss"}},
	{"bear", []string{"bearblog.dev"}, []string{"/feed/", "/feed/?type=rss"}},
	{"squarespace", []string{"squarespace.com"}, []string{"?format=rss", "blog?format=rss"}},
	{"micro.blog", []string{"micro.blog"}, []string{"/feed.xml", "/feed.json"}},
	{"write.as", []string{"write.as"}, []string{"feed/"}},
	{"writefreely", nil, []string{"feed/", "/feed/"}},
	{"pika", []string{"pika.page"}, []string{"/posts_feed"}},
	{"mataroa", []string{"mataroa.blog"}, []string{"/rss/"}},
	{"wix", []string{"wixsite.com"}, []string{"blog-feed.xml"}},
	{"weebly", []string{"weebly.com"}, []string{"/blog/feed", "feed"}},
	{"drupal", nil, []string{"/rss.xml", "rss.xml"}},
	{"joomla", nil, []string{"?format=feed&type=rss", "?format=feed&type=atom"}},
	{"hexo", nil, []string{"/atom.xml", "/rss2.xml"}},
	{"zola", nil, []string{"atom.xml", "rss.xml", "/atom.xml", "/rss.xml"}},
	{"astro", nil, []string{"/rss.xml", "/feed.xml"}},
	{"gatsby", nil, []string{"/rss.xml"}},
	{"docusaurus", nil, []string{"/blog/rss.xml", "/blog/atom.xml"}},
	{"mkdocs", nil, []string{"/feed_rss_created.xml"}},
	{"nikola", nil, []string{"/rss.xml"}},
	{"pelican", nil, []string{"/feeds/all.atom.xml"}},
	{"movable type", nil, []string{"atom.xml", "/atom.xml", "/index.xml"}},
	{"typepad", []string{"typepad.com"}, []string{"/atom.xml", "/rss.xml"}},
	{"", []string{"hashnode.dev"}, []string{"/rss.xml"}},
	{"", []string{"livejournal.com", "dreamwidth.org"}, []string{"/data/rss", "/data/atom"}},
}

// byAddress are services whose feeds follow from the address alone.
var byAddress = []struct {
	host  string // with www., m. or old. before it too; "" = any
	path  *regexp.Regexp
	feeds []string // what the match expands to
}{
	{"medium.com", regexp.MustCompile(`^/(@[^/]+|tag/[^/]+)`), []string{"/feed/$1"}},
	{"medium.com", regexp.MustCompile(`^/([a-z0-9][^/]*)`), []string{"/feed/$1"}},
	{"youtube.com", regexp.MustCompile(`^/channel/([A-Za-z0-9_-]+)`), []string{"/feeds/videos.xml?channel_id=$1"}},
	{"youtube.com", regexp.MustCompile(`^/user/([A-Za-z0-9_.-]+)`), []string{"/feeds/videos.xml?user=$1"}},
	{"github.com", regexp.MustCompile(`^/([^/]+/[^/]+)/(commits|tags)\b`), []string{"/$1/$2.atom"}},
	{"github.com", regexp.MustCompile(`^/([^/]+/[^/]+)`), []string{"/$1/releases.atom", "/$1/commits.atom", "/$1/tags.atom"}},
	{"github.com", regexp.MustCompile(`^/([^/]+)/?$`), []string{"/$1.atom"}},
	{"reddit.com", regexp.MustCompile(`^/((?:r|u|user)/[^/]+)`), []string{"/$1/.rss"}},
	{"dev.to", regexp.MustCompile(`^/([^/]+)`), []string{"/feed/$1"}},
	{"write.as", regexp.MustCompile(`^/([^/]+)`), []string{"/$1/feed/"}},
	{"tumblr.com", regexp.MustCompile(`^/([a-z0-9-]+)/?$`), []string{"https://$1.tumblr.com/rss"}},
	{"bsky.app", regexp.MustCompile(`^/profile/([^/]+)`), []string{"/profile/$1/rss"}},
	{"", regexp.MustCompile(`^/(@[A-Za-z0-9_.]+(?:@[A-Za-z0-9.-]+)?)(?:/|$)`), []string{"/$1.rss"}}, // Mastodon and its kin
}

var serviceHost = regexp.MustCompile(`^(?:www|m|old|new)\.`)

// usual are tried where nothing tells the software, most common first.
var usual = []string{"feed/", "index.xml", "feed.xml", "rss.xml", "atom.xml", "rss", "feed.json", "?feed=rss2"}

// places are addresses nobody declared: known ones by the site's software, then
// usual ones, in the folder of the page and at the root of its site.
func places(p webPage, base *url.URL) []Candidate {
	var list []Candidate
	add := func(ref, how string) {
		if u, err := base.Parse(ref); err == nil && webAddress(u) != "" {
			u.Fragment = ""
			list = append(list, Candidate{URL: webAddress(u), How: how, Kind: kindOf(u, "")})
		}
	}
	for _, ref := range videoFeeds(p, base) {
		add(ref, HowPlace)
	}
	for _, s := range byAddress {
		if m := s.path.FindStringSubmatchIndex(base.EscapedPath()); m != nil && (s.host == "" || serviceHost.ReplaceAllString(base.Hostname(), "") == s.host) {
			for _, f := range s.feeds {
				add(string(s.path.ExpandString(nil, f, base.EscapedPath(), m)), HowPlace)
			}
			if s.host != "" {
				return list // the site's root is the service's, not the blog's
			}
		}
	}
	folder := folderOf(base)
	for _, known := range software(p, base) {
		for _, place := range known.places {
			add(inFolder(folder, place), HowPlace)
		}
	}
	if folder != "/" {
		for _, place := range usual[:4] {
			add(folder+place, HowUsual)
		}
	}
	for _, place := range usual {
		add("/"+place, HowUsual)
	}
	return list
}

func inFolder(folder, place string) string {
	if strings.HasPrefix(place, "/") {
		return place
	}
	return folder + place
}

// folderOf is the path a blog within a site may stand at: that of the page, but
// for pages that look like posts, which stand deeper. It ends with "/".
func folderOf(base *url.URL) string {
	dir := base.EscapedPath()
	if dated := yearInPath.FindStringIndex(dir); dated != nil {
		dir = dir[:dated[0]]
	}
	if path.Ext(dir) != "" {
		dir = path.Dir(dir)
	}
	dir = strings.TrimRight(path.Clean("/"+dir), "/")
	if strings.Count(dir, "/") > 2 {
		return "/"
	}
	return dir + "/"
}

var yearInPath = regexp.MustCompile(`/(?:19|20)[0-9]{2}(?:/|-[0-9]|$)`)

// software tells who made the site: by its host, else by the generator it names,
// else by traces in the page.
func software(p webPage, base *url.URL) []platform {
	for _, s := range platforms {
		for _, host := range s.hosts {
			if below(base.Hostname(), host) {
				return []platform{s}
			}
		}
	}
	for _, s := range platforms {
		if s.generator != "" && strings.Contains(p.generator, s.generator) {
			return []platform{s}
		}
	}
	for _, t := range traces {
		if bytes.Contains(p.text, []byte(t.text)) {
			return byName(t.generator)
		}
	}
	return nil
}

// traces are what pages of a software hold that names no generator.
var traces = []struct{ text, generator string }{
	{"/wp-content/", "wordpress"}, {"substackcdn.com", "substack"}, {"cdn-client.medium.com", "medium"},
	{"static1.squarespace.com", "squarespace"}, {"data-ghost", "ghost"}, {"assets.tumblr.com", "tumblr"},
}

func byName(generator string) []platform {
	for _, s := range platforms {
		if s.generator == generator {
			return []platform{s}
		}
	}
	return nil
}

// below: host is domain or a name under it. Blogger has its hosts under every
// country's domain.
func below(host, domain string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if domain == "blogspot.com" && strings.Contains(host, ".blogspot.") {
		return true
	}
	return host == domain || strings.HasSuffix(host, "."+domain)
}

var channelInPage = regexp.MustCompile(`"(?:externalId|channelId|browseId)"\s*:\s*"(UC[A-Za-z0-9_-]{10,40})"|/channel/(UC[A-Za-z0-9_-]{10,40})`)

// videoFeeds are those of a YouTube channel or playlist. A channel's page with a
// handle in its address says which channel it is.
func videoFeeds(p webPage, base *url.URL) []string {
	if !below(base.Hostname(), "youtube.com") && !strings.Contains(p.canonical, "youtube.com/channel/") {
		return nil
	}
	const feed = "https://www.youtube.com/feeds/videos.xml?"
	if list := base.Query().Get("list"); list != "" {
		return []string{feed + "playlist_id=" + url.QueryEscape(list)}
	}
	if strings.HasPrefix(base.Path, "/channel/") {
		return nil // the address says it
	}
	if strings.HasPrefix(p.channel, "UC") {
		return []string{feed + "channel_id=" + url.QueryEscape(p.channel)}
	}
	for _, text := range [][]byte{[]byte(p.canonical), p.text} {
		if m := channelInPage.FindSubmatch(text); m != nil {
			return []string{feed + "channel_id=" + string(m[1]) + string(m[2])}
		}
	}
	return nil
}
