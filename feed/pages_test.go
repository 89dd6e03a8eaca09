package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/feed"
)

var pagesRead = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// paged is a server of feed pages: each path and query has its body, everything
// else is 404. "{host}" in a body is the server's own.
type paged struct {
	*httptest.Server
	asked []string
}

func newPaged(t *testing.T, bodies map[string]string) *paged {
	s := &paged{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked = append(s.asked, r.URL.RequestURI())
		body, ok := bodies[r.URL.RequestURI()]
		if !ok {
			body, ok = bodies[r.URL.Path+"?*"]
		}
		code := 0
		if _, err := fmt.Sscanf(body, "status %d", &code); err == nil {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(code)
			return
		}
		if to, is := strings.CutPrefix(body, "redirect "); is {
			http.Redirect(w, r, to, http.StatusFound)
			return
		}
		if !ok {
			http.NotFound(w, r)
			return
		}
		fmt.Fprint(w, strings.ReplaceAll(body, "{host}", s.URL))
	}))
	t.Cleanup(s.Close)
	return s
}

// page is an RSS feed with these links ("rel href") and posts dated n days
// before 1 March 2026.
func page(links []string, days ...int) string {
	var b strings.Builder
	b.WriteString(`<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>A blog</title><link>https://blog.example/</link>`)
	for _, l := range links {
		rel, href, _ := strings.Cut(l, " ")
		fmt.Fprintf(&b, `<atom:link rel="%s" href="%s"/>`, rel, href)
	}
	for _, d := range days {
		fmt.Fprintf(&b, `<item><guid isPermaLink="false">post %d</guid><title>Day %d</title><pubDate>%s</pubDate></item>`,
			d, d, pagesRead.AddDate(0, 0, -d).Format(time.RFC1123Z))
	}
	return b.String() + `</channel></rss>`
}

// older walks from address on: the GUIDs of each older page, and the end.
func older(t *testing.T, f feed.Fetcher, address string, until time.Time) (pages [][]string, end error) {
	t.Helper()
	a, err := f.Get(context.Background(), address, "", "")
	if err != nil {
		t.Fatal(err)
	}
	var base *url.URL
	if strings.HasPrefix(a.URL, "http") {
		base, _ = url.Parse(a.URL)
	}
	doc, err := feed.Parse(a.Body, base, a.ContentType, pagesRead)
	if err != nil {
		t.Fatal(err)
	}
	for p, err := range feed.Older(context.Background(), f, feed.Page{Document: doc, Answer: a}, until, pagesRead) {
		if err != nil {
			return pages, err
		}
		var guids []string
		for _, post := range p.Document.Posts {
			guids = append(guids, strings.TrimPrefix(post.GUID, "post "))
		}
		pages = append(pages, guids)
	}
	return pages, nil
}

