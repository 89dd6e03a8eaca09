package web

import (
	"context"
	_ "embed"
	"html/template"
	"net"
	"net/http"

	"digest/newsletter"
)

//go:embed proof.html
var proofPage string

// Proof is the author's page: the mail as it would go now, wide and at the
// width of a phone, as text and as the bytes on the wire. Each request renders
// anew, so that reloading shows an edited config. It has no password: serve it
// on loopback.
//
//	GET /          the proof, in frames
//	GET /html      the HTML part alone, under a policy that lets nothing run
//	GET /source    the whole message, as text
//	GET /progress  how far the courier is, in a frame of the proof that asks again by itself
func Proof(render func(context.Context) (newsletter.Preview, error), progress func(context.Context) (newsletter.Sending, error)) http.Handler {
	page := template.Must(template.New("proof.html").Parse(proofPage))
	show := func(f func(w http.ResponseWriter, p newsletter.Preview)) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			p, err := render(r.Context())
			if err != nil {
				// The author wrote the config and reads the page: tell all of it.
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			private(w.Header())
			f(w, p)
		}
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", show(func(w http.ResponseWriter, p newsletter.Preview) {
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, p)
	}))
	mux.HandleFunc("GET /html", show(func(w http.ResponseWriter, p newsletter.Preview) {
		w.Header().Set("Content-Security-Policy", "sandbox allow-popups; default-src 'none'; img-src http: https:; style-src 'unsafe-inline'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Write([]byte(p.HTML))
	}))
	mux.HandleFunc("GET /source", show(func(w http.ResponseWriter, p newsletter.Preview) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Write(p.Message)
	}))
	mux.HandleFunc("GET /progress", showProgress(progress))
	return loopbackOnly(mux)
}

func private(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

// loopbackOnly turns away whoever reached the page under another name, which
// is how a web page elsewhere would read it through the author's browser (DNS
// rebinding).
func loopbackOnly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(r.Host) {
			http.Error(w, "this page is for the machine it runs on", http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isLoopback reports whether a Host header names this machine.
func isLoopback(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}
