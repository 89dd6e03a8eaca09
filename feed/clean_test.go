package feed

import (
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
		"iframe":            {`<iframe src="https://www.youtube.com/embed/abc?x=1"></iframe>`, `<p><a href="https://www.youtube.com/watch?v=abc">▶ www.youtube.com</a></p>`},
		"video":             {`<video poster=p><source src="https://x.example/v.mp4"></video>`, `<p><a href="https://x.example/v.mp4">▶ x.example</a></p>`},
		"pixel":             {`a<img src="https://x.example/p.gif" width="1" height="1">`, "a"},
		"flat pixel":        {`a<img src="https://x.example/p.gif" width="1" height="30"><img src="https://x.example/p.gif" height="0">`, "a"},
		"hidden":            {`a<div style="display: none">b</div>`, "a"},
		"image":             {`<img src="https://x.example/a.png" width="640px" height="480" srcset="b.png 2x" onerror=x>`, `<img src="https://x.example/a.png" alt="" width="640" height="480"/>`},
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
		"raw text mutation": {`<noscript><p title="</noscript><img src=x onerror=alert(1)>">`, "&#34;&gt;"},
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

func TestCleanResolves(t *testing.T) {
	got := Clean(`<a href="#fn1">1</a><img src="../a.png">`, address(t, "https://blog.example/2024/p/"))
	want := `<a href="https://blog.example/2024/p/#fn1">1</a><img src="https://blog.example/2024/a.png" alt=""/>`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCleanDeep(t *testing.T) {
	got := Clean(strings.Repeat("<div><b>", 100_000)+"end", nil)
	if !strings.Contains(got, "end") {
		t.Error("the text is lost")
	}
	forbidden(t, got)
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
			if _, ok := kept[tag.Data]; !ok {
				t.Fatalf("<%s> in %q", tag.Data, s)
			}
			for _, a := range tag.Attr {
				if !strings.Contains(" "+kept[tag.Data]+" lang dir ", " "+a.Key+" ") {
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

func FuzzClean(f *testing.F) {
	for _, s := range []string{
		"<p>a<b>b<p>c", `<a href="javascript:x">a</a>`, `<svg><style><img src=x onerror=y>`, `<math><mtext><table><mglyph><style><!--</style><img title="--&gt;&lt;img src=1 onerror=x&gt;">`,
		`<table><td>x<a><table><a>`, `<iframe src="https://x.example/"></iframe>`, "<pre>\n\n a</pre>", `<a href="https://x.example/"><p><iframe src="//y.example">`, "<li><p><li>", `<ruby>a<rt>b<rt>c`,
		`<img src="https://x.example/a b.png" width=640>`, `<dl><dt>a<dd>b</dl>`, `<b><i><p>x</b>y</i>`, `<h1><h2>x`, `<select><a href=x>`, `<object data="https://x.example/"><p>a`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { forbidden(t, Clean(s, nil)) })
}
