package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"runtime/debug"
	"strings"
)

// maxBody is the most a request may carry. Our largest form is some hundred bytes.
const maxBody = 16 << 10

// pagePolicy lets a page have one style sheet, its own, and send forms home;
// nothing else.
func pagePolicy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return fmt.Sprintf("default-src 'none'; style-src 'sha256-%s'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
		base64.StdEncoding.EncodeToString(sum[:]))
}

// issuePolicy is for an issue viewed online: it carries the pictures of the
// blog and the inline styles of a mail, and still no script, frame or form.
const issuePolicy = "default-src 'none'; img-src https: http: data:; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// guard stands before every page: headers, size, origin, and an answer of our
// own for what no page answers.
func (s *site) guard(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = s.unprefixed(r)
		defer s.rescue(w, r)
		s.headers(w.Header())
		if r.ContentLength > maxBody {
			s.problem(w, http.StatusRequestEntityTooLarge, "large")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if status, allow := s.missing(mux, r); status != 0 {
			s.lost(w, status, allow)
			return
		}
		if s.foreign(r) {
			s.problem(w, http.StatusForbidden, "foreign")
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// headers are the strict ones; a page that is the same for everyone loosens
// what it needs.
func (s *site) headers(h http.Header) {
	h.Set("Content-Security-Policy", s.policy)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("X-Robots-Tag", "noindex")
	h.Set("Cache-Control", "no-store")
}

// unprefixed takes the path of public_url off the request.
func (s *site) unprefixed(r *http.Request) *http.Request {
	rest, ok := strings.CutPrefix(r.URL.EscapedPath(), s.prefix)
	if s.prefix == "" || !ok || (rest != "" && rest[0] != '/') {
		return r
	}
	plain, err := url.PathUnescape(rest)
	if err != nil {
		return r
	}
	if rest == "" {
		plain, rest = "/", "/"
	}
	short := r.Clone(r.Context())
	short.URL.Path, short.URL.RawPath = plain, rest
	return short
}

// missing says with which status a request has no page: 404, or 405 and the
// methods there are. The mux would redirect an unclean path; here it is
// unknown, so that no request can choose a Location.
func (s *site) missing(mux *http.ServeMux, r *http.Request) (status int, allow string) {
	if p := r.URL.Path; p != path.Clean(p) {
		return http.StatusNotFound, ""
	}
	h, pattern := mux.Handler(r)
	if pattern != "" {
		return 0, ""
	}
	a := answer{header: http.Header{}}
	h.ServeHTTP(&a, r)
	if a.status != http.StatusMethodNotAllowed {
		return http.StatusNotFound, ""
	}
	return a.status, a.header.Get("Allow")
}

// answer keeps the head of what the mux would have said.
type answer struct {
	header http.Header
	status int
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return len(p), nil }

// foreignTo returns the test for a POST that another site's page made. The
// origin of public_url is home even where a proxy passes another Host on.
//
// An Origin of "null" with no Sec-Fetch-Site beside it is let in: that is what
// a browser sends with a form of our own over plain HTTP, since our pages say
// no-referrer (Fetch standard, "append a request Origin header"). Nothing
// rides on it: no page acts by a cookie, only by the link it is given.
func foreignTo(publicURL string) func(*http.Request) bool {
	protection := http.NewCrossOriginProtection()
	protection.AddInsecureBypassPattern(oneClick)
	if u, err := url.Parse(publicURL); err == nil && u.Host != "" {
		home := url.URL{Scheme: u.Scheme, Host: u.Host}
		// The error is for what is no origin, and then there is none to trust.
		_ = protection.AddTrustedOrigin(home.String())
	}
	return func(r *http.Request) bool {
		if r.Header.Get("Origin") == "null" && r.Header.Get("Sec-Fetch-Site") == "" {
			return false
		}
		return protection.Check(r) != nil
	}
}

// rescue turns a panic into the page for it.
func (s *site) rescue(w http.ResponseWriter, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause == http.ErrAbortHandler {
		panic(cause)
	}
	s.Log.Error("page panicked", "page", r.Pattern, "cause", cause, "stack", string(debug.Stack()))
	s.problem(w, http.StatusInternalServerError, "bug")
}
