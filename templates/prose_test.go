package templates

import (
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"digest/feed"

	"github.com/google/go-cmp/cmp"
)

// unstyled takes the inline styles away, to compare what matters.
func unstyled(s string) string {
	for {
		before, rest, ok := strings.Cut(s, ` style="`)
		if !ok {
			return s
		}
		_, after, _ := strings.Cut(rest, `"`)
		s = before + after
	}
}

func TestDress(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"text", "a &lt; b", "a &lt; b"},
		{"headings go below the title", "<h1>a</h1><h3>b</h3>", "<h3>a</h3><h4>b</h4>"},
		{"deep headings come up", "<h4>a</h4><h6>b</h6>", "<h3>a</h3><h4>b</h4>"},
		{"six levels are enough", "<h1>a</h1><h2>b</h2><h3>c</h3><h4>d</h4><h5>e</h5>", "<h3>a</h3><h4>b</h4><h5>c</h5><h6>d</h6><h6>e</h6>"},
		{"what goes with all it holds", "<div>a<script>b</script><style>c</style><svg><text>d</text></svg><math><mi>e</mi></math><form>f</form><!--g--></div>", "<div>a</div>"},
		{"links", `<a href="https://x.example/ö" target="_blank" class="c">a</a>`, `<a href="https://x.example/%C3%B6">a</a>`},
		{"no relative link", `<a href="/x">a</a>`, "a"},
		{"no script link", `<a href=" java&#9;script:x">a</a>`, "a"},
		{"no anchor", `<a href="#x" id="post-1">a</a>`, "a"},
		{"international host", `<a href="https://bücher.example/">a</a>`, `<a href="https://xn--bcher-kva.example/">a</a>`},
		{"wide image", `<p><img src="https://x.example/a.png" width="1200" height="800"></p>`, `<p><img src="https://x.example/a.png" alt="" width="520"/></p>`},
		{"small image", `<p>a <img src="https://x.example/a.png" alt="b" width="16" height="16"></p>`, `<p>a <img src="https://x.example/a.png" alt="b" width="16" height="16"/></p>`},
		{"image in text has no width", `<p>a <img src="https://x.example/a.png"></p>`, `<p>a <img src="https://x.example/a.png" alt=""/></p>`},
		{"image that cannot load", `<p><img src="data:x" alt="words"></p>`, `<p>words</p>`},
		{"unknown element", "<blink><marquee>a</marquee></blink>", "a"},
		{"renamed", "<section><details><summary>s</summary>d</details></section>", "<div><div><p>s</p>d</div></div>"},
		{"table", "<table><tr><td align=RIGHT colspan=2 bgcolor=red>a</table>",
			`<div><table cellpadding="7" cellspacing="0"><tbody><tr><td colspan="2" align="right">a</td></tr></tbody></table></div>`},
		{"right to left", "<p>שלום</p><p>hello</p>", `<p dir="rtl">שלום</p><p>hello</p>`},
		{"unclosed", "<ul><li>a<li><em>b", "<ul><li>a</li><li><em>b</em></li></ul>"},
		{"code keeps its lines", "<pre>a\n\tb</pre>", "<pre dir=\"ltr\">a\n    b</pre>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := strings.Replace(unstyled(dress(c.source, "ltr").HTML()), `<pre>`, `<pre dir="ltr">`, 1)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDressRightToLeft(t *testing.T) {
	got := dress("<blockquote>א</blockquote><pre>x</pre>", "rtl").HTML()
	if !strings.Contains(got, "border-right:") || strings.Contains(got, "border-left:") || !strings.Contains(got, `<pre dir="ltr"`) {
		t.Error(got)
	}
}

