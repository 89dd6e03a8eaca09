package feed_test

import (
	"compress/flate"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"code.dny.dev/ssrf"

	"digest/digesttest"
	"digest/feed"
)

func get(t *testing.T, f feed.Fetcher, address string) (feed.Answer, error) {
	t.Helper()
	return f.Get(context.Background(), address, "", "")
}

func TestGetConditional(t *testing.T) {
	blog := digesttest.Blog(t, entry(1))
	f := feed.Fetcher{UserAgent: "digest/1 (+https://blog.example)"}
	a, err := get(t, f, blog.Feed)
	if err != nil || a.ETag == "" || string(a.Body) != string(blog.Bytes()) || a.URL != blog.Feed || a.Date.IsZero() {
		t.Fatalf("%+v, %v", a, err)
	}
	again, err := f.Get(context.Background(), blog.Feed, a.ETag, a.LastModified)
	if err != nil || !again.NotModified || again.Body != nil {
		t.Errorf("%+v, %v", again, err)
	}
	if agent := blog.Requests()[0].UserAgent(); agent != f.UserAgent {
		t.Errorf("calls itself %q", agent)
	}
	blog.Answer(digesttest.Status(304, ""))
	var status *feed.StatusError
	if _, err := get(t, f, blog.Feed); !errors.As(err, &status) || status.Code != 304 {
		t.Errorf("a 304 nobody asked for: %v", err)
	}
}

func TestGetStatus(t *testing.T) {
	blog := digesttest.Blog(t)
	for _, test := range []struct {
		code  int
		after string
		want  time.Duration
	}{
		{204, "", 0}, {401, "", 0}, {403, "", 0}, {404, "", 0}, {410, "", 0}, {500, "soon", 0}, {206, "", 0},
		{429, "120", 2 * time.Minute}, {429, "1", time.Minute}, {503, "999999999", 24 * time.Hour}, {503, "-5", 0},
		{503, "Fri, 01 Jan 2100 00:00:00 GMT", 24 * time.Hour}, {503, "Sat, 01 Jan 2000 00:00:00 GMT", time.Minute},
	} {
		blog.Answer(digesttest.Status(test.code, test.after))
		_, err := get(t, feed.Fetcher{}, blog.Feed)
		var status *feed.StatusError
		if !errors.As(err, &status) || status.Code != test.code || status.RetryAfter != test.want {
			t.Errorf("%d, Retry-After %q: %v, %+v", test.code, test.after, err, status)
		}
	}
}

func TestGetEncodings(t *testing.T) {
	blog := digesttest.Blog(t)
	encoded := func(name string, pack func(io.Writer) io.WriteCloser) digesttest.Reply {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", name)
			z := pack(w)
			io.WriteString(z, "<rss/>")
			z.Close()
		}
	}
	raw := func(w io.Writer) io.WriteCloser { z, _ := flate.NewWriter(w, 9); return z }
	for name, reply := range map[string]digesttest.Reply{
		"zlib": encoded("deflate", func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }),
		"raw":  encoded("deflate", raw),
	} {
		blog.Answer(reply)
		if a, err := get(t, feed.Fetcher{}, blog.Feed); err != nil || string(a.Body) != "<rss/>" {
			t.Errorf("%s: %q, %v", name, a.Body, err)
		}
	}
	blog.Answer(encoded("br", raw))
	if _, err := get(t, feed.Fetcher{}, blog.Feed); err == nil {
		t.Error("an encoding that was not asked for is read")
	}
}

func TestGetLimits(t *testing.T) {
	blog := digesttest.Blog(t, entry(1))
	blog.Answer(digesttest.Bomb(11))
	if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, feed.ErrTooBig) {
		t.Errorf("bomb: %v", err)
	}
	if _, err := get(t, feed.Fetcher{MaxBytes: 10}, blog.Feed); !errors.Is(err, feed.ErrTooBig) {
		t.Errorf("plain: %v", err)
	}
	blog.Answer(digesttest.Empty())
	if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, feed.ErrEmpty) {
		t.Errorf("empty: %v", err)
	}
	blog.Answer(blog.Cut())
	if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut: %v", err)
	}
	stuck := make(chan struct{})
	defer close(stuck)
	blog.Answer(func(http.ResponseWriter, *http.Request) { <-stuck })
	if _, err := get(t, feed.Fetcher{Timeout: 20 * time.Millisecond}, blog.Feed); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("stuck: %v", err)
	}
}

