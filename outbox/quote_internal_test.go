package outbox

import (
	"encoding/json"
	"strings"
	"testing"
)

// A server's words come back as they were, whatever they are, but for what is no text.
func FuzzQuote(f *testing.F) {
	for _, s := range []string{"", "2.0.0 Ok: queued as 4F1a", `say "no" \ to`, "tab\tnul\x00end", "caf\xe9", "grüße, \u2028 <&>", "\x7f"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got map[string]string
		text := `{"1":` + string(quote(nil, s)) + `}`
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if want := string([]rune(strings.ReplaceAll(s, "\x00", ""))); got["1"] != want {
			t.Errorf("%q came back as %q", s, got["1"])
		}
	})
}
