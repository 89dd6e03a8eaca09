package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

const maxRedirects = 5

// Fetcher gets feeds over HTTP(S) and from files. The zero value is ready to use.
type Fetcher struct {
	// Client's transport is used as it is. nil = a guarded one, which reaches
	// ports 80 and 443 of public addresses, the port of the address asked for,
	// and of private networks what Private says.
	Client  *http.Client
	Private Private // zero: only a private address that was asked for literally
	// UserAgent should name the blog's address, so that its owner knows who
	// calls. "" = "digest".
	UserAgent string
	MaxBytes  int64         // of the body once decompressed; 0 = 10 MiB
	Timeout   time.Duration // for the whole answer; 0 = 30 s
}

// UserAgent names the program, and the site on whose behalf it calls, so that
// whoever reads a server's log knows whom to ask: "digest/1.2 (+https://blog.example)".
// site "" = not known yet.
func UserAgent(version, site string) string {
	agent := "digest/" + productVersion(version)
	if u, err := url.Parse(site); err == nil && webAddress(u) != "" {
		agent += " (+" + strings.NewReplacer("(", "%28", ")", "%29").Replace(webAddress(u)) + ")"
	}
	return agent
}

// productVersion is s with the characters that may stand in a product's version (RFC 9110
// section 5.6.2).
func productVersion(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' && !strings.ContainsRune("+-.", r) || r > 'z' || strings.ContainsRune(`:;<=>?@[\]`, r) {
			return '-'
		}
		return r
	}, s)
}

// Answer is what a feed's address gave.
type Answer struct {
	NotModified  bool      // 304 to the validators that were sent: there is no body
	Body         []byte    // decompressed
	ContentType  string    // the header as sent; "" = none, and for files
	ETag         string    // as sent, quotes included
	LastModified string    // as sent; "" when it lies in the future by the server's own clock
	URL          string    // after redirects; for files the address as given
	Redirected   bool      // URL is where redirects led
	Permanent    string    // URL without credentials, where all of them were for good (301 or 308); "" = not so
	Links        []string  // Link headers as sent (RFC 8288)
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
		client.Transport = f.transport(target)
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
	if req.URL.Host != via[len(via)-1].URL.Host {
		req.URL.User = nil // no server makes us log in at another
		req.Header.Del("Authorization")
	}
	return nil
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
	a := Answer{URL: res.Request.URL.String(), Date: now(res.Header), Links: res.Header.Values("Link")}
	a.Redirected, a.Permanent = redirected(res)
	switch {
	case res.StatusCode == http.StatusNotModified && conditional:
		a.NotModified = true
		return a, nil
	case res.StatusCode != http.StatusOK && res.StatusCode != http.StatusNonAuthoritativeInfo:
		return Answer{}, &StatusError{Code: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), a.Date)}
	}
	if res.ContentLength > f.limit() {
		return Answer{}, tooBig(f.limit())
	}
	body, err := f.read(res.Body, res.Header.Get("Content-Encoding"))
	if err != nil {
		return Answer{}, err
	}
	a.Body = body
	a.ContentType = res.Header.Get("Content-Type")
	a.ETag = short(res.Header.Get("ETag"))
	a.LastModified = short(lastModified(res.Header, a.Date))
	return a, nil
}

// redirected tells whether redirects led to this answer, and where they lead for
// good: each of them has to say so (RFC 9110 sections 15.4.2 and 15.4.9).
func redirected(res *http.Response) (yes bool, permanent string) {
	req, lasting := res.Request, true
	for req.Response != nil {
		yes = true
		lasting = lasting && (req.Response.StatusCode == http.StatusMovedPermanently || req.Response.StatusCode == http.StatusPermanentRedirect)
		req = req.Response.Request
	}
	end := *res.Request.URL
	end.Fragment = ""
	if permanent = webAddress(&end); !lasting || permanent == webAddress(req.URL) {
		permanent = ""
	}
	return yes, permanent
}

// lastModified leaves out a date in the future: sent back, it would match until
// then whatever is written (RFC 9110 section 8.8.2.1).
func lastModified(h http.Header, date time.Time) string {
	at, err := http.ParseTime(h.Get("Last-Modified"))
	if err == nil && !date.IsZero() && at.After(date) {
		return ""
	}
	return h.Get("Last-Modified")
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
