package feed

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func jsonFeedOf(items string) string {
	return `{"version":"https://jsonfeed.org/version/1.1","title":"B","items":[` + items + `]}`
}

// Whatever a field holds, the others and the other items are read.
func TestJSONWrongTypes(t *testing.T) {
	wrong := []string{`null`, `true`, `7`, `1e999`, `"x"`, `""`, `[]`, `{}`, `[null]`, `[[["x"]]]`, `{"a":{"b":[]}}`, `[1,{"name":2},"x",{"url":[]}]`, `NaN`}
	names := []string{"version", "home_page_url", "feed_url", "description", "user_comment", "next_url", "icon", "favicon", "author", "authors",
		"language", "expired", "hubs", "_custom"}
	fields := []string{"url", "external_url", "title", "content_text", "summary", "image", "banner_image", "date_published", "date_modified",
		"author", "authors", "tags", "language", "attachments", "_custom"}
	for _, v := range wrong {
		for _, name := range names {
			doc := parse(t, fmt.Sprintf(`{%q:%s,"title":"B","items":[{"id":"1","title":"One"}]}`, name, v))
			if doc.Title != "B" || len(doc.Posts) != 1 || doc.Posts[0].Title != "One" || doc.Partial {
				t.Errorf("%s %s: %+v", name, v, doc)
			}
		}
		for _, name := range fields {
			doc := parse(t, jsonFeedOf(fmt.Sprintf(`{"id":"1",%q:%s,"content_html":"<p>c</p>"},{"id":"2","title":"Two"}`, name, v)))
			if len(doc.Posts) != 2 || doc.Posts[0].Content != "<p>c</p>" || doc.Posts[0].GUID != "1" || doc.Posts[1].Title != "Two" || doc.Partial {
				t.Errorf("item %s %s: %+v", name, v, doc.Posts)
			}
		}
		doc := parse(t, `{"items":[`+v+`,{"id":"2","title":"Two"}]}`)
		if n := len(doc.Posts); n == 0 || doc.Posts[n-1].Title != "Two" {
			t.Errorf("item %s: %+v", v, doc.Posts)
		}
	}
}

func TestJSONFields(t *testing.T) {
	tests := map[string]struct {
		item string
		got  func(Post) string
		want string
	}{
		"id that is a number":       {`"id":7`, guid, "7"},
		"id of many digits":         {`"id":12345678901234567890`, guid, "12345678901234567890"},
		"id with a fraction":        {`"id":1.50`, guid, "1.50"},
		"id twice":                  {`"id":"a","id":"b"`, guid, "b"},
		"text":                      {`"id":1,"content_text":"a <b>\n\nc"`, content, "<p>a &lt;b&gt;</p><p>c</p>"},
		"html before text":          {`"id":1,"content_text":"t","content_html":"<p>h</p>"`, content, "<p>h</p>"},
		"html that is empty":        {`"id":1,"content_text":"t","content_html":""`, content, "<p>t</p>"},
		"title is text":             {`"id":1,"title":"a <b> &amp; c"`, title, "a <b> &amp; c"},
		"address elsewhere":         {`"id":1,"external_url":"https://other.example/x"`, link, "https://other.example/x"},
		"own address first":         {`"id":1,"external_url":"https://other.example/x","url":"/p"`, link, "https://blog.example/p"},
		"image":                     {`"id":1,"banner_image":"/b.png","image":"/i.png"`, image, "https://blog.example/i.png"},
		"banner":                    {`"id":1,"banner_image":"/b.png"`, image, "https://blog.example/b.png"},
		"attachment":                {`"id":1,"attachments":[{"url":"/a.mp3","mime_type":"audio/mpeg"},{"url":"/a.png","mime_type":"image/png","size_in_bytes":"9"}]`, image, "https://blog.example/a.png"},
		"attachment alone":          {`"id":1,"attachments":{"url":"/a.png","mime_type":"image/png"}`, image, "https://blog.example/a.png"},
		"authors":                   {`"id":1,"authors":[{"name":"Ada"},{"name":"Bob"}]`, author, "Ada, Bob"},
		"authors as text":           {`"id":1,"authors":["Ada","Bob"]`, author, "Ada, Bob"},
		"author of version 1":       {`"id":1,"author":{"name":"Ada"}`, author, "Ada"},
		"author as text":            {`"id":1,"author":"Ada"`, author, "Ada"},
		"tags":                      {`"id":1,"tags":["Go",7,null,{"name":"x"}]`, tagList, "Go|7|x"},
		"tags as text":              {`"id":1,"tags":"Go, Rust"`, tagList, "Go|Rust"},
		"date in seconds":           {`"id":1,"date_published":1420070400`, published, "2015-01-01"},
		"half a pair":               {`"id":1,"title":"a\ud800b\udc00\ud83d\ude00\u00e9\u12"`, title, "a\uFFFDb\uFFFD😀é\uFFFD"},
		"controls in a string":      {"\"id\":1,\"title\":\"a\nb\x01\tc\\u0007\"", title, "a b c"},
		"quotes nobody escaped":     {`"id":1,"title":"He said "hi", and "so", twice","url":"/p"`, title, `He said "hi", and "so", twice`},
		"commas too many":           {`,,"id":1,,"title":"a",`, title, "a"},
		"comma forgotten":           {"\"id\":1,\"title\":\"a\"\n \"url\":\"/p\"", title, "a"},
		"escapes that are not JSON": {`"id":1,"title":"it\'s \x a"`, title, "it's x a"},
		"words that are not JSON":   {`"id":1,"_a":NaN,"_b":-Infinity,"_c":undefined,"title":"a"`, title, "a"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, jsonFeedOf("{"+test.item+"}"))
			if len(doc.Posts) != 1 || doc.Partial {
				t.Fatalf("%+v", doc)
			}
			if got := test.got(doc.Posts[0]); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func guid(p Post) string      { return p.GUID }
func author(p Post) string    { return p.Author }
func tagList(p Post) string   { return strings.Join(p.Tags, "|") }
func published(p Post) string { return p.Published.Format("2006-01-02") }

func TestJSONShapes(t *testing.T) {
	item := `{"id":"1","title":"One","url":"/1"},{"id":"2","title":"Two","url":"/2"}`
	for name, test := range map[string]struct {
		body    string
		titles  string
		partial bool
	}{
		"items first":           {`{"items":[` + item + `],"title":"B","next_url":"/2.json"}`, "One|Two", false},
		"version 1":             {`{"version":"https://jsonfeed.org/version/1","items":[` + item + `]}`, "One|Two", false},
		"only the list":         {" [\n" + item + "]", "One|Two", false},
		"inside another":        {`{"status":"ok","feed":{"title":"B","items":[` + item + `]}}`, "One|Two", false},
		"comma behind the last": {`{"items":[` + item + `,],}`, "One|Two", false},
		"no items":              {`{"version":"https://jsonfeed.org/version/1","items":[]}`, "", false},
		"something behind":      {jsonFeedOf(item) + "<!-- cached -->", "One|Two", false},
		"cut in an item":        {jsonFeedOf(item + `,{"id":"3","title":"Thr`)[:140], "One|Two", true},
		"cut behind an item":    {`{"items":[` + item, "One|Two", true},
		"cut in an escape":      {`{"items":[` + item + `,{"id":"3","title":"a\u00`, "One|Two", true},
		"brace lost":            {`{"items":[{"id":"0","title":"Zero",` + item + `]}`, "One|Two", true},
		"bracket lost":          {`{"items":[{"id":"0","authors":[{"name":"Ada"},"x"},` + item + `]}`, "One|Two", true},
		"colon lost":            {`{"items":[{"id" "0","title":"Zero"},` + item + `]}`, "One|Two", true},
		"broken before":         {`{"title" "B","items":[` + item + `]}`, "One|Two", true},
		"attachment of a lost":  {`{"items":[{"id":?,"attachments":[{"url":"/a","title":"x"}]},` + item + `]}`, "One|Two", true},
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, test.body, test.titles, test.partial)
		})
	}
}

func TestJSONRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"an answer":         {`{"error":"no"}`, ErrNotFeed},
		"items of an index": {`{"items":{"a":1}}`, ErrNotFeed},
		"a list of others":  {`[{"code":"rest_no_route","message":"x"}]`, ErrNotFeed},
		"an empty list":     {`[]`, ErrNotFeed},
		"cut in the first":  {`{"version":"1","items":[{"id":"1"`, ErrNotFeed},
		"a deep list":       {`{"items":` + strings.Repeat("[", 1_000_000), ErrTooDeep},
		"a deep object":     {`{"items":[` + strings.Repeat(`{"a":`, 1_000_000), ErrTooDeep},
		"many":              {jsonFeedOf(strings.Repeat(`{"id":1},`, maxPosts+1)), ErrTooBig},
	} {
		if _, err := Parse([]byte(test.body), nil, "", noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

// What is broken must not be read again and again.
func TestJSONSalvageIsBounded(t *testing.T) {
	body := `{"items":[{"id":?},` + strings.Repeat(`{"id":1,"url":"/","x":[`, 200)
	body += strings.Repeat(`{"a":[{"b":`, (maxBytes-len(body))/11)
	out, damaged, err := repairJSON([]byte(body))
	if !errors.Is(err, ErrNotFeed) || !damaged {
		t.Errorf("%d bytes, damaged %v, %v", len(out), damaged, err)
	}
}

func TestParagraphs(t *testing.T) {
	want := "<p>a<br>b</p><p>&lt;i&gt;</p>"
	if diff := cmp.Diff(want, paragraphs("\n a\r\nb\n\n\n\n<i>\r\r")); diff != "" {
		t.Error(diff)
	}
}

func FuzzJSONFeed(f *testing.F) {
	f.Add([]byte(jsonFeedOf(`{"id":1,"title":"a \"b\" \ud800","tags":"x,y","attachments":[{"url":"/a"}]}`)))
	f.Add([]byte(`{"feed":{"items":[{"id":"1","content_text":"a "b", c"},{"id":`))
	f.Add([]byte(`[{"id":NaN,"url":"/"},,{"content_html":"\u00`))
	f.Add([]byte(`{"items":[{"id" 1},{"id":"2","url":"/2"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if len(body) == 0 || body[0] != '{' && body[0] != '[' {
			return
		}
		doc, err := Parse(body, address(t, "https://blog.example/feed.json"), "", noon)
		if err != nil && !errors.Is(err, ErrNotFeed) && !errors.Is(err, ErrTooDeep) && !errors.Is(err, ErrTooBig) {
			t.Fatal(err)
		}
		for _, p := range doc.Posts {
			checkPost(t, p)
		}
	})
}
