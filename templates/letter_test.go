package templates

import (
	"errors"
	"fmt"
	"html/template"
	"slices"
	"strings"
	"testing"
	"unicode"

	"digest/feed"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

const overrides = "\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069"

// hostile is an edition in which every word is an attack.
func hostile() Edition {
	e := Sample(friday, 3)
	evil := "</title><script>alert(1)</script>{{env}}\x1b[2J\u202egnp.exe\r\nBcc: x@example.com\x00 \u2028\u2066"
	e.Site.Name, e.Site.Address, e.Title, e.Period = evil, evil, evil, evil
	e.Site.BlogURL = "javascript:alert(1)"
	e.Site.Language = `en" onload="x`
	p := feed.Post{
		Title: evil, Author: evil, Tags: []string{evil}, Published: friday, URL: "javascript:alert(1)", Image: "data:image/png;base64,AAAA",
		Content: `<p onclick="x" style="position:fixed">one<script>alert(1)</script><style>p{}</style><iframe src="https://evil.example"></iframe>
			<a href="javascript:alert(1)">js</a> <a href="JaVaScRiPt:alert(1)">js</a> <a href="data:text/html,x">data</a> <a href="tel:1">tel</a>
			<a href="/relative">relative</a> <a href="https://ok.example/?a=1&amp;b=&quot;">ok</a> <a href="mailto:me@example.com">mail</a>
			<img src="cid:x" alt="gone"><img src="https://ok.example/a.png" onerror="x"><form><input name="q"></form><svg><a href="x">s</a></svg>
			<math><mi>m</mi></math><template><p>t</p></template><object>o</object><!-- c --><![CDATA[x]]><p id="post-1">&#x202e;over` + "\u202d" + `</b></div></td></tr></table>
			<table><tr><td>cell<table><tr><td>in</table>` + strings.Repeat("<div>", 300),
	}
	q := p
	q.Title, q.URL, q.Content = "", `https://ok.example/"><script>x</script>`, "<p>"+strings.Repeat("\u202e", 50)+"</p>"
	e.Posts = []feed.Post{p, q}
	e.Show = ShowFull
	return e
}

func everyMail(t *testing.T, test func(t *testing.T, e Edition, m Mail)) {
	all := editions()
	all["hostile"] = hostile()
	rtl := Sample(friday, 6)
	rtl.Site.Language, rtl.Show = "ar-EG", ShowFull
	all["right to left"] = rtl
	for name, e := range all {
		t.Run(name, func(t *testing.T) {
			m, err := Render("", e)
			if err != nil {
				t.Fatal(err)
			}
			test(t, e, m)
		})
	}
}

func parseHTML(t *testing.T, s string) *html.Node {
	t.Helper()
	root, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func elements(root *html.Node, a atom.Atom) []*html.Node {
	var out []*html.Node
	for n := range root.Descendants() {
		if n.DataAtom == a {
			out = append(out, n)
		}
	}
	return out
}

func TestHTMLIsWellMade(t *testing.T) {
	everyMail(t, func(t *testing.T, e Edition, m Mail) {
		balanced(t, m.HTML)
		root := parseHTML(t, m.HTML)
		if n := len(elements(root, atom.H1)); n != 1 {
			t.Errorf("%d h1, want 1", n)
		}
		if title := elements(root, atom.Title); len(title) != 1 || textOf(title[0], 1000) != m.Subject {
			t.Errorf("the title is not the subject %q", m.Subject)
		}
		last := 1
		for n := range root.Descendants() {
			if l := level(n); l > 0 {
				if l > last+1 {
					t.Errorf("h%d after h%d", l, last)
				}
				last = l
			}
			checkElement(t, e, n)
		}
	})
}

func checkElement(t *testing.T, e Edition, n *html.Node) {
	t.Helper()
	if n.Type == html.ElementNode && (dropped[n.DataAtom] || n.Namespace != "") && !slices.Contains([]string{"head", "meta", "title", "style"}, n.Data) {
		t.Errorf("<%s> in a mail", n.Data)
	}
	for _, a := range n.Attr {
		if strings.HasPrefix(a.Key, "on") {
			t.Errorf("<%s %s>", n.Data, a.Key)
		}
		if a.Key == "href" || a.Key == "src" {
			ok := strings.HasPrefix(a.Val, "https://") || strings.HasPrefix(a.Val, "http://") || strings.HasPrefix(a.Val, "mailto:") && a.Key == "href" ||
				strings.HasPrefix(a.Val, "#post-") || strings.HasPrefix(a.Val, e.Mark) && a.Key == "href"
			if !ok {
				t.Errorf("<%s %s=%q>", n.Data, a.Key, a.Val)
			}
		}
	}
	if n.DataAtom == atom.Img && !slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == "alt" }) {
		t.Errorf("an image without alt: %v", n.Attr)
	}
	if strings.ContainsAny(n.Data, overrides+"\x00\x1b\u2028") {
		t.Errorf("control characters in %q", n.Data)
	}
}

