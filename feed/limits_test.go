package feed_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/feed"
)

func zipped(b []byte) []byte {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	z.Write(b)
	z.Close()
	return out.Bytes()
}

// boxes is a feed zipped so many times over.
func boxes(n int) []byte {
	b := []byte("<rss/>")
	z, _ := gzip.NewWriterLevel(nil, gzip.NoCompression)
	for range n {
		var out bytes.Buffer
		z.Reset(&out)
		z.Write(b)
		z.Close()
		b = out.Bytes()
	}
	return b
}

// Whatever a server sends, it is given up within the limits of size, memory and
// time.
func TestGetHostileBodies(t *testing.T) {
	const megabyte = 1 << 20
	bomb := zipped(make([]byte, 200*megabyte))
	twice := zipped(bomb)
	encoded := func(encoding string, body []byte) digesttest.Reply {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", encoding)
			w.Write(body)
		}
	}
	for name, test := range map[string]struct {
		reply digesttest.Reply
		want  error
	}{
		"a bomb":                      {encoded("gzip", bomb), feed.ErrTooBig},
		"a bomb within a small file":  {encoded("gzip, gzip", twice), feed.ErrTooBig},
		"a box in a box in a box":     {encoded(strings.Repeat("gzip, ", 2000)+"gzip", boxes(2001)), nil},
		"endless chunks":              {endless, feed.ErrTooBig},
		"an announced 500 MB":         {announced(500 * megabyte), feed.ErrTooBig},
		"less than announced":         {announced(megabyte), io.ErrUnexpectedEOF},
		"a byte, and nothing more":    {stuck("<"), context.DeadlineExceeded},
		"a header, and nothing more":  {stuck(""), context.DeadlineExceeded},
		"a gzip that is cut":          {encoded("gzip", bomb[:1000]), io.ErrUnexpectedEOF},
		"a redirect into the endless": {digesttest.Redirect(302, "/feed.xml"), feed.ErrTooBig},
	} {
		blog := digesttest.Blog(t)
		blog.Answer(test.reply, endless)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		timeout := time.Minute
		if test.want == context.DeadlineExceeded {
			timeout = 50 * time.Millisecond
		}
		_, err := get(t, feed.Fetcher{Timeout: timeout}, blog.Feed)
		runtime.ReadMemStats(&after)
		if err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		// All that was ever allocated, by both ends: more than what was held at once.
		if used := (after.TotalAlloc - before.TotalAlloc) / megabyte; used > 64 {
			t.Errorf("%s: %d MiB", name, used)
		}
	}
}

func endless(w http.ResponseWriter, r *http.Request) {
	block := bytes.Repeat([]byte("<item/>"), 4096)
	for r.Context().Err() == nil {
		if _, err := w.Write(block); err != nil {
			return
		}
	}
}

// announced promises so many bytes and sends a few.
func announced(size int) digesttest.Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(size))
		io.WriteString(w, "<rss>")
	}
}

// stuck sends a little and then nothing until the other side has gone.
func stuck(start string) digesttest.Reply {
	return func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, start)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}
}

// A server that never gets to the end of its header is given up as well.
func TestGetEndlessHeader(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		io.WriteString(conn, "HTTP/1.1 200 OK\r\n")
		for err == nil {
			_, err = io.WriteString(conn, "X-More: "+strings.Repeat("x", 1000)+"\r\n")
		}
	}()
	if _, err := get(t, feed.Fetcher{}, "http://"+listener.Addr().String()); err == nil {
		t.Error("an endless header is read")
	}
}

func TestGetPermanentRedirect(t *testing.T) {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/end", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<rss/>") })
	hop := func(from string, code int, to string) { mux.Handle("/"+from, http.RedirectHandler(to, code)) }
	hop("301", 301, "/end")
	hop("308", 308, "/end")
	hop("302", 302, "/end")
	hop("307", 307, "/end")
	hop("301-308", 301, "/308")
	hop("301-302", 301, "/302")
	hop("302-301", 302, "/301")
	hop("back", 301, "/end?of=line")
	hop("fragment", 301, "/end#part")
	named := strings.Replace(server.URL, "://", "://ann:secret@", 1)
	hop("credentials", 301, named+"/end")
	for path, want := range map[string]string{
		"end": "", "301": "/end", "308": "/end", "302": "", "307": "", "301-308": "/end", "301-302": "", "302-301": "", "back": "/end?of=line",
		"fragment": "/end", "credentials": "/end",
	} {
		a, err := get(t, feed.Fetcher{}, server.URL+"/"+path)
		if want != "" {
			want = server.URL + want
		}
		if err != nil || a.Permanent != want || a.Redirected != (path != "end") {
			t.Errorf("%s: %+v, %v; want %q", path, a, err, want)
		}
	}
}

// Nobody is logged in at another host than the one the password was meant for.
func TestGetDropsCredentials(t *testing.T) {
	var sent []string
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent = append(sent, r.Header.Get("Authorization")+r.Header.Get("Referer"))
		io.WriteString(w, "<rss/>")
	}))
	defer other.Close()
	for _, to := range []string{other.URL, strings.Replace(other.URL, "://", "://eve:pw@", 1)} {
		first := httptest.NewServer(http.RedirectHandler(to, http.StatusFound))
		address := strings.Replace(first.URL, "://", "://ann:secret@", 1)
		if _, err := get(t, feed.Fetcher{Private: feed.PrivateAllowed}, address); err != nil {
			t.Error(err)
		}
		first.Close()
	}
	if strings.Join(sent, "") != "" || len(sent) != 2 {
		t.Errorf("the other host got %q", sent)
	}
}

// A validator from the future would match whatever is written until then.
func TestGetLastModified(t *testing.T) {
	const now, past, future = "Mon, 05 Jan 2026 09:00:00 GMT", "Sun, 04 Jan 2026 09:00:00 GMT", "Mon, 05 Jan 2026 09:00:01 GMT"
	blog := digesttest.Blog(t)
	for sent, want := range map[string]string{past: past, now: now, future: "", "a while ago": "a while ago", strings.Repeat("x", 2000): ""} {
		blog.Answer(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", now)
			w.Header().Set("Last-Modified", sent)
			io.WriteString(w, "<rss/>")
		})
		if a, err := get(t, feed.Fetcher{}, blog.Feed); err != nil || a.LastModified != want {
			t.Errorf("Last-Modified %.40q: kept %q, %v", sent, a.LastModified, err)
		}
	}
}

func TestUserAgent(t *testing.T) {
	for _, test := range [][3]string{
		{"1.2.3", "https://blog.test", "digest/1.2.3 (+https://blog.test)"},
		{"v1.2-rc+3", "https://blog.test/a_(b)", "digest/v1.2-rc+3 (+https://blog.test/a_%28b%29)"},
		{"devel", "", "digest/devel"},
		{"a b\r\nX: y", "javascript:1", "digest/a-b--X--y"},
		{"1", "https://ann:secret@blog.test/", "digest/1 (+https://blog.test/)"},
		{"1", "https://blog.test/\r\nX: y", "digest/1"},
	} {
		if got := feed.UserAgent(test[0], test[1]); got != test[2] {
			t.Errorf("UserAgent(%q, %q) = %q", test[0], test[1], got)
		}
	}
}
