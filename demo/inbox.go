package demo

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed inbox.html blog.html
var pages embed.FS

// sandboxed is the policy of a mail shown as its reader would see it: no
// script, no form, no font, no frame; styles and pictures as mail has them.
// Its links may open a new tab, because trying them is what a demo is for.
const sandboxed = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'"

// framed is the policy of the inbox itself.
const framed = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// shown is how much of a raw mail the page shows; the whole is one link away.
const shown = 256 << 10

var headTag = regexp.MustCompile(`(?i)<head(\s[^>]*)?>`)

// Link leads from the inbox to another page of the demo.
type Link struct {
	Label string // "Sample blog"
	URL   string // absolute
}

// InboxConfig sets up an [Inbox].
type InboxConfig struct {
	Mails    func() []Mail  // what was caught, oldest first; nil: no mail, ever
	Links    []Link         // other pages of the demo; none: no row of links
	Location *time.Location // zone of the times shown; nil: UTC
}

// Inbox is a page that shows every mail caught: the list, and one mail as
// HTML, as text and raw. It needs no script, and treats every byte of a mail
// as hostile.
//
//	GET /                  the newest mail, or a word that none has come
//	GET /mail/N            mail N; ?view=text and ?view=raw show it otherwise
//	GET /mail/N/html       its HTML part alone, under a sandbox policy
//	GET /mail/N/raw        its bytes, as text/plain
//
// It has no password; serve it on loopback.
type Inbox struct {
	config InboxConfig
	page   *template.Template
	mux    *http.ServeMux
}

// NewInbox returns the page.
func NewInbox(config InboxConfig) *Inbox {
	if config.Mails == nil {
		config.Mails = func() []Mail { return nil }
	}
	if config.Location == nil {
		config.Location = time.UTC
	}
	b := &Inbox{config: config, mux: http.NewServeMux()}
	b.page = template.Must(template.New("inbox.html").Funcs(template.FuncMap{
		"short": func(t time.Time) string { return t.In(config.Location).Format("Mon 2 Jan, 15:04") },
		"date":  func(t time.Time) string { return t.In(config.Location).Format("Mon 2 Jan 2006, 15:04:05 MST") },
		"size":  size,
	}).ParseFS(pages, "inbox.html"))
	b.mux.HandleFunc("GET /{$}", b.newest)
	b.mux.HandleFunc("GET /mail/{n}", b.one)
	b.mux.HandleFunc("GET /mail/{n}/html", b.html)
	b.mux.HandleFunc("GET /mail/{n}/raw", b.raw)
	return b
}

func (b *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", framed)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	b.mux.ServeHTTP(w, r)
}

// inboxPage is what inbox.html shows.
type inboxPage struct {
	Mails []Mail // newest first
	Mail  *Mail  // nil: an empty inbox
	View  string // "html", "text" or "raw"
	Body  string // of the views text and raw
	Cut   bool   // Body is not the whole
	Links []Link
}

func (b *Inbox) newest(w http.ResponseWriter, _ *http.Request) {
	mails := b.config.Mails()
	if len(mails) == 0 {
		b.write(w, mails, nil, "")
		return
	}
	b.write(w, mails, &mails[len(mails)-1], "html")
}

func (b *Inbox) one(w http.ResponseWriter, r *http.Request) {
	mails := b.config.Mails()
	m := pick(mails, r.PathValue("n"))
	if m == nil {
		http.NotFound(w, r)
		return
	}
	view := r.URL.Query().Get("view")
	if view != "text" && view != "raw" {
		view = "html"
	}
	b.write(w, mails, m, view)
}

func (b *Inbox) write(w http.ResponseWriter, mails []Mail, m *Mail, view string) {
	page := inboxPage{Mail: m, View: view, Links: b.config.Links}
	for i := len(mails) - 1; i >= 0; i-- {
		page.Mails = append(page.Mails, mails[i])
	}
	switch view {
	case "html":
		if m.HTML() == "" {
			page.View, page.Body = "text", m.Text()
		}
	case "text":
		page.Body = m.Text()
	case "raw":
		page.Body = string(m.Raw[:min(len(m.Raw), shown)])
		page.Cut = len(m.Raw) > shown
	}
	page.Body = strings.ToValidUTF8(page.Body, "\uFFFD")
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// An error here is the browser gone; there is nobody to tell.
	_ = b.page.Execute(w, page)
}

// html serves a mail's HTML part as it is, but for the target of its links:
// without one they would open inside the frame, under the frame's sandbox.
func (b *Inbox) html(w http.ResponseWriter, r *http.Request) {
	m := pick(b.config.Mails(), r.PathValue("n"))
	if m == nil || m.HTML() == "" {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", sandboxed)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, inNewTab(m.HTML()))
}

func inNewTab(body string) string {
	const base = `<base target="_blank">`
	at := headTag.FindStringIndex(body)
	if at == nil {
		return "<!doctype html><head>" + base + "</head>" + body
	}
	return body[:at[1]] + base + body[at[1]:]
}

func (b *Inbox) raw(w http.ResponseWriter, r *http.Request) {
	m := pick(b.config.Mails(), r.PathValue("n"))
	if m == nil {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(m.Raw)
}

// pick finds a mail by the number in a path; nil when there is none.
func pick(mails []Mail, n string) *Mail {
	number, err := strconv.Atoi(n)
	if err != nil {
		return nil
	}
	for i := range mails {
		if mails[i].N == number {
			return &mails[i]
		}
	}
	return nil
}

func size(b []byte) string {
	if len(b) < 1024 {
		return fmt.Sprintf("%d B", len(b))
	}
	if len(b) < 1<<20 {
		return fmt.Sprintf("%.1f KB", float64(len(b))/1024)
	}
	return fmt.Sprintf("%.1f MB", float64(len(b))/(1<<20))
}
