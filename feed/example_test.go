package feed_test

import (
	"fmt"
	"net/url"
	"time"

	"digest/feed"
)

func Example() {
	body := `<rss version="2.0"><channel><title>A Blog</title>
		<item><title>Tea &amp; rain</title><link>/tea</link><pubDate>Wed, 01 May 2024 08:00:00 +0200</pubDate>
			<description>&lt;p onclick="x()"&gt;It rained. We had tea.&lt;/p&gt;</description></item>
		<item><description>A post without a title still has something to be called by.</description></item>
	</channel></rss>`
	address, _ := url.Parse("https://blog.example/feed.xml")
	doc, err := feed.Parse([]byte(body), address, "application/rss+xml", time.Date(2024, 5, 2, 0, 0, 0, 0, time.UTC))
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range doc.Posts {
		fmt.Printf("%s %s (%s)\n", p.Published.Format(time.RFC3339), p.Heading(), p.URL)
		fmt.Println(p.Content)
	}
	// Output:
	// 2024-05-01T06:00:00Z Tea & rain (https://blog.example/tea)
	// <p>It rained. We had tea.</p>
	// 2024-05-02T00:00:00Z A post without a title still has something… ()
	// A post without a title still has something to be called by.
}
