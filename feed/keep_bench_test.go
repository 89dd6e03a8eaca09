package feed_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/feed"
)

// full is a feed of as many posts as one may hold, about 10 MB of it.
func full(words string) []byte {
	var b strings.Builder
	b.WriteString(`<rss version="2.0"><channel><title>Full</title><link>https://blog.example/</link>`)
	for i := range 10_000 {
		fmt.Fprintf(&b, `<item><title>Post %d</title><link>https://blog.example/post-number-%d/</link><guid>https://blog.example/?p=%d</guid><pubDate>%s</pubDate><description>%s</description></item>`,
			i, i, i, start.Add(time.Duration(-i)*time.Hour).Format(time.RFC1123Z), strings.Repeat("&lt;p&gt;"+words+" &lt;em&gt;of it&lt;/em&gt;.&lt;/p&gt;", 10))
	}
	b.WriteString("</channel></rss>")
	return []byte(b.String())
}

// BenchmarkKeep parses and keeps a feed of 10,000 posts: all new, none changed,
// and all edited.
func BenchmarkKeep(b *testing.B) {
	ctx := context.Background()
	for b.Loop() {
		db := digesttest.NewDB(b)
		for _, look := range []struct {
			name string
			body []byte
		}{{"new", full("Words")}, {"same", full("Words")}, {"edited", full("Other")}} {
			began := time.Now()
			if err := keepOnce(ctx, db, look.body, true); err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(time.Since(began).Seconds(), look.name+"-s")
		}
	}
}

func keepOnce(ctx context.Context, db *sql.DB, body []byte, store bool) error {
	doc, err := feed.Parse(body, nil, "", start)
	if err != nil || !store {
		return err
	}
	f, err := feed.Ensure(ctx, db, "https://blog.example/feed")
	if err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	if _, err := feed.Keep(ctx, tx, f, doc, feed.Answer{Body: body}, start); err != nil {
		return err
	}
	return tx.Commit()
}
