package web

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"digest/subscribers"
)

// TestDown takes the database away: no page says that all is well.
func TestDown(t *testing.T) {
	w := newWorld(t)
	w.must(w.n.DB.Close())
	w.n.DB.Close()
	for _, c := range []struct{ method, path, body string }{
		{"GET", "/", ""}, {"GET", "/subscribe", ""}, {"POST", "/subscribe", "address=x@example.com"},
		{"GET", "/confirm/$cy.confirm", ""}, {"POST", "/confirm/$cy.confirm", "do=confirm"},
		{"GET", "/leave/$ada.leave", ""}, {"POST", "/leave/$ada.leave", "List-Unsubscribe=One-Click"},
		{"GET", "/preferences/$ada.preferences", ""}, {"POST", "/preferences/$ada.preferences", "do=save&digest=weekly"},
		{"GET", "/issues", ""}, {"GET", "/issues/1", ""}, {"GET", "/healthz", ""}, {"HEAD", "/healthz", ""},
	} {
		res, text := w.send(c.method, c.path, "application/x-www-form-urlencoded", c.body)
		if res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s %s: %d, want 503", c.method, c.path, res.StatusCode)
		}
		if !strings.HasPrefix(c.path, "/healthz") {
			w.check(c.path, res, text)
			if res.Header.Get("Retry-After") == "" || !strings.Contains(text, "Back in a moment") {
				t.Errorf("%s %s: %s", c.method, c.path, words(text))
			}
		}
		if cache := res.Header.Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s %s: Cache-Control %q", c.method, c.path, cache)
		}
	}
	if w.wakes != 0 {
		t.Error("woke the courier for nothing")
	}
	for name, link := range w.vars {
		if _, token, _ := strings.Cut(link, "."); strings.Contains(w.log.String(), link) || token != "" && strings.Contains(w.log.String(), token) {
			t.Errorf("the log holds %s:\n%s", name, w.log.String())
		}
	}
	if !strings.Contains(w.log.String(), "/leave/{link}") || strings.Contains(w.log.String(), "@example.com") {
		t.Errorf("log:\n%s", w.log.String())
	}
}

func TestNotLive(t *testing.T) {
	w := newWorld(t)
	w.must(w.n.Settings.Drop(context.Background(), "live"))
	before := w.hash()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		res, text := w.send(method, "/subscribe", "application/x-www-form-urlencoded", "address=x@example.com")
		if res.StatusCode != http.StatusServiceUnavailable || !strings.Contains(text, "Not open yet") {
			t.Errorf("%s: %d %s", method, res.StatusCode, words(text))
		}
		w.check(method, res, text)
	}
	if w.hash() != before || w.wakes != 0 {
		t.Error("something was done")
	}
	if res, _ := w.post("/leave/$ada.leave", "List-Unsubscribe=One-Click"); res.StatusCode != http.StatusOK {
		t.Errorf("leaving while not live: %d", res.StatusCode)
	}
	if res, _ := w.get("/healthz"); res.StatusCode != http.StatusOK {
		t.Errorf("health while not live: %d", res.StatusCode)
	}
}

// TestSameAnswer subscribes addresses of every state: not a byte differs.
func TestSameAnswer(t *testing.T) {
	w := newWorld(t)
	bounced, err := subscribers.ParseAddress("bounced@example.com")
	w.must(err)
	w.must(subscribers.Suppress(context.Background(), w.n.DB, w.n.Secret, bounced, "bounced", w.clock.Now()))
	wantRes, wantText := w.post("/subscribe", "address=stranger@example.com")
	for _, name := range []string{"ada", "bob", "cy", "dee", "bounced", "stranger", "another"} {
		res, text := w.post("/subscribe", "address="+name+"@example.com")
		if diff := cmp.Diff(wantText, text); diff != "" || res.StatusCode != wantRes.StatusCode {
			t.Errorf("%s: %d\n%s", name, res.StatusCode, diff)
		}
		if diff := cmp.Diff(wantRes.Header, res.Header); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	if w.wakes != 8 {
		t.Errorf("woke %d times for 8 requests: the courier would tell them apart", w.wakes)
	}
}

var styleElement = regexp.MustCompile(`(?s)<style>(.*)</style>`)

// TestStyle compares the style sheet a page carries with the one its policy lets in.
func TestStyle(t *testing.T) {
	w := newWorld(t)
	res, text := w.get("/")
	found := styleElement.FindStringSubmatch(text)
	if found == nil {
		t.Fatal("no style")
	}
	sum := sha256.Sum256([]byte(found[1]))
	if want := "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"; !strings.Contains(res.Header.Get("Content-Security-Policy"), want) {
		t.Errorf("policy lacks %s", want)
	}
	if strings.Contains(text, "style=") {
		t.Error("an inline style, which the policy keeps out")
	}
}

// TestWords looks for sentences no page says, and for pages at a loss for one.
func TestWords(t *testing.T) {
	said := map[string]bool{}
	for _, what := range []string{"lost", "issue", "method", "stale", "link", "button", "form", "digest", "large", "foreign", "closed", "down", "bug"} {
		said[what+".title"], said[what+".text"] = true, true
	}
	files, err := pages.ReadDir("pages")
	if err != nil {
		t.Fatal(err)
	}
	key := regexp.MustCompile(`say "([^"]+)"`)
	for _, f := range files {
		text, err := pages.ReadFile("pages/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range key.FindAllStringSubmatch(string(text), -1) {
			said[m[1]] = true
		}
	}
	want, got := slices.Sorted(maps.Keys(english.words)), slices.Sorted(maps.Keys(said))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("words (-) and pages (+) differ:", diff)
	}
}

var colour = regexp.MustCompile(`--(\w+): #([0-9a-f]{3,6});`)

// TestContrast computes what a reader's eyes get, by WCAG 2.2 §1.4.3, for paper
// by day and by night.
func TestContrast(t *testing.T) {
	day, night, ok := strings.Cut(style, "prefers-color-scheme: dark")
	if !ok {
		t.Fatal("no dark colours")
	}
	night, _, _ = strings.Cut(night, "* {")
	for name, css := range map[string]string{"day": day, "night": night} {
		palette := map[string]float64{}
		for _, m := range colour.FindAllStringSubmatch(css, -1) {
			palette[m[1]] = luminance(t, m[2])
		}
		for _, pair := range [][2]string{
			{"ink", "paper"}, {"title", "paper"}, {"soft", "paper"}, {"accent", "paper"}, {"soft", "page"},
			{"accent", "page"}, {"ink", "field"}, {"on", "accent"},
		} {
			a, okA := palette[pair[0]]
			b, okB := palette[pair[1]]
			if ratio := (max(a, b) + 0.05) / (min(a, b) + 0.05); ratio < 4.5 || !okA || !okB {
				t.Errorf("%s: %s on %s has %.2f", name, pair[0], pair[1], ratio)
			}
		}
	}
}

// luminance is WCAG's relative luminance of "rgb" or "rrggbb".
func luminance(t *testing.T, hex string) (sum float64) {
	t.Helper()
	if len(hex) == 3 {
		hex = string([]byte{hex[0], hex[0], hex[1], hex[1], hex[2], hex[2]})
	}
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		n, err := strconv.ParseUint(hex[2*i:2*i+2], 16, 8)
		if err != nil {
			t.Fatal(err)
		}
		c := float64(n) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		sum += weight * c
	}
	return sum
}
