//go:build debian

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"image"
	"image/png"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"digest/mailer"
	"digest/newsletter"
	"digest/templates"
	"digest/web"
)

// TestBrowserMail lays the sample issue out at the widths of mail programs,
// light and dark: nothing is wider than the window, and every word can be read.
func TestBrowserMail(t *testing.T) {
	b := newBrowser(t)
	mails := map[string]http.Handler{}
	for _, show := range []string{templates.ShowExcerpt, templates.ShowFull, templates.ShowHeadline} {
		e := templates.Sample(epoch, 6)
		e.Show = show
		mails["/"+show] = page(filled(t, e))
	}
	views := b.measure(mails, []int{320, 360, 700})
	dark := map[bool]map[string]bool{true: {}, false: {}}
	for _, v := range views {
		v.check(t)
		dark[v.Dark][v.Background] = true
	}
	if len(dark[true]) != 1 || len(dark[false]) != 1 || fmt.Sprint(dark[true]) == fmt.Sprint(dark[false]) {
		t.Errorf("backgrounds are %v in the dark and %v in the light", dark[true], dark[false])
	}
}

// TestBrowserPages lays out every public page of `digest serve` at the width of
// a small telephone, light and dark.
func TestBrowserPages(t *testing.T) {
	b := newBrowser(t)
	w := newScene(t, plot{readers: 1, approved: true})
	w.must(0, "run")
	w.must(0, "subscribers", "add", "a.reader.with.a.very.long.name.indeed.to.break.the.page@a-long-domain-name-of-readers.test")
	w.must(0, "run")
	personal := w.personalPages()
	_, base := w.serve("--pages")
	site := strip(base)
	views := map[string]http.Handler{}
	for _, path := range append([]string{"/subscribe", "/issues", "/issues/1", "/nowhere", "/confirm/nothing"}, personal...) {
		views[path] = site
	}
	if len(personal) != 3 {
		t.Fatalf("the mails link to %v", personal)
	}
	for _, v := range b.measure(views, []int{320, 1024}) {
		v.check(t)
	}
}

// TestBrowserProof opens the page of preview in frames: from 1100 px up the
// desk and the phone stand side by side, below one under the other.
func TestBrowserProof(t *testing.T) {
	b := newBrowser(t)
	proof := web.Proof(func(context.Context) (newsletter.Preview, error) {
		return newsletter.Preview{Subject: "A subject", HTML: filled(t, templates.Sample(epoch, 6)), Text: "Some words", Posts: 6}, nil
	}, func(context.Context) (newsletter.Sending, error) { return newsletter.Sending{}, nil })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/outside" {
			proof.ServeHTTP(w, r)
			return
		}
		page(`<!doctype html><iframe src="/" width="1100" height="900"></iframe><iframe src="/" width="1000" height="900"></iframe>
<pre id="measured"></pre><script>addEventListener('load', () => {
	document.getElementById('measured').textContent = [...document.querySelectorAll('iframe')].map(f => {
		const [desk, phone] = [...f.contentDocument.querySelectorAll('.views iframe')].map(e => e.getBoundingClientRect());
		const text = f.contentDocument.querySelector('pre').getBoundingClientRect();
		return [desk.top === phone.top, desk.width >= 624, phone.width, desk.height >= 1200, text.height > 0 && text.top > phone.bottom,
			f.contentDocument.documentElement.scrollWidth <= f.clientWidth].join();
	}).join(' ');
})</script>`).ServeHTTP(w, r)
	}))
	defer server.Close()
	m := measured.FindStringSubmatch(b.dump(server.URL + "/outside"))
	if want := "true,true,362,true,true,true false,true,362,true,true,true"; m == nil || m[1] != want {
		t.Errorf("side by side, desk, phone, height, text, width: got %q, want %q", m, want)
	}
}