func TestOlder(t *testing.T) {
	broken := strings.Replace(page(nil, 3, 4), "<channel>", "<channel><x>", 1)
	for name, c := range map[string]struct {
		bodies map[string]string
		until  int // days before 1 March; 0 = none
		want   string
		asked  string
		err    string
	}{
		"next links to the end": {map[string]string{
			"/feed": page([]string{"next {host}/feed?p=2"}, 1, 2), "/feed?p=2": page([]string{"next {host}/feed?p=3"}, 3, 4), "/feed?p=3": page(nil, 5),
		}, 0, "[[3 4] [5]]", "/feed /feed?p=2 /feed?p=3", ""},
		"until": {map[string]string{
			"/feed": page([]string{"next /feed?p=2"}, 1, 2), "/feed?p=2": page([]string{"next /feed?p=3"}, 3, 4), "/feed?p=3": page([]string{"next /feed?p=4"}, 5, 6),
		}, 3, "[[3 4] [5 6]]", "/feed /feed?p=2 /feed?p=3", ""},
		"one pinned post is not the end": {map[string]string{
			"/feed": page([]string{"next /feed?p=2"}, 900, 1, 2), "/feed?p=2": page(nil, 3, 4),
		}, 3, "[[3 4]]", "/feed /feed?p=2", ""},
		"archives": {map[string]string{
			"/feed": page([]string{"prev-archive /2", "next-archive /0"}, 1), "/2": page([]string{"prev-archive /1", "next-archive /feed"}, 2), "/1": page([]string{"next-archive /2"}, 3),
		}, 0, "[[2] [3]]", "/feed /2 /1", ""},
		"previous, meaning earlier": {map[string]string{"/feed": page([]string{"previous /2"}, 1), "/2": page(nil, 2)}, 0, "[[2]]", "/feed /2", ""},
		"next before previous": {map[string]string{
			"/feed": page([]string{"next /2"}, 1), "/2": page([]string{"previous /feed", "next /3", "prev /feed"}, 2), "/3": page([]string{"previous /2"}, 3),
		}, 0, "[[2] [3]]", "/feed /2 /3", ""},
		"json feed": {map[string]string{
			"/feed": `{"version":"https://jsonfeed.org/version/1.1","title":"A","next_url":"{host}/2","items":[{"id":"1","content_text":"a"}]}`,
			"/2":    `{"version":"https://jsonfeed.org/version/1.1","title":"A","items":[{"id":"2","content_text":"b"}]}`,
		}, 0, "[[2]]", "/feed /2", ""},
		"the blog's own name for a mirror": {map[string]string{
			"/feed": page([]string{"self https://writer.example/feed", "next https://www.writer.example/feed?paged=2"}, 1), "/feed?paged=2": page(nil, 2),
		}, 0, "[[2]]", "/feed /feed?paged=2", ""},
		"without a self link its site's name": {map[string]string{
			"/feed": page([]string{"next https://blog.example/feed?paged=2"}, 1), "/feed?paged=2": page(nil, 2),
		}, 0, "[[2]]", "/feed /feed?paged=2", ""},
		"counted to a 404": {map[string]string{
			"/feed": page(nil, 1, 2), "/feed?paged=2": page(nil, 3, 4), "/feed?paged=3": page(nil, 5),
		}, 0, "[[3 4] [5]]", "/feed /feed?paged=2 /feed?paged=3 /feed?paged=4", ""},
		"counted beside another parameter": {map[string]string{
			"/?feed=rss2": page(nil, 1), "/?feed=rss2&paged=2": page(nil, 2),
		}, 0, "[[2]]", "/?feed=rss2 /?feed=rss2&paged=2 /?feed=rss2&paged=3", ""},
		"a server that does not count": {map[string]string{"/feed?*": page(nil, 1, 2)}, 0, "[]", "/feed /feed?paged=2", ""},
		"one that repeats its last page": {map[string]string{
			"/feed": page(nil, 1), "/feed?*": page(nil, 2, 3),
		}, 0, "[[2 3]]", "/feed /feed?paged=2 /feed?paged=3", ""},
		"the same posts in other bytes": {map[string]string{
			"/feed": page(nil, 1, 2), "/feed?*": page([]string{"hub https://hub.example"}, 1, 2),
		}, 0, "[]", "/feed /feed?paged=2", ""},
		"sent back to the first page": {map[string]string{"/feed": page(nil, 1), "/feed?paged=2": "redirect /feed"}, 0, "[]", "/feed /feed?paged=2 /feed", ""},
		"no second page: 403":         {map[string]string{"/feed": page(nil, 1), "/feed?paged=2": "status 403"}, 0, "[]", "/feed /feed?paged=2", ""},
		"no second page: html":        {map[string]string{"/feed": page(nil, 1), "/feed?paged=2": "<!doctype html><p>Hello"}, 0, "[]", "/feed /feed?paged=2", ""},
		"no third page: 403": {map[string]string{
			"/feed": page(nil, 1), "/feed?paged=2": page(nil, 2), "/feed?paged=3": "status 403",
		}, 0, "[[2]]", "/feed /feed?paged=2 /feed?paged=3", "403"},
		"asked to wait": {map[string]string{"/feed": page(nil, 1), "/feed?paged=2": "status 429"}, 0, "[]", "/feed /feed?paged=2", "429"},
		"a named page that is gone": {map[string]string{
			"/feed": page([]string{"next /2"}, 1),
		}, 0, "[]", "/feed /2", "404"},
		"a loop": {map[string]string{
			"/feed": page([]string{"next /2"}, 1), "/2": page([]string{"next /3"}, 2), "/3": page([]string{"next /2"}, 3),
		}, 0, "[[2] [3]]", "/feed /2 /3", ""},
		"itself": {map[string]string{"/feed": page([]string{"next /feed"}, 1)}, 0, "[]", "/feed", ""},
		"a damaged page that names none": {map[string]string{
			"/feed": page([]string{"next /2"}, 1), "/2": broken[:len(broken)-40],
		}, 0, "[[3]]", "/feed /2", "damaged"},
		"another port":         {map[string]string{"/feed": page([]string{"next http://127.0.0.1:1/2"}, 1), "/2": page(nil, 2)}, 0, "[[2]]", "/feed /2", ""},
		"a private host":       {map[string]string{"/feed": page([]string{"next http://10.0.0.1/2"}, 1)}, 0, "[]", "/feed", "10.0.0.1"},
		"this machine by name": {map[string]string{"/feed": page([]string{"next http://localhost/2"}, 1)}, 0, "[]", "/feed", "localhost"},
		"another site":         {map[string]string{"/feed": page([]string{"next https://other.example/2"}, 1)}, 0, "[]", "/feed", "not followed"},
		"a file":               {map[string]string{"/feed": page([]string{"next file:///etc/passwd"}, 1)}, 0, "[]", "/feed /feed?paged=2", ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPaged(t, c.bodies)
			start := "/feed"
			if _, ok := c.bodies["/?feed=rss2"]; ok {
				start = "/?feed=rss2"
			}
			until := time.Time{}
			if c.until > 0 {
				until = pagesRead.AddDate(0, 0, -c.until)
			}
			got, err := older(t, feed.Fetcher{}, s.URL+start, until)
			if fmt.Sprint(got) != c.want || strings.Join(s.asked, " ") != c.asked {
				t.Errorf("read %v, want %s; asked for %v", got, c.want, s.asked)
			}
			if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("ended with %v, want %q", err, c.err)
			}
		})
	}
}

