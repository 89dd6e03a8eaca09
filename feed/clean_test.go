package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

func TestClean(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"nothing":           {" \n", ""},
		"plain text":        {"a < b & c", "a &lt; b &amp; c"},
		"unbalanced":        {"<p>a<b>b<p>c", "<p>a<b>b</b></p><p><b>c</b></p>"},
		"script":            {"a<script>alert(1)</script>b", "ab"},
		"style and class":   {`<p style="color:red" class="x" id="y" onclick="z()">a</p><style>p{}</style>`, "<p>a</p>"},
		"javascript":        {`<a href="java&#10;script:alert(1)">a</a><a href=" JavaScript:x">b</a>`, "ab"},
		"data":              {`<img src="data:image/png;base64,AA"><a href="data:text/html,x">a</a>`, "a"},
		"other schemes":     {`<a href="ftp://x.example/a">a</a>`, "a"},
		"svg":               {`<svg onload=x><a href="https://x.example">a</a></svg>b`, "b"},
		"form":              {`<form action="https://x.example"><input name=a><button>Go</button>text</form>`, "text"},
		"iframe":            {`<iframe src="https://x.example/embed/abc?x=1"></iframe>`, `<p><a href="https://x.example/embed/abc?x=1">▶ x.example</a></p>`},
		"video":             {`<video poster=p><source src="https://x.example/v.mp4"></video>`, `<p><a href="https://x.example/v.mp4">▶ x.example</a></p>`},
		"pixel":             {`a<img src="https://x.example/p.gif" width="1" height="1">`, "a"},
		"flat pixel":        {`a<img src="https://x.example/p.gif" width="1" height="30"><img src="https://x.example/p.gif" height="0">`, "a"},
		"hidden":            {`a<div style="display: none">b</div>`, "a"},
		"image":             {`<img src="https://x.example/a.png" width="240px" height="180" srcset="b.png 2x" onerror=x>`, `<img src="https://x.example/a.png" alt="" width="240" height="180"/>`},
		"lazy image":        {`<img src="data:," data-src="https://x.example/a.png" alt="A">`, `<img src="https://x.example/a.png" alt="A"/>`},
		"relative":          {`<a href="/x">a</a><img src="/b.png">`, "a"},
		"mail":              {`<a href="mailto:a@b.example">a</a>`, `<a href="mailto:a@b.example">a</a>`},
		"password":          {`<a href="https://u:p@x.example/">a</a>`, `<a href="https://x.example/">a</a>`},
		"code":              {"<pre><code>if a &lt; b {\n\treturn\n}</code></pre>", "<pre><code>if a &lt; b {\n\treturn\n}</code></pre>"},
		"table":             {`<table border=1><tr><td colspan="2" bgcolor=x>a</td></tr></table>`, `<table><tbody><tr><td colspan="2">a</td></tr></tbody></table>`},
		"lists":             {`<ol start="3"><li>a<ul><li>b</ul></ol>`, `<ol start="3"><li>a<ul><li>b</li></ul></li></ol>`},
		"quote":             {`<blockquote cite="https://x.example/">a</blockquote>`, `<blockquote cite="https://x.example/">a</blockquote>`},
		"figure":            {`<figure><img src="https://x.example/a.png" alt="A"><figcaption>b</figcaption></figure>`, `<figure><img src="https://x.example/a.png" alt="A"/><figcaption>b</figcaption></figure>`},
		"right to left":     {`<p dir="RTL" lang="he">א</p>`, `<p lang="he" dir="rtl">א</p>`},
		"override":          {"a\u202Eb\x07c", "abc"},
		"raw text mutation": {`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, ""},
		"nested tables":     {`<a><table><a>x`, "x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got := Clean(test.in, nil)
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			forbidden(t, got)
		})
	}
}

// TestCleanResolves is what becomes of a post at https://blog.example/2024/p/.
func TestCleanResolves(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"footnote":       {`a<sup><a href="#fn1">1</a></sup>`, `a<sup><a href="https://blog.example/2024/p/#fn1">1</a></sup>`},
		"picture":        {`<img src="../a.png">`, `<img src="https://blog.example/2024/a.png" alt=""/>`},
		"mail headers":   {`<a href="mailto:a@b.example?bcc=c@d.example">m</a>`, `<a href="mailto:a@b.example">m</a>`},
		"details":        {`<details><summary>More</summary><p>a</p></details>`, `<div><div>More</div><p>a</p></div>`},
		"numbers right":  {`<table><tr><td style="text-align: right">1<td align=left>2</table>`, `<table><tbody><tr><td align="right">1</td><td>2</td></tr></tbody></table>`},
		"language":       {`<i lang="fr" class=x>a</i> <b class=x>b</b> <em style="display:none">c</em>`, `<i><span lang="fr">a</span></i> <b>b</b>`},
		"thin rule":      {`<hr style="height:1px">`, `<hr/>`},
		"ruby":           {`<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>`, `<ruby>漢<rp>(</rp><rt>かん</rt><rp>)</rp></ruby>`},
		"isolates":       {"<p>\u2067א\u200f</p>", "<p>א\u200f</p>"},
		"tags and flags": {"🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F x\U000E0041y", "🏴\U000E0067\U000E0062\U000E0065\U000E006E\U000E0067\U000E007F xy"},
	}
	base := address(t, "https://blog.example/2024/p/")
	for name, test := range tests {
		if got := Clean(test.in, base); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

func TestCleanPictures(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"too wide":           {`<img src=/a width=4000 height=3000>`, `<img src="https://x.example/a" alt="" width="600" height="450"/>`},
		"too high":           {`<img src=/a height=3000>`, `<img src="https://x.example/a" alt=""/>`},
		"in percent":         {`<img src=/a width=100% height=auto>`, `<img src="https://x.example/a" alt=""/>`},
		"lazy":               {`<img src=/grey.gif data-src=/a>`, `<img src="https://x.example/a" alt=""/>`},
		"lazy by a class":    {`<img class=lazyload src=/grey.png><noscript><img src=/a alt=A></noscript>`, `<img src="https://x.example/a" alt="A"/>`},
		"lazy twice":         {`<img src="data:," data-src=/a><noscript><img src=/a?w=2></noscript>`, `<img src="https://x.example/a?w=2" alt=""/>`},
		"noscript first":     {`<noscript><img src=/a></noscript><img data-src=/a>`, `<img src="https://x.example/a" alt=""/>`},
		"noscript alone":     {`<noscript><p>Scripts, please <img src=/a></p></noscript>`, `<img src="https://x.example/a" alt=""/>`},
		"two of a kind":      {`<img src=/a><img src=/a>`, `<img src="https://x.example/a" alt=""/><img src="https://x.example/a" alt=""/>`},
		"words between":      {`<img class=lazy src=/a>x<noscript><img src=/b></noscript>`, `<img src="https://x.example/a" alt=""/>x<img src="https://x.example/b" alt=""/>`},
		"sources":            {`<picture><source srcset="/a.webp"><source srcset="/s 300w, /m 1000w, /l 3000w"><img alt=A></picture>`, `<img src="https://x.example/m" alt="A"/>`},
		"commas in a set":    {`<img srcset="/w_424,c_limit/a 424w, /w_848,c_limit/a 848w">`, `<img src="https://x.example/w_848,c_limit/a" alt=""/>`},
		"set of densities":   {`<img srcset="/a, /b 2x">`, `<img src="https://x.example/a" alt=""/>`},
		"caption":            {`[caption id="a" width="300"]<a href="/b"><img src="/c"></a>Words[/caption]`, `<figure><a href="https://x.example/b"><img src="https://x.example/c" alt=""/></a><figcaption>Words</figcaption></figure>`},
		"gallery":            {`<p>[gallery ids="1,2"]</p>a`, `a`},
		"code of a gallery":  {`<code>[gallery ids=1]</code>`, `<code>[gallery ids=1]</code>`},
		"emoji":              {`<img class="wp-smiley" alt="😀" src="https://s.w.org/e.png">`, "😀"},
		"dot by style":       {`<img src=/a style="width:1px!important">b`, "b"},
		"counter":            {`<img src="https://pixel.wp.com/b.gif?host=x">b`, "b"},
		"counter on a path":  {`<img src="/stats/matomo.php?idsite=1">b`, "b"},
		"share links":        {`<div><a href=/s><img src="http://feeds.feedburner.com/~ff/x?d=y"></a> <a href=/s><img src="http://feeds.feedburner.com/~ff/x?d=z"></a></div>b`, "b"},
		"film":               {`<iframe src="https://www.youtube.com/embed/abcdefghijk?x=1" title="A talk"></iframe>`, `<p><a href="https://www.youtube.com/watch?v=abcdefghijk"><img src="https://i.ytimg.com/vi/abcdefghijk/hqdefault.jpg" alt="▶ A talk"/></a></p>`},
		"old player":         {`<object><param name=movie value="http://www.youtube.com/v/abcdefghijk&hl=en"></object>`, `<p><a href="https://www.youtube.com/watch?v=abcdefghijk"><img src="https://i.ytimg.com/vi/abcdefghijk/hqdefault.jpg" alt="▶ youtube.com"/></a></p>`},
		"lazy frame":         {`<iframe src="about:blank" data-src="https://player.vimeo.com/video/123456"></iframe>`, `<p><a href="https://vimeo.com/123456">▶ vimeo.com</a></p>`},
		"frame and noscript": {`<iframe data-src=/f></iframe><noscript><iframe src=/f></iframe></noscript>`, `<p><a href="https://x.example/f">▶ x.example</a></p>`},
		"frame in a box":     {`<div style="height:0;padding-bottom:56%"><iframe src=/f title=F></iframe></div>`, `<div><p><a href="https://x.example/f">▶ F</a></p></div>`},
		"poster":             {`<video poster=/p src=/v></video>`, `<p><a href="https://x.example/v"><img src="https://x.example/p" alt="▶ x.example"/></a></p>`},
		"frame in a link":    {`<a href=/y><span><iframe src=/f></iframe></span></a>`, `<a href="https://x.example/y">▶ x.example</a>`},
		"machinery":          {`<iframe src="https://www.facebook.com/plugins/like.php?x"></iframe><iframe src="https://ad.doubleclick.net/x"></iframe>b`, "b"},
		"fallback":           {`<object><p>a</p></object>`, "<p>a</p>"},
		"two in a noscript":  {`<noscript><img src=/a></noscript><iframe data-src=/f></iframe>`, `<img src="https://x.example/a" alt=""/><p><a href="https://x.example/f">▶ x.example</a></p>`},
		"player, then still": {`<iframe class=lazy data-src=/f></iframe><noscript><img src=/a></noscript>`, `<p><a href="https://x.example/f">▶ x.example</a></p><img src="https://x.example/a" alt=""/>`},
	}
	base := address(t, "https://x.example/")
	for name, test := range tests {
		if got := Clean(test.in, base); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", name, got, test.want)
		}
	}
}

// TestCleanClutter is about what says nothing, and what little style does say.
func TestCleanClutter(t *testing.T) {
	tests := map[string]struct{ in, want string }{
		"empty paragraphs":    {`<p>&nbsp;</p><p> <br> </p><p>a<br></p>`, "<p>a</p>"},
		"empty words":         {`<a href="https://x.example/"> </a>a<b> </b>b`, "a b"},
		"empty items":         {`<ul><li> </li><li>a</li></ul>`, "<ul> <li>a</li></ul>"},
		"empty cells":         {`<table><tr><td>&nbsp;<td>a</table>`, "<table><tbody><tr><td>\u00a0</td><td>a</td></tr></tbody></table>"},
		"breaks":              {`<br>a<br><br> <br><br>b<br>`, "a<br/><br/> b"},
		"breaks of code":      {"<pre><br>a<br><br><br>b</pre>", "<pre><br/>a<br/><br/><br/>b</pre>"},
		"hard spaces":         {"a&nbsp;&nbsp;&nbsp; &nbsp;&nbsp;b&nbsp;c", "a\u00a0b\u00a0c"},
		"hard spaces of code": {"<code>a&nbsp;&nbsp;&nbsp;&nbsp;&nbsp;b</code>", "<code>a" + strings.Repeat("\u00a0", 5) + "b</code>"},
		"word":                {`<p class=MsoNormal>a<o:p></o:p></p><p><o:p>&nbsp;</o:p></p><xml><w:WordDocument><w:View>Normal</w:View></w:WordDocument></xml><![if !x]>b<![endif]>`, "<p>a</p> b"},
		"google":              {`<b style="font-weight:normal" id=docs><p><span style="font-weight:700">a</span> <span style="font-style:italic">b</span> <span style="font-weight:400">c</span></p></b>`, "<p><b>a</b> <i>b</i> c</p>"},
		"white space":         {"<div style='white-space:pre'>a\n  b</div>", "<pre>a\n  b</pre>"},
		"lines":               {"<div style='white-space: pre-wrap'>a\n  b<p style='white-space:normal'>c\nd</p></div>", "<div>a<br/>  b<p>c\nd</p></div>"},
		"formula":             {`<math><semantics><mi>x</mi><annotation encoding="application/x-tex">x^2</annotation></semantics></math>`, "x^2"},
		"formula in words":    {`<math alttext="x squared"><mi>x</mi></math>`, "x squared"},
		"formula in signs":    {`<math><mi>x</mi><mo>+</mo><mn>1</mn></math>`, "x+1"},
		"formula shown twice": {`<span class="katex-mathml"><math><mi>x</mi></math></span><span>x</span>`, "x"},
		"out of sight":        {`<div style="position:absolute;left:-9999px">a</div>b`, "b"},
	}
	for name, test := range tests {
		if got := Clean(test.in, nil); got != test.want {
			t.Errorf("%s\ngot  %q\nwant %q", name, got, test.want)
		}
	}
}

func TestCleanDeep(t *testing.T) {
	got := Clean(strings.Repeat("<div><b>", 100_000)+"end", nil)
	if !strings.Contains(got, "end") {
		t.Error("the text is lost")
	}
	forbidden(t, got)
}

func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// TestCleanBombs cleans what is built to take long or much: all of it ends, and
// within bounds.
func TestCleanBombs(t *testing.T) {
	for name, s := range map[string]string{
		"attributes":       "<p " + numbered(1_000_000, "a%d=x ") + ">x",
		"same attribute":   "<img src=x " + strings.Repeat("a ", 1_000_000) + ">",
		"bold":             strings.Repeat("<b>", 330_000),
		"open formatting":  "<p>" + numbered(400, "<font a=%d>") + "</p>" + strings.Repeat("<p>x</p>", 100_000),
		"foster parents":   "<table>" + strings.Repeat("x<tr>", 200_000),
		"links in tables":  strings.Repeat("<a href=http://x.example><table>", 30_000),
		"sources":          "<picture>" + strings.Repeat("<source srcset='http://x.example/a'>", 5000) + strings.Repeat("<img>", 30_000),
		"set":              "<img srcset='" + strings.Repeat("a 1w,", 300_000) + "'>",
		"style":            "<p style='" + strings.Repeat("display:", 200_000) + "'>x",
		"less than":        strings.Repeat("<", 1_000_000),
		"comments":         strings.Repeat("<!--", 300_000),
		"captions":         strings.Repeat("[caption id=1]<img src=x>", 100_000),
		"lines":            "<div style='white-space:pre-line'>" + strings.Repeat("\n", 1_000_000),
		"one long word":    strings.Repeat("\"", 5_000_000),
		"spans":            strings.Repeat("<span>x</span>", 80_000),
		"crossing":         strings.Repeat("<b><i><u><p></b></i></u>", 30_000),
		"quotes in quotes": strings.Repeat("<blockquote>", 400) + strings.Repeat("<p>x", 30_000),
		"bytes":            strings.Repeat("\xff", 1_000_000),
	} {
		got := Clean(s, nil)
		if len(got) > 6*maxClean {
			t.Errorf("%s: %d bytes became %d", name, len(s), len(got))
		}
		forbidden(t, got)
	}
}

// TestBounded counts the elements a bounded text comes to: of any text at most
// maxNodes, and of one in earnest all.
func TestBounded(t *testing.T) {
	honest := strings.Repeat(`<p>a <b>b</b> <i>c</i> <font color=red>d</font></p>`, 2000)
	if got := elements(t, bounded(honest)); got != 4*2000 {
		t.Errorf("%d elements of 8000", got)
	}
	for name, s := range map[string]string{
		"plain":         numbered(400, "<b a=%d>") + "</p>" + strings.Repeat("<p>x", 50_000),
		"slashes":       "<p>" + numbered(400, "<b/a=%d>") + "</p>" + strings.Repeat("<p>x</p>", 50_000),
		"case":          "<p>" + numbered(400, "<NoBr\na=%d>") + "</p>" + strings.Repeat("<p>x</p>", 50_000),
		"in a comment":  "<!-- <b --><p>" + numbered(400, "<tt a=%d>") + "</p>" + strings.Repeat("<p>x</p>", 50_000),
		"in a value":    "<p title='<b'>" + numbered(400, "<em a='>' b=%d>") + "</p>" + strings.Repeat("<p>x</p>", 50_000),
		"past a script": "<script><!--</script><svg><style><p>" + numbered(400, "<u a=%d>") + "</p>" + strings.Repeat("<p>x</p>", 50_000),
	} {
		if got := elements(t, bounded(s)); got > maxNodes {
			t.Errorf("%s: %d elements", name, got)
		}
	}
}

func elements(t *testing.T, s string) (n int) {
	t.Helper()
	nodes, err := html.ParseFragment(strings.NewReader(s), newElement("div"))
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range nodes {
		n += countElements(top)
	}
	return n
}

func countElements(n *html.Node) int {
	sum := 0
	if n.Type == html.ElementNode {
		sum = 1
	}
	for child := range n.ChildNodes() {
		sum += countElements(child)
	}
	return sum
}

// forbidden fails if s is not a fixed point of Clean, or holds anything but
// allowed elements, attributes and addresses when parsed again.
func forbidden(t *testing.T, s string) {
	t.Helper()
	if again := Clean(s, nil); again != s {
		t.Fatalf("not a fixed point:\n%q\n%q", s, again)
	}
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			return
		case html.CommentToken, html.DoctypeToken:
			t.Fatalf("comment or doctype in %q", s)
		case html.StartTagToken, html.SelfClosingTagToken:
			tag := z.Token()
			names, ok := kept[tag.Data]
			if !ok {
				t.Fatalf("<%s> in %q", tag.Data, s)
			}
			for _, a := range tag.Attr {
				if !slices.Contains(names, a.Key) {
					t.Fatalf("%s on <%s> in %q", a.Key, tag.Data, s)
				}
				if a.Key == "href" || a.Key == "src" || a.Key == "cite" {
					if !isWeb(a.Val) && !(a.Key == "href" && strings.HasPrefix(a.Val, "mailto:")) {
						t.Fatalf("address %q in %q", a.Val, s)
					}
				}
			}
		}
	}
}

func BenchmarkClean(b *testing.B) {
	post := `<div class="entry"><p>A <a href="https://blog.example/a?x=1&amp;y=2" rel="nofollow">link</a>, <em>words</em> &amp; an image:</p>
		<figure><img class="size-full" src="https://blog.example/a.png" srcset="https://blog.example/b.png 2x" width="1024" height="768" alt="A"/><figcaption>It</figcaption></figure>
		<p style="text-align:left">` + strings.Repeat("Some twenty words make a sentence of a post as blogs write them, and two or three of those a paragraph. ", 5) + `</p><ul><li>one</li><li>two</li></ul></div>`
	s := strings.Repeat(post, 20)
	b.SetBytes(int64(len(s)))
	b.ReportAllocs()
	for b.Loop() {
		Clean(s, nil)
	}
}
