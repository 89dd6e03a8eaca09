package feed

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestExcerpt(t *testing.T) {
	tests := []struct {
		in    string
		chars int
		want  string
	}{
		{"<p>Short.</p>", 80, "Short."},
		{"<p>One.</p><p>Two.</p>", 80, "One. Two."},
		{"<h2>Head</h2>Text<br>more", 80, "Head Text more"},
		{"a &amp;lt; b &lt;c&gt;", 80, "a &lt; b <c>"},
		{"Now this is it. And here is more of it.", 20, "Now this is it."},
		{"Said J. Doe of the house of Doe", 12, "Said J. Doe…"},
		{"one two three four", 12, "one two…"},
		{"one two, three four", 9, "one two…"},
		{"unbreakablyLongWord", 10, "unbreakab…"},
		{"The first part [...]", 80, "The first part…"},
		{"日本語の文章です。とても長い文章が続きます。", 12, "日本語の文章です。"},
		{"שלום עולם וכל השאר", 12, "שלום עולם…"},
		{"ab👩‍💻cd", 4, "ab…"},
		{"🇩🇪🇫🇷🇮🇹", 4, "🇩🇪…"},
		{"e\u0301e\u0301e\u0301", 4, "e\u0301…"},
		{"<script>no</script>yes", 80, "yes"},
		{"x", 0, ""},
	}
	for _, test := range tests {
		if got := Excerpt(test.in, test.chars); got != test.want {
			t.Errorf("Excerpt(%q, %d)\ngot  %q\nwant %q", test.in, test.chars, got, test.want)
		}
	}
}

func TestHeading(t *testing.T) {
	tests := []struct {
		post Post
		want string
	}{
		{Post{Title: "A title", Content: "<p>x</p>"}, "A title"},
		{Post{Content: "<p>One two three four five six seven eight nine</p>"}, "One two three four five six seven eight…"},
		{Post{Content: "<p>One two three.</p>"}, "One two three."},
		{Post{Summary: "short"}, "short"},
		{Post{Content: `<img src="https://x.example/a.png" alt=""/>`, URL: "https://blog.example/p/"}, "blog.example/p"},
		{Post{Published: noon}, "1 May 2024"},
		{Post{Content: strings.Repeat("長", 200)}, strings.Repeat("長", 79) + "…"},
	}
	for _, test := range tests {
		if got := test.post.Heading(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func FuzzExcerpt(f *testing.F) {
	f.Add("<p>One. Two three.</p>", 9)
	f.Add("🇩🇪🇫🇷 e\u0301 👩‍💻", 3)
	f.Fuzz(func(t *testing.T, html string, chars int) {
		chars %= 1000
		got := Excerpt(html, chars)
		if n := utf8.RuneCountInString(got); n > max(chars, 0) {
			t.Fatalf("%d characters, asked for %d: %q", n, chars, got)
		}
		if strings.ContainsAny(got, "\n\r\x00") || strings.Contains(got, "  ") {
			t.Fatalf("not one line: %q", got)
		}
	})
}
