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
		"ampersands":        {open, "&", ErrDamaged},
		"sections":          {open, "<![CDATA[", ErrDamaged},
		"sections in atom":  {entry, "<title><![CDATA[", ErrDamaged},
		"section ends":      {open + "<![CDATA[", "]]>", ErrDamaged},
		"declarations":      {open, "<!x", ErrDamaged},
		"instructions":      {open, "<?", ErrDamaged},
		"tags":              {open, "<a", ErrTooDeep},
		"quotes":            {open, `<a b="`, ErrTooDeep},
		"end tags":          {open, "</", ErrDamaged},
		"stray end tags":    {open + strings.Repeat("<i>", 200), "</a>", ErrTooBig},
		"nested":            {open, "<div>", ErrTooDeep},
		"escaped":           {open, "&lt;div>", ErrDamaged},
		"untyped summaries": {entry, "<summary>x<updated>", ErrDamaged},
		"roots":             {"<rss>", "</rss><rss>", nil},
		"root ends":         {"<rss>", "</rss>", nil},
		"namespaces":        {open, "<a xmlns:b='c'>x</a>", ErrDamaged},
		"mail":              {"<rss><channel><item><author>", "a@", ErrDamaged},
		"small sections":    {open, "<![CDATA[]]>", ErrDamaged},
		"lost sections":     {open, "<![CDATA[</description><description>", ErrDamaged},
		"lost items":        {open, "<![CDATA[</item><x>", ErrDamaged},
		"groups":            {"<rss><channel><item>", "<media:group>", ErrTooDeep},
	} {
		body := test.head + strings.Repeat(test.again, 2<<20/len(test.again))
		if _, err := Parse([]byte(body), nil, "", noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}
