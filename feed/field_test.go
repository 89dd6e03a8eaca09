package feed

import (
	"strings"
	"testing"
)

// eachPost reads a feed and says one thing of each of its posts.
func eachPost(t testing.TB, body string, say func(Post) string) string {
	t.Helper()
	var all []string
	for _, p := range parse(t, body).Posts {
		all = append(all, say(p))
	}
	return strings.Join(all, "\n")
}

func TestParseNamespaces(t *testing.T) {
	const entry = `<entry><id>tag:1</id><title>One</title></entry>`
	for name, test := range map[string]struct {
		body string
		say  func(Post) string
		want string
	}{
		"any prefix":                 {`<rss xmlns:d="http://purl.org/dc/elements/1.1/"><channel><item><d:creator>Ada</d:creator></item></channel></rss>`, author, "Ada"},
		"misspelt address":           {`<rss xmlns:d="HTTPS://www.purl.org/dc/elements/1.1"><channel><item><d:creator>Ada</d:creator></item></channel></rss>`, author, "Ada"},
		"unknown address":            {`<rss xmlns:dc="http://dc.example/"><channel><item><dc:creator>Ada</dc:creator></item></channel></rss>`, author, "Ada"},
		"declared nowhere":           {`<rss><channel><item><DC:CREATOR>Ada</DC:CREATOR></item></channel></rss>`, author, "Ada"},
		"declared in the item":       {`<rss><channel><item xmlns:x="http://purl.org/dc/elements/1.1/"><x:creator>Ada</x:creator></item></channel></rss>`, author, "Ada"},
		"declared in the item alone": {`<rss><channel><item><x:creator xmlns:x="http://purl.org/dc/elements/1.1/">Ada</x:creator><x:creator>Bob</x:creator></item></channel></rss>`, author, "Ada"},
		"foreign":                    {`<rss xmlns:x="http://x.example/"><channel><item><x:title>No</x:title><title>One</title><x:y><title>No</title></x:y></item></channel></rss>`, title, "One"},
		"rss in a namespace":         {`<r:rss xmlns:r="http://backend.userland.com/rss2"><r:channel><r:item><r:title>One</r:title></r:item></r:channel></r:rss>`, title, "One"},
		"rss in one of its own":      {`<rss xmlns="http://feed.example/schema"><channel><item><title>One</title></item></channel></rss>`, title, "One"},
		"rss in the one of atom":     {`<rss xmlns="http://www.w3.org/2005/Atom"><channel><item><title>One</title></item></channel></rss>`, title, "One"},
		"atom with a prefix":         {`<a:feed xmlns:a="http://www.w3.org/2005/Atom"><a:entry><a:title>One</a:title></a:entry></a:feed>`, title, "One"},
		"atom of a draft":            {`<feed version="0.3" xmlns="http://example.com/newformat#">` + entry + `</feed>`, title, "One"},
		"atom without":               {`<feed>` + entry + `</feed>`, guid, "tag:1"},
		"rdf 1.1":                    {`<Channel xmlns="http://purl.org/net/rss1.1#"><items><item><title>One</title></item></items></Channel>`, title, "One"},
		"upper case":                 {`<RSS><CHANNEL><ITEM><TITLE>One</TITLE><GUID ISPERMALINK=FALSE>https://blog.example/x</GUID></ITEM></CHANNEL></RSS>`, link, ""},
		"atom in rss":                {rssItem(`<a:id xmlns:a="http://www.w3.org/2005/Atom">tag:1</a:id>`), guid, "tag:1"},
		"rdf about":                  {`<rdf:RDF><item rdf:about="https://blog.example/1"><title>One</title></item></rdf:RDF>`, link, "https://blog.example/1"},
		"channel definition format":  {`<CHANNEL HREF="https://blog.example/"><ITEM HREF="/1"><TITLE>One</TITLE><ABSTRACT>Text</ABSTRACT></ITEM></CHANNEL>`, func(p Post) string { return p.URL + p.Content }, "https://blog.example/1Text"},
		"one entry alone":            {entry, title, "One"},
		"items alone":                {`<item><title>One</title></item><item><title>Two</title></item>`, title, "One\nTwo"},
	} {
		if got := eachPost(t, test.body, test.say); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestParseText(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		say  func(Post) string
		want string
	}{
		"xhtml":                    {atomEntry(`<content type="xhtml"><div><p>a &lt; b</p><a name="x"/><p>c</p></div></content>`), content, "<p>a &lt; b</p><p>c</p>"},
		"xhtml of two divs":        {atomEntry(`<content type="xhtml"><div><p>a</p><div>b</div></div></content>`), content, "<p>a</p><div>b</div>"},
		"xhtml with a prefix":      {atomEntry(`<content type="xhtml"><h:div xmlns:h="http://www.w3.org/1999/xhtml"><h:p>a<h:br/>b</h:p></h:div></content>`), content, "<p>a<br/>b</p>"},
		"xhtml title":              {atomEntry(`<title type="xhtml"><div>Less: <em>&lt;b&gt;</em></div></title>`), title, "Less: <b>"},
		"media type of atom 0.3":   {atomEntry(`<content type="text/html" mode="escaped">&lt;p&gt;a&lt;/p&gt;</content>`), content, "<p>a</p>"},
		"xml of atom 0.3":          {atomEntry(`<content type="application/xhtml+xml" mode="xml"><p>a &amp; b</p></content>`), content, "<p>a &amp; b</p>"},
		"text of atom 0.3":         {atomEntry(`<title mode="escaped" type="text/plain">a &lt;b> &amp;amp; c</title>`), title, "a <b> &amp; c"},
		"base64":                   {atomEntry("<summary mode='base64' type='text/html'>PHA+b25l\nPC9wPg==</summary>"), content, "<p>one</p>"},
		"base64 by its type":       {atomEntry(`<content type="application/octet-stream">PHA+b25lPC9wPg==</content>`), content, "<p>one</p>"},
		"base64 that is none":      {atomEntry(`<content mode="base64">not a picture</content>`), content, "not a picture"},
		"a picture":                {atomEntry(`<content type="image/png">iVBORw0KGgo=</content><summary>One</summary>`), content, "One"},
		"bytes":                    {atomEntry(`<content type="application/zip">UEsDBP//</content><summary>One</summary>`), content, "One"},
		"inline in rss":            {rssItem(`<description>a &amp; <b>b</b> <code>1 &lt; 2</code><br>c</description>`), content, "a &amp; <b>b</b> <code>1 &lt; 2</code><br/>c"},
		"cdata among text":         {rssItem(`<description>a <![CDATA[<b>b</b>]]> &lt;i&gt;c&lt;/i&gt;</description>`), content, "a <b>b</b> <i>c</i>"},
		"cdata end inside":         {rssItem(`<description>]]&gt; <![CDATA[a]]]]><![CDATA[>b]]></description>`), content, "]]&gt; a]]&gt;b"},
		"xhtml body":               {rssItem(`<body xmlns="http://www.w3.org/1999/xhtml"><p>a</p></body>`), content, "<p>a</p>"},
		"xhtml body with a prefix": {rssItem(`<xhtml:body><p>a</p></xhtml:body><description>b</description>`), content, "<p>a</p>"},
		"full item":                {rssItem(`<fullitem>a</fullitem>`), content, "a"},
		"atom content in rss":      {rssItem(`<atom:content type="xhtml"><div><p>a</p></div></atom:content>`), content, "<p>a</p>"},
		"encoded in atom":          {atomEntry(`<content:encoded>&lt;p>a&lt;/p></content:encoded>`), content, "<p>a</p>"},
		"summary beside":           {rssItem(`<description>short</description><summary>and a long one</summary>`), content, "and a long one"},
		"itunes subtitle":          {rssItem(`<itunes:subtitle>a &lt; b</itunes:subtitle>`), content, "<p>a &lt; b</p>"},
		"title of dublin core":     {rssItem(`<dc:title>One</dc:title>`), title, "One"},
		"title of media rss":       {rssItem(`<media:content><media:title>One</media:title></media:content>`), title, "One"},
		"title beside an image":    {rssItem(`<title>One</title><link>/1</link><image><title>No</title><link>/no</link></image>`), func(p Post) string { return p.Title + p.URL }, "Onehttps://blog.example/1"},
		"base of the content": {
			`<feed xml:base="https://other.example/a/"><entry><link href="1"/><content type="html" xml:base="b/c.html">&lt;a href="d"&gt;x&lt;/a&gt;</content></entry></feed>`,
			content, `<a href="https://other.example/a/b/d">x</a>`,
		},
		"base inside": {
			atomEntry(`<link href="https://blog.example/1"/><content type="xhtml"><div xml:base="https://other.example/"><a href="d">x</a></div></content>`),
			content, `<a href="https://other.example/d">x</a>`,
		},
		"base in rss":          {`<rss xml:base="https://other.example/"><channel><item><link>1</link></item></channel></rss>`, link, "https://other.example/1"},
		"base that is no page": {`<rss xml:base="javascript:x"><channel><item><link>1</link></item></channel></rss>`, link, "https://blog.example/1"},
		"base and no content":  {`<feed xml:base="https://other.example/"><entry><content type="html"></content><summary>a</summary></entry></feed>`, content, "a"},
		"id as it is written":  {`<feed xml:base="https://other.example/"><entry><id>HTTP://Blog.example/?a=1&amp;b</id></entry></feed>`, guid, "HTTP://Blog.example/?a=1&b"},
		"a megabyte of title":  {rssItem(`<title>` + strings.Repeat("é", 1<<20) + `</title>`), title, strings.Repeat("é", maxTitle)},
	} {
		if got := eachPost(t, test.body, test.say); got != test.want {
			t.Errorf("%s:\ngot  %.200q\nwant %.200q", name, got, test.want)
		}
	}
}

func TestParseAuthor(t *testing.T) {
	for body, want := range map[string]string{
		rssItem(`<author>ada@blog.example (Ada L.)</author>`):                                                "Ada L.",
		rssItem(`<author>Ada L. (ada@blog.example)</author>`):                                                "Ada L.",
		rssItem(`<author>Ada L. &lt;ada@blog.example&gt;</author>`):                                          "Ada L.",
		rssItem(`<author>"Ada L." mailto:ada@blog.example</author>`):                                         "Ada L.",
		rssItem(`<author>ada@blog.example</author>`):                                                         "",
		rssItem(`<author>ada@blog.example</author><dc:creator>Ada</dc:creator>`):                             "Ada",
		rssItem(`<author><name>Ada</name><email>ada@blog.example</email></author>`):                          "Ada",
		rssItem(`<dc:creator>Ada</dc:creator><dc:creator>Bob</dc:creator><dc:creator>ADA</dc:creator>`):      "Ada, Bob",
		rssItem(`<itunes:author>Ada</itunes:author>`):                                                        "Ada",
		rssItem(`<atom:author><atom:name>Ada</atom:name><atom:email>a@b.example</atom:email></atom:author>`): "Ada",
		atomEntry(`<author><name>Ada</name></author><author><name>Bob</name></author>`):                      "Ada, Bob",
		atomEntry(`<author><name>ada@blog.example</name><email>ada@blog.example</email></author>`):           "",
		atomEntry(`<source><title>Other</title><author><name>Ada</name></author></source>`):                  "Ada",
		`<feed><author><name>Ada</name></author><entry><title>x</title></entry></feed>`:                      "Ada",
	} {
		if got := eachPost(t, body, author); got != want {
			t.Errorf("%s: got %q, want %q", body[strings.LastIndex(body, "<item>")+1:], got, want)
		}
	}
}

func TestParseTags(t *testing.T) {
	for body, want := range map[string]string{
		rssItem(`<category domain="x">a</category><category>B, c</category><category>A</category><category/>`):            "a|B, c",
		rssItem(`<dc:subject>a</dc:subject><dcterms:subject>b</dcterms:subject>`):                                         "a|b",
		rssItem(`<itunes:keywords>a, b</itunes:keywords><media:group><media:keywords>c,d</media:keywords></media:group>`): "a|b|c|d",
		rssItem(`<media:category label="a">x/y</media:category><media:category>b</media:category>`):                       "a|b",
		rssItem(`<itunes:category text="a"><itunes:category text="b"/></itunes:category>`):                                "a|b",
		rssItem(`<tags>a, b</tags>`):                             "a|b",
		rssItem(`<atom:category term="a"/><category term="b"/>`): "a|b",
		atomEntry(`<category term="a" label="The a"/><category term="https://x.example/17" label="b"/><category>c</category>`): "a|b|c",
		atomEntry(`<category scheme="http://schemas.google.com/g/2005#kind" term="post"/>`):                                    "",
	} {
		if got := eachPost(t, body, tagList); got != want {
			t.Errorf("%s: got %q, want %q", body, got, want)
		}
	}
}

// The fields of an item that lost its start tag are not taken for the feed's.
func TestParseFeedTitle(t *testing.T) {
	doc := parse(t, `<rss><channel><title>B</title><link>/b</link><xitem><title>One</title><link>/1</link></item></channel></rss>`)
	stray := parse(t, `<rss><channel><title>B</title><link>/b</link><title>One</title><link>/1</link></channel></rss>`)
	if late := parse(t, `<rss><channel><title/><title>B</title></channel></rss>`); late.Title != "B" || late.Link != "" {
		t.Errorf("behind an empty one: %q at %q", late.Title, late.Link)
	}
	if doc.Title != "B" || stray.Title != "B" || stray.Link != "https://blog.example/b" {
		t.Errorf("%q, %q at %q", doc.Title, stray.Title, stray.Link)
	}
}
