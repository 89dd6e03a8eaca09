package feed

import (
	"fmt"
	"strings"
	"testing"
)

// The front of the file may be cut off at any byte: the items that stand whole
// behind it are read.
func TestParseFrontCut(t *testing.T) {
	for name, d := range dialects {
		t.Run(name, func(t *testing.T) {
			body, at := d.write(3)
			for cut := 1; cut < at[2].start; cut++ {
				doc, err := Parse(body[cut:], nil, "", noon)
				want, got := untouched(doc, at, func(s span) bool { return s.start < cut })
				if err != nil || got != want || len(doc.Posts) > want+1 {
					t.Fatalf("cut at %d, before %.40q: %d of %d posts, %d in all: %v", cut, body[cut:], got, want, len(doc.Posts), err)
				}
			}
		})
	}
}

// A CDATA section that lost its end costs the field it stands in, at worst its
// item.
func TestParseSectionWithoutEnd(t *testing.T) {
	item := func(n int, body string) string {
		return fmt.Sprintf("<item><title>Post %d</title><guid>tag:%d</guid><description>%s</description></item>\n", n, n, body)
	}
	atom := func(n int, body string) string {
		return fmt.Sprintf("<entry><title>Post %d</title><id>tag:%d</id><content type=\"html\">%s</content></entry>\n", n, n, body)
	}
	for name, broken := range map[string]string{
		"its end is lost":                     "<![CDATA[<p>Words",
		"and the end tag too":                 "<![CDATA[<p>Words</description",
		"half of its end":                     "<![CDATA[<p>Words]]",
		"its end is lost, in a section again": "<![CDATA[<p>Words <![CDATA[more",
	} {
		for after, next := range map[string]string{"no section follows": "Plain", "a section follows": "<![CDATA[<p>Plain</p>]]>", "only the end of one": "<p>Plain</p>]]>"} {
			for kind, write := range map[string]func(int, string) string{"rss": item, "atom": atom} {
				body := write(0, "Zero") + strings.ReplaceAll(write(1, broken), "</description</", "</") + write(2, next) + write(3, next)
				if kind == "rss" {
					body = "<rss><channel><title>B</title>" + body + "</channel></rss>"
				} else {
					body = "<feed><title>B</title>" + body + "</feed>"
				}
				doc, err := Parse([]byte(body), nil, "", noon)
				if err != nil || len(doc.Posts) != 4 || doc.Posts[3].Title != "Post 3" || !doc.Partial {
					t.Errorf("%s, %s, %s: %+v, %v", name, after, kind, doc, err)
				}
			}
		}
	}
	last := parse(t, "<rss><channel>"+item(0, "Zero")+"<item><title>Post 1</title><description><![CDATA[<p>Words</item>\n</channel></rss>")
	if len(last.Posts) != 2 || last.Posts[1].Content != "<p>Words</p>" || !last.Partial {
		t.Errorf("in the last item: %+v", last)
	}
	sample := parse(t, "<rss><channel>"+item(1, "<![CDATA[<p>So: <item><title>x</title></item><item></item> ends.</p>]]>")+"</channel></rss>")
	if len(sample.Posts) != 1 || sample.Partial || !strings.Contains(sample.Posts[0].Content, "ends.") {
		t.Errorf("markup that is shown: %+v", sample)
	}
}
