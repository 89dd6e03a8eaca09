package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"strings"
	"testing"
	"unicode/utf8"
)

// TestParseBounds: whatever a feed says of itself and its posts is bounded, in
// each format.
func TestParseBounds(t *testing.T) {
	long := strings.Repeat("👩‍👩‍👧 a ", 50_000)
	address := "https://blog.example/" + strings.Repeat("x", 3000)
	quoted, err := json.Marshal(long)
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{
		"rss": fmt.Sprintf(`<rss><channel><title>%[1]s</title><link>%[2]s</link><atom:link rel="next" href="%[2]s"/><item><title>%[1]s</title><guid isPermaLink="false">%[2]s</guid>`+
			`<link>%[2]s</link><dc:creator>%[1]s</dc:creator><category>%[1]s</category><enclosure url="%[2]s" type="image/png"/><description>a</description></item></channel></rss>`, html.EscapeString(long), address),
		"atom": fmt.Sprintf(`<feed><title>%[1]s</title><link href="%[2]s"/><link rel="self" href="%[2]s"/><entry><title>%[1]s</title><id>%[2]s</id><link href="%[2]s"/>`+
			`<author><name>%[1]s</name></author><category term="%[1]s"/><summary>a</summary></entry></feed>`, html.EscapeString(long), address),
		"json": fmt.Sprintf(`{"title":%[1]s,"home_page_url":%[2]q,"feed_url":%[2]q,"next_url":%[2]q,"items":[{"id":%[2]q,"url":%[2]q,"title":%[1]s,`+
			`"authors":[{"name":%[1]s}],"tags":[%[1]s],"image":%[2]q,"content_html":"a"}]}`, quoted, address),
	} {
		doc := parse(t, body)
		if len(doc.Posts) != 1 {
			t.Errorf("%s: %d posts", name, len(doc.Posts))
			continue
		}
		p := doc.Posts[0]
		for what, at := range map[string]struct {
			text string
			most int
		}{"feed's title": {doc.Title, 300}, "title": {p.Title, 1000}, "author": {p.Author, 200}, "tag": {strings.Join(p.Tags, ""), 100}} {
			if n := utf8.RuneCountInString(at.text); n > at.most || n < at.most-10 || strings.HasSuffix(at.text, "\u200d") {
				t.Errorf("%s: %s of %d characters, want %d or a few less", name, what, n, at.most)
			}
		}
		if doc.Link != "" || doc.Self != "" || doc.Next != "" || p.URL != "" || p.Image != "" || len(p.GUID) != 64 {
			t.Errorf("%s: addresses %d %d %d %d %d, GUID %q", name, len(doc.Link), len(doc.Self), len(doc.Next), len(p.URL), len(p.Image), p.GUID)
		}
		if keys, want := Keys(p), Keys(Post{GUID: address}); keys[0] != want[0] {
			t.Errorf("%s: known as %s, want %s", name, keys[0], want[0])
		}
	}
}

// TestParseNamesNoSite: a feed without a link has none, and not its own address.
func TestParseNamesNoSite(t *testing.T) {
	for name, body := range map[string]string{
		"rss":  `<rss><channel><title>B</title><link> </link><item><title>One</title></item></channel></rss>`,
		"atom": `<feed><title>B</title><entry><title>One</title></entry></feed>`,
		"json": `{"title":"B","items":[{"id":"1","title":"One"}]}`,
	} {
		if doc := parse(t, body); doc.Link != "" || len(doc.Posts) != 1 {
			t.Errorf("%s: link %q, %d posts", name, doc.Link, len(doc.Posts))
		}
	}
}

// TestParseNothingWhole: a damaged feed without a whole post is an error, and an
// empty one that is well is none.
func TestParseNothingWhole(t *testing.T) {
	for body, want := range map[string]error{
		`<rss><channel><title>B</title></channel></rss>`:                       nil,
		`<feed><title>B</title></feed>`:                                        nil,
		`{"title":"B","items":[]}`:                                             nil,
		`<rss><channel><title>B</title>`:                                       ErrDamaged,
		`<rss><channel><title>B</title><item><title>One</title><description>a`: ErrDamaged,
		`<feed><title>B</title><entry><title>One</title>`:                      ErrDamaged,
	} {
		if doc, err := Parse([]byte(body), nil, "", noon); !errors.Is(err, want) || len(doc.Posts) != 0 {
			t.Errorf("%s: %v, want %v", body, err, want)
		}
	}
}
