package feed

import (
	"errors"
	"strings"
	"testing"
)

// Megabytes of what begins and never ends are read in a time that grows with
// their number: a quadratic reader would not come back from these.
func TestParseHostile(t *testing.T) {
	const open, entry = "<rss><channel><item><description>", "<feed><entry>"
	for name, test := range map[string]struct {
		head, again string
		want        error
	}{
		"less-than":         {"", "<", ErrNotFeed},
		"comments":          {"", "<!--", ErrNotFeed},
		"junk":              {"", "<b>", ErrNotFeed},
		"ampersands":        {open, "&", nil},
		"sections":          {open, "<![CDATA[", nil},
		"sections in atom":  {entry, "<title><![CDATA[", nil},
		"section ends":      {open + "<![CDATA[", "]]>", nil},
		"declarations":      {open, "<!x", nil},
		"instructions":      {open, "<?", nil},
		"tags":              {open, "<a", ErrTooDeep},
		"quotes":            {open, `<a b="`, ErrTooDeep},
		"end tags":          {open, "</", nil},
		"stray end tags":    {open + strings.Repeat("<i>", 200), "</a>", ErrTooBig},
		"nested":            {open, "<div>", ErrTooDeep},
		"escaped":           {open, "&lt;div>", nil},
		"untyped summaries": {entry, "<summary>x<updated>", nil},
		"roots":             {"<rss>", "</rss><rss>", nil},
		"root ends":         {"<rss>", "</rss>", nil},
		"namespaces":        {open, "<a xmlns:b='c'>x</a>", nil},
		"mail":              {"<rss><channel><item><author>", "a@", nil},
		"groups":            {"<rss><channel><item>", "<media:group>", ErrTooDeep},
	} {
		body := test.head + strings.Repeat(test.again, 2<<20/len(test.again))
		if _, err := Parse([]byte(body), nil, "", noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}