// balanced fails unless each element is closed by its own end tag.
func balanced(t *testing.T, s string) {
	t.Helper()
	void := []string{"meta", "br", "img", "hr", "wbr"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("never closed: %v", open)
			}
			return
		case html.StartTagToken:
			if name, _ := z.TagName(); !slices.Contains(void, string(name)) {
				open = append(open, string(name))
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				t.Errorf("</%s> closes %v", name, open)
				return
			}
			open = open[:len(open)-1]
		}
	}
}

func TestTextSaysTheSame(t *testing.T) {
	everyMail(t, func(t *testing.T, e Edition, m Mail) {
		root := parseHTML(t, m.HTML)
		folded := strings.Join(strings.Fields(m.Text), " ")
		for _, h := range elements(root, atom.H2) {
			if title := plain(textOf(h, 1000)); !strings.Contains(folded, title) && title != "In this issue" {
				t.Errorf("the text lacks the title %q", title)
			}
		}
		for _, a := range elements(root, atom.A) {
			if href := strings.TrimPrefix(attr(a, "href"), "mailto:"); !strings.HasPrefix(href, "#") && !strings.Contains(m.Text, href) {
				t.Errorf("the text lacks the link %q", href)
			}
		}
		for line := range strings.Lines(m.Text) {
			if line = strings.TrimSuffix(line, "\n"); columns(line) > 78 && !strings.Contains(line, "://") {
				t.Errorf("%d columns: %q", columns(line), line)
			}
		}
		checkPlain(t, m.Text)
		if strings.Contains(m.Text, "\n\n\n") {
			t.Error("two empty lines in a row")
		}
	})
}

func checkPlain(t *testing.T, s string) {
	t.Helper()
	for _, r := range s {
		if r != '\n' && unicode.Is(unicode.Cc, r) || strings.ContainsRune(overrides+"\u2028\u2029", r) {
			t.Fatalf("%U in %q", r, s)
		}
	}
}

func TestHostileWordsAreWords(t *testing.T) {
	m, err := Render("letter", hostile())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"&lt;script&gt;alert(1)&lt;/script&gt;", "{{env}}", `href="https://ok.example/?a=1&amp;b=%22"`, `href="mailto:me@example.com"`} {
		if !strings.Contains(m.HTML, want) {
			t.Errorf("HTML lacks %q", want)
		}
	}
	if strings.Contains(m.Subject, "\n") || !strings.Contains(m.Subject, "<script>") {
		t.Errorf("subject %q", m.Subject)
	}
}

func TestSizeBudget(t *testing.T) {
	for _, c := range []struct {
		posts, limit int
		show         string
	}{{18, 40_000, ShowExcerpt}, {40, 95_000, ShowExcerpt}, {600, 95_000, ShowExcerpt}, {40, 95_000, ShowFull}} {
		e := Sample(friday, c.posts)
		e.Show = c.show
		if c.show == ShowFull { // as many bytes as a year of long posts
			for i := range e.Posts {
				e.Posts[i].Content = strings.Repeat(sampleText("gull-point"), 3)
			}
		}
		m, err := Render("letter", e)
		if err != nil {
			t.Fatal(err)
		}
		if n := encodedSize(m.HTML); n > c.limit {
			t.Errorf("%d posts, %s: %d bytes encoded, limit %d", c.posts, c.show, n, c.limit)
		} else {
			t.Logf("%d posts, %s: %d bytes, %d encoded", c.posts, c.show, len(m.HTML), n)
		}
		if !strings.Contains(m.HTML, `href="`+e.Mark+`leave"`) {
			t.Error("shortened away the link to leave")
		}
	}
}

func TestLongIssueSaysWhatIsLeftOut(t *testing.T) {
	e := Sample(friday, 600)
	m, err := Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	shown := strings.Count(m.HTML, "<h2 id=")
	want := fmt.Sprintf("And %d more", 600-shown)
	if shown == 0 || shown == 600 || !strings.Contains(m.HTML, want) || !strings.Contains(m.Text, want) {
		t.Errorf("%d posts shown, and no %q", shown, want)
	}
	if !strings.Contains(m.Subject, "and 599 more") {
		t.Errorf("subject %q", m.Subject)
	}
}

