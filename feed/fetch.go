package feed

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

const maxRedirects = 5

// Fetcher gets feeds over HTTP(S) and from files. The zero value is ready to use.
type Fetcher struct {
	// Client's transport is used as it is. nil = one that reaches ports 80 and
	// 443 of public addresses only, and the host and port of the address asked
	// for when that is itself a loopback or private one.
	Client *http.Client
	// UserAgent should name the blog's address, so that its owner knows who
	// calls. "" = "digest".
	UserAgent string
	MaxBytes  int64         // of the body once decompressed; 0 = 10 MiB
	Timeout   time.Duration // for the whole answer; 0 = 30 s
}

// Answer is what a feed's address gave.
type Answer struct {
	NotModified  bool      // 304 to the validators that were sent: there is no body
	Body         []byte    // decompressed
	ContentType  string    // the header as sent; "" = none, and for files
	ETag         string    // as sent, quotes included
	LastModified string    // as sent
	URL          string    // after redirects; for files the address as given
	Date         time.Time // the server's clock (RFC 9110 section 6.6.1); zero = none
}

// StatusError is an answer with a status that gives no feed: everything but 200,
// 203 and an asked-for 304.
type StatusError struct {
	Code       int
	RetryAfter time.Duration // 1 minute to 24 hours; 0 = the server did not say (RFC 9110 section 10.2.3)
}

func (e *StatusError) Error() string {
	text := http.StatusText(e.Code)
	if e.Code == http.StatusNotModified {
		text = "Not Modified, which was not asked for"
	}
	return strings.TrimSpace("the server answered " + strconv.Itoa(e.Code) + " " + text)
}

var (
	errScheme    = errors.New("only http and https addresses are followed")
	errDowngrade = errors.New("a redirect from https to http is not followed")
	errRedirects = fmt.Errorf("more than %d redirects", maxRedirects)
)

// Get fetches address: http(s), file:// or a path. etag and lastModified are the
// validators of the last answer, "" for none (RFC 9110 section 13.1); files have
// none. Errors: [*StatusError], [ErrTooBig], [ErrEmpty], and those of the
// network and of the file system.
func (f Fetcher) Get(ctx context.Context, address, etag, lastModified string) (Answer, error) {
	if !isWeb(address) {
		return f.file(address)
	}
	timeout := f.Timeout
	if timeout == 0 {
		timeout = 30 * time.Second
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	req, err := f.request(ctx, address, etag, lastModified)
	if err != nil {
		return Answer{}, fmt.Errorf("fetching the feed: %w", err)
	}
	client := f.client(req.URL)
	defer client.CloseIdleConnections()
	res, err := client.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("fetching the feed: %w", err)
	}
	defer res.Body.Close()
	a, err := f.answer(res, etag != "" || lastModified != "")
	if err != nil {
		return Answer{}, fmt.Errorf("fetching %s: %w", res.Request.URL.Redacted(), err)
	}
	return a, nil
}

func (f Fetcher) request(ctx context.Context, address, etag, lastModified string) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	agent := f.UserAgent
	if agent == "" {
		agent = "digest"
	}
	req.Header.Set("User-Agent", agent)
	req.Header.Set("Accept", "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml;q=0.9, application/xml;q=0.8, application/json;q=0.7, */*;q=0.5")
	// Asked for by name so that net/http leaves decompression, and its limit, to us.
	req.Header.Set("Accept-Encoding", "gzip, deflate")
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		req.Header.Set("If-Modified-Since", lastModified)
	}
	return req, nil
}

// client is the caller's or the guarded one, with our rules for redirects.
func (f Fetcher) client(target *url.URL) *http.Client {
	var client http.Client
	if f.Client != nil {
		client = *f.Client
	} else {
		dialer := &net.Dialer{Timeout: 10 * time.Second, Control: guard(target)}
		client.Transport = &http.Transport{
			DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true,
			TLSHandshakeTimeout: 10 * time.Second, MaxResponseHeaderBytes: 256 << 10,
		}
	}
	client.CheckRedirect = checkRedirect
	return &client
}

func checkRedirect(req *http.Request, via []*http.Request) error {
	switch before := via[len(via)-1].URL; {
	case len(via) > maxRedirects:
		return errRedirects
	case req.URL.Scheme != "http" && req.URL.Scheme != "https":
		return errScheme
	case before.Scheme == "https" && req.URL.Scheme == "http":
		return errDowngrade
	}
	req.Header.Del("Referer") // the address may hold a secret
	return nil
}

// guard refuses connections into private networks. It looks at the address being
// dialled, behind DNS and on each redirect. Who configures a feed on a loopback
// or private address literally means it: that host and port stay reachable.
func guard(target *url.URL) func(network, address string, c syscall.RawConn) error {
	public := ssrf.New()
	port := target.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[target.Scheme]
	}
	host := strings.ToLower(strings.TrimSuffix(target.Hostname(), "."))
	literal, err := netip.ParseAddr(host)
	if err != nil && host != "localhost" && port != "80" && port != "443" {
		number, _ := strconv.ParseUint(port, 10, 16)
		public = ssrf.New(ssrf.WithPorts(80, 443, uint16(number)))
	}
	return func(network, address string, c syscall.RawConn) error {
		if dialled, errDialled := netip.ParseAddrPort(address); errDialled == nil && strconv.Itoa(int(dialled.Port())) == port {
			ip := dialled.Addr().Unmap()
			if host == "localhost" && ip.IsLoopback() {
				return nil
			}
			if err == nil && ip == literal.Unmap() && (ip.IsLoopback() || ip.IsPrivate()) {
				return nil
			}
		}
		return public.Safe(network, address, c)
	}
}

