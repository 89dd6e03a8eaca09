package digesttest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// Entry is one post as a blog's feed shows it. Empty fields are left out.
type Entry struct {
	Title   string
	Link    string
	GUID    string
	Author  string
	Summary string // HTML of <description>
	Content string // HTML of <content:encoded>
	Image   string // media:thumbnail
	Tags    []string
	Date    time.Time
}

// Reply answers one request in place of the feed.
type Reply func(w http.ResponseWriter, r *http.Request)

// Weblog is a blog on loopback whose feed changes between polls.
type Weblog struct {
	URL  string // of the site, without a trailing slash
	Feed string // of the feed

	mu       sync.Mutex
	title    string
	next     string
	entries  []Entry
	archive  []Entry
	script   []Reply
	requests []*http.Request
}

// Blog starts a blog that serves entries as RSS 2.0, newest first as given, with
// an ETag that follows the content.
func Blog(t testing.TB, entries ...Entry) *Weblog {
	t.Helper()
	b := &Weblog{title: "A Blog", entries: slices.Clone(entries)}
	server := httptest.NewServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	b.URL, b.Feed = server.URL, server.URL+"/feed.xml"
	return b
}

// Secure serves the blog over https as well: the address of its feed there, and
// a client that trusts it.
func (b *Weblog) Secure(t testing.TB) (feed string, client *http.Client) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(b.serve))
	t.Cleanup(server.Close)
	return server.URL + "/feed.xml", server.Client()
}

// Add puts entries at the top of the feed.
func (b *Weblog) Add(entries ...Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = append(slices.Clone(entries), b.entries...)
}

// Edit changes every entry in place.
func (b *Weblog) Edit(change func(*Entry)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.entries {
		change(&b.entries[i])
	}
}

// Remove takes the entries with this link or GUID out of the feed.
func (b *Weblog) Remove(linkOrGUID string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = slices.DeleteFunc(b.entries, func(e Entry) bool { return e.Link == linkOrGUID || e.GUID == linkOrGUID })
}

// Set replaces all entries.
func (b *Weblog) Set(entries ...Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.entries = slices.Clone(entries)
}

// Archive gives the blog older pages of ten entries, as WordPress counts them:
// ?paged=2 shows those from the eleventh on, and beyond the last there is none.
func (b *Weblog) Archive(entries ...Entry) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.archive = slices.Clone(entries)
}

// Next makes the feed name an older page; "" = none.
func (b *Weblog) Next(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.next = address
}

// Answer queues replies: each answers one request to the feed, then the feed
// itself is served again.
func (b *Weblog) Answer(replies ...Reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.script = append(b.script, replies...)
}

// Requests are those the feed got so far, oldest first.
func (b *Weblog) Requests() []*http.Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.requests)
}

func (b *Weblog) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/feed.xml" {
		fmt.Fprintf(w, "<!doctype html><title>%s</title><link rel=alternate type=application/rss+xml href=/feed.xml>", b.title)
		return
	}
	if n, err := strconv.Atoi(r.URL.Query().Get("paged")); err == nil && n > 1 {
		b.older(w, n)
		return
	}
	b.mu.Lock()
	b.requests = append(b.requests, r)
	body := b.render()
	var reply Reply
	if len(b.script) > 0 {
		reply, b.script = b.script[0], b.script[1:]
	}
	b.mu.Unlock()
	if reply != nil {
		reply(w, r)
		return
	}
	tag := fmt.Sprintf(`"%x"`, sha256.Sum256(body))
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	w.Header().Set("Content-Type", "application/rss+xml; charset=utf-8")
	w.Write(body)
}

func (b *Weblog) older(w http.ResponseWriter, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	end := len(b.archive)
	page := Weblog{URL: b.URL, title: b.title, entries: b.archive[min(10*n-10, end):min(10*n, end)]}
	if len(page.entries) == 0 {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.Write(page.render())
}

// Bytes is the feed as it is served now.
func (b *Weblog) Bytes() []byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.render()
}

func (b *Weblog) render() []byte {
	var out bytes.Buffer
	out.WriteString(`<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"` +
		` xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/">
<channel>
`)
	element(&out, "title", b.title)
	element(&out, "link", b.URL)
	element(&out, "description", "Posts")
	if b.next != "" {
		fmt.Fprintf(&out, "<atom:link rel=\"next\" href=\"%s\"/>\n", escape(b.next))
	}
	for _, e := range b.entries {
		e.render(&out)
	}
	out.WriteString("</channel>\n</rss>\n")
	return out.Bytes()
}

func (e Entry) render(out *bytes.Buffer) {
	out.WriteString("<item>\n")
	element(out, "title", escape(e.Title)) // a title is HTML once the XML is read
	element(out, "link", e.Link)
	if e.GUID != "" {
		fmt.Fprintf(out, "<guid isPermaLink=\"false\">%s</guid>\n", escape(e.GUID))
	}
	element(out, "dc:creator", e.Author)
	for _, tag := range e.Tags {
		element(out, "category", tag)
	}
	if !e.Date.IsZero() {
		element(out, "pubDate", e.Date.Format(time.RFC1123Z))
	}
	if e.Image != "" {
		fmt.Fprintf(out, "<media:thumbnail url=\"%s\"/>\n", escape(e.Image))
	}
	element(out, "description", e.Summary)
	element(out, "content:encoded", e.Content)
	out.WriteString("</item>\n")
}

func element(out *bytes.Buffer, name, text string) {
	if text != "" {
		fmt.Fprintf(out, "<%s>%s</%s>\n", name, escape(text), name)
	}
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s))
	return b.String()
}

// Status answers with a status and no body; retryAfter "" = no such header.
func Status(code int, retryAfter string) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		if retryAfter != "" {
			w.Header().Set("Retry-After", retryAfter)
		}
		w.WriteHeader(code)
	}
}

// Body answers 200 with these bytes.
func Body(contentType, body string) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

// HTMLPage answers as a parked domain does: an HTML page with status 200.
func HTMLPage() Reply {
	return Body("text/html", "<!doctype html><html><head><title>Parked</title></head><body><p>Buy this domain.</p></body></html>")
}

// Empty answers 200 with nothing in it.
func Empty() Reply { return Body("application/rss+xml", "") }

// Redirect sends on to another address.
func Redirect(code int, to string) Reply {
	return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, code) }
}

// Bomb answers a few kilobytes of gzip that unpack to this many megabytes.
func Bomb(megabytes int) Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		block := make([]byte, 1<<20)
		for range megabytes {
			if _, err := z.Write(block); err != nil {
				return
			}
		}
		z.Close()
	}
}

// Cut answers with the feed broken off after half its announced length.
func (b *Weblog) Cut() Reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		body := b.Bytes()
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		w.Write(body[:len(body)/2])
	}
}
