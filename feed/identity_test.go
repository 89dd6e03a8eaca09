package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

var original = Post{
	GUID: "https://blog.example/?p=12", URL: "http://www.blog.example/2024/05/a-long-winter/", Title: "A long winter",
	Published: noon, FirstSeen: noon.Add(time.Hour), Content: "<p>" + strings.Repeat("It was a long winter. ", 10) + "</p>",
}

// same says whether a store that holds old takes p for it.
func same(old, p Post) bool {
	mine := map[string]bool{}
	for _, k := range Keys(old) {
		mine[k] = true
	}
	var by evidence
	for _, k := range Keys(p) {
		if mine[k] {
			by |= evidenceOf(k, p)
		}
	}
	if old.Published.Equal(p.Published) && old.Published.Second() != 0 {
		by |= sameMoment
	}
	if by == 0 {
		return false
	}
	c := confront(p, old, by, true)
	c.id = 1
	return assign(1, []lookalike{c})[0] == 1
}

func TestKnown(t *testing.T) {
	change := func(f func(*Post)) Post { p := original; f(&p); return p }
	tests := map[string]struct {
		post Post
		want bool
	}{
		"itself":                   {original, true},
		"edited":                   {change(func(p *Post) { p.Title, p.Content = "Another", "<p>Other</p>" }), true},
		"https":                    {change(func(p *Post) { p.GUID, p.URL = "", "https://blog.example/2024/05/a-long-winter" }), true},
		"tracking":                 {change(func(p *Post) { p.GUID, p.URL = "", p.URL+"?utm_source=rss&fbclid=1" }), true},
		"domain moved":             {change(func(p *Post) { p.GUID, p.URL = "x", "https://new.example/2024/05/a-long-winter/" }), true},
		"guid kept, new permalink": {change(func(p *Post) { p.URL, p.Title, p.Content = "https://blog.example/winter", "", "" }), true},
		"guid becomes the link":    {change(func(p *Post) { p.GUID = p.URL }), true},
		"?p=12 moved to https":     {change(func(p *Post) { p.GUID, p.URL = "https://new.example/?p=12", "https://new.example/winter" }), true},
		"all new but the words":    {change(func(p *Post) { p.GUID, p.URL = "tag:1", "https://new.example/a-long-winter" }), true},
		"re-dated and moved": {change(func(p *Post) {
			p.GUID, p.URL, p.Published = "tag:1", "https://new.example/a-long-winter", noon.AddDate(1, 0, 0)
		}), true},
		"?p=13": {change(func(p *Post) {
			p.GUID, p.URL, p.Title, p.Content = "https://blog.example/?p=13", "https://blog.example/13", "Spring", ""
		}), false},
		"only the title and day": {change(func(p *Post) { p.GUID, p.URL, p.Content = "tag:2", "https://blog.example/other", "<p>Other</p>" }), false},
		"only the home page":     {Post{URL: "http://www.blog.example/", Title: "Spring", Published: noon}, false},
		"nothing but title, day": {Post{Title: "A long winter", Published: noon}, true},
		"nothing but title":      {Post{Title: "Spring", Published: noon}, false},
	}
	for name, test := range tests {
		if got := same(original, test.post); got != test.want {
			t.Errorf("%s: known is %v\nold %q\nnew %q", name, got, Keys(original), Keys(test.post))
		}
	}
}

func TestUndatedKeysHold(t *testing.T) {
	first := Post{Title: "No date", Published: noon, FirstSeen: noon}
	later := noon.AddDate(0, 0, 3)
	if !same(first, Post{Title: "No date", Published: later, FirstSeen: later}) {
		t.Error("a post without date, GUID and link is new each day")
	}
}

func TestDistinct(t *testing.T) {
	post := func(guid, link string) Post { return Post{GUID: guid, URL: link, Published: noon} }
	tests := map[string]struct {
		posts []Post
		want  int
	}{
		"one twice":           {[]Post{post("1", "https://b.example/a"), post("1", "https://b.example/a")}, 1},
		"one GUID, two links": {[]Post{post("1", "https://b.example/a"), post("1", "https://b.example/b")}, 2},
		"no GUID, two links":  {[]Post{post("", "https://b.example/a"), post("", "https://b.example/b")}, 2},
		"two GUIDs, one link": {[]Post{post("1", "https://b.example/"), post("2", "https://b.example/")}, 2},
		"nothing at all":      {[]Post{post("", "")}, 0},
		"only words, twice":   {[]Post{{Content: "a"}, {Content: "a"}, {Content: "b"}}, 2},
	}
	for name, test := range tests {
		posts, keys := distinct(test.posts)
		if len(posts) != test.want {
			t.Errorf("%s: %d posts, want %d", name, len(posts), test.want)
		}
		seen := map[string]bool{}
		for _, list := range keys {
			for _, k := range list {
				if seen[k] && !strings.HasPrefix(k, "shared:") {
					t.Errorf("%s: two posts share %s", name, k)
				}
				seen[k] = true
			}
		}
	}
}

func ExampleKeys() {
	for _, key := range Keys(Post{GUID: "tag:blog.example,2024:7", URL: "http://www.blog.example/2024/05/a-long-winter/?utm_source=rss", Title: "A long winter"}) {
		fmt.Println(key)
	}
	// Output:
	// guid:tag:blog.example,2024:7
	// link:blog.example/2024/05/a-long-winter
	// path:/2024/05/a-long-winter
	// title:alongwinter
	// name:alongwinter
	// slug:a-long-winter
}

// FuzzKeys: whatever a feed says of a post, its keys are text of bounded length,
// and always the same.
func FuzzKeys(f *testing.F) {
	f.Add("tag:blog.example,2024:7", "http://www.blog.example/2024/05/a-long-winter/?utm_source=rss", "A long winter", "<p>It was long.</p>", "https://cdn.example/a/b-300x200.jpg")
	f.Add("http://blog.example/#%ff%00", "http://blog.example/#%ff%00", "\x00\xff", "<", "http://[::1")
	f.Add("", "", "", strings.Repeat("春", 80), "")
	f.Add(strings.Repeat("x", 5000), "https://blog.example/%zz", "ﬁné ½", "short", "/")
	f.Fuzz(func(t *testing.T, guid, link, title, content, image string) {
		p := Post{GUID: guid, URL: link, Title: title, Content: content, Image: image, Published: noon}
		keys := Keys(p)
		if !slices.Equal(keys, Keys(p)) {
			t.Errorf("twice different: %q", keys)
		}
		for _, k := range keys {
			if kind, _, found := strings.Cut(k, ":"); !found || kind == "shared" || len(k) > longKey+10 || strings.ContainsRune(k, 0) || !utf8.ValidString(k) {
				t.Errorf("key %q", k)
			}
			if evidenceOf(k, p) == 0 {
				t.Errorf("%q says nothing", k)
			}
		}
		c := confront(p, p, 0, false)
		if title != "" && c.title < equal && letters(title) != "" || c.words == different {
			t.Errorf("a post is unlike itself: %+v", c)
		}
	})
}
