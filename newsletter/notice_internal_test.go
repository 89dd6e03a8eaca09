package newsletter

import "testing"

// Strangers' words in a header or on a terminal are one line of words.
func TestPlainLine(t *testing.T) {
	for _, test := range []struct {
		in   string
		max  int
		want string
	}{
		{"A title", 20, "A title"},
		{" A\r\nBcc: x\t y\x00z ", 40, "A Bcc: x y z"},
		{"a\u202eb\u2066c", 20, "abc"},
		{"a\xffb\x1b[31m", 20, "ab [31m"},
		{"日本語のブログ", 4, "日本語…"},
		{"שלום", 4, "שלום"},
	} {
		if got := plainLine(test.in, test.max); got != test.want {
			t.Errorf("plainLine(%q, %d) = %q, want %q", test.in, test.max, got, test.want)
		}
	}
}