// now is the time by the server's clock: an answer out of a cache says when it
// was made, and how long ago that is (RFC 9111 section 4.2.3).
func now(h http.Header) time.Time {
	made, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	age, err := strconv.ParseUint(h.Get("Age"), 10, 31)
	if err != nil {
		return made
	}
	return made.Add(time.Duration(age) * time.Second)
}

func (f Fetcher) answer(res *http.Response, conditional bool) (Answer, error) {
	a := Answer{URL: res.Request.URL.String()}
	a.Date = now(res.Header)
	switch {
	case res.StatusCode == http.StatusNotModified && conditional:
		a.NotModified = true
		return a, nil
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNonAuthoritativeInfo:
		return Answer{}, &StatusError{Code: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), a.Date)}
	}
	body, err := f.read(res.Body, res.Header.Get("Content-Encoding"))
	if err != nil {
		return Answer{}, err
	}
	a.Body = body
	a.ContentType = res.Header.Get("Content-Type")
	a.ETag = short(res.Header.Get("ETag"))
	a.LastModified = short(res.Header.Get("Last-Modified"))
	return a, nil
}

// short drops a header too long to be worth sending back.
func short(header string) string {
	if len(header) > 1024 {
		return ""
	}
	return header
}

// retryAfter reads seconds or an HTTP date, the latter by the server's own
// clock, clamped to between a minute and a day. Anything else counts as unsaid.
func retryAfter(header string, date time.Time) time.Duration {
	header = strings.TrimSpace(header)
	var wait time.Duration
	if n, err := strconv.ParseUint(header, 10, 31); err == nil {
		wait = time.Duration(n) * time.Second
	} else if at, err := http.ParseTime(header); err == nil && !date.IsZero() {
		wait = at.Sub(date)
	} else {
		return 0
	}
	return min(max(wait, time.Minute), 24*time.Hour)
}

// read takes the body out of its encodings, counting what comes out.
func (f Fetcher) read(r io.Reader, encodings string) ([]byte, error) {
	limit := f.MaxBytes
	if limit == 0 {
		limit = maxBytes
	}
	list := strings.Split(encodings, ",")
	for i := len(list) - 1; i >= 0; i-- {
		var err error
		if r, err = decompress(r, strings.ToLower(strings.TrimSpace(list[i])), limit); err != nil {
			return nil, err
		}
	}
	return whole(r, limit)
}

// decompress undoes one encoding. What is inside one is limited too, so that an
// archive within an archive stops as soon.
func decompress(r io.Reader, encoding string, limit int64) (io.Reader, error) {
	buffered := bufio.NewReader(r)
	switch encoding {
	case "", "identity":
		return r, nil
	case "gzip", "x-gzip":
		if _, err := buffered.Peek(1); err == io.EOF {
			return nil, ErrEmpty
		}
		z, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("decompressing the answer: %w", err)
		}
		return &capped{z, limit}, nil
	case "deflate":
		// RFC 9110 section 8.4.1.2 means zlib; some servers send the bare stream.
		head, _ := buffered.Peek(2)
		if len(head) == 2 && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
			z, err := zlib.NewReader(buffered)
			if err != nil {
				return nil, fmt.Errorf("decompressing the answer: %w", err)
			}
			return &capped{z, limit}, nil
		}
		return &capped{flate.NewReader(buffered), limit}, nil
	}
	return nil, fmt.Errorf("decompressing the answer: the encoding %q was not asked for", encoding)
}

// capped fails with ErrTooBig where its limit is passed.
type capped struct {
	r    io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, ErrTooBig
	}
	return n, err
}

func whole(r io.Reader, limit int64) ([]byte, error) {
	body, err := io.ReadAll(&capped{r, limit})
	switch {
	case errors.Is(err, ErrTooBig):
		return nil, fmt.Errorf("%w: the limit is %d bytes", ErrTooBig, limit)
	case err != nil:
		return nil, fmt.Errorf("reading the answer: %w", err)
	case len(strings.TrimSpace(string(body[:min(len(body), 512)]))) == 0 && len(body) <= 512:
		return nil, ErrEmpty
	}
	return body, nil
}

// file reads a feed from a path or a file:// address.
func (f Fetcher) file(address string) (Answer, error) {
	name := address
	if u, err := url.Parse(address); err == nil && u.Scheme == "file" {
		name = u.Path
	} else if scheme, _, found := strings.Cut(address, "://"); found {
		return Answer{}, fmt.Errorf("fetching the feed: %w, not %s", errScheme, scheme)
	}
	// Asked before it is opened: opening a pipe waits for whoever writes to it.
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return Answer{}, fmt.Errorf("reading the feed: %s is not a file", name)
	}
	file, err := os.Open(name)
	if err != nil {
		return Answer{}, fmt.Errorf("reading the feed: %w", err)
	}
	defer file.Close()
	body, err := f.read(file, "")
	if err != nil {
		return Answer{}, fmt.Errorf("reading the feed %s: %w", name, err)
	}
	return Answer{Body: body, URL: address}, nil
}
