package templates

import (
	"strings"
	"testing"
	"unicode/utf8"

	"digest/feed"

	"github.com/google/go-cmp/cmp"
)

func TestLastSentence(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"One. Two. Three is lo", "One. Two."},
		{"One! Two? Three…", "One! Two? Three…"},
		{"Dr. Smith has 3.5 boats, e.g. a skiff, in the U.S. and in no. 4", ""},
		{"He came with J. R. Miller. On the 3. day", "He came with J. R. Miller."},
		{"In 2010. Then more", "In 2010."},
		{"Das gilt z. B. hier, bzw. dort. Und", "Das gilt z. B. hier, bzw. dort."},
		{"He said “Yes.” Then (so it was.) More", "He said “Yes.” Then (so it was.)"},
		{"今日は晴れ。明日も！「はい。」そして", "今日は晴れ。明日も！「はい。」"},
		{"ما هذا؟ هذا كتاب. ثم", "ما هذا؟ هذا كتاب."},
		{"यह है। वह", "यह है।"},
		{"a line\nand another. Then", "a line\nand another."},
		{"no end", ""},
	} {
		if got := c.in[:lastSentence(c.in, len(c.in))]; got != c.want {
			t.Errorf("%q: got %q, want %q", c.in, got, c.want)
		}
	}
}

// TestExcerptScripts cuts at the limit what has no sentence end in reach.
func TestExcerptScripts(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"hebrew":    {strings.Repeat("שלום ", 200), strings.TrimSpace(strings.Repeat("שלום ", 84)) + "…"},
		"russian":   {strings.Repeat("слово ", 200), strings.TrimSpace(strings.Repeat("слово ", 70)) + "…"},
		"chinese":   {strings.Repeat("字", 500), strings.Repeat("字", 419) + "…"},
		"sentences": {strings.Repeat("今日は晴れだ。", 100), strings.Repeat("今日は晴れだ。", 59)},
		"commas":    {strings.Repeat("字，", 300), strings.Repeat("字，", 209) + "字…"},
		"thai":      {strings.Repeat("กี่", 200), strings.Repeat("กี่", 139) + "…"},
		"emoji":     {strings.Repeat("👩‍💻", 200), strings.Repeat("👩‍💻", 139) + "…"},
		"flags":     {strings.Repeat("🇩🇪", 300), strings.Repeat("🇩🇪", 209) + "…"},
		"marks":     {strings.Repeat("e\u0301", 300), strings.Repeat("e\u0301", 209) + "…"},
		"jamo":      {strings.Repeat("\u1100\u1161\u11a8", 200), strings.Repeat("\u1100\u1161\u11a8", 139) + "…"},
		"conjuncts": {strings.Repeat("क्ष", 200), strings.Repeat("क्ष", 139) + "…"},
		"entities":  {strings.Repeat("a&amp;b ", 200), strings.TrimSpace(strings.Repeat("a&amp;b ", 105)) + "…"},
	} {
		body, whole := excerptOf(feed.Post{Content: "<p>" + c.in + "</p>"}, "ltr")
		got := strings.NewReplacer("<p>", "", `<p dir="rtl">`, "", "</p>", "").Replace(body.HTML())
		if diff := cmp.Diff(c.want, got); diff != "" || whole {
			t.Errorf("%s: whole %v\n%s", name, whole, diff)
		}
	}
}

// TestExcerptAcrossElements cuts at the end of a sentence that stands before the
// link or the paragraph in which there is no more room.
func TestExcerptAcrossElements(t *testing.T) {
	words := strings.Repeat("word ", 50)
	for name, c := range map[string]struct{ in, want string }{
		"before a link":      {"<p>" + words + "end. And <a href=\"https://x.example/\">a link</a> " + words + words + "</p><p>More.</p>", "<p>" + words + "end.</p>"},
		"within emphasis":    {"<p>A <em>" + words + "end. And</em> " + words + words + "</p>", "<p>A <em>" + words + "end.</em></p>"},
		"in the paragraph":   {"<p>" + words + "end.</p><p>" + words + "</p><ul><li>More.</li></ul>", "<p>" + words + "end.</p>"},
		"too far before":     {"<p>End. <b>And</b> " + strings.Repeat("word ", 100) + "</p>", "<p>End. <b>And</b> " + strings.TrimSpace(strings.Repeat("word ", 82)) + "…</p>"},
		"more than one deep": {"<div><ul><li><b>" + words + "end. And</b></li><li>" + words + "</li></ul></div><p>More.</p>", "<div><ul><li><b>" + words + "end.</b></li></ul></div>"},
	} {
		body, whole := excerptOf(feed.Post{Content: c.in}, "ltr")
		if diff := cmp.Diff(c.want, unstyled(body.HTML())); diff != "" || whole {
			t.Errorf("%s: whole %v\n%s", name, whole, diff)
		}
	}
}

// TestExcerptWithoutWords is about posts that are all code, table or pictures.
func TestExcerptWithoutWords(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"code":     {"<pre><code>" + strings.Repeat("a line of code\n", 100) + "</code></pre>", "<pre><code>" + strings.Repeat("a line of code\n", 8)[:8*15-1] + "\n…</code></pre>"},
		"table":    {"<table>" + strings.Repeat("<tr><td>a cell of a table</td></tr>", 100) + "</table>", `<div><table cellpadding="7" cellspacing="0"><tbody>` + strings.Repeat("<tr><td>a cell of a table</td></tr>", 5) + "</tbody></table></div>"},
		"one line": {"<pre>" + strings.Repeat("abcdefghi ", 20_000) + "</pre>", "<pre>" + strings.TrimSpace(strings.Repeat("abcdefghi ", excerptLimit/10)) + "…</pre>"},
		"one cell": {"<table><tr><td>" + strings.Repeat("abcdefghi ", 20_000) + "</td></tr></table>", `<div><table cellpadding="7" cellspacing="0"><tbody><tr><td>` + strings.TrimSpace(strings.Repeat("abcdefghi ", excerptLimit/10)) + "…</td></tr></tbody></table></div>"},
		"pictures": {strings.Repeat(`<p><img src="https://x.example/a.png" alt="A"/></p>`, 100), `<img src="https://x.example/a.png" alt="A" width="520"/>`},
	} {
		body, whole := excerptOf(feed.Post{Content: c.in}, "ltr")
		if diff := cmp.Diff(c.want, unstyled(body.HTML())); diff != "" || whole {
			t.Errorf("%s: whole %v\n%s", name, whole, diff)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	words := strings.Repeat("word ", 50)
	for _, s := range []string{"<p>" + words + "end. <a href=https://x.example/>A</a> " + words, "<pre>" + strings.Repeat("x\n", 900), "<table>" + strings.Repeat("<tr><td>x", 300), strings.Repeat("<p>字。", 300), strings.Repeat("<li>क्ष", 300) + "<p>x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if len(s) > 50_000 {
			return
		}
		body, _ := excerptOf(feed.Post{Content: s + strings.Repeat(" ", 4*excerptLimit)}, "ltr")
		out := body.HTML()
		balanced(t, out)
		if !utf8.ValidString(out) {
			t.Errorf("not UTF-8: %q", out)
		}
		if said := body.length(); said > excerptLimit+20 {
			t.Errorf("%d characters of %q", said, s)
		}
	})
}
