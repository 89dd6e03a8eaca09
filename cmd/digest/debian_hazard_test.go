//go:build debian

package main

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"digest/feed"
	"digest/templates"
)

// hazards is feed/testdata/hazards.txt: its payloads, each in every carrier.
func hazards(t *testing.T) (payloads, all []string) {
	t.Helper()
	text, err := os.ReadFile("../../feed/testdata/hazards.txt")
	if err != nil {
		t.Fatal(err)
	}
	var carriers []string
	into := &payloads
	for line := range strings.SplitSeq(string(text), "\n") {
		switch {
		case line == "" || line[0] == '#' || line == "[payloads]":
			continue
		case line == "[carriers]":
			into = &carriers
			continue
		case line[0] == '"':
			if line, err = strconv.Unquote(line); err != nil {
				t.Fatal(err)
			}
		}
		*into = append(*into, line)
	}
	for _, c := range carriers {
		for _, p := range payloads {
			all = append(all, strings.ReplaceAll(c, "%s", p))
		}
	}
	return payloads, all
}

// trap counts in the page what a hazard does there: run, ask, send away, or put
// something between the page and its reader.
const trap = `<!doctype html><meta charset=utf-8><title>x</title><pre id="caught">{}</pre><script>
const caught = {ran: 0, left: 0, sent: 0, on: 0};
window.pwn = window.alert = window.confirm = window.prompt = window.print = () => { caught.ran++; return true; };
window.fetch = window.open = () => { caught.sent++; };
XMLHttpRequest.prototype.open = navigator.sendBeacon = () => { caught.sent++; };
window.navigation?.addEventListener('navigate', e => { caught.left++; e.preventDefault(); });
const report = () => document.getElementById('caught').textContent = JSON.stringify(caught);
function look(root) {
	for (const e of root.querySelectorAll('*'))
		for (const a of e.attributes)
			if (/^on/i.test(a.name) || /^\s*(javascript|data|vbscript)/i.test(a.value) && /href|src|action|data/i.test(a.name)) caught.on++;
}
addEventListener('load', () => {
	const words = JSON.parse(document.getElementById('words')?.textContent ?? '[]');
	for (const w of words) {
		const box = document.createElement('div');
		box.innerHTML = w;
		document.body.append(box);
		look(box);
		const copy = document.createElement('div');
		copy.innerHTML = box.innerHTML;
		document.body.append(copy);
		look(copy);
	}
	look(document.getElementById('static') ?? document.body);
	for (const e of document.querySelectorAll('#static [tabindex], #static a')) e.focus();
	report();
	setInterval(report, 50);
});
</script>`

var (
	caught = regexp.MustCompile(`<pre id="caught">([^<]*)</pre>`)
	// closing is what would end the script element that carries the words.
	closing = strings.NewReplacer("<", "\\u003c", ">", "\\u003e", "&", "\\u0026")
)

// spring opens words in a browser, as part of the page and by innerHTML, and says
// what they did and whom they asked.
func (b *browser) spring(words []string) (did map[string]int, asked []string) {
	b.Helper()
	list, err := json.Marshal(words)
	if err != nil {
		b.Fatal(err)
	}
	text := trap + `<script type="application/json" id="words">` + closing.Replace(string(list)) + `</script><div id="static">` + strings.Join(words, "\n<hr>\n") + "</div>"
	server := httptest.NewServer(page(text))
	defer server.Close()
	dom := b.dump(server.URL)
	m := caught.FindStringSubmatch(dom)
	if m == nil {
		b.Fatalf("the trap is gone:\n%.2000s", dom)
	}
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &did); err != nil {
		b.Fatalf("%v in %s", err, m[1])
	}
	return did, b.asked()
}

// TestBrowserHazards opens every cleaned hazard in Chromium: nothing runs, nothing
// goes away, and nobody is asked but those whose pictures the posts show.
func TestBrowserHazards(t *testing.T) {
	b := newBrowser(t)
	payloads, all := hazards(t)
	base, _ := url.Parse("http://picture.test/post/")
	clean := func(list []string) (out []string) {
		for _, raw := range list {
			if s := feed.Clean(raw, base); s != "" && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
		return out
	}
	words := clean(all)
	did, asked := b.spring(words)
	if fmt.Sprint(did) != "map[left:0 on:0 ran:0 sent:0]" || !onlyPictures(asked) {
		t.Errorf("%d different cleaned hazards of %d: did %v, asked %v", len(words), len(all), did, asked)
	}

	// The same as they came do all of that: this test would see it.
	for i := range payloads {
		payloads[i] = strings.ReplaceAll(payloads[i], "<plaintext>", "")
	}
	if did, asked = b.spring(slices.DeleteFunc(payloads, locksThePage)); did["ran"] < 10 || did["on"] < 50 || onlyPictures(asked) {
		t.Errorf("the trap does not close: did %v, asked %v", did, asked)
	}
}

// locksThePage: raw, the rest of the page would be inside it, or elsewhere.
func locksThePage(raw string) bool {
	lower := strings.ToLower(raw)
	return !strings.HasPrefix(lower, "<img") && !strings.HasPrefix(lower, "<a ") && !strings.HasPrefix(lower, "<svg") && !strings.HasPrefix(lower, "<details") ||
		strings.Contains(lower, "<style") || strings.Contains(lower, "<title") || strings.Contains(lower, "<!--") || strings.Contains(lower, "cdata")
}

func onlyPictures(asked []string) bool {
	for _, host := range asked {
		if host != "picture.test" && host != "i.ytimg.com" {
			return false
		}
	}
	return true
}

// TestBrowserHazardMails opens mails made of cleaned hazards.
func TestBrowserHazardMails(t *testing.T) {
	b := newBrowser(t)
	payloads, _ := hazards(t)
	base, _ := url.Parse("http://picture.test/post/")
	var mails []string
	for some := range slices.Chunk(payloads, 60) {
		e := templates.Sample(epoch, 1)
		e.Show = templates.ShowFull
		e.Posts = nil
		for _, raw := range some {
			e.Posts = append(e.Posts, feed.Post{Title: raw, Author: raw, Tags: []string{raw}, URL: "http://picture.test/" + url.PathEscape(raw), Content: feed.Clean(raw, base), Published: epoch})
		}
		m, err := templates.Render("letter", e)
		if err != nil {
			t.Fatal(err)
		}
		mails = append(mails, m.HTML)
	}
	for _, mail := range mails {
		if did, asked := b.spring([]string{mail}); fmt.Sprint(did) != "map[left:0 on:0 ran:0 sent:0]" || !onlyPictures(asked) {
			t.Errorf("did %v, asked %v", did, asked)
		}
	}
}