// A redirect leads to another port of this machine: the configured one may be
// private, what it points to may not.
func TestGetPrivateNetwork(t *testing.T) {
	reached := false
	inner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { reached = true; io.WriteString(w, "<rss/>") }))
	defer inner.Close()
	blog := digesttest.Blog(t, entry(1))
	blog.Answer(digesttest.Redirect(302, inner.URL))
	if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, ssrf.ErrProhibitedPort) && !errors.Is(err, ssrf.ErrProhibitedIP) {
		t.Errorf("got %v", err)
	}
	for _, to := range []string{"http://169.254.169.254/", "http://10.0.0.1/", "http://127.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[64:ff9b::7f00:1]/", "http://0.0.0.0/"} {
		blog.Answer(digesttest.Redirect(302, to))
		if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", to, err)
		}
	}
	neighbour := strings.Replace(blog.Feed, "127.0.0.1", "127.0.0.2", 1)
	blog.Answer(digesttest.Redirect(302, neighbour))
	if _, err := get(t, feed.Fetcher{}, blog.Feed); !errors.Is(err, ssrf.ErrProhibitedPort) {
		t.Errorf("another loopback address, same port: %v", err)
	}
	if reached {
		t.Error("a private server was reached")
	}
	blog.Answer(digesttest.Redirect(302, blog.Feed))
	if _, err := get(t, feed.Fetcher{}, blog.Feed); err != nil {
		t.Errorf("redirect to itself: %v", err)
	}
	local := strings.Replace(blog.Feed, "127.0.0.1", "localhost", 1)
	if _, err := get(t, feed.Fetcher{}, local); err != nil {
		t.Errorf("localhost: %v", err)
	}
	for _, address := range []string{"http://169.254.169.254/latest", "http://0.0.0.0/feed"} {
		if _, err := get(t, feed.Fetcher{}, address); !errors.Is(err, ssrf.ErrProhibitedIP) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestGetRedirects(t *testing.T) {
	blog := digesttest.Blog(t, entry(1))
	for range 5 {
		blog.Answer(digesttest.Redirect(301, blog.Feed))
	}
	if _, err := get(t, feed.Fetcher{}, blog.Feed); err != nil {
		t.Errorf("five redirects: %v", err)
	}
	for range 6 {
		blog.Answer(digesttest.Redirect(301, blog.Feed))
	}
	if _, err := get(t, feed.Fetcher{}, blog.Feed); err == nil {
		t.Error("six redirects are followed")
	}
	fresh := digesttest.Blog(t, entry(1))
	fresh.Answer(digesttest.Redirect(302, "file:///etc/passwd"))
	if _, err := get(t, feed.Fetcher{}, fresh.Feed); err == nil {
		t.Error("a redirect to a file is followed")
	}
	secure := httptest.NewTLSServer(http.RedirectHandler(fresh.Feed, http.StatusFound))
	defer secure.Close()
	if _, err := get(t, feed.Fetcher{Client: secure.Client()}, secure.URL); err == nil {
		t.Error("a redirect from https to http is followed")
	}
}

func TestGetFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "feed.xml")
	if err := os.WriteFile(name, []byte("<rss/>"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{name, "file://" + name} {
		if a, err := get(t, feed.Fetcher{}, address); err != nil || string(a.Body) != "<rss/>" || a.URL != address {
			t.Errorf("%s: %+v, %v", address, a, err)
		}
	}
	for _, address := range []string{name + ".no", filepath.Dir(name), "ftp://blog.example/feed", ""} {
		if _, err := get(t, feed.Fetcher{}, address); err == nil {
			t.Errorf("%q is read", address)
		}
	}
}
