package feed_test

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"digest/feed"
	"digest/templates"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
)

// hazards is testdata/hazards.txt: every payload in every carrier.
func hazards(t testing.TB) (payloads, all []string) {
	t.Helper()
	f, err := os.Open("testdata/hazards.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var carriers []string
	into := &payloads
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		switch {
		case line == "" || line[0] == '#':
			continue
		case line == "[payloads]":
			continue
		case line == "[carriers]":
			into = &carriers
			continue
		case line[0] == '"':
			if line, err = strconv.Unquote(line); err != nil {
				t.Fatalf("%s: %v", lines.Text(), err)
			}
		}
		*into = append(*into, line)
	}
	if len(payloads) < 240 || len(carriers) < 25 {
		t.Fatalf("%d payloads in %d carriers", len(payloads), len(carriers))
	}
	for _, c := range carriers {
		for _, p := range payloads {
			all = append(all, strings.ReplaceAll(c, "%s", p))
		}
	}
	return payloads, all
}

// The elements and attributes that do, fetch, ask or overlay something. This list
// knows nothing of the cleaner's own.
var (
	activeElements = strings.Fields(`script style link meta base iframe frame frameset object embed applet param form input button select option textarea keygen
		isindex video audio source track picture svg math template noscript noembed noframes plaintext xmp title head body html portal fencedframe marquee bgsound
		layer dialog details summary area map canvas slot image listing xml`)
	activeAttributes = strings.Fields(`style srcdoc srcset sizes action formaction ping poster background data code codebase classid archive dynsrc lowsrc usemap
		http-equiv autofocus contenteditable tabindex accesskey popover popovertarget is id name class target rel download form part itemprop role manifest profile
		longdesc xmlns xlink:href xml:base allow sandbox crossorigin integrity`)
	addresses = strings.Fields(`href src cite`)
)

// active names what in s does anything but be read, when a browser meets it in the
// body, a table, a list of choices, a noscript…, with scripting and without; ""
// if nothing does.
func active(s string) string {
	for _, where := range []atom.Atom{atom.Body, atom.Div, atom.P, atom.Table, atom.Td, atom.Select, atom.Noscript, atom.Template, atom.Pre} {
		for _, scripting := range []bool{true, false} {
			context := &html.Node{Type: html.ElementNode, Data: where.String(), DataAtom: where}
			nodes, err := html.ParseFragmentWithOptions(strings.NewReader(s), context, html.ParseOptionEnableScripting(scripting))
			if err != nil {
				return "unreadable: " + err.Error()
			}
			for _, n := range nodes {
				if found := activeIn(n); found != "" {
					return found + " in " + where.String()
				}
			}
		}
	}
	return ""
}

func activeIn(n *html.Node) string {
	switch n.Type {
	case html.CommentNode, html.DoctypeNode, html.RawNode:
		return "a comment or declaration"
	case html.ElementNode:
		if n.Namespace != "" || slices.Contains(activeElements, n.Data) || strings.ContainsAny(n.Data, "-:<\"'") {
			return "<" + n.Data + ">"
		}
		for _, a := range n.Attr {
			if found := activeAttribute(a); found != "" {
				return found + " on <" + n.Data + ">"
			}
		}
	}
	for child := range n.ChildNodes() {
		if found := activeIn(child); found != "" {
			return found
		}
	}
	return ""
}

func activeAttribute(a html.Attribute) string {
	name := strings.ToLower(a.Key)
	switch {
	case a.Namespace != "", strings.HasPrefix(name, "on"), strings.HasPrefix(name, "data-"), strings.HasPrefix(name, "aria-"),
		slices.Contains(activeAttributes, name), strings.ContainsAny(name, "<>\"'`=/:"):
		return name
	case slices.Contains(addresses, name):
		u, err := url.Parse(a.Val)
		if err != nil || u.User != nil || strings.ContainsAny(a.Val, "\x00\t\n\r <>\"`") || strings.ContainsFunc(a.Val, func(r rune) bool { return r > '~' }) {
			return fmt.Sprintf("address %q", a.Val)
		}
		if u.Scheme != "http" && u.Scheme != "https" && !(name == "href" && u.Scheme == "mailto" && u.RawQuery == "" && !strings.Contains(u.Opaque, "%")) {
			return fmt.Sprintf("address %q", a.Val)
		}
	}
	return ""
}

// TestHazards cleans every hazard in every carrier: nothing active is left, and
// what is left is a fixed point.
func TestHazards(t *testing.T) {
	_, all := hazards(t)
	base, _ := url.Parse("https://blog.example/post/")
	for _, raw := range all {
		checkClean(t, raw, base)
		checkClean(t, raw, nil)
		if t.Failed() {
			t.FailNow()
		}
	}
	t.Logf("%d hazards", len(all))
}

func checkClean(t *testing.T, raw string, base *url.URL) {
	t.Helper()
	got := feed.Clean(raw, base)
	if found := active(got); found != "" {
		t.Errorf("%s\nof   %q\nleft %q", found, raw, got)
	}
	if again := feed.Clean(got, base); again != got {
		t.Errorf("no fixed point\nof   %q\nleft %q\nthen %q", raw, got, again)
	}
	if !utf8.ValidString(got) || strings.ContainsAny(got, "\x00\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069") {
		t.Errorf("characters that lead astray\nof   %q\nleft %q", raw, got)
	}
}

// TestHazardsAreSeen guards the guard: nearly all payloads are active as they
// come, or would not be worth their line.
func TestHazardsAreSeen(t *testing.T) {
	payloads, _ := hazards(t)
	tame := 0
	for _, p := range payloads {
		if active(p) == "" {
			tame++
		}
	}
	if tame > len(payloads)/15 {
		t.Errorf("%d of %d payloads are seen as harmless", tame, len(payloads))
	}
}

