package web

import (
	"context"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var href = regexp.MustCompile(`(?:href|action)="(/[^"]*)"`)

// TestCrawl follows every link of every page with every method that looks,
// as a scanner of mail does, and finds the database as it was.
func TestCrawl(t *testing.T) {
	w := newWorld(t)
	before := w.hash()
	todo := []string{"/", "/issues", "/robots.txt", "/healthz"}
	for name := range w.vars {
		who, page, _ := strings.Cut(name, ".")
		todo = append(todo, "/"+page+"/$"+who+"."+page)
	}
	seen := map[string]bool{}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodOptions} {
			_, text := w.send(method, path, "application/x-www-form-urlencoded", "do=leave&List-Unsubscribe=One-Click")
			for _, m := range href.FindAllStringSubmatch(text, -1) {
				todo = append(todo, m[1])
			}
		}
	}
	if w.hash() != before {
		t.Error("looking changed the database")
	}
	if len(seen) < len(w.vars)+5 {
		t.Errorf("saw %d pages only", len(seen))
	}
}

// TestForgedLinks tries what someone who holds one link can make of it.
func TestForgedLinks(t *testing.T) {
	w := newWorld(t)
	before := w.hash()
	adaID, adaLeave, _ := strings.Cut(w.vars["ada.leave"], ".")
	bobID, bobLeave, _ := strings.Cut(w.vars["bob.leave"], ".")
	_, adaPreferences, _ := strings.Cut(w.vars["ada.preferences"], ".")
	forged := []string{
		bobID + "." + adaLeave, adaID + "." + bobLeave, adaID + "." + adaPreferences,
		adaLeave, adaID, adaID + ".", "." + adaLeave, adaID + "." + adaLeave + "A", adaID + "." + adaLeave[:21],
		strings.ToUpper(w.vars["ada.leave"]), w.vars["ada.leave"] + "%00", w.vars["ada.leave"] + "=",
		"-" + w.vars["ada.leave"], "zzzzzzzzzzzzz." + adaLeave, "9223372036854775808." + adaLeave, w.vars["cy.confirm"],
	}
	raw, err := base64.RawURLEncoding.DecodeString(adaLeave)
	w.must(err)
	for bit := range len(raw) * 8 {
		flipped := slices.Clone(raw)
		flipped[bit/8] ^= 1 << (bit % 8)
		forged = append(forged, adaID+"."+base64.RawURLEncoding.EncodeToString(flipped))
	}
	for _, link := range forged {
		for _, page := range []string{"/leave/", "/preferences/", "/confirm/"} {
			if strings.HasSuffix(link, adaPreferences) && page == "/preferences/" || link == w.vars["cy.confirm"] && page == "/confirm/" {
				continue // that is what it is for
			}
			if res, _ := w.get(page + link); res.StatusCode != http.StatusNotFound {
				t.Errorf("GET %s%s: %d", page, link, res.StatusCode)
			}
			do := map[string]string{"/leave/": "List-Unsubscribe=One-Click", "/preferences/": "do=leave", "/confirm/": "do=confirm"}[page]
			if res, _ := w.post(page+link, do); res.StatusCode != http.StatusNotFound {
				t.Errorf("POST %s%s: %d", page, link, res.StatusCode)
			}
		}
	}
	if w.hash() != before {
		t.Error("a forged link changed the database")
	}
}

// TestVoidedLinks raises a reader's token version, which voids all their links.
func TestVoidedLinks(t *testing.T) {
	w := newWorld(t)
	_, err := w.n.DB.Exec(`UPDATE subscribers SET token_version = token_version + 1`)
	w.must(err)
	for _, path := range []string{"/leave/$ada.leave", "/preferences/$ada.preferences"} {
		if res, _ := w.get(path); res.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, res.StatusCode)
		}
	}
}

// TestHangUp leaves and closes the connection at once.
func TestHangUp(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	r := httptest.NewRequest(http.MethodPost, w.expand("/leave/$ada.leave"), strings.NewReader("List-Unsubscribe=One-Click"))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w.ask(r.WithContext(ctx))
	if got := w.state("ada"); got != "unsubscribed" {
		t.Errorf("ada is %s", got)
	}
}
