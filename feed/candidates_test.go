package feed

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// how shortens the way a candidate was found to one word.
var how = map[string]string{HowLink: "link", HowHeader: "header", HowAnchor: "a", HowPlace: "place", HowUsual: "usual"}

func pageURL(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func waysOf(list []Candidate) []string {
	var out []string
	for _, c := range list {
		out = append(out, how[c.How]+" "+c.URL)
	}
	return out
}

// TestCandidates: what stands at the top of the list, and that nothing else of
// the page does.
func TestCandidates(t *testing.T) {
	for _, test := range []struct {
		name, base, page string
		want             []string // all of those the page names; when there are none, the first places
	}{
		{"plain", "", `<link rel="alternate" type="application/rss+xml" title="T" href="/feed.xml">`, []string{"link https://blog.test/feed.xml"}},
		{"upper case", "", `<LINK REL="ALTERNATE" TYPE="Application/Atom+XML" HREF="atom">`, []string{"link https://blog.test/atom"}},
		{"unquoted", "", `<link rel=alternate type=application/atom+xml href=/a/b.atom>`, []string{"link https://blog.test/a/b.atom"}},
		{"several rels", "", `<link rel="home alternate" type="text/xml" href="/x">`, []string{"link https://blog.test/x"}},
		{"rel feed without type", "", `<link rel=feed href=/any>`, []string{"link https://blog.test/any"}},
		{"type with charset", "", `<link rel=alternate type="application/rss+xml; charset=utf-8" href=/f>`, []string{"link https://blog.test/f"}},
		{"JSON Feed", "", `<link rel=alternate type="application/feed+json" href=/f.json>`, []string{"link https://blog.test/f.json"}},
		{"RDF", "", `<link rel=alternate type="application/rdf+xml" href=/f.rdf>`, []string{"link https://blog.test/f.rdf"}},
		{"no type, feed's name", "", `<link rel=alternate href=/rss.xml>`, []string{"link https://blog.test/rss.xml"}},
		{"base", "https://blog.test/2024/05/post.html", `<base href="/blog/"><link rel=alternate type=application/rss+xml href=feed.xml>`, []string{"link https://blog.test/blog/feed.xml"}},
		{"base behind the link", "", `<link rel=alternate type=application/rss+xml href=feed.xml><base href="https://cdn.test/x/">`, []string{"link https://cdn.test/x/feed.xml"}},
		{"base that is none", "", `<base href="javascript:x"><link rel=alternate type=application/rss+xml href=feed.xml>`, []string{"link https://blog.test/feed.xml"}},
		{"relative to a page", "https://blog.test/a/b", `<link rel=alternate type=application/rss+xml href=feed.xml>`, []string{"link https://blog.test/a/feed.xml"}},
		{"in the body", "", `<body><div><p>Hi<link rel=alternate type=application/rss+xml href=/f></div>`, []string{"link https://blog.test/f"}},
		{"other scheme's form", "", `<link rel=alternate type=application/rss+xml href="//cdn.test/f">`, []string{"link https://cdn.test/f"}},
		{"feed scheme", "", `<a href="feed://blog.test/f">RSS</a><a href="feed:http://blog.test/g">RSS</a>`, []string{"a https://blog.test/f", "a http://blog.test/g"}},
		{"entities and white space", "", "<link rel=alternate type=application/rss+xml href=' /?feed=rss2&amp;x=1\n'>", []string{"link https://blog.test/?feed=rss2&x=1"}},
		{"title never closed", "", `<title>My blog<link rel="alternate" type="application/rss+xml" href="/f"><body>`, []string{"link https://blog.test/f"}},
		{"textarea never closed", "", `<textarea><link rel=alternate type=application/rss+xml href=/f>`, []string{"link https://blog.test/f"}},
		{"tag never closed", "", `<html><head><link rel=alternate type=application/rss+xml href=/f <body><p>x`, []string{"link https://blog.test/f"}},
		{"no head at all", "", `</head></html></p><link rel=alternate type=application/rss+xml href=/f></b>`, []string{"link https://blog.test/f"}},
		{"twice the same", "", `<link rel=alternate type=application/rss+xml href=/f><link rel=alternate type=application/atom+xml href=/f#x>`, []string{"link https://blog.test/f"}},
		{"comments last", "", `<link rel=alternate type=application/rss+xml title="B &raquo; Comments Feed" href=/c/>` +
			`<link rel=alternate type=application/rss+xml href=/comments/feed/><link rel=alternate type=application/rss+xml href=/tag/x/feed/>` +
			`<link rel=alternate type=application/rss+xml href=/feed/>`,
			[]string{"link https://blog.test/feed/", "link https://blog.test/tag/x/feed/", "link https://blog.test/c/", "link https://blog.test/comments/feed/"}},
		{"comments in German", "", `<link rel=alternate type=application/rss+xml title="Kommentar-Feed" href=/k/><link rel=alternate type=application/rss+xml href=/f>`,
			[]string{"link https://blog.test/f", "link https://blog.test/k/"}},
		{"a blog about comments", "", `<title>No comment</title><link rel=alternate type=application/rss+xml title="No comment: tags" href=/tag/x/feed>` +
			`<link rel=alternate type=application/rss+xml title="No comment" href=/f>`,
			[]string{"link https://blog.test/f", "link https://blog.test/tag/x/feed"}},
		{"anchor", "", `<a href="/about">About</a> <a href="/posts.rss">follow</a>`, []string{"a https://blog.test/posts.rss"}},
		{"anchor by its text", "", `<a href="/abo">RSS feed</a>`, []string{"a https://blog.test/abo"}},
		{"same site's anchor first", "", `<a href="https://friend.test/feed/">Friend</a><a href="/feed/">RSS</a>`, []string{"a https://blog.test/feed/", "a https://friend.test/feed/"}},
		{"anchor to a reader", "", `<a href="https://feedly.com/i/subscription/feed/https://blog.test/feed">x</a><a href=/feed>RSS</a>`, []string{"a https://blog.test/feed"}},
		{"link before anchor", "", `<a href=/rss.xml>RSS</a><link rel=alternate type=application/rss+xml href=/f>`, []string{"link https://blog.test/f", "a https://blog.test/rss.xml"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			base := test.base
			if base == "" {
				base = "https://blog.test/"
			}
			var named []string
			for _, line := range waysOf(Candidates([]byte(test.page), "text/html", pageURL(t, base), nil)) {
				if !strings.HasPrefix(line, "usual ") {
					named = append(named, line)
				}
			}
			if diff := cmp.Diff(test.want, named); diff != "" {
				t.Errorf("candidates (-want +got):\n%s", diff)
			}
		})
	}
}

// TestNoCandidates: what looks like the address of a feed and is none.
func TestNoCandidates(t *testing.T) {
	for _, page := range []string{
		``, `text`, "\x00\xff<",
		`<link rel=stylesheet href=/feed.xml>`,
		`<link rel="alternate stylesheet" type="text/css" href=/feed>`,
		`<link rel="alternate stylesheet" type="text/xml" href=/feed>`,
		`<link rel=alternate hreflang=de type="text/html" href=/de/>`,
		`<link rel=alternate hreflang=de href=/de/>`,
		`<link rel=alternate type=application/json href=/wp-json/wp/v2/pages/2>`,
		`<link rel=alternate type=application/json+oembed href=/oembed>`,
		`<link rel=alternate type=text/xml+oembed href=/oembed>`,
		`<link rel=alternate type=application/activity+json href=/@me>`,
		`<link rel=alternate type=application/rss+xml href="">`,
		`<link rel=alternate type=application/rss+xml>`,
		`<link rel=alternate type=application/rss+xml href="javascript:alert(1)">`,
		`<link rel=alternate type=application/rss+xml href="data:text/xml,<rss/>">`,
		`<link rel=alternate type=application/rss+xml href="file:///etc/passwd">`,
		`<link rel=alternate type=application/rss+xml href="http://">`,
		`<link rel=alternate type=application/rss+xml href="https://blog.test:port/f">`,
		`<!-- <link rel=alternate type=application/rss+xml href=/f> -->`,
		`<script>var x = '<link rel=alternate type=application/rss+xml href=/f>'</script>`,
		`<a href="/sitemap.xml">map</a><a href="/feedback">write</a><a href="mailto:rss@blog.test">RSS</a>`,
		`<a href="/feed` + strings.Repeat("x", 5000) + `/rss.xml">RSS</a>`,
	} {
		for _, c := range Candidates([]byte(page), "text/html", pageURL(t, "https://blog.test/"), nil) {
			if isNamed(c) {
				t.Errorf("%.80s: %s", page, c.URL)
			}
		}
	}
}

func TestCandidatesOfTheHeader(t *testing.T) {
	for _, test := range []struct {
		values []string
		want   []string
	}{
		{[]string{`</f>; rel="alternate"; type="application/rss+xml"`}, []string{"header https://blog.test/f"}},
		{[]string{`</style.css>; rel=preload, </f>;rel=alternate;type=application/atom+xml;title="a, \"b\"; c" , <g>;rel="feed"`},
			[]string{"header https://blog.test/f", "header https://blog.test/g"}},
		{[]string{`<https://api.w.org/>; rel="https://api.w.org/"`, `</f,g;h>; REL="home ALTERNATE"; Type="application/feed+json"`},
			[]string{"header https://blog.test/f,g;h"}},
		{[]string{`</f>; rel=alternate; rel=stylesheet; type="application/rss+xml"`}, []string{"header https://blog.test/f"}},
		{[]string{`</f>; rel=alternate; type="application/rss+xml"; anchor="/other"`}, nil},
		{[]string{`</f>; rel=alternate; type="application/rss+xml"; anchor="/"`}, []string{"header https://blog.test/f"}},
		{[]string{`</f; rel=alternate`, `<`, `<>`, `;;;`, `</f>; rel="alternate; type=`, `<javascript:x>; rel=feed`}, nil},
		{[]string{strings.Repeat(`</f>; rel=x, `, 10_000)}, nil},
	} {
		var got []string
		for _, line := range waysOf(Candidates(nil, "", pageURL(t, "https://blog.test/"), http.Header{"Link": test.values})) {
			if strings.HasPrefix(line, "header ") {
				got = append(got, line)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%.100q (-want +got):\n%s", test.values, diff)
		}
	}
}

// TestPlaces: the first address that is tried where the page names none.
func TestPlaces(t *testing.T) {
	meta := func(generator string) string { return `<meta name="Generator" content="` + generator + `">` }
	for _, test := range []struct{ base, page, want string }{
		{"https://b.test/", meta("WordPress 6.7"), "https://b.test/feed/"},
		{"https://b.test/blog/2024/05/my-post/", meta("WordPress 6.7"), "https://b.test/blog/feed/"},
		{"https://b.test/x", `<img src="/wp-content/uploads/a.png">`, "https://b.test/x/feed/"},
		{"https://me.wordpress.com/about/", "", "https://me.wordpress.com/about/feed/"},
		{"https://b.test/", meta("Hugo 0.120"), "https://b.test/index.xml"},
		{"https://b.test/", meta("Jekyll v4.3"), "https://b.test/feed.xml"},
		{"https://me.github.io/notes/", "", "https://me.github.io/notes/feed.xml"},
		{"https://b.test/", meta("Ghost 5.8"), "https://b.test/rss/"},
		{"https://b.blogspot.com/2024/01/a.html", "", "https://b.blogspot.com/feeds/posts/default"},
		{"https://b.blogspot.co.uk/", "", "https://b.blogspot.co.uk/feeds/posts/default"},
		{"https://b.test/", meta("blogger"), "https://b.test/feeds/posts/default"},
		{"https://me.substack.com/p/a-post", "", "https://me.substack.com/feed"},
		{"https://b.test/p/a", `<script src="https://substackcdn.com/x.js"></script>`, "https://b.test/feed"},
		{"https://medium.com/@me/a-post-123", "", "https://medium.com/feed/@me"},
		{"https://medium.com/publication/a-post", "", "https://medium.com/feed/publication"},
		{"https://me.medium.com/a-post", "", "https://me.medium.com/feed"},
		{"https://b.test/", meta("Medium"), "https://b.test/feed"},
		{"https://me.tumblr.com/post/1/x", "", "https://me.tumblr.com/rss"},
		{"https://www.tumblr.com/me", "", "https://me.tumblr.com/rss"},
		{"https://www.youtube.com/channel/UC0123456789abc/videos", "", "https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abc"},
		{"https://www.youtube.com/@me", `<link rel="canonical" href="https://www.youtube.com/channel/UC0123456789abc">`, "https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abc"},
		{"https://www.youtube.com/@me", `<meta itemprop="identifier" content="UC0123456789abc">`, "https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abc"},
		{"https://www.youtube.com/@me", `<script>{"externalId":"UC0123456789abc"}</script>`, "https://www.youtube.com/feeds/videos.xml?channel_id=UC0123456789abc"},
		{"https://www.youtube.com/playlist?list=PL12", "", "https://www.youtube.com/feeds/videos.xml?playlist_id=PL12"},
		{"https://www.youtube.com/user/me", "", "https://www.youtube.com/feeds/videos.xml?user=me"},
		{"https://github.com/a/b", "", "https://github.com/a/b/releases.atom"},
		{"https://github.com/a/b/commits/main", "", "https://github.com/a/b/commits.atom"},
		{"https://github.com/a", "", "https://github.com/a.atom"},
		{"https://me.bearblog.dev/", "", "https://me.bearblog.dev/feed/"},
		{"https://b.test/blog", meta("Squarespace 7"), "https://b.test/blog/?format=rss"},
		{"https://me.micro.blog/", "", "https://me.micro.blog/feed.xml"},
		{"https://social.test/@me", "", "https://social.test/@me.rss"},
		{"https://social.test/@me/112233", "", "https://social.test/@me.rss"},
		{"https://www.reddit.com/r/golang/", "", "https://www.reddit.com/r/golang/.rss"},
		{"https://old.reddit.com/user/me/comments", "", "https://old.reddit.com/user/me/.rss"},
		{"https://write.as/me/a-post", "", "https://write.as/me/feed/"},
		{"https://me.pika.page/", "", "https://me.pika.page/posts_feed"},
		{"https://me.mataroa.blog/blog/x/", "", "https://me.mataroa.blog/rss/"},
		{"https://b.test/", meta("Eleventy v3"), "https://b.test/feed.xml"},
		{"https://bsky.app/profile/me.test", "", "https://bsky.app/profile/me.test/rss"},
		{"https://dev.to/me/post", "", "https://dev.to/feed/me"},
		{"https://b.test/", "", "https://b.test/feed/"},
		{"https://b.test/~ann/index.html", "", "https://b.test/~ann/feed/"},
		{"https://b.test/a/b/c/d/e", "", "https://b.test/feed/"},
		{"https://b.test/2024/05/31/post", "", "https://b.test/feed/"},
	} {
		list := Candidates([]byte(test.page), "text/html", pageURL(t, test.base), nil)
		if len(list) == 0 || list[0].URL != test.want {
			t.Errorf("%s %s: %q, want %s first", test.base, test.page, waysOf(list), test.want)
		}
	}
}

// TestTitlesAreText: what a page says of a feed is one line, and short.
func TestTitlesAreText(t *testing.T) {
	page := "<link rel=alternate type='application/rss+xml\r\nX: y' title='A\r\n\x1b[31mB &lt;b&gt;&#x202e;C " + strings.Repeat("é", 500) + "' href='/f\r\nHost: x'>"
	list := Candidates([]byte(page), "text/html", pageURL(t, "https://blog.test/"), nil)
	c := list[0]
	if !strings.HasPrefix(c.Title, "A [31mB <b>C é") || len([]rune(c.Title)) != 200 {
		t.Errorf("title %q", c.Title)
	}
	if c.URL != "https://blog.test/fHost:%20x" || strings.ContainsAny(c.Type, "\r\n") {
		t.Errorf("%q %q", c.URL, c.Type)
	}
}

func TestTitleInThePagesCharset(t *testing.T) {
	page := "<meta charset=windows-1251><link rel=alternate type=application/rss+xml title='\xcf\xf0\xe8\xe2\xe5\xf2' href=/f>"
	if got := Candidates([]byte(page), "", pageURL(t, "https://blog.test/"), nil)[0].Title; got != "Привет" {
		t.Errorf("title %q", got)
	}
}

// TestCandidatesAreFew: 10 MB of links give 20 candidates, and the places of the
// software still stand among them.
func TestCandidatesAreFew(t *testing.T) {
	var page strings.Builder
	for i := 0; page.Len() < 10<<20; i++ {
		fmt.Fprintf(&page, "<link rel=alternate type=application/rss+xml href=/f%d><a href=/a%d.rss>RSS</a>", i, i)
	}
	list := Candidates([]byte(page.String()), "", pageURL(t, "https://blog.test/"), nil)
	if len(list) != maxCandidates || list[maxDeclared].How != HowAnchor || list[maxDeclared+maxAnchors].How != HowUsual {
		t.Errorf("%d candidates: %q", len(list), waysOf(list))
	}
}

func FuzzDiscover(f *testing.F) {
	f.Add([]byte(`<base href=/b/><LINK rel="alternate feed" type=application/rss+xml href=f title="x">`), `</f>; rel=feed; title="a, b"`, "https://blog.test/a/b?c=d")
	f.Add([]byte("<title>x<link rel=alternate type=application/rss+xml href=' //[::1]:1/\r\n'>"), `<f`, "http://127.0.0.1:8080/")
	f.Add([]byte(`<meta http-equiv=refresh content="0;url=/x"><meta name=generator content=WordPress>`), ``, "https://www.youtube.com/@me")
	f.Add([]byte("\xff\xfe<\x00a\x00 \x00h\x00"), `</f>; rel="feed`, "https://social.test/@me")
	f.Fuzz(func(t *testing.T, page []byte, header, base string) {
		u, err := url.Parse(base)
		if err != nil {
			return
		}
		list := Candidates(page, "text/html", u, http.Header{"Link": {header}})
		if len(list) > maxCandidates {
			t.Errorf("%d candidates", len(list))
		}
		seen := map[string]bool{}
		for _, c := range list {
			to, err := url.Parse(c.URL)
			if err != nil || to.Scheme != "http" && to.Scheme != "https" || to.Host == "" || to.User != nil || strings.ContainsAny(c.URL, "\r\n\x00 ") {
				t.Errorf("address %q: %v", c.URL, err)
			}
			if seen[c.URL] || kindRank(c.Kind) < 0 || strings.ContainsAny(c.Title+c.Type, "\r\n\x1b") {
				t.Errorf("candidate %+v", c)
			}
			seen[c.URL] = true
		}
	})
}