func TestText(t *testing.T) {
	for _, c := range []struct{ name, source, want string }{
		{"paragraphs", "<p>a\n  b</p><p>c<br>d</p>", "a b\n\nc\nd"},
		{"notes", `<p><a href="https://x.example/1">one</a> <a href="https://x.example/2">two</a> <a href="https://x.example/1">three</a></p>`,
			"one [1] two [2] three [1]\n\n[1] https://x.example/1\n[2] https://x.example/2"},
		{"a link that shows itself", `<a href="https://x.example/1">https://x.example/1</a> <a href="mailto:a@x.example">a@x.example</a>`,
			"https://x.example/1 a@x.example"},
		{"list", "<ul><li>a<ol start=9><li>b</li><li>c</li></ol></li><li>d</li></ul>", "- a\n  9. b\n  10. c\n- d"},
		{"list with paragraphs", "<ol><li><p>a</p><p>b</p></li><li>c</li></ol>", "1. a\n\n   b\n2. c"},
		{"stray text in a list", "<ul>x<li>a</li></ul>", "x\n- a"},
		{"quote", "<blockquote><p>a</p><blockquote>b</blockquote></blockquote>", "> a\n>\n> > b"},
		{"code", "<pre>a {\n\tb\n\n}</pre>", "    a {\n        b\n\n    }"},
		{"table", "<table><tr><th>a</th><th>bb</th></tr><tr><td>ccc</td><td>d</td></tr></table>", "a    bb\n-------\nccc  d"},
		{"layout table", "<table><tr><td><p>a</p><p>b</p></td></tr></table>", "a\n\nb"},
		{"wide table", "<table><tr><td>" + strings.Repeat("a ", 30) + "</td><td>" + strings.Repeat("b ", 30) + "</td></tr></table>",
			strings.TrimSpace(strings.Repeat("a ", 30)) + " | " + strings.TrimSpace(strings.Repeat("b ", 4)) + "\n  " + strings.TrimSpace(strings.Repeat("b ", 26))},
		{"image", `<p><img src="https://x.example/a.png" alt="a cat"></p>`, "[Image: a cat]"},
		{"heading", "<h2>Ab</h2><p>c</p>", "Ab\n--\n\nc"},
		{"rule and marks", "<p>x<sup>2</sup> <code>y</code> <q>z</q></p><hr>", "x^2 `y` “z”\n\n* * *"},
		{"definitions", "<dl><dt>a</dt><dd>b</dd></dl>", "a\n\n  b"},
		{"long word", strings.Repeat("x", 100), strings.Repeat("x", 72) + "\n" + strings.Repeat("x", 28)},
		{"ideographs", "<p>a " + strings.Repeat("字", 50) + "</p>", "a " + strings.Repeat("字", 35) + "\n" + strings.Repeat("字", 15)},
		{"nothing", "<p> </p><ul><li></li></ul><pre></pre>", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, dress(c.source, "ltr").Text()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestExcerpt(t *testing.T) {
	sentence := "Twelve men went out in four boats and came home in three of them. "
	long := strings.Repeat(sentence, 10)
	for _, c := range []struct {
		name, summary, content, want string
		whole                        bool
	}{
		{"short stays as it is", "", `<p>a <a href="https://x.example/">b</a></p>`, `<p>a <a href="https://x.example/">b</a></p>`, true},
		{"ends with a sentence", "", "<p>" + long + "</p>", "<p>" + strings.TrimSpace(strings.Repeat(sentence, 6)) + "</p>", false},
		{"keeps paragraphs, steps over pictures", "", "<p>One.</p><p><img src=https://x.example/a.png></p><p>" + long + "</p>",
			"<p>One.</p><p>" + strings.TrimSpace(strings.Repeat(sentence, 6)) + "</p>", false},
		{"ends before a table", "", "<p>" + sentence + sentence + "</p><table><tr><td>x</table><p>" + long + "</p>", "<p>" + sentence + sentence + "</p>", false},
		{"a word at least", "", "<p>" + strings.Repeat("word ", 200) + "</p>", "<p>" + strings.TrimSpace(strings.Repeat("word ", 84)) + "…</p>", false},
		{"summary", "<p>Short.</p>", "<p>" + long + "</p>", "<p>Short.</p>", false},
		{"summary that is all", "<p>Short.</p>", "<p>Short.</p>", "<p>Short.</p>", true},
		{"drops the brackets", "<p>Short [...]</p>", "<p>" + long + "</p>", "<p>Short…</p>", false},
		{"drops the blog's own link", `<p>Short … <a href="https://x.example/1">Continue reading →</a></p>`, "<p>" + long + "</p>", "<p>Short…</p>", false},
		{"no comma before the end", "<p>Waiting, […]</p>", "<p>" + long + "</p>", "<p>Waiting…</p>", false},
		{"nor where a word broke off", "", "<p>" + strings.Repeat("word, ", 200) + "</p>", "<p>" + strings.Repeat("word, ", 69) + "word…</p>", false},
		{"nor in the link before", "", "<p>" + strings.Repeat("x", 412) + ` <a href="https://x.example/">Davis,</a> who ` + long + "</p>",
			"<p>" + strings.Repeat("x", 412) + ` <a href="https://x.example/">Davis</a>…</p>`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			body, whole := excerptOf(feed.Post{Summary: c.summary, Content: c.content}, "ltr")
			if diff := cmp.Diff(c.want, unstyled(body.HTML())); diff != "" || whole != c.whole {
				t.Errorf("whole %v, want %v\n%s", whole, c.whole, diff)
			}
		})
	}
}

func TestRhythmOf(t *testing.T) {
	for schedule, want := range map[string]string{
		"":                                    "",
		"never":                               "never",
		"every Monday at 09:00":               "every Monday at 09:00",
		"every Monday at 09:00 UTC":           "every Monday at 09:00 UTC",
		"every Monday at 09:00 Europe/Berlin": "every Monday at 09:00 (Berlin time)",
		"every month on the 1st at 09:00 America/New_York":                    "every month on the 1st at 09:00 (New York time)",
		"every month on the last day at 09:00 America/Argentina/Rio_Gallegos": "every month on the last day at 09:00 (Rio Gallegos time)",
		"every Monday at 09:00 Etc/GMT+5":                                     "every Monday at 09:00 Etc/GMT+5",
		`cron "0 9 * * MON" Europe/Berlin`:                                    "at set times",
	} {
		if got := rhythmOf(schedule); got != want {
			t.Errorf("%q: %q, want %q", schedule, got, want)
		}
	}
}

func TestDates(t *testing.T) {
	d := func(days int) feed.Post { return feed.Post{Published: friday.AddDate(0, 0, days)} }
	for _, c := range []struct {
		posts []feed.Post
		want  string
	}{
		{nil, ""},
		{[]feed.Post{d(0)}, "26 February 2010"},
		{[]feed.Post{d(0), d(-25)}, "1–26 February 2010"},
		{[]feed.Post{d(0), d(5)}, "26 February – 3 March 2010"},
		{[]feed.Post{d(-90), d(0)}, "28 November 2009 – 26 February 2010"},
	} {
		if got := datesOf(Edition{Posts: c.posts}); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

func FuzzText(f *testing.F) {
	for _, s := range []string{"<p>a</p>", "<table><tr><td>a<table>", "<ul><ul><li><pre>\t\x00", strings.Repeat("<blockquote>", 60) + "a", "<a href=x><p>y", "字字<br>\u202e"} {
		f.Add(s)
	}
	for _, p := range Sample(friday, 6).Posts {
		f.Add(p.Content)
	}
	f.Fuzz(func(t *testing.T, source string) {
		if len(source) > 100_000 {
			return
		}
		body := dress(source, "ltr")
		text := body.Text()
		checkPlain(t, text)
		if !utf8.ValidString(text) {
			t.Error("not UTF-8")
		}
		for line := range strings.Lines(text) {
			if columns(strings.TrimSuffix(line, "\n")) > 78 && !strings.Contains(line, ":") {
				t.Errorf("%d columns: %q", columns(line), line)
			}
		}
		balanced(t, body.HTML())
	})
}

func BenchmarkRender(b *testing.B) {
	for name, n := range map[string]int{"6 posts": 6, "18 posts": 18} {
		b.Run(name, func(b *testing.B) {
			e := Sample(friday, n)
			for b.Loop() {
				if _, err := Render("letter", e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func TestParagraphs(t *testing.T) {
	for source, want := range map[string]string{
		"Bare <b>words</b>, cut":             "<p>Bare <b>words</b>, cut</p>",
		"<p>One</p>\n<p>Two</p>":             "<p>One</p>\n<p>Two</p>",
		"Before<blockquote>Q</blockquote> <": "<p>Before</p><blockquote>Q</blockquote><p> &lt;</p>",
	} {
		got := regexp.MustCompile(` style="[^"]*"`).ReplaceAllString(bodyInParagraphs(source), "")
		if got != want {
			t.Errorf("%q became %q, want %q", source, got, want)
		}
	}
}

func bodyInParagraphs(source string) string {
	body := dress(source, "ltr")
	paragraphs(body.root)
	return body.HTML()
}
