package demo

import (
	"bytes"
	"encoding/xml"
	"image"
	_ "image/jpeg"
	_ "image/png"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const base = "http://127.0.0.1:8081"

var now = time.Date(2024, time.March, 4, 9, 0, 0, 0, time.UTC)

func newBlog(t *testing.T) *Blog {
	t.Helper()
	b, err := NewBlog(base+"/", now)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func get(t *testing.T, h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// item reads the feed back with the namespaces a feed reader goes by.
type item struct {
	Title      string   `xml:"title"`
	Link       string   `xml:"link"`
	GUID       string   `xml:"guid"`
	Creator    string   `xml:"http://purl.org/dc/elements/1.1/ creator"`
	Published  string   `xml:"pubDate"`
	Categories []string `xml:"category"`
	Summary    string   `xml:"description"`
	Content    string   `xml:"http://purl.org/rss/1.0/modules/content/ encoded"`
}

func readFeed(t *testing.T, body []byte) []item {
	t.Helper()
	var doc struct {
		XMLName xml.Name `xml:"rss"`
		Items   []item   `xml:"channel>item"`
	}
	d := xml.NewDecoder(bytes.NewReader(body))
	if err := d.Decode(&doc); err != nil {
		t.Fatalf("feed is not well-formed: %v", err)
	}
	return doc.Items
}

func TestFeed(t *testing.T) {
	w := get(t, newBlog(t), "/feed.xml")
	if got := w.Header().Get("Content-Type"); !strings.HasPrefix(got, "application/rss+xml") {
		t.Errorf("content type %q", got)
	}
	items := readFeed(t, w.Body.Bytes())
	if len(items) != 12 {
		t.Fatalf("%d posts, want 12", len(items))
	}
	count := map[string]int{}
	var longest int
	var last time.Time
	guids := map[string]bool{}
	for i, it := range items {
		at, err := time.Parse(time.RFC1123Z, it.Published)
		if err != nil || at.After(now) || (i > 0 && !at.Before(last)) {
			t.Errorf("post %d is dated %q after one of %v (%v)", i, it.Published, last, err)
		}
		last = at
		if it.Title == "" {
			count["untitled"]++
		}
		for _, tag := range []string{"<pre><code", "<table>", "<blockquote>", "<img "} {
			if strings.Contains(it.Content, tag) {
				count[tag]++
			}
		}
		longest = max(longest, len(strings.Fields(it.Content)))
		guids[it.GUID] = true
		if it.Creator == "" || it.Summary == "" || len(it.Categories) == 0 || it.GUID != it.Link || !strings.HasPrefix(it.Link, base+"/posts/") {
			t.Errorf("post %d lacks something: %+v", i, it)
		}
		if strings.Contains(it.Content, `="/`) {
			t.Errorf("post %d has an address that is not absolute", i)
		}
	}
	want := map[string]int{"untitled": 1, "<pre><code": 1, "<table>": 1, "<blockquote>": 1, "<img ": 7}
	if diff := cmp.Diff(want, count); diff != "" {
		t.Errorf("kinds of posts (-want +got):\n%s", diff)
	}
	if longest < 2000 {
		t.Errorf("the longest post has %d words", longest)
	}
	if len(guids) != 12 {
		t.Errorf("%d different GUIDs", len(guids))
	}
	first, _ := time.Parse(time.RFC1123Z, items[0].Published)
	if age := now.Sub(first); age < time.Hour || age > 12*time.Hour {
		t.Errorf("the newest post is %v old", age)
	}
	if span := first.Sub(last); span < 68*24*time.Hour || span > 72*24*time.Hour {
		t.Errorf("the posts span %v, not ten weeks", span)
	}
}

func TestFeedUnchanged(t *testing.T) {
	b := newBlog(t)
	first := get(t, b, "/feed.xml")
	tag, date := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if tag == "" || date == "" {
		t.Fatalf("ETag %q, Last-Modified %q", tag, date)
	}
	b.Set(now.Add(-24 * time.Hour))
	moved := get(t, b, "/feed.xml").Header().Get("ETag")
	b.Set(now)
	for _, tt := range []struct {
		name, key, value string
		code             int
	}{
		{"same tag", "If-None-Match", tag, http.StatusNotModified},
		{"tag of fewer posts", "If-None-Match", moved, http.StatusOK},
		{"same date", "If-Modified-Since", date, http.StatusNotModified},
		{"older date", "If-Modified-Since", now.Add(-48 * time.Hour).Format(http.TimeFormat), http.StatusOK},
	} {
		w := get(t, b, "/feed.xml", tt.key, tt.value)
		if w.Code != tt.code || (w.Code == http.StatusNotModified) != (w.Body.Len() == 0) {
			t.Errorf("%s: %d with %d bytes, want %d", tt.name, w.Code, w.Body.Len(), tt.code)
		}
	}
}

func TestSetMovesTheBlog(t *testing.T) {
	b := newBlog(t)
	newest := b.Visible(now)[0]
	for _, tt := range []struct {
		until time.Time
		posts int
		code  int
	}{
		{now, 12, http.StatusOK},
		{newest.Published, 12, http.StatusOK},
		{newest.Published.Add(-time.Second), 11, http.StatusNotFound},
		{now.AddDate(0, 0, -7), 8, http.StatusNotFound},
		{now.AddDate(-1, 0, 0), 0, http.StatusNotFound},
	} {
		b.Set(tt.until)
		if got := len(readFeed(t, get(t, b, "/feed.xml").Body.Bytes())); got != tt.posts {
			t.Errorf("until %v: %d posts, want %d", tt.until, got, tt.posts)
		}
		if got := get(t, b, newest.Link()).Code; got != tt.code {
			t.Errorf("until %v: newest post answers %d, want %d", tt.until, got, tt.code)
		}
		home := get(t, b, "/").Body.String()
		if got := strings.Count(home, `<article class="entry">`); got != tt.posts {
			t.Errorf("until %v: home page has %d posts, want %d", tt.until, got, tt.posts)
		}
	}
}

func TestBlogPages(t *testing.T) {
	b := newBlog(t)
	for _, p := range b.Visible(now) {
		w := get(t, b, p.Link())
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), string(p.HTML)) {
			t.Errorf("%s: %d", p.Link(), w.Code)
		}
	}
	for path, want := range map[string]int{
		"/": 200, "/posts/none": 404, "/images/none.png": 404, "/nothing": 404, "/posts/": 404,
	} {
		if got := get(t, b, path).Code; got != want {
			t.Errorf("%s: %d, want %d", path, got, want)
		}
	}
	if !strings.Contains(get(t, b, "/").Body.String(), `<link rel="alternate" type="application/rss+xml"`) {
		t.Error("the home page does not name its feed")
	}
}

// TestLinks follows every address in every post that leads to the blog itself.
func TestLinks(t *testing.T) {
	b := newBlog(t)
	address := regexp.MustCompile(`(?:src|href)="` + base + `([^"]+)"`)
	drawn := map[string]bool{}
	for _, p := range b.Visible(now) {
		for _, m := range address.FindAllStringSubmatch(string(p.HTML), -1) {
			if got := get(t, b, m[1]).Code; got != http.StatusOK {
				t.Errorf("%s leads to %s, which answers %d", p.Slug, m[1], got)
			}
			drawn[m[1]] = true
		}
	}
	for name := range drawings() {
		if !drawn["/images/"+name] {
			t.Errorf("no post shows %s", name)
		}
	}
}

func TestPictures(t *testing.T) {
	again := drawings()
	for name, draw := range drawings() {
		body, err := draw()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(body) > maxPicture {
			t.Errorf("%s has %d bytes", name, len(body))
		}
		if same, _ := again[name](); !bytes.Equal(same, body) {
			t.Errorf("%s comes out differently the second time", name)
		}
		c, _, err := image.DecodeConfig(bytes.NewReader(body))
		if err != nil || c.Width != width || c.Height != height {
			t.Errorf("%s: %dx%d, %v", name, c.Width, c.Height, err)
		}
	}
}

func TestReadPostsNamesTheFile(t *testing.T) {
	for name, text := range map[string]string{
		"no header": "<p>x</p>\n",
		"no age":    "Title: x\n\n<p>x</p>\n",
		"bad age":   "Age: soon\n\n<p>x</p>\n",
	} {
		_, err := readPosts(fstest.MapFS{"posts/broken.html": {Data: []byte(text)}}, base, now)
		if err == nil || !strings.Contains(err.Error(), "posts/broken.html") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
