package demo_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"digest/demo"

	"github.com/emersion/go-smtp"
)

func Example() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	now := time.Date(2024, time.March, 4, 9, 0, 0, 0, time.UTC)
	blog, err := demo.NewBlog("http://127.0.0.1:8081", now)
	if err != nil {
		fmt.Println(err)
		return
	}
	blog.Set(now.AddDate(0, 0, -7)) // the blog of a week ago
	fmt.Println(len(blog.Visible(now)) - len(blog.Visible(now.AddDate(0, 0, -7))))

	catcher, err := demo.Catch(ctx, demo.CatcherConfig{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer catcher.Close()
	mail := strings.NewReader("Subject: Four new posts\r\n\r\nHello.\r\n")
	client, err := smtp.Dial(catcher.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	if err := client.SendMail("digest@example.com", []string{"reader@example.com"}, mail); err != nil {
		fmt.Println(err)
		return
	}
	inbox := demo.NewInbox(demo.InboxConfig{
		Mails: catcher.Mails,
		Links: []demo.Link{{Label: "Sample blog", URL: "http://127.0.0.1:8081/"}},
	})
	_ = http.Server{Handler: inbox, ReadHeaderTimeout: 5 * time.Second}
	fmt.Println(catcher.Mails()[0].Subject)
	// Output:
	// 4
	// Four new posts
}
