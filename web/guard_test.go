package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestRoutes is the whole list of what the door answers. Nothing here lists,
// exports or counts readers.
func TestRoutes(t *testing.T) {
	want := []string{
		"GET /confirm/{token}",
		"GET /healthz",
		"GET /issues",
		"GET /issues/{id}",
		"GET /leave/{link}",
		"GET /preferences/{link}",
		"GET /robots.txt",
		"GET /subscribe",
		"GET /{$}",
		"POST /confirm/{token}",
		"POST /leave/{link}",
		"POST /preferences/{link}",
		"POST /subscribe",
	}
	var got []string
	for _, r := range routes() {
		got = append(got, r.Pattern)
	}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestHosts asks under names that are not ours: no page repeats them.
func TestHosts(t *testing.T) {
	w := newWorld(t)
	hosts := []string{
		"", "evil.example", "evil.example:80", "news.example.com.evil.example", "news.example.com@evil.example", "evil.example#",
		"evil.example/x", "[::1]", "[::1]:8080", "127.0.0.1", "localhost", "0", "news.example.com:99999", "NEWS.EXAMPLE.COM", "a b",
		"<script>", "\"><b>", "evil.example\\", "xn--80ak6aa92e.com", "пример.example", "news.example.com,evil.example", "{{.}}", "%s%s",
		"javascript:alert(1)", "//evil.example",
	}
	for _, h := range slices.Clone(hosts) {
		hosts = append(hosts, "www."+h+".example.org")
	}
	pages := []string{"/", "/issues", "/issues/1", "/leave/$ada.leave", "/preferences/$bob.preferences", "/confirm/$cy.confirm", "/nowhere"}
	for _, page := range pages {
		_, want := w.get(page)
		for _, host := range hosts {
			r := httptest.NewRequest(http.MethodGet, w.expand(page), nil)
			r.Host = host
			for _, name := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-Prefix", "X-Original-URL", "Forwarded", "X-Host"} {
				r.Header.Set(name, host)
			}
			got, err := io.ReadAll(w.ask(r).Body)
			w.must(err)
			if diff := cmp.Diff(want, string(got)); diff != "" {
				t.Fatalf("%s differs under Host %q:\n%s", page, host, diff)
			}
		}
	}
}

func TestLargeBodies(t *testing.T) {
	w := newWorld(t)
	before := w.hash()
	big := "do=leave&List-Unsubscribe=One-Click&do=confirm&address=x@example.com&x=" + strings.Repeat("a", maxBody)
	multi := "--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b\r\n" +
		"Content-Disposition: form-data; name=\"x\"\r\n\r\n" + strings.Repeat("a", maxBody) + "\r\n--b--\r\n"
	for _, path := range []string{"/subscribe", "/confirm/$cy.confirm", "/leave/$ada.leave", "/preferences/$ada.preferences"} {
		for _, chunked := range []bool{false, true} {
			for kind, body := range map[string]string{"application/x-www-form-urlencoded": big, "multipart/form-data; boundary=b": multi} {
				if strings.HasPrefix(kind, "multipart") && !strings.HasPrefix(path, "/leave/") {
					continue
				}
				r := httptest.NewRequest(http.MethodPost, w.expand(path), strings.NewReader(body))
				r.Header.Set("Content-Type", kind)
				if chunked {
					r.ContentLength = -1
				}
				if res := w.ask(r); res.StatusCode != http.StatusRequestEntityTooLarge {
					t.Errorf("%s, %s, chunked %v: %d, want 413", path, kind, chunked, res.StatusCode)
				}
			}
		}
	}
	if w.hash() != before {
		t.Error("a body over the cap changed the database")
	}
	fits := "do=leave&x="
	fits += strings.Repeat("a", maxBody-len(fits))
	if res, _ := w.post("/leave/$ada.leave", fits); res.StatusCode != http.StatusOK {
		t.Errorf("a body of exactly %d bytes: %d", maxBody, res.StatusCode)
	}
}

// TestPrefix reaches the pages below a path, whether or not a proxy strips it.
func TestPrefix(t *testing.T) {
	w := newWorld(t)
	w.n.Config.Site.PublicURL = "https://example.com/news"
	w.open()
	for path, want := range map[string]int{
		"/news": 200, "/news/": 200, "/news/subscribe": 200, "/subscribe": 200, "/": 200, "/news/leave/$ada.leave": 200,
		"/newsletter": 404, "/news/news/subscribe": 404, "/news//subscribe": 404,
	} {
		res, text := w.get(path)
		if res.StatusCode != want {
			t.Errorf("%s: %d, want %d", path, res.StatusCode, want)
		}
		w.check(path, res, text)
		for _, m := range href.FindAllStringSubmatch(text, -1) {
			if !strings.HasPrefix(m[1], "/news/") {
				t.Errorf("%s links to %s", path, m[1])
			}
		}
	}
	r := httptest.NewRequest(http.MethodPost, w.expand("/news/leave/$ada.leave"), strings.NewReader("List-Unsubscribe=One-Click"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if res := w.ask(r); res.StatusCode != http.StatusOK {
		t.Errorf("one-click below a path: %d", res.StatusCode)
	}
}

// TestBehindProxy posts from our own page through a proxy that passes a Host of its own.
func TestBehindProxy(t *testing.T) {
	w := newWorld(t)
	r := httptest.NewRequest(http.MethodPost, "/subscribe", strings.NewReader("address=x@example.com"))
	r.Host = "127.0.0.1:8080"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Origin", "https://news.example.com")
	if res := w.ask(r); res.StatusCode != http.StatusOK {
		t.Errorf("own origin: %d", res.StatusCode)
	}
}

func TestPanic(t *testing.T) {
	w := newWorld(t)
	w.n.Settings = nil
	res, text := w.get("/")
	if res.StatusCode != http.StatusInternalServerError {
		t.Errorf("status %d", res.StatusCode)
	}
	w.check("panic", res, text)
	if !strings.Contains(w.log.String(), "page panicked") {
		t.Error("not logged")
	}
}
