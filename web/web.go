// Package web is the door: the pages that mails link to (confirm, leave,
// preferences, an issue to view online) and the page where strangers
// subscribe.
//
// It never sets a cookie, runs a script or redirects, never takes an address
// from the Host header, and never knows who somebody is but by the link they
// hold. What it reads and writes goes through newsletter; of subscribers it
// knows the words alone (what a link is for, that an address is none).
//
// Its one invariant: GET, HEAD and OPTIONS change nothing, so whoever follows
// the links of a mail to look at them (a scanner, a preview, a crawler)
// confirms nobody and unsubscribes nobody.
package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"digest/newsletter"
)

// Site serves the public pages of one newsletter.
type Site struct {
	Newsletter *newsletter.Newsletter
	Now        func() time.Time // the clock; needed, since the pages tell what is late by it
	Log        *slog.Logger     // nil discards; holds page names and errors, never a link or an address
	Wake       func()           // called after something may be owed; nil does nothing
}

// site is a Site made ready: its templates are parsed, its prefix is known.
type site struct {
	Site
	letters map[string]*template.Template
	policy  string // Content-Security-Policy of our own pages
	style   template.CSS
	prefix  string // path of public_url, "" or "/news": before every link of a page
	foreign func(*http.Request) bool
}

// route is one line of the table: nothing else is served.
type route struct {
	Pattern string // as net/http.ServeMux takes it; GET answers HEAD too
	Serve   func(*site, http.ResponseWriter, *http.Request)
}

func routes() []route {
	return []route{
		{"GET /{$}", (*site).showSubscribe},
		{"GET /subscribe", (*site).showSubscribe},
		{"POST /subscribe", (*site).subscribe},
		{"GET /confirm/{token}", (*site).showConfirm},
		{"POST /confirm/{token}", (*site).confirm},
		{"GET /leave/{link}", (*site).showLeave},
		{oneClick, (*site).leave},
		{"GET /preferences/{link}", (*site).showPreferences},
		{"POST /preferences/{link}", (*site).prefer},
		{"GET /issues", (*site).listIssues},
		{"GET /issues/{id}", (*site).showIssue},
		{"GET /healthz", (*site).health},
		{"GET /robots.txt", (*site).robots},
	}
}

// oneClick is the only pattern that takes a POST from another site: a mailbox
// provider sends it on the reader's behalf (RFC 8058 §3.2).
const oneClick = "POST /leave/{link}"

// Handler returns the pages. Where public_url has a path ("https://example.com/news")
// they answer with and without it, so a proxy may strip it or not.
func (s *Site) Handler() http.Handler {
	in := &site{Site: *s, letters: parsePages(), style: template.CSS(style)}
	if in.Log == nil {
		in.Log = slog.New(slog.DiscardHandler)
	}
	if in.Wake == nil {
		in.Wake = func() {}
	}
	in.policy = pagePolicy(style)
	in.prefix = pathOf(s.Newsletter.Config.Site.PublicURL)
	in.foreign = foreignTo(s.Newsletter.Config.Site.PublicURL)
	mux := http.NewServeMux()
	for _, r := range routes() {
		mux.HandleFunc(r.Pattern, func(w http.ResponseWriter, q *http.Request) { r.Serve(in, w, q) })
	}
	return in.guard(mux)
}

// Server returns a server for h that a slow or greedy client can't hold up: a
// request's header has 5 s and 16 KiB, the whole of it 15 s, the answer 30 s.
// The caller sets Addr or brings a listener.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}

// acting is the context of what a POST does. It outlives the connection: who
// has said "leave" and hung up has still said it.
func acting(r *http.Request) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(r.Context()), 20*time.Second)
}

// pathOf is the path of an address without its last slash, "" when there is none.
func pathOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimRight(u.EscapedPath(), "/")
}
