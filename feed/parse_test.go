package feed

import (
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

var noon = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

func address(t testing.TB, s string) *url.URL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func parse(t testing.TB, body string) Document {
	t.Helper()
	doc, err := Parse([]byte(body), address(t, "https://blog.example/feed.xml"), "", noon)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func rssItem(inner string) string {
	return `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:media="http://search.yahoo.com/mrss/" xmlns:itunes="http://www.itunes.com/DTDs/PodCast-1.0.dtd"><channel><title>B</title>` +
		`<link>https://blog.example/</link><item>` + inner + `</item></channel></rss>`
}

func atomEntry(inner string) string {
	return `<feed xmlns="http://www.w3.org/2005/Atom"><title>B</title><entry>` + inner + `</entry></feed>`
}

func TestParseFormats(t *testing.T) {
	want := Post{
		GUID: "https://blog.example/one", Title: "One", URL: "https://blog.example/one", Author: "Ada",
		Published: noon.AddDate(0, 0, -1), Updated: noon.AddDate(0, 0, -1), FirstSeen: noon,
		Summary: "<p>Hello</p>", Content: "<p>Hello</p>", Tags: []string{"Go"},
	}
	for name, body := range map[string]string{
		"rss 2.0": rssItem(`<title>One</title><link>https://blog.example/one</link><guid>https://blog.example/one</guid><dc:creator>Ada</dc:creator>
			<category>Go</category><category>go</category><pubDate>Tue, 30 Apr 2024 14:00:00 +0200</pubDate><description>&lt;p&gt;Hello&lt;/p&gt;</description>`),
		"rdf": `<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
			<channel><title>B</title></channel><item rdf:about="https://blog.example/one"><title>One</title><link>https://blog.example/one</link><guid>https://blog.example/one</guid>
			<dc:creator>Ada</dc:creator><dc:subject>Go</dc:subject><dc:date>2024-04-30T12:00:00Z</dc:date><description>&lt;p&gt;Hello&lt;/p&gt;</description></item></rdf:RDF>`,
		"atom": atomEntry(`<id>https://blog.example/one</id><title>One</title><link href="/one"/><author><name>Ada</name></author><category term="Go"/>
			<published>2024-04-30T12:00:00Z</published><summary type="html">&lt;p&gt;Hello&lt;/p&gt;</summary>`),
		"json": "\uFEFF" + `{"version":"https://jsonfeed.org/version/1.1","title":"B","items":[{"id":"https://blog.example/one","url":"https://blog.example/one","title":"One",
			"authors":[{"name":"Ada"}],"tags":["Go"],"date_published":"2024-04-30T12:00:00Z","content_html":"<p>Hello</p>"}]}`,
	} {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, body)
			if len(doc.Posts) != 1 || doc.Title != "B" {
				t.Fatalf("got %d posts of %q", len(doc.Posts), doc.Title)
			}
			got := doc.Posts[0]
			if name == "json" {
				got.Summary = want.Summary // the format's summary is another thing than its content
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestParseFields(t *testing.T) {
	tests := map[string]struct {
		body string
		got  func(Post) string
		want string
	}{
		"content before description": {rssItem(`<description>short</description><content:encoded><![CDATA[<p>long</p>]]></content:encoded>`), content, "<p>long</p>"},
		"permalink guid is the link": {rssItem(`<guid>https://blog.example/p</guid>`), link, "https://blog.example/p"},
		"other guid is not":          {rssItem(`<guid isPermaLink="false">https://blog.example/p</guid>`), link, ""},
		"relative link":              {rssItem(`<link>/p?a=1&b=2</link>`), link, "https://blog.example/p?a=1&b=2"},
		"xml:base that is a file":    {`<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://other.example/a/index.atom"><entry><link href="p"/></entry></feed>`, link, "https://other.example/a/p"},
		"relative image":             {rssItem(`<link>https://blog.example/2024/p</link><description>&lt;img src="a.png"&gt;</description>`), image, "https://blog.example/2024/a.png"},
		"media image":                {rssItem(`<media:group><media:thumbnail url="https://blog.example/t.jpg"/></media:group><description>&lt;img src="/a.png"&gt;</description>`), image, "https://blog.example/t.jpg"},
		"enclosure image":            {rssItem(`<enclosure url="https://blog.example/e.png" type="image/png"/>`), image, "https://blog.example/e.png"},
		"itunes image":               {rssItem(`<itunes:image href="https://blog.example/i.png"/>`), image, "https://blog.example/i.png"},
		"no pixel as image":          {rssItem(`<description>&lt;img src="/p.gif" width="1" height="1"&gt;&lt;img src="/a.png"&gt;</description>`), image, "https://blog.example/a.png"},
		"no icon as image":           {rssItem(`<description>&lt;img src="/i.gif" width="16" height="16"&gt;&lt;img src="/a.png"&gt;</description>`), image, "https://blog.example/a.png"},
		"media description":          {rssItem(`<media:description>a &lt; b</media:description>`), content, "<p>a &lt; b</p>"},
		"title is text":              {rssItem(`<title>Tom &amp;amp; &lt;b&gt;Jerry&lt;/b&gt;` + "\u202E\n\t x</title>"), title, "Tom & Jerry x"},
		"title with a type":          {rssItem(`<title><![CDATA[A List<String> of 1 < 2]]></title>`), title, "A List<String> of 1 < 2"},
		"atom text title":            {atomEntry(`<title>The &lt;b&gt; tag &amp;amp;</title>`), title, "The <b> tag &amp;"},
		"atom html title":            {atomEntry(`<title type="html">&lt;b&gt;Bold&lt;/b&gt; &amp;amp; so</title>`), title, "Bold & so"},
		"atom text content":          {atomEntry(`<content type="text">a &lt;script&gt; b</content>`), content, "a &lt;script&gt; b"},
		"atom text in cdata":         {atomEntry(`<content type="text"><![CDATA[a <b> c]]></content>`), content, "a &lt;b&gt; c"},
		"atom xhtml":                 {atomEntry(`<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>x &lt; y</p></div></content>`), content, "<p>x &lt; y</p>"},
		"atom untyped html":          {atomEntry(`<summary>&lt;p&gt;x&lt;/p&gt;</summary>`), content, "<p>x</p>"},
		"json text":                  {`{"version":"1","items":[{"id":7,"content_text":"a <b>\n\nc"}]}`, content, "<p>a &lt;b&gt;</p><p>c</p>"},
		"json number as id":          {`{"version":"1","items":[{"id":7,"title":["no"]}]}`, func(p Post) string { return p.GUID }, "7"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			doc := parse(t, test.body)
			if len(doc.Posts) != 1 {
				t.Fatalf("got %d posts", len(doc.Posts))
			}
			if got := test.got(doc.Posts[0]); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func content(p Post) string { return p.Content }
func link(p Post) string    { return p.URL }
func image(p Post) string   { return p.Image }
func title(p Post) string   { return p.Title }

func TestParseNext(t *testing.T) {
	doc := parse(t, `<rss xmlns:atom="http://www.w3.org/2005/Atom"><channel><atom:link rel="next" href="?paged=2"/><atom:link rel="self" href="/feed.xml"/>
		<item><atom:link rel="next" href="/not-this"/></item></channel></rss>`)
	if doc.Next != "https://blog.example/feed.xml?paged=2" {
		t.Errorf("next %q", doc.Next)
	}
}

func TestParseDates(t *testing.T) {
	tests := map[string]time.Time{
		"":                                noon,
		"soon":                            noon,
		"0001-01-01T00:00:00Z":            noon,
		"Thu, 01 Jan 1970 00:00:00 +0000": noon,
		"9999-12-31T23:59:59Z":            noon,
		"2024-12-24":                      time.Date(2024, 12, 24, 0, 0, 0, 0, time.UTC), // in the future, and stays there
		"Tue, 30 Apr 2024 08:00:00 EDT":   time.Date(2024, 4, 30, 12, 0, 0, 0, time.UTC),
		"Tue, 30 Apr 2024 21:00:00 JST":   time.Date(2024, 4, 30, 12, 0, 0, 0, time.UTC),
		"2024-04-30 14:00:00 +0200":       time.Date(2024, 4, 30, 12, 0, 0, 0, time.UTC),
		"30. April 2024 12:00":            time.Date(2024, 4, 30, 12, 0, 0, 0, time.UTC),
		"Di, 30 Mai 2023 12:00:00 +0000":  time.Date(2023, 5, 30, 12, 0, 0, 0, time.UTC),
		"30 мая 2023, 15:00 MSK":          time.Date(2023, 5, 30, 12, 0, 0, 0, time.UTC),
		"Τρι, 30 Μάι 2023 15:00:00 EEST":  time.Date(2023, 5, 30, 12, 0, 0, 0, time.UTC),
		"2023년 5월 30일 오후 3:00":            time.Date(2023, 5, 30, 6, 0, 0, 0, time.UTC), // no zone, but Korean
		"May 30, 2023 3:00 PM":            time.Date(2023, 5, 30, 15, 0, 0, 0, time.UTC),
		"20230530":                        time.Date(2023, 5, 30, 0, 0, 0, 0, time.UTC),
		"30.05.2023 15:00":                time.Date(2023, 5, 30, 15, 0, 0, 0, time.UTC),
	}
	for spelling, want := range tests {
		doc := parse(t, rssItem(`<title>x</title><pubDate>`+spelling+`</pubDate>`))
		if got := doc.Posts[0].Published; !got.Equal(want) {
			t.Errorf("%q: got %s, want %s", spelling, got, want)
		}
	}
}

func TestParseCharsets(t *testing.T) {
	const want = "Grüße – 10 €"
	text := func(declared string) string {
		return `<?xml version="1.0"` + declared + `?><rss><channel><item><title>` + want + `</title></item></channel></rss>`
	}
	windows := func(s string) string { b, _ := charmap.Windows1252.NewEncoder().String(s); return b }
	wide := func(e unicode.Endianness, bom unicode.BOMPolicy, s string) string {
		b, _ := unicode.UTF16(e, bom).NewEncoder().String(s)
		return b
	}
	for name, test := range map[string]struct{ body, contentType string }{
		"utf-8":                     {text(``), ""},
		"utf-8 with mark":           {"\uFEFF" + text(``), "text/xml; charset=iso-8859-1"},
		"utf-8 declared as latin-1": {text(` encoding="ISO-8859-1"`), ""},
		"prolog":                    {windows(text(` encoding="windows-1252"`)), ""},
		"header":                    {windows(text(``)), "application/rss+xml; charset=windows-1252"},
		"windows-1252 as utf-8":     {windows(text(` encoding="utf-8"`)), "text/xml; charset=utf-8"},
		"nothing declared":          {windows(text(``)), ""},
		"utf-16 with mark":          {wide(unicode.LittleEndian, unicode.UseBOM, text(` encoding="utf-16"`)), ""},
		"utf-16 without":            {wide(unicode.BigEndian, unicode.IgnoreBOM, text(``)), ""},
		"utf-16 in the prolog only": {text(` encoding="utf-16"`), ""},
	} {
		doc, err := Parse([]byte(test.body), nil, test.contentType, noon)
		if err != nil || len(doc.Posts) != 1 || doc.Posts[0].Title != want {
			t.Errorf("%s: %+v, %v", name, doc.Posts, err)
		}
	}
}

func TestParseBroken(t *testing.T) {
	two := `<item><title>One</title></item><item><title>Two</title></item>`
	for name, test := range map[string]struct {
		body    string
		titles  string
		partial bool
	}{
		"junk before":                 {"\n<br />\n<b>Warning</b>: x.php\n" + `<?xml version="1.0"?><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"junk behind":                 {`<rss><channel>` + two + `</channel></rss><script>x</script>`, "One|Two", false},
		"xml 1.1":                     {`<?xml version="1.1"?><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"controls":                    {`<rss><channel><item><title>O&#8;n` + "\x00\x0b" + `e</title></item></channel></rss>`, "One", false},
		"entities":                    {`<!DOCTYPE rss [<!ENTITY x "y">]><rss><channel><item><title>A&nbsp;&copy;&ndash;B &foo; C & D</title></item></channel></rss>`, "A ©–B &foo; C & D", false},
		"late root":                   {`<?xml version="1.0"?><!--` + strings.Repeat("x", 8192) + `--><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"cut off":                     {`<rss><channel>` + two + `<item><title>Thr`, "One|Two", true},
		"cut in cdata":                {`<rss><channel>` + two + `<item><title><![CDATA[Thr`, "One|Two", true},
		"item not closed":             {`<rss><channel><item><title>One</title><item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"title not closed":            {`<rss><channel><title>B<item><title>One</title></item></channel></rss>`, "One", true},
		"wrong end tags":              {`<rss><channel><item><title>One</b></title></i></item></channel></rss>`, "One", false},
		"damaged name":                {`<rss><channel><item><t` + "\xbb" + `x>a</t` + "\xbb" + `x><title>One</title></item></channel></rss>`, "One", false},
		"cdata end in text":           {`<rss><channel><item><title>One ]]> x</title></item></channel></rss>`, "One ]]> x", false},
		"unescaped html":              {`<rss><channel><item><title>One</title><description><p>a<br>b<p>c<img src=x></description></item></channel></rss>`, "One", false},
		"undeclared prefix":           {`<rss><channel><item><dc:title>One</dc:title></item></channel></rss>`, "One", false},
		"quote not closed":            {`<rss><channel><item><link href="x></link><title>One</title></item><item><a b="c"/><title>Two</title></item></channel></rss>`, "One|Two", false},
		"title not closed in an item": {`<rss><channel><item><title>One<link>/1</link><pubDate>x</pubDate></item><item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"item start lost":             {`<rss><channel><title>B</title><xitem><title>One</title></item><item><title>Two</title></item></channel></rss>`, "Two", true},
		"item end lost in html":       {`<rss><channel><item><title>One</title><description><div><p>x<item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"html comment before":         {`<!-- <rss> cached --><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"doctype of html before":      {`<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0//EN" "x.dtd"><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"doctype with a subset":       {`<!DOCTYPE rss [<!ELEMENT rss (channel)><!ENTITY a "b>c">]><rss><channel>` + two + `</channel></rss>`, "One|Two", false},
		"words before":                {"Notice: x > y & z in <b>/a.php</b>\n<rss><channel>" + two + `</channel></rss>`, "One|Two", false},
		"root lost":                   {`<channel>` + two + `</channel>`, "One|Two", false},
		"root and channel lost":       {two, "One|Two", false},
		"root damaged":                {`<rxs version="2.0"><channel>` + two + `</channel></rss>`, "One|Two", true},
		"twice":                       {`<rss><channel><item><title>One</title></item></channel></rss><?xml version="1.0"?><rss><channel><title>C</title><item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"html behind":                 {`<rss><channel>` + two + `</channel></rss><!DOCTYPE html><html><body><title>x</title></body></html>`, "One|Two", false},
		"cdata in cdata":              {`<rss><channel><item><title><![CDATA[O<![CDATA[n]]>e]]></title></item><item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"cdata without end":           {`<rss><channel><item><title><![CDATA[One</title></item><item><title><![CDATA[Two]]></title></item></channel></rss>`, "One|Two", true},
		"nul in a tag":                {"<rss><channel><item><ti\x00tle>One</title></item></channel></rss>", "One", false},
		"mark in the middle":          {"<rss><channel>\uFEFF<item>\uFEFF<title>\uFEFFOne</title></item></channel></rss>", "One", false},
		"attributes without quotes":   {`<rss version=2.0><channel><item><title>One</title><link rel=alternate href=/1/></item></channel></rss>`, "One", false},
		"a warning among the items":   {`<rss><channel><item><title>One</title></item><br /><b>Warning</b>: x<br><item><title>Two</title></item></channel></rss>`, "One|Two", true},
		"less-than in title":          {`<rss><channel><item><title>1 < 2</title></item></channel></rss>`, "1 < 2", false},
	} {
		t.Run(name, func(t *testing.T) {
			holds(t, test.body, test.titles, test.partial)
		})
	}
}

// holds checks the titles of a document, and whether it is damaged.
func holds(t *testing.T, body, titles string, partial bool) {
	t.Helper()
	doc := parse(t, body)
	var list []string
	for _, p := range doc.Posts {
		list = append(list, p.Title)
	}
	if got := strings.Join(list, "|"); got != titles || doc.Partial != partial {
		t.Errorf("got %q, partial %v", got, doc.Partial)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want error
	}{
		"nothing":          {"", ErrEmpty},
		"white space":      {"\uFEFF \n\t", ErrEmpty},
		"html":             {"<!DOCTYPE html><html><body><p>Buy this domain</p></body></html>", ErrNotFeed},
		"html with a feed": {"<html><body><pre><rss></rss></pre></body></html>", ErrNotFeed},
		"xhtml":            {`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"></html>`, ErrNotFeed},
		"sitemap":          {`<?xml version="1.0"?><urlset></urlset>`, ErrNotFeed},
		"text":             {"not found", ErrNotFeed},
		"other xml":        {`<tv><channel id="1"><display-name>x</display-name></channel></tv>`, ErrNotFeed},
		"page cut off":     {"<!DOCTYPE html><head><title>x", ErrNotFeed},
		"other json":       {`{"error":"no"}`, ErrNotFeed},
		"cut json":         {`{"items":[{"id":"1"`, ErrNotFeed},
		"deep xml":         {`<rss><channel><item>` + strings.Repeat("<x:a>", 1_000_000), ErrTooDeep},
		"deep json":        {`{"items":` + strings.Repeat("[", 1_000_000), ErrTooDeep},
		"big":              {`<rss>` + strings.Repeat(" ", maxBytes), ErrTooBig},
	} {
		if _, err := Parse([]byte(test.body), nil, "", noon); !errors.Is(err, test.want) {
			t.Errorf("%s: got %v, want %v", name, err, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*")
	for _, name := range files {
		if b, err := os.ReadFile(name); err == nil {
			f.Add(b, "")
		}
	}
	f.Add([]byte(rssItem(`<title>a &amp; b</title><description><![CDATA[<p>x]]></description>`)), "text/xml; charset=koi8-r")
	f.Add([]byte(atomEntry(`<title type="xhtml"><div>x</div></title><content type="text">&lt;</content>`)), "")
	f.Add([]byte(`{"version":"1","items":[{"id":1,"content_text":"x","tags":"a,b"}]}`), "")
	f.Add([]byte("<rss><channel><item><title><![CDATA[x"), "")
	f.Add([]byte(rssItem(`<author>a@b.example (A)</author><media:content url="/a.png"><media:title>x</media:title></media:content><xhtml:body><p>x<br/>`)), "")
	f.Add([]byte(`<a:feed xmlns:a="http://www.w3.org/2005/Atom" xml:base="//x.example/a"><a:entry><a:content mode="base64">PGI+</a:content><a:link href="b"/>`), "")
	f.Add([]byte(`<rdf:RDF><item rdf:about="/1"><dc:subject>a]]></dc:subject><description><p>a<p>b&nbsp;&#8;`), "")
	f.Add([]byte(`<rss><channel><item><title>1</title></item></channel></rss><rss><channel><item><title><![CDATA[2<![CDATA[]]>`), "")
	f.Add([]byte(`<CHANNEL HREF=/x><ITEM LASTMOD="2004-04-06" HREF='"'><ABSTRACT>x</ABSTRACT></ITEM>`), "")
	f.Fuzz(func(t *testing.T, body []byte, contentType string) {
		doc, err := Parse(body, address(t, "https://blog.example/feed.xml"), contentType, noon)
		if err != nil {
			return
		}
		for _, p := range doc.Posts {
			checkPost(t, p)
		}
	})
}

func checkPost(t *testing.T, p Post) {
	t.Helper()
	for _, s := range []string{p.Title, p.Author, p.GUID, p.URL, p.Image} {
		if strings.ToValidUTF8(s, "") != s || strings.ContainsAny(s, "\x00\x08\x1b") {
			t.Fatalf("not clean text: %q", s)
		}
	}
	for _, s := range []string{p.URL, p.Image} {
		if s != "" && !isWeb(s) {
			t.Fatalf("not a web address: %q", s)
		}
	}
	if p.Published.IsZero() || p.Updated.Before(p.Published) || p.Heading() == "" {
		t.Fatalf("dates or heading: %+v", p)
	}
	for _, body := range []string{p.Content, p.Summary} {
		forbidden(t, body)
		if again := Clean(body, nil); again != body {
			t.Fatalf("not a fixed point:\n%q\n%q", body, again)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	item := `<item><title>A title</title><link>https://blog.example/%d</link><pubDate>Tue, 30 Apr 2024 14:00:00 +0200</pubDate><content:encoded><![CDATA[` +
		strings.Repeat(`<p>Some words, a <a href="/x">link</a> and <code>code</code>.</p>`, 40) + `]]></content:encoded></item>`
	body := []byte(rssItem(strings.Repeat("</item>"+item+"<item>", 100)))
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(body, nil, "", noon); err != nil {
			b.Fatal(err)
		}
	}
}

func TestTooManyPosts(t *testing.T) {
	for name, feed := range map[string]struct{ head, post, tail string }{
		"rss":    {"<rss><channel>", "<item/>", "</channel></rss>"},
		"nested": {"<rss><channel>", "<item>", ""},
		"rdf":    {`<rdf:RDF><channel/>`, "<item><title>a</title></item>", "</rdf:RDF>"},
		"prefix": {`<rss xmlns:x="http://purl.org/rss/1.0/"><channel>`, "<x:item/>", "</channel></rss>"},
		"atom":   {"<feed>", "<entry/>", "</feed>"},
		"json":   {`{"version":"https://jsonfeed.org/version/1.1","items":[{}`, ",{}", "]}"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(feed.head+strings.Repeat(feed.post, maxPosts+1)+feed.tail), nil, "", noon)
			if !errors.Is(err, ErrTooBig) || !strings.Contains(err.Error(), "more than 10,000 posts") {
				t.Errorf("10,001 posts: %v", err)
			}
		})
	}
	doc, err := Parse([]byte("<rss><channel>"+strings.Repeat("<item><title>a</title></item>", maxPosts)+"</channel></rss>"), nil, "", noon)
	if err != nil || len(doc.Posts) != maxPosts {
		t.Errorf("10,000 posts: %d, %v", len(doc.Posts), err)
	}
}
