package feed

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCutWord(t *testing.T) {
	tests := []struct {
		in   string
		n    int
		want string
	}{
		{"short", 80, "short"},
		{"some well-known words", 12, "some"},
		{"words that end", 10, "words that"},
		{"some well-known words", 16, "some well-known"},
		{"слово за словом", 10, "слово за"},
		{"https://x.example/a/very/long/address", 20, "https://x.example/a/"},
		{"今日は晴れ、明日も", 5, "今日は晴れ"},
		{"Go言語の本です", 4, "Go言語"},
		{"ภาษาไทย", 4, "ภาษา"},
		{"क्षक्ष", 4, "क्ष"},
		{"", 3, ""},
	}
	for _, test := range tests {
		if got := CutWord(test.in, test.n); got != test.want {
			t.Errorf("CutWord(%q, %d)\ngot  %q\nwant %q", test.in, test.n, got, test.want)
		}
	}
}

func FuzzCutWord(f *testing.F) {
	f.Add("some words and 字 🇩🇪 e\u0301", 5)
	f.Add("क्षत्रिय\u200d", 2)
	f.Fuzz(func(t *testing.T, s string, n int) {
		n = max(0, n%200)
		got := CutWord(s, n)
		if utf8.RuneCountInString(got) > n && got != s || !strings.HasPrefix(s, got) || utf8.ValidString(s) && !utf8.ValidString(got) {
			t.Fatalf("CutWord(%q, %d) = %q", s, n, got)
		}
	})
}
