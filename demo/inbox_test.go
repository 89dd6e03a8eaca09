package demo

import (
	"net/http"
	"strings"
	"testing"
)

const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>`

func hostileMail(n int) Mail {
	return Mail{
		N: n, From: hostile, To: []string{hostile, "b@example.com"}, Subject: hostile, Received: now,
		Raw: []byte("Content-Type: multipart/alternative; boundary=b\r\nX-Evil: " + hostile + "\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n</pre>" +
			hostile + "\r\n--b\r\nContent-Type: text/html\r\n\r\n<html><HEAD lang=en><title>x</title></head><script>alert(2)</script>\r\n--b--\r\n"),
	}
}

func inbox(mails ...Mail) *Inbox {
	return NewInbox(InboxConfig{
		Mails: func() []Mail { return mails },
		Links: []Link{{"Sample blog", "http://127.0.0.1:8081/"}, {"Bad one", "javascript:alert(3)"}},
	})
}

func TestInboxEscapes(t *testing.T) {
	b := inbox(hostileMail(1))
	for _, path := range []string{"/", "/mail/1", "/mail/1?view=text", "/mail/1?view=raw", "/mail/1?view=%3Cscript%3E"} {
		w := get(t, b, path)
		page := w.Body.String()
		if w.Code != http.StatusOK || !strings.HasSuffix(strings.TrimSpace(page), "</html>") {
			t.Errorf("%s: %d, page not whole", path, w.Code)
		}
		for _, bad := range []string{"<script", "<img", "javascript:alert", "</pre>&#34"} {
			if strings.Contains(page, bad) {
				t.Errorf("%s: page has %q", path, bad)
			}
		}
		if !strings.Contains(page, "&lt;script&gt;alert(1)") {
			t.Errorf("%s: page does not show the subject", path)
		}
		if got := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(got, "default-src 'none';") {
			t.Errorf("%s: policy %q", path, got)
		}
	}
}

func TestInboxSandbox(t *testing.T) {
	w := get(t, inbox(hostileMail(1)), "/mail/1/html")
	policy := w.Header().Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src *") {
		t.Errorf("policy %q", policy)
	}
	for _, bad := range []string{"allow-scripts", "allow-same-origin", "allow-forms", "allow-top", "script-src"} {
		if strings.Contains(policy, bad) {
			t.Errorf("policy %q has %s", policy, bad)
		}
	}
	if got := w.Body.String(); !strings.HasPrefix(got, `<html><HEAD lang=en><base target="_blank"><title>`) {
		t.Errorf("body %q", got)
	}
	if got := inNewTab("<p>x</p>"); got != `<!doctype html><head><base target="_blank"></head><p>x</p>` {
		t.Errorf("without a head: %q", got)
	}
	if page := get(t, inbox(hostileMail(1)), "/").Body.String(); !strings.Contains(page, `sandbox="allow-popups allow-popups-to-escape-sandbox"`) {
		t.Error("the frame has no sandbox")
	}
}

func TestInboxRaw(t *testing.T) {
	m := hostileMail(1)
	w := get(t, inbox(m), "/mail/1/raw")
	if got := w.Header().Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
		t.Errorf("sniffing is %q", got)
	}
	if w.Body.String() != string(m.Raw) {
		t.Error("not the mail's bytes")
	}
}

func TestInboxRawIsCut(t *testing.T) {
	m := Mail{N: 1, To: []string{"a@example.com"}, Raw: []byte("\r\n" + strings.Repeat("ü", shown))}
	page := get(t, inbox(m), "/mail/1?view=raw").Body.String()
	if len(page) > shown+32<<10 || !strings.Contains(page, "cut here") {
		t.Errorf("the page has %d bytes", len(page))
	}
}

func TestInboxNotFound(t *testing.T) {
	b := inbox(hostileMail(1), Mail{N: 2, To: []string{"a@example.com"}, Raw: []byte("\r\nonly text")})
	for _, path := range []string{
		"/mail/3", "/mail/0", "/mail/-1", "/mail/x", "/mail/99999999999999999999", "/mail/3/raw", "/mail/3/html",
		"/mail/2/html", "/mail/1/none", "/none",
	} {
		if got := get(t, b, path).Code; got != http.StatusNotFound {
			t.Errorf("%s: %d", path, got)
		}
	}
}

func TestInboxViews(t *testing.T) {
	b := inbox(
		Mail{N: 1, Subject: "First", To: []string{"a@example.com"}, Raw: []byte("\r\nonly text")},
		Mail{N: 2, Subject: "Second", Received: now, Raw: []byte("From: A Log <log@example.com>\r\nDate: Mon, 02 Feb 2026 09:30:00 +0100\r\n" +
			"Content-Type: text/html\r\n\r\n<p>x</p>")},
	)
	for _, tt := range []struct{ path, has string }{
		{"/", `<h2>Second</h2>`},
		{"/", `src="/mail/2/html"`},
		{"/", `href="http://127.0.0.1:8081/">Sample blog</a>`},
		{"/", `<time>Mon 2 Feb, 08:30</time>`},
		{"/", `<dd>A Log &lt;log@example.com&gt;</dd>`},
		{"/", `<dd>Mon 2 Feb 2026, 08:30:00 UTC</dd>`},
		{"/mail/1", `only text</pre>`}, // no HTML part: its text instead
		{"/mail/2?view=text", "This mail has no text part."},
		{"/mail/2?view=raw", "&lt;p&gt;x&lt;/p&gt;</pre>"},
	} {
		page := get(t, b, tt.path).Body.String()
		if !strings.Contains(page, tt.has) {
			t.Errorf("%s: no %q", tt.path, tt.has)
		}
		if strings.Index(page, `class="subject">Second`) > strings.Index(page, `class="subject">First`) {
			t.Errorf("%s: the newest is not first", tt.path)
		}
	}
	if page := get(t, NewInbox(InboxConfig{}), "/").Body.String(); !strings.Contains(page, "No mail yet") {
		t.Error("an empty inbox says nothing")
	}
}