// A server may make pages up for ever: the walk has an end.
func TestOlderHasAnEnd(t *testing.T) {
	n := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		fmt.Fprint(w, page([]string{fmt.Sprintf("next /%d", n)}, n))
	}))
	defer s.Close()
	got, err := older(t, feed.Fetcher{}, s.URL+"/feed", time.Time{})
	if len(got) != 200 || n != 201 || err == nil || !strings.Contains(err.Error(), "200") {
		t.Errorf("%d pages, %d requests, %v", len(got), n, err)
	}
}

// What may not be followed is settled before anything is asked: these servers
// exist for the transport, and must not be asked all the same.
func TestOlderStaysOut(t *testing.T) {
	for home, c := range map[string]struct{ next, want string }{
		"https://blog.example/feed":      {"http://127.0.0.1/2", ""},
		"https://blog.example/feed?a":    {"http://[::1]/2", ""},
		"https://blog.example/feed?b":    {"https://localhost./2", ""},
		"https://blog.example/feed?c":    {"https://a.localhost/2", ""},
		"https://blog.example/feed?d":    {"https://other.example:22/2", ""},
		"https://blog.example/feed?e":    {"http://other.example/2", ""}, // without https
		"https://blog.example/feed?f":    {"https://other.example/2", "https://other.example/2"},
		"https://blog.example/feed?g":    {"http://blog.example/2", "https://blog.example/2"},
		"https://u:p@blog.example/feed":  {"https://blog.example/2", "https://u:p@blog.example/2"},
		"https://u:p@blog.example/feed?": {"https://u:p@other.example/2", "https://other.example/2"},
	} {
		var asked []string
		client := &http.Client{Transport: transport(func(r *http.Request) (*http.Response, error) {
			asked = append(asked, r.URL.String())
			rec := httptest.NewRecorder()
			body := page(nil, 2)
			if len(asked) == 1 {
				body = page([]string{"next " + c.next}, 1)
			}
			rec.WriteString(body)
			res := rec.Result()
			res.Request = r
			return res, nil
		})}
		_, err := older(t, feed.Fetcher{Client: client}, home, time.Time{})
		want := []string{home}
		if c.want != "" {
			want = append(want, c.want)
		}
		if d := cmp.Diff(want, asked); d != "" || (err == nil) != (c.want != "") {
			t.Errorf("%s → %s: %v\n%s", home, c.next, err, d)
		}
	}
}

type transport func(*http.Request) (*http.Response, error)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestOlderOfAFile(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, filepath.Dir(name)), 0o755), os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	write("news/2.xml", page(nil, 2))
	write("secret.xml", page(nil, 9))
	write("news/.hidden.xml", page(nil, 9))
	if err := os.Symlink(filepath.Join(dir, "secret.xml"), filepath.Join(dir, "news/linked.xml")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ next, want, err string }{
		{"2.xml", "[[2]]", ""},
		{"./2.xml", "[[2]]", ""},
		{"file://" + dir + "/news/2.xml", "[[2]]", ""},
		{"../secret.xml", "[]", "no file beside"},
		{"file://" + dir + "/secret.xml", "[]", "no file beside"},
		{dir + "/secret.xml", "[]", "no file beside"},
		{"..", "[]", "no file beside"},
		{".hidden.xml", "[]", "no file beside"},
		{"linked.xml", "[]", "no file beside"},
		{"https://blog.example/feed?paged=2", "[]", "the feed itself is a file"},
		{"missing.xml", "[]", "missing.xml"},
		{"", "[]", ""},
	} {
		write("news/1.xml", page([]string{"next " + c.next}, 1))
		for _, address := range []string{filepath.Join(dir, "news/1.xml"), "file://" + dir + "/news/1.xml"} {
			got, err := older(t, feed.Fetcher{}, address, time.Time{})
			if fmt.Sprint(got) != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%q: %v, %v; want %s, %q", c.next, got, err, c.want, c.err)
			}
		}
	}
}
