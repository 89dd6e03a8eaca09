package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// FuzzForms sends any bytes as any form to any page that takes one: never a
// 5xx, and never more than the page allows.
func FuzzForms(f *testing.F) {
	for _, body := range []string{
		"address=x@example.com&digest=weekly", "do=confirm", "List-Unsubscribe=One-Click", "do=save&digest=weekly", "%", "a=%zz", ";", "\x00", "&&&=",
		"--b\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--b--\r\n", "--b\r\n\r\n--b--", "--b",
		"address=" + strings.Repeat("a", 300) + "@example.com", "address=%ff%fe@example.com", "address=\"a b\"@example.com&digest=%00",
	} {
		for _, kind := range []string{"", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b", "text/plain;;"} {
			for page := range byte(4) {
				f.Add(page, kind, []byte(body))
			}
		}
	}
	w := newWorld(f)
	paths := []string{"/subscribe", "/confirm/$cy.confirm", "/leave/$ada.leave", "/preferences/$bob.preferences"}
	allowed := map[int]bool{200: true, 400: true, 404: true, 413: true, 415: true, 422: true}
	f.Fuzz(func(t *testing.T, page byte, kind string, body []byte) {
		path := w.expand(paths[int(page)%len(paths)])
		r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(string(body)))
		r.Header.Set("Content-Type", kind)
		res := w.ask(r)
		if !allowed[res.StatusCode] {
			t.Errorf("%s, %q, %q: %d", path, kind, body, res.StatusCode)
		}
	})
}
