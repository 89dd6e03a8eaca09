package templates

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// TestContrast computes WCAG 2 contrast of every text in a mail with its
// ground, light and dark: at least 4.5.
func TestContrast(t *testing.T) {
	e := Sample(friday, 6)
	e.Show = ShowFull
	e.Posts[0].Content += "<p><mark>marked</mark></p>"
	m, err := Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Confirm(e.Site, "weekly", "", "https://news.boathouse.example/c")
	if err != nil {
		t.Fatal(err)
	}
	dark := rules(t, m.HTML, "@media (prefers-color-scheme:dark)")
	if len(dark) < 10 {
		t.Fatalf("only %d dark rules read", len(dark))
	}
	for _, page := range []string{m.HTML, c.HTML} {
		body := elements(parseHTML(t, page), atom.Body)[0]
		checkContrast(t, "light", nil, body, paint{"#000000", "#ffffff"})
		checkContrast(t, "dark", dark, body, paint{"#ffffff", "#000000"})
	}
}

type paint struct{ ink, ground string }

type rule struct {
	selector string
	style    map[string]string
}

func rules(t *testing.T, page, media string) []rule {
	t.Helper()
	_, css, ok := strings.Cut(page, media+"{")
	if !ok {
		t.Fatalf("no %s", media)
	}
	css, _, _ = strings.Cut(css, "\n}\n")
	var out []rule
	for _, m := range regexp.MustCompile(`([^{}]+)\{([^{}]*)\}`).FindAllStringSubmatch(css, -1) {
		for selector := range strings.SplitSeq(m[1], ",") {
			out = append(out, rule{strings.TrimSpace(selector), declarations(m[2])})
		}
	}
	slices.SortStableFunc(out, func(a, b rule) int { return specificity(a.selector) - specificity(b.selector) })
	return out
}

func specificity(selector string) int {
	return 10*strings.Count(selector, ".") + len(strings.Fields(selector))
}

func declarations(style string) map[string]string {
	out := make(map[string]string)
	for d := range strings.SplitSeq(style, ";") {
		if key, value, ok := strings.Cut(d, ":"); ok {
			out[strings.TrimSpace(key)] = strings.TrimSuffix(strings.TrimSpace(value), "!important")
		}
	}
	return out
}

// matches knows descendant selectors of element names and one class each.
func matches(n *html.Node, selector string) bool {
	parts := strings.Fields(selector)
	for i := len(parts) - 1; i >= 0; i-- {
		found := false
		for ; n != nil && !found; n = n.Parent {
			tag, class, _ := strings.Cut(parts[i], ".")
			found = (tag == "" || n.Data == tag) && (class == "" || slices.Contains(strings.Fields(attr(n, "class")), class))
			if !found && i == len(parts)-1 {
				return false
			}
		}
		if !found {
			return false
		}
	}
	return true
}

func checkContrast(t *testing.T, mode string, extra []rule, n *html.Node, p paint) {
	t.Helper()
	style := declarations(attr(n, "style"))
	if style["display"] == "none" {
		return
	}
	if n.DataAtom == atom.A && style["color"] == "" {
		t.Errorf("a link of no colour: %v", n.Attr)
	}
	if n.DataAtom == atom.Mark { // as browsers have it
		p = paint{"#000000", "#ffff00"}
	}
	apply := func(style map[string]string) {
		if v := style["color"]; v != "" {
			p.ink = v
		}
		if v := style["background-color"]; v != "" {
			p.ground = v
		}
	}
	apply(style)
	for _, r := range extra {
		if matches(n, r.selector) {
			apply(r.style)
		}
	}
	for c := range n.ChildNodes() {
		if c.Type == html.TextNode && strings.TrimSpace(c.Data) != "" {
			if got := contrast(p.ink, p.ground); !(got >= 4.5) { // NaN too
				t.Errorf("%s: %s on %s is %.2f: %q in <%s class=%q>", mode, p.ink, p.ground, got, strings.TrimSpace(c.Data), n.Data, attr(n, "class"))
			}
		}
		if c.Type == html.ElementNode {
			checkContrast(t, mode, extra, c, p)
		}
	}
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + .05) / (min(x, y) + .05)
}

func luminance(colour string) float64 {
	colour = strings.TrimPrefix(colour, "#")
	if len(colour) == 3 {
		colour = string([]byte{colour[0], colour[0], colour[1], colour[1], colour[2], colour[2]})
	}
	n, err := strconv.ParseUint(colour, 16, 32)
	if err != nil || len(colour) != 6 {
		return math.NaN()
	}
	linear := func(v uint64) float64 {
		c := float64(v&255) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*linear(n>>16) + .7152*linear(n>>8) + .0722*linear(n)
}