func TestSlots(t *testing.T) {
	e := Sample(friday, 6)
	m, err := Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	for part, wants := range map[string]map[string]int{
		m.HTML: {`href="slot5a3c9eleave"`: 2, `href="slot5a3c9epreferences"`: 1, "slot5a3c9eaddress": 1, "slot5a3c9esince": 1, "slot5a3c9e": 5},
		m.Text: {": slot5a3c9eleave\n": 2, ": slot5a3c9epreferences\n": 1, "slot5a3c9eaddress": 1, "slot5a3c9esince": 1, "slot5a3c9e": 5},
	} {
		for want, n := range wants {
			if got := strings.Count(part, want); got != n {
				t.Errorf("%q stands %d times, want %d", want, got, n)
			}
		}
	}
	e.Site.PublicURL, e.Links = "", Links{}
	if m, err = Render("letter", e); err != nil || strings.Contains(m.HTML+m.Text, "references") || strings.Contains(m.HTML+m.Text, "online") {
		t.Errorf("links to pages that are nowhere (%v)", err)
	}
	for _, mark := range []string{"", "a-b", "a b", "a.b", "ü", "a%"} {
		e.Mark = mark
		if _, err := Render("letter", e); err == nil {
			t.Errorf("mark %q was taken", mark)
		}
	}
	e.Mark = "slot5a3c9e"
	e.Posts[3].Content = `<p><a href="https://x.example/slot5a3c9eleave">mine</a></p>`
	if _, err := Render("letter", e); err == nil {
		t.Error("a post may forge a slot")
	}
}

func TestPageIsNobodys(t *testing.T) {
	e := Sample(friday, 6)
	page, err := Page(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, no := range []string{e.Mark, "Unsubscribe", "Preferences", "You get this because", "noindex"} {
		if strings.Contains(page, no) {
			t.Errorf("%q in the page", no)
		}
	}
	if !strings.Contains(page, `href="https://news.boathouse.example/subscribe"`) {
		t.Error("no way to subscribe")
	}
	for _, no := range []string{"<script", "<link", "@import", "url("} {
		if strings.Contains(page, no) {
			t.Errorf("%q in the page", no)
		}
	}
}

func TestConfirm(t *testing.T) {
	site := Sample(friday, 0).Site
	m, err := Confirm(site, "weekly", "every Monday at 09:00", "https://news.boathouse.example/confirm/x1?a=1&b=2")
	if err != nil {
		t.Fatal(err)
	}
	balanced(t, m.HTML)
	if n := strings.Count(m.HTML, `href="https://news.boathouse.example/confirm/x1?a=1&amp;b=2"`); n != 1 {
		t.Errorf("%d buttons", n)
	}
	for _, want := range []string{"Notes from the Boathouse", "weekly digest", "every Monday at 09:00", "48 hours", "ignore this mail"} {
		if !strings.Contains(m.HTML, want) || !strings.Contains(strings.ReplaceAll(m.Text, "\n", " "), want) {
			t.Errorf("no %q in both parts", want)
		}
	}
	for _, link := range []string{"", "/confirm/x1", "javascript:alert(1)", "mailto:a@b.example"} {
		if _, err := Confirm(site, "weekly", "", link); err == nil {
			t.Errorf("link %q was taken", link)
		}
	}
}

// TestHeadlinesAreLinks looks at an issue of titles alone: where there is no
// other link to a post, its title must look like one.
func TestHeadlinesAreLinks(t *testing.T) {
	for show, links := range map[string]int{ShowHeadline: 6, ShowExcerpt: 0} {
		e := Sample(friday, 6)
		e.Show = show
		m, err := Render("letter", e)
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(m.HTML, `<a class="link" href="`); n != links {
			t.Errorf("%s: %d titles look like links, want %d", show, n, links)
		}
	}
}

// TestReaderStandsOnALine of its own, with the label before it: the address
// may be long, and what stands before it is wrapped without knowing.
func TestReaderStandsOnALine(t *testing.T) {
	e := Sample(friday, 1)
	m, err := Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(m.Text, "on "+e.Mark+SlotSince+".\n\nSent to: "+e.Mark+SlotAddress+"\nUnsubscribe: ") {
		t.Errorf("the foot reads:\n%s", m.Text[len(m.Text)*2/3:])
	}
}

func TestThemeThatEscapingRefusesIsAnError(t *testing.T) {
	for _, source := range []string{`<a href="{{.Site}}">x</a>`, `<p style="{{.Site}}">x</p>`, `<style>p{color:{{.Site}}}</style>`, `<p {{.Site}}="x">x</p>`} {
		_, err := runHTML(template.Must(template.New("bad").Parse(source)), view{Site: "javascript:expression(1)"})
		if err == nil {
			t.Errorf("%s was rendered", source)
		}
	}
	e := Sample(friday, 1)
	e.Posts[0].Title, e.Posts[0].URL = "Why html/template says ZgotmplZ", "https://boathouse.example/ZgotmplZ"
	if _, err := Render("letter", e); err != nil {
		t.Errorf("a post about it: %v", err)
	}
}

func TestUnknownThemeAndShow(t *testing.T) {
	if _, err := Render("cards", Sample(friday, 1)); !errors.Is(err, ErrTheme) {
		t.Errorf("got %v", err)
	}
	e := Sample(friday, 1)
	e.Show = "all"
	if _, err := Render("letter", e); err == nil {
		t.Error("show = all was taken")
	}
}

func TestSameInputSameBytes(t *testing.T) {
	first, _ := Render("letter", Sample(friday, 40))
	second, _ := Render("letter", Sample(friday, 40))
	if first != second {
		t.Error("two renderings differ")
	}
}