// carriage puts a hazard in each place of a feed that holds words.
func carriage(raw string) map[string]string {
	escape := func(s string) string {
		var b strings.Builder
		xml.EscapeText(&b, []byte(s))
		return b.String()
	}
	cdata := "<![CDATA[" + strings.ReplaceAll(raw, "]]>", "]]]]><![CDATA[>") + "]]>"
	rss := `<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>B</title><item><guid>1</guid>%s</item></channel></rss>`
	entry := `<feed xmlns="http://www.w3.org/2005/Atom"><title>B</title><entry><id>1</id>%s</entry></feed>`
	return map[string]string{
		"cdata":    fmt.Sprintf(rss, "<description>"+cdata+"</description>"),
		"content":  fmt.Sprintf(rss, "<content:encoded>"+escape(raw)+"</content:encoded>"),
		"title":    fmt.Sprintf(rss, "<title>"+escape(raw)+"</title>"),
		"author":   fmt.Sprintf(rss, "<dc:creator>"+cdata+"</dc:creator><category>"+escape(raw)+"</category>"),
		"link":     fmt.Sprintf(rss, "<link>"+escape(raw)+"</link><enclosure type='image/png' url='"+escape(raw)+"'/>"),
		"html":     fmt.Sprintf(entry, `<content type="html">`+escape(raw)+`</content><title type="html">`+escape(raw)+`</title>`),
		"xhtml":    fmt.Sprintf(entry, `<content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">`+raw+`</div></content>`),
		"escaping": fmt.Sprintf(entry, `<summary type="html">`+escape(escape(raw))+`</summary><author><name>`+escape(raw)+`</name></author>`),
	}
}

// TestHazardsOfFeeds reads every payload out of a feed, and renders the mail.
func TestHazardsOfFeeds(t *testing.T) {
	payloads, _ := hazards(t)
	base, _ := url.Parse("https://blog.example/feed.xml")
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	var posts []feed.Post
	for _, raw := range payloads {
		for place, text := range carriage(raw) {
			doc, err := feed.Parse([]byte(text), base, "application/xml; charset=utf-8", now)
			if err != nil {
				if place != "xhtml" {
					t.Errorf("%s of %q: %v", place, raw, err)
				}
				continue
			}
			for _, p := range doc.Posts {
				checkPost(t, p)
				posts = append(posts, p)
			}
		}
	}
	if len(posts) < 7*len(payloads) {
		t.Errorf("%d posts of %d payloads", len(posts), len(payloads))
	}
	mails := 0
	for _, show := range []string{templates.ShowFull, templates.ShowExcerpt} {
		for some := range slices.Chunk(posts, 40) {
			m, err := templates.Render("letter", templates.Edition{Site: templates.Site{Name: "B"}, Show: show, Posts: some, Mark: "mark0123456789abcdef"})
			if err != nil {
				t.Fatal(err)
			}
			checkMail(t, m.HTML)
			mails++
		}
	}
	t.Logf("%d posts, %d mails", len(posts), mails)
}

func checkPost(t *testing.T, p feed.Post) {
	t.Helper()
	for _, body := range []string{p.Content, p.Summary} {
		if found := active(body); found != "" {
			t.Errorf("%s\nleft %q", found, body)
		}
	}
	for _, line := range append([]string{p.Title, p.Author, p.Heading()}, p.Tags...) {
		if !utf8.ValidString(line) || strings.ContainsAny(line, "\n\r\t\x00\u202e\u2066") {
			t.Errorf("no line of text: %q", line)
		}
	}
	for _, address := range []string{p.URL, p.Image} {
		if address != "" && !strings.HasPrefix(address, "http://") && !strings.HasPrefix(address, "https://") {
			t.Errorf("address %q", address)
		}
	}
}

// checkMail looks for what no theme of ours has.
func checkMail(t *testing.T, text string) {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if n.Namespace != "" || slices.Contains(strings.Fields("script link base iframe object embed form input button select video audio svg math template"), n.Data) {
			t.Errorf("<%s> in a mail", n.Data)
		}
		if n.Data == "style" && (strings.Contains(n.FirstChild.Data, "evil.test") || strings.Contains(n.FirstChild.Data, "pwn")) {
			t.Errorf("style sheet of a feed in a mail: %s", n.FirstChild.Data)
		}
		for _, a := range n.Attr {
			key, value := strings.ToLower(a.Key), strings.ToLower(a.Val)
			if strings.HasPrefix(key, "on") || key == "srcset" || key == "background" || key == "style" && (strings.Contains(value, "evil") || strings.Contains(value, "pwn")) {
				t.Errorf("%s=%q in a mail", key, value)
			}
			if (key == "href" || key == "src") && value != "" && !strings.HasPrefix(value, "http") && !strings.HasPrefix(value, "mailto:") && value[0] != '#' && !strings.HasPrefix(value, "mark0") {
				t.Errorf("%s=%q in a mail", key, value)
			}
		}
	}
}

func FuzzClean(f *testing.F) {
	payloads, _ := hazards(f)
	for _, s := range append(payloads, "<p>a<b>b<p>c", "<table><td>x<a><table><a>", "<pre>\n\n a</pre>", "<li><p><li>", "<ruby>a<rt>b<rt>c", "<b><i><p>x</b>y</i>",
		"<dl><dt>a<dd>b</dl>", "<a href=https://x.example/><p><iframe src=//y.example>", "<picture><source srcset='/a 1w,/b 2w'><img>", "[caption]<img src=/a>b[/caption]") {
		f.Add(s)
	}
	base, _ := url.Parse("https://blog.example/post/")
	f.Fuzz(func(t *testing.T, s string) { checkClean(t, s, base) })
}
