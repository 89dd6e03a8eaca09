package feed

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mmcdole/gofeed"
)

// BenchmarkDecode reads the same 10 MB feeds with bare gofeed and with us, in
// turn, cleaning left out of both. It reports our MB/s, and our share of gofeed's
// time, of the bytes it allocates and of the heap it needs at most.
func BenchmarkDecode(b *testing.B) {
	for _, kind := range bigFeeds() {
		b.Run(kind.name, func(b *testing.B) {
			ours := func() error { _, _, err := interpret(kind.body, nil, ""); return err }
			theirs := func() error { _, err := gofeed.NewParser().Parse(bytes.NewReader(kind.body)); return err }
			var a, z []cost
			for b.Loop() {
				for range 5 {
					a, z = append(a, measure(b, ours)), append(z, measure(b, theirs))
				}
			}
			us, them := median(a), median(z)
			b.ReportMetric(float64(len(kind.body))/1e6/us.seconds, "MB/s")
			b.ReportMetric(us.seconds/them.seconds, "time/gofeed")
			b.ReportMetric(us.allocated/them.allocated, "alloc/gofeed")
			b.ReportMetric(us.peak/them.peak, "peak/gofeed")
			b.ReportMetric(us.peak/(1<<20), "peak-MiB")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bigFeeds are just under the 10 MiB limit, in the ways feeds carry their posts.
func bigFeeds() []struct {
	name string
	body []byte
} {
	words := strings.Repeat(`<p>Some words in a row, a <a href="https://blog.example/x?a=1&amp;b=2">link</a> and <code>code</code>, “quoted”.</p>`, 40)
	escaped := strings.NewReplacer("<", "&lt;", ">", "&gt;", "&", "&amp;").Replace(words)
	const (
		rss  = `<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>T</title><link>https://blog.example/</link>`
		atom = `<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom"><title>T</title><link href="https://blog.example/"/>`
		item = `<item><title>Post %[1]d</title><link>https://blog.example/%[1]d</link><guid>https://blog.example/?p=%[1]d</guid>` +
			`<pubDate>Tue, 30 Apr 2024 14:00:00 +0200</pubDate><category>a</category>`
		entry = `<entry><title>Post %[1]d</title><link href="https://blog.example/%[1]d"/><id>https://blog.example/?p=%[1]d</id>` +
			`<updated>2024-04-30T14:00:00+02:00</updated>`
	)
	return []struct {
		name string
		body []byte
	}{
		{"cdata", repeated(rss, item+`<description>Some</description><content:encoded><![CDATA[`+words+`]]></content:encoded></item>`, `</channel></rss>`)},
		{"escaped", repeated(rss, item+`<description>`+escaped+`</description></item>`, `</channel></rss>`)},
		{"small", repeated(rss, item+`<description>`+escaped[:900]+`</description></item>`, `</channel></rss>`)},
		{"atom", repeated(atom, entry+`<content type="html">`+escaped+`</content></entry>`, `</feed>`)},
		{"json", bigJSON(words)},
		{"xhtml", repeated(atom, entry+`<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">`+words+`</div></content></entry>`, `</feed>`)},
	}
}

func bigJSON(words string) []byte {
	text, _ := json.Marshal(words) // a string always marshals
	item := `{"id":"https://blog.example/?p=%[1]d","url":"https://blog.example/%[1]d","title":"Post %[1]d","date_published":"2024-04-30T14:00:00+02:00","content_html":` +
		strings.ReplaceAll(string(text), "%", "%%") + `},`
	return repeated(`{"version":"https://jsonfeed.org/version/1.1","title":"T","home_page_url":"https://blog.example/","items":[`, item, `{"id":"last"}]}`)
}

func repeated(head, item, tail string) []byte {
	var b bytes.Buffer
	b.WriteString(head)
	for i := 0; b.Len() < 9_900_000; i++ {
		fmt.Fprintf(&b, item, i)
	}
	b.WriteString(tail)
	return b.Bytes()
}

// cost is what one read takes: time, bytes allocated in all, and the most heap in
// use at a time, as far as looking every millisecond can tell.
type cost struct{ seconds, allocated, peak float64 }

func measure(b *testing.B, read func() error) cost {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	stop, peak := make(chan struct{}), make(chan uint64)
	go func() {
		var m runtime.MemStats
		most := before.HeapAlloc
		for tick := time.NewTicker(time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				peak <- most
				return
			case <-tick.C:
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc)
			}
		}
	}()
	began := time.Now()
	err := read()
	took := time.Since(began)
	close(stop)
	most := <-peak
	runtime.ReadMemStats(&after)
	if err != nil {
		b.Fatal(err)
	}
	return cost{took.Seconds(), float64(after.TotalAlloc - before.TotalAlloc), float64(max(most, after.HeapAlloc) - before.HeapAlloc)}
}

func median(list []cost) cost {
	pick := func(of func(cost) float64) float64 {
		var values []float64
		for _, c := range list {
			values = append(values, of(c))
		}
		slices.Sort(values)
		return values[len(values)/2]
	}
	return cost{
		pick(func(c cost) float64 { return c.seconds }),
		pick(func(c cost) float64 { return c.allocated }),
		pick(func(c cost) float64 { return c.peak }),
	}
}
