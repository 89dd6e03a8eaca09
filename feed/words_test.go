package feed

import (
	"strings"
	"testing"
	"unicode/utf8"
)

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
		{Post{Content: "Donaudampfschifffahrtsgesellschaft Rindfleischetikettierung Überwachungsaufgaben zwei drei"}, "Donaudampfschifffahrtsgesellschaft Rindfleischetikettierung…"},
		{Post{Content: strings.Repeat("長", 200)}, strings.Repeat("長", 79) + "…"},
	}
	for _, test := range tests {
		if got := test.post.Heading(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestCut(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"short", 80, "short"},
		{"ab👩‍💻cd", 3, "ab"},
		{"🇩🇪🇫🇷🇮🇹", 3, "🇩🇪"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301"},
		{"x", 0, ""},
	}
	for _, test := range tests {
		if got := cut(test.in, test.n); got != test.want {
			t.Errorf("cut(%q, %d)\ngot  %q\nwant %q", test.in, test.n, got, test.want)
		}
	}
}

func TestTextOf(t *testing.T) {
	for in, want := range map[string]string{
		"<p>One.</p><p>Two.</p>":          "One. Two.",
		"<h2>Head</h2>Text<br>more":       "Head Text more",
		"a &amp;lt; b &lt;c&gt;":          "a &lt; b <c>",
		"<script>no</script>yes":          "yes",
		"a\u200Eb\u200F \u061Cשלום\u202E": "ab שלום",
	} {
		if got := textOf(in, 1000); got != want {
			t.Errorf("textOf(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzWords(f *testing.F) {
	f.Add("<p>One. Two three.</p>", 2)
	f.Add("🇩🇪🇫🇷 e\u0301 👩‍💻", 1)
	f.Fuzz(func(t *testing.T, html string, words int) {
		words %= 100
		got := Words(html, words)
		if n := utf8.RuneCountInString(got); n > max(10*words, 0)+1 {
			t.Fatalf("%d characters of %d words: %q", n, words, got)
		}
		if strings.ContainsAny(got, "\n\r\x00") || strings.Contains(got, "  ") {
			t.Fatalf("not one line: %q", got)
		}
	})
}

func TestPlainText(t *testing.T) {
	for in, want := range map[string]string{
		"AT&amp;T & <b>bold</b>":                 "AT&T & bold",
		"a < b && c > d":                         "a < b && c > d",
		"List<String>, Map<K, V>":                "List<String>, Map<K, V>",
		"how &amp;lt;br&amp;gt; is escaped":      "how &lt;br&gt; is escaped",
		"What <script> does":                     "What <script> does",
		"<script>x()</script>One<br>two":         "One two",
		"<script src=x>y":                        "",
		"<template> or <iframe>?":                "<template> or <iframe>?",
		"👩‍💻 \u202eab\u2066 e\u0301 \u00e9":      "👩‍💻 ab e\u0301 \u00e9",
		"<p>One</p><p>Two</p>\n <!-- three -->":  "One Two",
		"<img src=x onerror=y alt=z>T<svg x=1>U": "T",
		"5 &lt; 6, &notanentity; &#x41;&#0;&#9;": "5 < 6, ¬anentity; A\ufffd",
	} {
		if got := plainText(in); got != want {
			t.Errorf("plainText(%q)\ngot  %q\nwant %q", in, got, want)
		}
	}
}
