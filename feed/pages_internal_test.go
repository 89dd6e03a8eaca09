package feed

import (
	"net/url"
	"testing"
	"time"
)

// Whatever a page names as the next, it is on the feed's own server, or on a
// public name's usual port by https.
func FuzzFollow(f *testing.F) {
	f.Add("?paged=2", "https://blog.example/feed", "https://blog.example/")
	f.Add("https://www.blog.example/feed?paged=2", "https://blog.example/feed", "")
	f.Add("http://127.0.0.1/", "http://127.0.0.1/feed", "")
	f.Add("https://[::1%25eth0]:443/", "", "https://[::1]/")
	f.Add("https://localhost./", "https://u:p@localhost/feed", "")
	f.Add("https://other.example:22/", "", "")
	f.Add("HTTP://2130706433/", "", "")
	home, _ := url.Parse("https://mirror.example:8443/feed")
	f.Fuzz(func(t *testing.T, next, self, link string) {
		w, err := newWalk(Fetcher{}, Page{Answer: Answer{URL: home.String()}}, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		to, err := w.follow(next, Document{Self: self, Link: link})
		if err != nil {
			return
		}
		u, err := url.Parse(to)
		if err != nil {
			t.Fatalf("%q leads to %q: %v", next, to, err)
		}
		if u.Host != home.Host && (u.Scheme != "https" || u.Port() != "" || isNumbered(u)) || u.Scheme != "https" {
			t.Errorf("%q leads to %q", next, to)
		}
	})
}
