package feed

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkJSON decodes JSON Feeds just under the 10 MiB limit, cleaning left out.
func BenchmarkJSON(b *testing.B) {
	words := strings.Repeat(`<p>Some words in a row, a <a href=\"https://blog.example/x?a=1&amp;b=2\">link</a> and <code>code</code>, “quoted”.<\/p>\n`, 40)
	for name, words := range map[string]string{"large": words, "small": words[:900]} {
		var body strings.Builder
		body.WriteString(`{"version":"https://jsonfeed.org/version/1.1","title":"T","items":[`)
		for i := 0; body.Len() < 9_900_000; i++ {
			if i > 0 {
				body.WriteByte(',')
			}
			fmt.Fprintf(&body, `{"id":"https://blog.example/?p=%[1]d","url":"https://blog.example/%[1]d","title":"Post %[1]d","date_published":"2024-04-30T14:00:00+02:00","tags":["a"],"content_html":"%s"}`, i, words)
		}
		body.WriteString("]}")
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(body.Len()))
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := interpret([]byte(body.String()), nil, ""); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
