package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"digest/newsletter"
)

func TestProof(t *testing.T) {
	hostile := newsletter.Preview{
		Subject: "<script>subject</script>", HTML: "<p>the letter</p>", Text: "text & <b>", Message: []byte("From: x\r\n\r\n<script>"),
		Posts: 2, Note: "Because.",
	}
	var failing error
	h := Proof(func(context.Context) (newsletter.Preview, error) { return hostile, failing },
		func(context.Context) (newsletter.Sending, error) { return newsletter.Sending{}, nil })
	get := func(host, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Host = host
		h.ServeHTTP(w, r)
		return w
	}

	page := get("127.0.0.1:8081", "/")
	if page.Code != 200 || strings.Contains(page.Body.String(), "<script>") || !strings.Contains(page.Body.String(), "2 posts") {
		t.Errorf("the proof answered %d:\n%s", page.Code, page.Body)
	}
	part := get("localhost:8081", "/html")
	if policy := part.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "sandbox") || part.Body.String() != hostile.HTML {
		t.Errorf("the HTML part stands under %q:\n%s", policy, part.Body)
	}
	source := get("[::1]:8081", "/source")
	if !strings.HasPrefix(source.Header().Get("Content-Type"), "text/plain") || source.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("the source has headers %v", source.Header())
	}
	for _, host := range []string{"evil.example", "evil.example:8081", "127.0.0.1.evil.example", ""} {
		if got := get(host, "/"); got.Code != http.StatusMisdirectedRequest {
			t.Errorf("host %q was answered %d", host, got.Code)
		}
	}
	failing = errors.New("digest.toml:7: no")
	if got := get("127.0.0.1", "/"); got.Code != 500 || !strings.Contains(got.Body.String(), "digest.toml:7") {
		t.Errorf("a broken config answered %d: %s", got.Code, got.Body)
	}
}