// TestBrowserHostileFeed shows an issue made of a hostile feed: no script of it
// runs, and the browser asks nobody but the server, save for the pictures that
// the post shows: one by its address, some by a name relative to the blog, and the
// still of a video.
func TestBrowserHostileFeed(t *testing.T) {
	b := newBrowser(t)
	w := newScene(t, plot{blank: true})
	w.write("digest.toml", strings.Replace(configText(plot{feed: "feed.xml", smtp: w.sink.URL()}), `"headline"`, `"full"`, 1))
	w.write("feed.xml", rss(item{`<![CDATA[A title <script>document.title='RAN'</script><img src=x onerror="document.title='RAN'">]]>`,
		"<![CDATA[" + hostile + `<meta http-equiv="refresh" content="0;url=http://refresh.test/">` + "]]>", january[0].date}))
	w.must(0, "subscribers", "add", reader(1), "--confirmed")
	w.must(0, "go-live", "--anyway")
	w.must(0, "issue", "draft", "monthly", "2026-01")
	w.must(0, "issue", "approve", "1")
	w.must(0, "run")

	_, base := w.serve("--pages")
	dom := b.dump(base + "/issues/1")
	if !strings.Contains(dom, "Honest words") {
		t.Fatalf("the page does not show the post:\n%s", dom)
	}
	if strings.Contains(dom, "<title>RAN") || strings.Contains(dom, `id="ran"`) {
		t.Errorf("a script of the feed ran:\n%s", dom)
	}
	if got := b.asked(); !slices.Equal(got, []string{"blog.test", "picture.test", "poster.test"}) {
		t.Errorf("the browser asked %v, want only the post's own pictures", got)
	}

	// The same words as they came do run, and do ask: this test would see it.
	raw := httptest.NewServer(page("<!doctype html><title>x</title>" + hostile))
	defer raw.Close()
	dom = b.dump(raw.URL)
	if !strings.Contains(dom, "<title>RAN") || len(b.asked()) < 5 {
		t.Errorf("the trap does not close: asked %v\n%s", b.asked(), dom)
	}
}

// hostile is what a feed must not get done. Each way has a host of its own.
const hostile = `<p>Honest words.</p><img src="http://picture.test/a.png" width="300" height="200" alt="a picture">
<script>document.title='RAN';document.body.insertAdjacentHTML('beforeend','<b id="ran"></b>')</script>
<script src="http://script.test/x.js"></script>
<img src="data:x" onerror="document.title='RAN'"><img src="http://127.0.0.1:1/none.png" onerror="document.title='RAN'">
<svg onload="document.title='RAN'" width="10" height="10"><script>document.title='RAN'</script><image href="http://svg.test/a.png" width="9" height="9"/></svg>
<svg><style><img src=x onerror="document.title='RAN'"></style></svg>
<math><mtext><table><mglyph><style><img src=x onerror="document.title='RAN'"></style></mglyph></table></mtext></math>
<noscript><p title="</noscript><img src=x onerror=document.title='RAN'>"></noscript>
<iframe src="http://frame.test/"></iframe><iframe srcdoc="<script>parent.document.title='RAN'</script>"></iframe>
<object data="http://object.test/"></object><embed src="http://embed.test/">
<link rel="stylesheet" href="http://style.test/a.css"><link rel="preload" as="image" href="http://preload.test/a.png">
<style>@import "http://import.test/a.css"; body{background:url(http://body.test/a.png)}</style>
<p style="background:url(http://inline.test/a.png)">styled</p><table background="http://table.test/a.png"><tr><td>x</td></tr></table>
<video src="http://video.test/a.mp4" poster="http://poster.test/a.png" autoplay></video><audio src="http://audio.test/a.mp3" autoplay></audio>
<input type="image" src="http://input.test/a.png"><body onload="document.title='RAN'" background="http://attribute.test/a.png">
<base href="http://base.test/">
<a href="javascript:document.title='RAN'" autofocus onfocus="document.title='RAN'">a link</a>
<details open ontoggle="document.title='RAN'"><summary>x</summary></details>`

// filled is a mail as a reader with a long address gets it.
func filled(t *testing.T, e templates.Edition) string {
	t.Helper()
	m, err := templates.Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	l := mailer.Letter{Subject: m.Subject, HTML: m.HTML, Text: m.Text, Mark: e.Mark}
	part, _, err := l.Fill(mailer.Reader{
		Address: "a.reader.with.a.very.long.name.indeed.to.break.the.page@a-long-domain-name-of-readers.test",
		Name:    "A Reader", Leave: "https://news.test/leave/1", Preferences: "https://news.test/preferences/1", Since: "2 January 2026",
	})
	if err != nil {
		t.Fatal(err)
	}
	return picture.ReplaceAllString(part, `src="/picture.png"`)
}

