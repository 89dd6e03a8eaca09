package feed

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// dialect writes feeds of one format: the item of number n, between head and tail.
type dialect struct {
	head, tail string
	item       func(n int) string
}

var dialects = map[string]dialect{
	"rss": {
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
			"\n<channel>\n<title>Harbour notes</title>\n<link>https://harbour.example/</link>\n",
		"</channel>\n</rss>\n",
		func(n int) string {
			return fmt.Sprintf("<item>\n<title>Post %d</title>\n<link>https://harbour.example/p/%d</link>\n<guid isPermaLink=\"false\">tag:%d</guid>\n"+
				"<dc:creator><![CDATA[Mara]]></dc:creator>\n<pubDate>Tue, 30 Apr 2024 14:00:00 +0200</pubDate>\n<category><![CDATA[Boats]]></category>\n"+
				"<description><![CDATA[<p>Short &amp; %d</p>]]></description>\n<content:encoded><![CDATA[<p>Long <a href=\"https://harbour.example/a?b=1&amp;c=%d\">text</a></p>]]></content:encoded>\n</item>\n", n, n, n, n, n)
		},
	},
	"rss, escaped": {
		`<rss version="2.0"><channel><title>Harbour notes</title>`, `</channel></rss>`,
		func(n int) string {
			return fmt.Sprintf(`<item><title>Post %d</title><guid>tag:%d</guid><enclosure url="https://harbour.example/%d.png" type="image/png"/>`+
				`<description>&lt;p class="x"&gt;Text &lt;b&gt;%d&lt;/b&gt;&lt;/p&gt;</description></item>`, n, n, n, n)
		},
	},
	"atom": {
		`<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Harbour notes</title><link href="https://harbour.example/"/>`, `</feed>`,
		func(n int) string {
			return fmt.Sprintf(`<entry><id>tag:%d</id><title type="html">Post %d</title><link rel="alternate" href="https://harbour.example/p/%d"/>`+
				`<author><name>Mara</name></author><updated>2024-04-30T12:00:00Z</updated>`+
				`<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Text <img src="/i.png"/> of %d</p></div></content></entry>`, n, n, n, n)
		},
	},
	"rdf": {
		`<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
			`<channel rdf:about="https://harbour.example/"><title>Harbour notes</title><items><rdf:Seq><rdf:li rdf:resource="tag:1"/></rdf:Seq></items></channel>`, `</rdf:RDF>`,
		func(n int) string {
			return fmt.Sprintf("<item rdf:about=\"tag:%d\"><title>Post %d</title><dc:date>2024-04-30T12:00:00Z</dc:date><description>Text of %d</description></item>\n", n, n, n)
		},
	}}

// write gives a feed of n items, and where each begins and ends in it.
func (d dialect) write(n int) ([]byte, []span) {
	b := []byte(d.head)
	at := make([]span, n)
	for i := range at {
		at[i].start = len(b)
		b = append(b, d.item(i)...)
		at[i].end = len(bytes.TrimRight(b, "\n"))
	}
	return append(b, d.tail...), at
}

// untouched counts the items of which nothing was touched, and those of them that
// are found as they were written.
func untouched(doc Document, at []span, touched func(span) bool) (want, got int) {
	found := map[string]bool{}
	for _, p := range doc.Posts {
		found[p.GUID+" "+p.Title] = true
	}
	for i, s := range at {
		if touched(s) {
			continue
		}
		want++
		if found[fmt.Sprintf("tag:%d Post %d", i, i)] {
			got++
		}
	}
	return want, got
}

// A feed cut off anywhere gives the posts that stand whole before the cut, and
// none besides.
func TestParseCut(t *testing.T) {
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			body, at := d.write(3)
			for cut := len(d.head); cut < len(body); cut++ {
				doc, err := Parse(body[:cut], nil, "", noon)
				want, got := untouched(doc, at, func(s span) bool { return s.end-1 > cut })
				if want == 0 && errors.Is(err, ErrDamaged) {
					continue
				}
				if err != nil || got != want || len(doc.Posts) != want {
					t.Fatalf("cut at %d, behind %q: %d of %d posts, %d in all: %v", cut, body[max(0, cut-30):cut], got, want, len(doc.Posts), err)
				}
				if s := bytes.TrimSpace(body[cut:]); !doc.Partial && len(s) > 1 {
					t.Fatalf("cut before %q: not partial", s)
				}
			}
		})
	}
}

// Bytes broken at a few places cost the posts they stand in, not their neighbours.
func TestParseDamage(t *testing.T) {
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			body, at := d.write(20)
			wanted, found := 0, 0
			for seed := range uint64(120) {
				random := rand.New(rand.NewPCG(seed, 1))
				broken, places := damage(random, body)
				doc, err := Parse(broken, nil, "", noon)
				want, got := untouched(doc, at, func(s span) bool {
					for _, p := range places {
						if p >= s.start && p < s.end {
							return true
						}
					}
					return false
				})
				wanted, found = wanted+want, found+got
				if got < want {
					t.Logf("seed %d: %d of %d posts; %v", seed, got, want, err)
				}
			}
			if 1000*found < 995*wanted {
				t.Errorf("%d of %d posts", found, wanted)
			}
		})
	}
}

// damage flips, deletes or inserts bytes at one to four places, and says where
// in body they are.
func damage(random *rand.Rand, body []byte) (broken []byte, places []int) {
	for range 1 + random.IntN(4) {
		places = append(places, random.IntN(len(body)))
	}
	from := 0
	for i, b := range body {
		hit := false
		for _, p := range places {
			hit = hit || p == i
		}
		if !hit {
			continue
		}
		broken = append(broken, body[from:i]...)
		from = i + 1
		switch random.IntN(3) {
		case 0:
			broken = append(broken, b^1<<random.IntN(8))
		case 1:
			broken = append(broken, strings.Repeat(string(rune(random.IntN(256))), 1+random.IntN(3))...)
			from = i
		}
	}
	return append(broken, body[from:]...), places
}

// What the parser refuses as a whole is read item by item.
func TestSalvage(t *testing.T) {
	for name, test := range map[string]struct{ head, broken, good string }{
		"rss":  {"<rss><channel><title>B</title>", "<item><!-- </item>", "<item><title>Two</title></item>"},
		"atom": {"<feed><title>B</title>", "<entry><!-- </entry>", "<entry><title>Two</title></entry>"},
	} {
		doc := normalised{body: []byte(test.head + test.broken + test.good)}
		at, end := len(test.head), len(test.head)+len(test.broken)
		doc.items = []span{{at, end}, {end, len(doc.body)}}
		parts, read, err := partsOf(doc)
		if err != nil || len(parts) != 1 || parts[0].Items[0].Title != "Two" || !read.damaged {
			t.Errorf("%s: %d parts, damaged %v, %v", name, len(parts), read.damaged, err)
		}
	}
	if _, _, err := partsOf(normalised{body: []byte("<rss><channel><item><!-- </item>")}); !errors.Is(err, ErrNotFeed) {
		t.Errorf("nothing to read: %v", err)
	}
}
