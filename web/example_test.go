package web_test

import (
	"fmt"
	"io"
	"net/http/httptest"
	"time"

	"digest/config"
	"digest/newsletter"
	"digest/web"
)

func Example() {
	n := &newsletter.Newsletter{Config: config.Config{Site: config.Site{
		Name: "Letters from the Harbour", PublicURL: "https://example.com/news",
	}}}
	site := &web.Site{Newsletter: n, Now: time.Now}
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.Server(site.Handler())
	server.Start()
	defer server.Close()

	res, err := server.Client().Get(server.URL + "/robots.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Print(string(body))
	// Output:
	// User-agent: *
	// Disallow: /news/confirm/
	// Disallow: /news/leave/
	// Disallow: /news/preferences/
}