var picture = regexp.MustCompile(`src="https?://[^"]*"`)

func page(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, text)
	})
}

// strip serves what another server answers, without the headers that keep its
// pages out of the frames they are measured in.
func strip(address string) http.Handler {
	to, _ := url.Parse(address)
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to) },
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("X-Frame-Options")
			policy := r.Header.Get("Content-Security-Policy")
			r.Header.Set("Content-Security-Policy", strings.Replace(policy, "frame-ancestors 'none'", "frame-ancestors 'self'", 1))
			return nil
		},
	}
}

var link = regexp.MustCompile(`https://news\.test(/(?:leave|preferences|confirm)/[0-9A-Za-z_.-]+)`)

// personalPages are what the mails of a scene lead to, each once.
func (w *scene) personalPages() (found []string) {
	for _, r := range w.sink.Accepted() {
		text := strings.ReplaceAll(string(r.Data), "=\r\n", "")
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			if !slices.Contains(found, m[1]) {
				found = append(found, m[1])
			}
		}
	}
	return found
}

// browser is Chromium behind a proxy that answers nothing and notes who was asked.
type browser struct {
	*testing.T
	proxy *httptest.Server

	mu    sync.Mutex
	hosts map[string]bool
}

func newBrowser(t *testing.T) *browser {
	t.Helper()
	b := &browser{T: t, hosts: map[string]bool{}}
	b.proxy = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		b.mu.Lock()
		b.hosts[host] = true
		b.mu.Unlock()
		http.Error(w, "nobody is there", http.StatusBadGateway)
	}))
	t.Cleanup(b.proxy.Close)
	return b
}

// asked lists the hosts the last page had the browser ask, other than loopback.
// What Chromium asks its makers by itself does not count.
func (b *browser) asked() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []string
	for host := range b.hosts {
		if !strings.HasSuffix(host, ".google.com") && !strings.HasSuffix(host, ".googleapis.com") && !strings.HasSuffix(host, ".gvt1.com") {
			list = append(list, host)
		}
	}
	slices.Sort(list)
	return list
}

// dump returns the page as it stands once it is loaded and its scripts have run.
func (b *browser) dump(address string) string {
	b.Helper()
	b.mu.Lock()
	clear(b.hosts)
	b.mu.Unlock()
	ctx, cancel := context.WithTimeout(b.Context(), 90*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--mute-audio",
		"--user-data-dir="+b.TempDir(), "--window-size=1200,900", "--proxy-server="+b.proxy.URL, "--timeout=60000", "--dump-dom", address)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Run(); err != nil || out.Len() == 0 {
		b.Fatalf("Chromium on %s: %v\n%s", address, err, said.String())
	}
	return out.String()
}

// view is a page laid out at a width.
type view struct {
	Path       string
	Width      int
	Dark       bool
	Text       int     // characters shown
	Scroll     int     // how wide it is
	Wide       string  // the innermost element that reaches past the edge
	Contrast   float64 // of the text that can be read worst
	Words      string  // that text
	Background string
}

func (v view) check(t *testing.T) {
	t.Helper()
	scheme := map[bool]string{true: "dark", false: "light"}[v.Dark]
	if v.Text < 50 {
		t.Errorf("%s at %d px, %s: shows %d characters", v.Path, v.Width, scheme, v.Text)
	}
	if v.Scroll > v.Width {
		t.Errorf("%s at %d px, %s: is %d px wide because of %s", v.Path, v.Width, scheme, v.Scroll, v.Wide)
	}
	if v.Contrast < 4.5 {
		t.Errorf("%s at %d px, %s: contrast of %q is %.2f, less than 4.5", v.Path, v.Width, scheme, v.Words, v.Contrast)
	}
}

var measured = regexp.MustCompile(`(?s)<pre id="measured">(.*?)</pre>`)

