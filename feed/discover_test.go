package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var discoveryDay = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// testSite serves pages by path and query; what is not there is 404.
type testSite struct {
	URL string

	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	asked []string
}

func newSite(t testing.TB, pages map[string]string) *testSite {
	t.Helper()
	s := &testSite{pages: map[string]http.HandlerFunc{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	for path, body := range pages {
		s.pages[path] = func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, strings.ReplaceAll(body, "SITE", server.URL))
		}
	}
	return s
}

func (s *testSite) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.asked = append(s.asked, r.URL.RequestURI())
	s.mu.Unlock()
	if h, ok := s.pages[r.URL.RequestURI()]; ok {
		h(w, r)
		return
	}
	http.NotFound(w, r)
}

// blogRSS is a feed of n posts, the newest of them dated newest, with whole texts or
// with excerpts.
func blogRSS(title string, n int, newest time.Time, full bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>%s</title><link>SITE/</link>`, title)
	for i := range n {
		at := newest.AddDate(0, 0, -i)
		fmt.Fprintf(&b, `<item><title>%s %d</title><link>SITE/%s/%d</link><pubDate>%s</pubDate><description>Short words…</description>`,
			title, i, url.PathEscape(title), at.Unix(), at.Format(time.RFC1123Z))
		if full {
			fmt.Fprintf(&b, `<content:encoded><![CDATA[<p>All the words of it.</p>]]></content:encoded>`)
		}
		b.WriteString(`</item>`)
	}
	return b.String() + `</channel></rss>`
}

func blogAtom(title string, n int, newest time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, `<feed xmlns="http://www.w3.org/2005/Atom"><title>%s</title><link href="SITE/"/>`, title)
	for i := range n {
		at := newest.AddDate(0, 0, -i)
		fmt.Fprintf(&b, `<entry><title>%s %d</title><link href="SITE/%s/%d"/><updated>%s</updated><summary>Short words…</summary></entry>`,
			title, i, url.PathEscape(title), at.Unix(), at.Format(time.RFC3339))
	}
	return b.String() + `</feed>`
}

func commentsRSS(n int) string {
	return strings.ReplaceAll(blogRSS("Comments for Notes", n, discoveryDay, false), "</link><pubDate>", "#comment-7</link><pubDate>")
}

func linking(paths ...string) string {
	page := "<!doctype html><title>Notes</title>"
	for _, p := range paths {
		page += `<link rel="alternate" type="application/rss+xml" href="` + p + `">`
	}
	return page
}

// discovery is a site, and what is to be found from one of its pages.
type discovery struct {
	name, at string
	pages    map[string]string
	want     []string // paths, the proposed one first
	why      string
}

// TestDiscoverProposes: which feed is proposed, in what order the others are
// listed, and why.
func TestDiscoverProposes(t *testing.T) {
	recent, long := discoveryDay.AddDate(0, 0, -2), discoveryDay.AddDate(-3, 0, 0)
	notes := blogRSS("Notes", 10, recent, true)
	for _, test := range []discovery{
		{"the address is a feed", "/f", map[string]string{"/f": notes}, []string{"/f"}, "the address given"},
		{"one link", "/", map[string]string{"/": linking("/f"), "/f": notes}, []string{"/f"}, "the only feed found, and the page declares it"},
		{"comments never first", "/", map[string]string{"/": linking("/comments/feed/", "/feed/"), "/comments/feed/": commentsRSS(30), "/feed/": blogRSS("Notes", 2, long, false)},
			[]string{"/feed/", "/comments/feed/"}, "readers' comments"},
		{"comments known by their links", "/", map[string]string{"/": linking("/c", "/f"), "/c": commentsRSS(30), "/f": notes}, []string{"/f", "/c"}, "readers' comments"},
		{"parts after the whole", "/", map[string]string{"/": linking("/tag/sea/feed/", "/feed/"), "/tag/sea/feed/": blogRSS("Sea", 40, recent, true), "/feed/": notes},
			[]string{"/feed/", "/tag/sea/feed/"}, "a part of them"},
		{"living before dead", "/", map[string]string{"/": linking("/old", "/f"), "/old": blogRSS("Old", 100, long, true), "/f": notes}, []string{"/f", "/old"}, "kept up"},
		{"more posts", "/", map[string]string{"/": linking("/few", "/many"), "/few": blogRSS("Few", 3, recent, true), "/many": blogRSS("Many", 20, recent, true)},
			[]string{"/many", "/few"}, "more posts"},
		{"full texts", "/", map[string]string{"/": linking("/short", "/f"), "/short": blogRSS("Notes", 10, recent, false), "/f": notes}, []string{"/f", "/short same as 1"}, "in full"},
		{"else the first", "/", map[string]string{"/": linking("/a", "/b"), "/a": blogAtom("Notes", 10, recent), "/b": blogRSS("Notes", 10, recent, false)},
			[]string{"/a", "/b same as 1"}, "the first that the site names"},
		{"an empty feed last", "/", map[string]string{"/": linking("/empty", "/f"), "/empty": blogRSS("New", 0, recent, false), "/f": notes}, []string{"/f", "/empty"}, "with posts"},
		{"the same bytes once", "/", map[string]string{"/": linking("/a", "/b"), "/a": notes, "/b": notes}, []string{"/a"}, "only feed"},
		{"a link that is dead", "/", map[string]string{"/": linking("/gone", "/page", "/f"), "/page": "<html>no", "/f": notes}, []string{"/f"}, "only feed"},
		{"comments are no sign of life", "/", map[string]string{"/": linking("/old", "/f", "/comments/feed/"), "/old": blogRSS("Old", 100, long, true),
			"/f": blogRSS("Notes", 10, discoveryDay.AddDate(-1, 0, 0), true), "/comments/feed/": commentsRSS(3)}, []string{"/f", "/old", "/comments/feed/"}, "kept up"},
	} {
		t.Run(test.name, test.run)
	}
}

// TestDiscoverFinds: the ways to a feed.
func TestDiscoverFinds(t *testing.T) {
	recent := discoveryDay.AddDate(0, 0, -2)
	notes := blogRSS("Notes", 10, recent, true)
	for _, test := range []discovery{
		{"comments given", "/comments/feed/", map[string]string{"/comments/feed/": commentsRSS(3)}, []string{"/comments/feed/"}, "this looks like a comments feed"},
		{"comments alone", "/", map[string]string{"/": linking("/comments/feed/"), "/comments/feed/": commentsRSS(3)}, []string{"/comments/feed/"}, "though this looks like a comments feed"},
		{"an anchor", "/", map[string]string{"/": `<a href="/about">x</a><a href="f.rss">Feed</a>`, "/f.rss": notes}, []string{"/f.rss"}, "links to it"},
		{"a post names no feed, the front page does", "/2024/05/x.html", map[string]string{"/2024/05/x.html": "<html><p>x", "/": linking("/any"), "/any": notes}, []string{"/any"}, "declares it"},
		{"nothing is named: WordPress", "/", map[string]string{"/": `<meta name=generator content="WordPress 6">`, "/feed/": notes}, []string{"/feed/"}, "this kind of site"},
		{"WordPress without permalinks", "/", map[string]string{"/": `<meta name=generator content="WordPress 6">`, "/?feed=rss2": notes}, []string{"/?feed=rss2"}, "this kind of site"},
		{"nothing is named: a usual place", "/", map[string]string{"/": "<html>", "/rss.xml": notes, "/feed.json": blogRSS("Other", 3, recent, true)}, []string{"/rss.xml"}, "often stand there"},
		{"a blog in a folder", "/blog/", map[string]string{"/blog/": "<html>", "/": "<html>", "/blog/index.xml": notes}, []string{"/blog/index.xml"}, "often stand there"},
		{"only comments are named", "/", map[string]string{"/": linking("/comments/feed"), "/comments/feed": commentsRSS(3), "/index.xml": notes}, []string{"/index.xml", "/comments/feed"}, "comments"},
		{"a page that sends on", "/", map[string]string{"/": `<meta http-equiv="Refresh" content="0; URL='/en/'">`, "/en/": linking("f"), "/en/f": notes}, []string{"/en/f"}, "declares it"},
		{"a wrong address of a site with a feed", "/feeed", map[string]string{"/": linking("/f"), "/f": notes}, []string{"/f"}, "declares it"},
		{"undated posts", "/", map[string]string{"/": linking("/u"), "/u": `<rss version="2.0"><channel><title>U</title><item><title>One</title><link>SITE/1</link></item></channel></rss>`}, []string{"/u"}, "only feed"},
		{"JSON Feed", "/", map[string]string{"/": `<link rel=alternate type=application/feed+json href=/f.json>`,
			"/f.json": `{"version":"https://jsonfeed.org/version/1.1","title":"J","items":[{"id":"1","url":"SITE/1","content_text":"x"}]}`}, []string{"/f.json"}, "declares it"},
	} {
		t.Run(test.name, test.run)
	}
}

func (test discovery) run(t *testing.T) {
	s := newSite(t, test.pages)
	found, err := Discover(t.Context(), Fetcher{}, s.URL+test.at, discoveryDay)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range found.Candidates {
		text := strings.TrimPrefix(c.URL, s.URL)
		if c.Same > 0 {
			text += fmt.Sprintf(" same as %d", c.Same)
		}
		got = append(got, text)
	}
	if diff := cmp.Diff(test.want, got); diff != "" {
		t.Errorf("candidates (-want +got):\n%s", diff)
	}
	if !strings.Contains(found.Why, test.why) {
		t.Errorf("why: %q, want %q in it", found.Why, test.why)
	}
	if len(s.asked) > maxRequests {
		t.Errorf("%d requests: %q", len(s.asked), s.asked)
	}
}

func TestDiscoverByHeader(t *testing.T) {
	s := newSite(t, map[string]string{"/f": blogRSS("Notes", 3, discoveryDay, true)})
	s.pages["/"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Link", `</style>; rel=preload`)
		w.Header().Add("Link", `</f>; rel="alternate"; type="application/rss+xml"`)
		fmt.Fprint(w, "<html>")
	}
	found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay)
	if err != nil || found.Candidates[0].URL != s.URL+"/f" || found.Candidates[0].How != HowHeader {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestDiscoverRedirects: an address that moved for good is proposed at its new
// place, one that moved for a while as it was named.
func TestDiscoverRedirects(t *testing.T) {
	for code, want := range map[int]string{http.StatusMovedPermanently: "/new", http.StatusFound: "/f"} {
		s := newSite(t, map[string]string{"/": linking("/f"), "/new": blogRSS("Notes", 3, discoveryDay, true)})
		s.pages["/f"] = http.RedirectHandler("/new", code).ServeHTTP
		found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay)
		if err != nil || found.Candidates[0].URL != s.URL+want {
			t.Errorf("%d: %+v, %v", code, found.Candidates, err)
		}
	}
}

// TestDiscoverWithoutScheme: https first, http where nothing speaks it.
func TestDiscoverWithoutScheme(t *testing.T) {
	s := newSite(t, map[string]string{"/": linking("/f"), "/f": blogRSS("Notes", 3, discoveryDay, true)})
	found, err := Discover(t.Context(), Fetcher{}, strings.TrimPrefix(s.URL, "http://"), discoveryDay)
	if err != nil || found.Candidates[0].URL != s.URL+"/f" || !strings.HasPrefix(found.Tried[0], "https://") {
		t.Errorf("%+v, %v", found, err)
	}
	secure := httptest.NewTLSServer(s)
	defer secure.Close()
	s.pages["/"] = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, linking("/g")) }
	s.pages["/g"] = func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, blogRSS("Notes", 3, discoveryDay, true)) }
	found, err = Discover(t.Context(), Fetcher{Client: secure.Client()}, strings.TrimPrefix(secure.URL, "https://"), discoveryDay)
	if err != nil || found.Candidates[0].URL != secure.URL+"/g" {
		t.Errorf("%+v, %v", found, err)
	}
}

// TestDiscoverNothing: what is said when there is no feed, and how soon.
func TestDiscoverNothing(t *testing.T) {
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
	}
	page := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, text) }
	}
	for _, test := range []struct {
		name     string
		front    http.HandlerFunc
		requests int
		want     string
	}{
		{"a site without", page("<html>Hello"), 9, "no feed was found at"},
		{"forbidden", status(http.StatusForbidden), 5, "403"},
		{"for members", status(http.StatusUnauthorized), 5, "401"},
		{"forbidden for now", status(http.StatusTooManyRequests), 1, "429"},
		{"out of order", status(http.StatusServiceUnavailable), 1, "503"},
		{"not there, and nothing else", status(http.StatusNotFound), 9, "404"},
		{"a captcha", page("<!doctype html><title>Just a moment...</title>"), 5, "prove that they are people"},
		{"a robot that says so", page(`<html><form id="challenge-form">`), 5, "prove that they are people"},
		{"empty", page(" "), 1, "empty"},
		{"XML that says nothing", page(`<rss version="2.0"><channel/></rss>`), 9, "no feed was found at"},
		{"JSON that says nothing", page(`{"items":[]}`), 9, "no feed was found at"},
		{"no site of its own", page(`<link rel=alternate type=application/rss+xml href="javascript:alert(1)">`), 9, "no feed was found at"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := newSite(t, nil)
			s.pages["/"] = test.front
			found, err := Discover(t.Context(), Fetcher{}, s.URL+"/", discoveryDay)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q in it", err, test.want)
			}
			if len(s.asked) != test.requests || len(found.Tried) != test.requests {
				t.Errorf("%d requests, want %d: %q", len(s.asked), test.requests, s.asked)
			}
		})
	}
}

// TestDiscoverStopsWhenAskedTo: a 429 in the middle ends it; what was read stays.
func TestDiscoverStopsWhenAskedTo(t *testing.T) {
	s := newSite(t, map[string]string{"/": linking("/f", "/busy", "/g"), "/f": blogRSS("Notes", 3, discoveryDay, true)})
	s.pages["/busy"] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusTooManyRequests) }
	found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay)
	if err != nil || len(found.Candidates) != 1 {
		t.Fatalf("%+v, %v", found, err)
	}
	if want := []string{"/", "/f", "/busy"}; cmp.Diff(want, s.asked) != "" {
		t.Errorf("asked %q, want %q", s.asked, want)
	}
}

// TestDiscoverIsPolite: a page that names many feeds, all of them dead, is not
// asked for all of them, and never for two things at once.
func TestDiscoverIsPolite(t *testing.T) {
	var page string
	for i := range 500 {
		page += fmt.Sprintf(`<link rel=alternate type=application/rss+xml href=/f%d><a href=/a%d.rss>RSS</a>`, i, i)
	}
	s := newSite(t, map[string]string{"/": page, "/blog/": page})
	var now, most atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		most.Store(max(most.Load(), now.Add(1)))
		defer now.Add(-1)
		s.ServeHTTP(w, r)
	}))
	defer server.Close()
	_, err := Discover(t.Context(), Fetcher{}, server.URL+"/blog/", discoveryDay)
	var none *NoFeedError
	if !errors.As(err, &none) || len(s.asked) != maxRequests || most.Load() != 1 {
		t.Errorf("%d requests, %d at once: %v", len(s.asked), most.Load(), err)
	}
	if !slices.Contains(s.asked, "/blog/feed/") {
		t.Errorf("asked %q, and no known place", s.asked)
	}
}

// TestDiscoverOthersFeeds: a friend's feed that the page links to is not the blog's.
func TestDiscoverOthersFeeds(t *testing.T) {
	friend := newSite(t, map[string]string{"/feed/": blogRSS("Friend", 9, discoveryDay, true)})
	s := newSite(t, map[string]string{"/": `<a href="http://friend.test/feed/">Friend</a>`, "/feed.json": blogRSS("Notes", 1, discoveryDay, true)})
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		if address == "friend.test:80" {
			address = strings.TrimPrefix(friend.URL, "http://")
		}
		return (&net.Dialer{}).DialContext(ctx, network, address)
	}}}
	found, err := Discover(t.Context(), Fetcher{Client: client}, s.URL, discoveryDay)
	if err != nil || len(found.Candidates) != 1 || found.Candidates[0].URL != s.URL+"/feed.json" {
		t.Errorf("%+v, %v", found.Candidates, err)
	}
	if len(friend.asked) != 1 {
		t.Errorf("the friend was asked %q", friend.asked)
	}
}

// TestDiscoverEndsInTime: a page that never ends its answer costs what the
// Fetcher allows, and endless redirects end.
func TestDiscoverEndsInTime(t *testing.T) {
	s := newSite(t, map[string]string{})
	s.pages["/"] = func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/?"+r.URL.RawQuery+"x", http.StatusFound)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path+"x", http.StatusMovedPermanently)
	}))
	defer server.Close()
	if _, err := Discover(t.Context(), Fetcher{}, server.URL, discoveryDay); !errors.Is(err, errRedirects) {
		t.Errorf("%v", err)
	}
	release := make(chan struct{})
	defer close(release)
	s.pages["/"] = func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		<-release
	}
	if _, err := Discover(t.Context(), Fetcher{Timeout: 50 * time.Millisecond}, s.URL, discoveryDay); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
}

// TestProposeOwnHost: of two living feeds the one on the site itself, though the
// other holds more.
func TestProposeOwnHost(t *testing.T) {
	at := func(address string, posts int) read {
		return read{Candidate: Candidate{URL: address, How: HowLink, Kind: KindPosts, Document: Document{Posts: make([]Post, posts)}}, final: address, hash: address}
	}
	list, why := propose([]read{at("https://feeds.test/blog", 40), at("https://www.blog.test/f", 10)}, pageURL(t, "https://blog.test/"))
	if list[0].URL != "https://www.blog.test/f" || !strings.Contains(why, "on the site itself") {
		t.Errorf("%s, because %s", list[0].URL, why)
	}
}
