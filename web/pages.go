package web

import (
	"bytes"
	"embed"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"

	"digest/newsletter"
	"digest/subscribers"
)

//go:embed pages/*.html
var pages embed.FS

//go:embed pages/style.css
var style string

// view is what every page is made of.
type view struct {
	Name    string // of the newsletter
	Blog    string // its address, "" = none
	Address string // postal, "" = none
	Base    string // comes before every link to a page of ours
	NoIndex bool
	Style   template.CSS
	Data    any // of the page, see where it is shown
}

// choice is a digest as a page offers it.
type choice struct {
	Name, Rhythm string
	Chosen       bool
}

// parsePages gives each page a template of its own: its "title" and "main" in
// the layout. The pages are embedded, so an error here is one of ours.
func parsePages() map[string]*template.Template {
	words := template.FuncMap{"say": english.say, "moment": english.moment, "rhythm": english.rhythm, "address": display, "capital": capital}
	layout := template.Must(template.New("layout.html").Funcs(words).ParseFS(pages, "pages/layout.html"))
	parsed := map[string]*template.Template{}
	for _, name := range []string{"subscribe", "sent", "confirm", "welcome", "leave", "left", "preferences", "issues", "problem"} {
		parsed[name] = template.Must(template.Must(layout.Clone()).ParseFS(pages, "pages/"+name+".html"))
	}
	return parsed
}

// show writes a page. It is rendered whole before its first byte leaves, so a
// status is never followed by half a page.
func (s *site) show(w http.ResponseWriter, status int, page string, data any) {
	var body bytes.Buffer
	if err := s.letters[page].Execute(&body, s.view(w.Header(), data)); err != nil {
		s.Log.Error("rendering page", "page", page, "error", err)
		http.Error(w, english.words["bug.title"], http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	write(w, status, body.Bytes())
}

func (s *site) view(h http.Header, data any) view {
	c := s.Newsletter.Config.Site
	name := c.Name
	if u, err := url.Parse(c.Blog); name == "" && err == nil {
		name = u.Host
	}
	return view{
		Name: name, Blog: c.Blog, Address: c.Address, Base: s.prefix,
		NoIndex: h.Get("X-Robots-Tag") != "", Style: s.style, Data: data,
	}
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	w.Write(body) // an error here is a client that left
}

// problem writes the page for what went wrong; its words are found by what.
func (s *site) problem(w http.ResponseWriter, status int, what string) {
	s.show(w, status, "problem", what)
}

// fail writes the page for an error. stale names the words for a link that is
// no good, since what to do then depends on the link.
func (s *site) fail(w http.ResponseWriter, r *http.Request, err error, stale string) {
	switch {
	case errors.Is(err, newsletter.ErrLink):
		s.problem(w, http.StatusNotFound, stale)
	case errors.Is(err, newsletter.ErrNotLive):
		w.Header().Set("Retry-After", "3600")
		s.problem(w, http.StatusServiceUnavailable, "closed")
	case errors.Is(err, newsletter.ErrNoDigest):
		s.problem(w, http.StatusUnprocessableEntity, "digest")
	case errors.Is(err, errLarge):
		s.problem(w, http.StatusRequestEntityTooLarge, "large")
	case errors.Is(err, errType):
		s.problem(w, http.StatusUnsupportedMediaType, "form")
	case errors.Is(err, errForm):
		s.problem(w, http.StatusBadRequest, "form")
	default:
		s.Log.Error("answering", "page", r.Pattern, "error", err)
		w.Header().Set("Retry-After", "60")
		s.problem(w, http.StatusServiceUnavailable, "down")
	}
}

// lost answers for what is no page, or no method of it.
func (s *site) lost(w http.ResponseWriter, status int, allow string) {
	if status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", allow)
		s.problem(w, status, "method")
		return
	}
	s.problem(w, http.StatusNotFound, "lost")
}

// choices are the digests of the config; chosen are ticked.
func (s *site) choices(chosen ...string) []choice {
	var all []choice
	for _, d := range s.Newsletter.Config.Digests {
		c := choice{Name: d.Name, Rhythm: d.Schedule.String()}
		for _, name := range chosen {
			c.Chosen = c.Chosen || name == d.Name
		}
		all = append(all, c)
	}
	return all
}

// capital makes the name of a digest begin a line.
func capital(name string) string {
	first, size := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(first)) + name[size:]
}

// display shows an address, or what a mask leaves of it, as its owner writes
// it: the domain in its own letters (RFC 5890, section 2.3.2.1).
func display(address string) string {
	at := strings.LastIndexByte(address, '@')
	domain, err := idna.Display.ToUnicode(address[at+1:])
	if err != nil {
		return address
	}
	return address[:at+1] + domain
}

// gone reports whether a reader gets no mail any more.
func gone(r newsletter.Reader) bool { return r.State != subscribers.Active }