// measure lays pages out in frames of the given widths, light and dark.
func (b *browser) measure(pages map[string]http.Handler, widths []int) []view {
	b.Helper()
	var wide bytes.Buffer
	if err := png.Encode(&wide, image.NewGray(image.Rect(0, 0, 1600, 1000))); err != nil {
		b.Fatal(err)
	}
	var frames strings.Builder
	count := 0
	for path := range pages {
		for _, width := range widths {
			for _, scheme := range []string{"light", "dark"} {
				fmt.Fprintf(&frames, `<iframe src="%s" data-path="%[1]s" width="%d" height="700" style="border:0;color-scheme:%s"></iframe>`+"\n",
					html.EscapeString(path), width, scheme)
				count++
			}
		}
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch h := pages[r.URL.Path]; {
		case h != nil:
			h.ServeHTTP(w, r)
		case r.URL.Path == "/picture.png":
			w.Write(wide.Bytes())
		case r.URL.Path == "/":
			page("<!doctype html><meta charset=utf-8><body>"+frames.String()+`<pre id="measured"></pre><script>`+measuring+"</script>").ServeHTTP(w, r)
		default:
			http.NotFound(w, r)
		}
	}))
	defer server.Close()
	dom := b.dump(server.URL + "/")
	m := measured.FindStringSubmatch(dom)
	if m == nil {
		b.Fatalf("the page was not measured:\n%s", dom)
	}
	var views []view
	if err := json.Unmarshal([]byte(html.UnescapeString(m[1])), &views); err != nil || len(views) != count {
		b.Fatalf("measured %d of %d views: %v\n%s", len(views), count, err, m[1])
	}
	dark := 0
	for _, v := range views {
		if v.Dark {
			dark++
		}
	}
	if dark*2 != count {
		b.Fatalf("%d of %d views are dark", dark, count)
	}
	return views
}

// measuring runs in the page around the frames. Colours are those of WCAG 2.2,
// "relative luminance" and "contrast ratio".
const measuring = `
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const parse = s => { const n = s.match(/[\d.]+/g).map(Number); return {rgb: n.slice(0, 3), a: n.length > 3 ? n[3] : 1}; };
const over = (top, below) => top.rgb.map((c, i) => c * top.a + below[i] * (1 - top.a));
const luminance = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
const contrast = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((x, y) => y - x); return (x + 0.05) / (y + 0.05); };
function behind(win, element, dark) {
	const layers = [];
	for (let e = element; e; e = e.parentElement) layers.push(parse(win.getComputedStyle(e).backgroundColor));
	return layers.reverse().reduce((below, top) => over(top, below), dark ? [18, 18, 18] : [255, 255, 255]);
}
function look(frame) {
	const win = frame.contentWindow, doc = frame.contentDocument, root = doc.documentElement;
	const dark = win.matchMedia('(prefers-color-scheme: dark)').matches;
	const v = {Path: frame.dataset.path, Width: frame.clientWidth, Dark: dark, Text: doc.body.innerText.length,
		Scroll: Math.max(root.scrollWidth, doc.body.scrollWidth), Wide: '', Contrast: 21, Words: '',
		Background: behind(win, doc.body, dark).join(' ')};
	const wide = e => e.getBoundingClientRect().right > frame.clientWidth + 1;
	for (const e of doc.body.querySelectorAll('*')) {
		if (!v.Wide && wide(e) && ![...e.children].some(wide)) v.Wide = e.outerHTML.slice(0, 200);
	}
	const texts = doc.createTreeWalker(doc.body, NodeFilter.SHOW_TEXT);
	for (let n; n = texts.nextNode();) {
		const e = n.parentElement, style = win.getComputedStyle(e);
		if (!n.data.trim() || !e.checkVisibility({opacityProperty: true, visibilityProperty: true}) || e.getClientRects().length === 0 ||
			parseFloat(style.fontSize) < 2) continue;
		const back = behind(win, e, dark), c = contrast(over(parse(style.color), back), back);
		if (c < v.Contrast) { v.Contrast = c; v.Words = n.data.trim().slice(0, 60); }
	}
	return v;
}
addEventListener('load', () => {
	document.getElementById('measured').textContent = JSON.stringify([...document.querySelectorAll('iframe')].map(look));
});`
