package web

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

func (s *site) listIssues(w http.ResponseWriter, r *http.Request) {
	issues, err := s.Newsletter.IssueList(r.Context())
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	shared(w.Header())
	s.show(w, http.StatusOK, "issues", issues)
}

// showIssue is `view online`: the frozen page, as it was made for the mail.
func (s *site) showIssue(w http.ResponseWriter, r *http.Request) {
	id, ok := number(r.PathValue("id"))
	if !ok {
		s.problem(w, http.StatusNotFound, "issue")
		return
	}
	page, found, err := s.Newsletter.IssuePage(r.Context(), id)
	if err != nil {
		s.fail(w, r, err, "")
		return
	}
	if !found {
		s.problem(w, http.StatusNotFound, "issue")
		return
	}
	shared(w.Header())
	w.Header().Set("Content-Security-Policy", issuePolicy)
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	write(w, http.StatusOK, []byte(page))
}

// shared marks a page that is the same for everyone: it may be kept a while
// and found by a search engine.
func shared(h http.Header) {
	h.Set("Cache-Control", "public, max-age=300")
	h.Del("X-Robots-Tag")
}

// number reads an issue's id; it has one spelling, so an issue has one address.
func number(s string) (id int64, ok bool) {
	id, err := strconv.ParseInt(s, 10, 64)
	return id, err == nil && id > 0 && strconv.FormatInt(id, 10) == s
}

// health says whether the database answers a question, not whether mail may go.
func (s *site) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
	defer cancel()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if _, err := s.Newsletter.Live(ctx); err != nil {
		s.Log.Error("checking health", "error", err)
		write(w, http.StatusServiceUnavailable, []byte("the database does not answer\n"))
		return
	}
	write(w, http.StatusOK, []byte("ok\n"))
}

// robots keeps crawlers from the pages that belong to one reader.
func (s *site) robots(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	body := "User-agent: *\n"
	for _, page := range []string{"/confirm/", "/leave/", "/preferences/"} {
		body += "Disallow: " + s.prefix + page + "\n"
	}
	write(w, http.StatusOK, []byte(body))
}
