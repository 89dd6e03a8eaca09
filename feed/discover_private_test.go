package feed

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestDiscoverStaysOutside: a page can't make us call a private host, or a port of
// its own choice.
func TestDiscoverStaysOutside(t *testing.T) {
	var touched atomic.Int32
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			touched.Add(1)
			c.Close()
		}
	}()
	port := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	for _, to := range []string{
		"http://127.0.0.1:" + port, "http://localhost:" + port, "http://[::1]:" + port, "http://[::ffff:127.0.0.1]:" + port,
		"http://2130706433:" + port, "http://0x7f000001:" + port, "http://127.1:" + port, "http://localhost.:" + port, "http://x.localhost:" + port,
		"http://0:" + port, "http://0.0.0.0:" + port, "//127.0.0.1:" + port,
	} {
		for _, page := range []string{linking(to + "/feed"), `<a href="` + to + `/feed">RSS</a>`, `<base href="` + to + `"><link rel=feed href=x>`,
			`<meta http-equiv=refresh content="0;url=` + to + `">`} {
			s := newSite(t, map[string]string{"/": page, "/rss": blogRSS("Notes", 1, discoveryDay, false)})
			found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay)
			if err != nil || found.Candidates[0].URL != s.URL+"/rss" {
				t.Errorf("%s: %+v, %v", page, found.Candidates, err)
			}
		}
		s := newSite(t, map[string]string{"/": linking("/f")})
		s.pages["/f"] = http.RedirectHandler(to, http.StatusFound).ServeHTTP
		if found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay); err == nil {
			t.Errorf("redirect to %s: %+v", to, found)
		}
	}
	if n := touched.Load(); n > 0 {
		t.Errorf("%d connections to a private host", n)
	}
}

// TestWhereAPageMayLead: to the web's own ports of hosts with a name, and to
// the host and port that the person gave.
func TestWhereAPageMayLead(t *testing.T) {
	s := search{origin: pageURL(t, "http://127.0.0.1:8080/blog/")}
	for to, want := range map[string]bool{
		"http://127.0.0.1:8080/f": true, "http://127.0.0.1/f": false, "http://127.0.0.1:8081/f": false, "http://localhost:8080/f": false,
		"http://10.0.0.1/f": false, "http://blog.test/f": true, "https://blog.test:443/f": true, "http://blog.test:22/f": false, "http://blog.test:8080/f": false,
	} {
		u := pageURL(t, to)
		if got := s.allowed(u); got != want {
			t.Errorf("%s: allowed is %t", to, got)
		}
		if private := s.fetcherFor(u).Private == PrivateLiteral; private != (to == "http://127.0.0.1:8080/f") {
			t.Errorf("%s: may reach a private network: %t", to, private)
		}
	}
}

// TestDiscoverIsSentToTheWebAlone: a page that sends its visitors on can't choose
// the port, though no guard of ours stands behind the client.
func TestDiscoverIsSentToTheWebAlone(t *testing.T) {
	var dialled []string
	for to, want := range map[string]string{"http://blog.test:22/": "", "http://blog.test/": "blog.test:80"} {
		s := newSite(t, map[string]string{"/": `<meta http-equiv=refresh content="0;url=` + to + `">`, "/rss": blogRSS("Notes", 1, discoveryDay, false)})
		dialled = nil
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if "http://"+address != s.URL {
				dialled = append(dialled, address)
				return nil, net.ErrClosed
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}}}
		if found, err := Discover(t.Context(), Fetcher{Client: client}, s.URL, discoveryDay); err != nil || found.Candidates[0].URL != s.URL+"/rss" {
			t.Errorf("%s: %+v, %v", to, found, err)
		}
		if got := strings.Join(dialled, " "); got != want {
			t.Errorf("%s: connected to %q, want %q", to, got, want)
		}
	}
}

// TestDiscoverIsNotSentRound: two pages that send to each other.
func TestDiscoverIsNotSentRound(t *testing.T) {
	refresh := `<meta http-equiv=refresh content="0;url=SITE`
	s := newSite(t, map[string]string{"/": refresh + `/a">`, "/a": refresh + `/">`})
	if found, err := Discover(t.Context(), Fetcher{}, s.URL+"/", discoveryDay); err == nil || len(s.asked) > maxRequests {
		t.Errorf("%+v, %v; asked %q", found, err, s.asked)
	}
}
