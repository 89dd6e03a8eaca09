package demo

import (
	"strings"
	"testing"
	"time"
)

func TestMailParts(t *testing.T) {
	alternative := "Subject: x\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\ncaf=E9\r\n" +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+Y2Fmw6k8L3A+\r\n--b--\r\n"
	for _, tt := range []struct{ name, raw, text, html string }{
		{"alternative", alternative, "café", "<p>café</p>"},
		{"plain without type", "Subject: x\r\n\r\nhello\r\n", "hello\r\n", ""},
		{"only html", "Content-Type: text/html\r\n\r\n<p>x</p>", "", "<p>x</p>"},
		{"windows-1252", "Content-Type: text/plain; charset=windows-1252\r\n\r\n\x93x\x94", "“x”", ""},
		{"unknown charset", "Content-Type: text/plain; charset=klingon\r\n\r\nx\xff", "x\uFFFD", ""},
		{"unknown encoding", "Content-Type: text/plain\r\nContent-Transfer-Encoding: rot13\r\n\r\nuryyb", "uryyb", ""},
		{
			"attachment passed over",
			"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Disposition: attachment; filename=a.html\r\n\r\n<p>no</p>\r\n" +
				"--b\r\nContent-Type: text/html\r\n\r\n<p>yes</p>\r\n--b--\r\n", "", "<p>yes</p>",
		},
		{"body that breaks off", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhalf", "half", ""},
		{"empty", "", "", ""},
		{"no header", "\x00\x01 nonsense", "", ""},
	} {
		m := Mail{Raw: []byte(tt.raw)}
		if got := m.Text(); got != tt.text {
			t.Errorf("%s: text %q, want %q", tt.name, got, tt.text)
		}
		if got := m.HTML(); got != tt.html {
			t.Errorf("%s: html %q, want %q", tt.name, got, tt.html)
		}
	}
}

func TestMailHead(t *testing.T) {
	caught := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	written := time.Date(2026, 2, 2, 8, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		raw, sender string
		date        time.Time
	}{
		{"From: =?utf-8?q?Caf=C3=A9_Log?= <log@example.com>\r\nDate: Mon, 02 Feb 2026 09:30:00 +0100\r\n\r\nx", "Café Log <log@example.com>", written},
		{"From: \"A,\r\n B\" <log@example.com>\r\n\r\nx", "A, B <log@example.com>", caught},
		{"From: log@example.com\r\nDate: some day\r\n\r\nx", "log@example.com", caught},
		{"From: <<>>\r\n\r\nx", "bounce@example.com", caught},
		{"Subject: x\r\n\r\nx", "bounce@example.com", caught},
		{"\x00\x01 nonsense", "bounce@example.com", caught},
	} {
		m := Mail{From: "bounce@example.com", Received: caught, Raw: []byte(tt.raw)}
		if got := m.Sender(); got != tt.sender {
			t.Errorf("%q: from %q, want %q", tt.raw, got, tt.sender)
		}
		if got := m.Date(); !got.Equal(tt.date) {
			t.Errorf("%q: written at %v, want %v", tt.raw, got, tt.date)
		}
	}
}

// nested wraps a text part in that many multiparts.
func nested(depth int) []byte {
	var b strings.Builder
	for i := range depth {
		b.WriteString("Content-Type: multipart/mixed; boundary=b" + strings.Repeat("x", i) + "\r\n\r\n--b" + strings.Repeat("x", i) + "\r\n")
	}
	b.WriteString("\r\ndeep")
	return []byte(b.String())
}

func TestMailBounds(t *testing.T) {
	if got := (Mail{Raw: nested(maxDepth)}).Text(); got != "deep" {
		t.Errorf("at the limit of depth: %q", got)
	}
	if got := (Mail{Raw: nested(maxDepth + 1)}).Text(); got != "" {
		t.Errorf("beyond the limit of depth: %q", got)
	}
	parts := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	many := parts + strings.Repeat("--b\r\nContent-Type: image/png\r\n\r\n\r\n", maxParts) + "--b\r\n\r\nlast\r\n--b--\r\n"
	if got := (Mail{Raw: []byte(many)}).Text(); got != "" {
		t.Errorf("beyond the limit of parts: %q", got)
	}
	long := "Content-Type: text/plain\r\n\r\n" + strings.Repeat("x", maxPart+1)
	if got := len((Mail{Raw: []byte(long)}).Text()); got != maxPart {
		t.Errorf("a long part shows %d bytes, want %d", got, maxPart)
	}
}

func TestSubject(t *testing.T) {
	for raw, want := range map[string]string{
		"Subject: plain\r\n\r\n":                                       "plain",
		"Subject: two\r\n lines\r\n\r\n":                               "two lines",
		"Subject: =?iso-8859-1?q?caf=E9?=\r\n\r\n":                     "café",
		"Subject: =?utf-8?b?8J+Mmf?=\r\n\r\n":                          "=?utf-8?b?8J+Mmf?=",
		"Subject: =?utf-8?q?a=0D=0ABcc=3A_x?=\r\n\r\n":                 "a Bcc: x",
		"Content-Type: text/plain; charset=nope\r\nSubject: s\r\n\r\n": "s",
		"X: y\r\n\r\n": "",
		"":             "",
	} {
		if got := subject([]byte(raw)); got != want {
			t.Errorf("%q: %q, want %q", raw, got, want)
		}
	}
}

func FuzzMail(f *testing.F) {
	f.Add([]byte(letter))
	f.Add(nested(20))
	f.Add([]byte("Content-Type: text/html; charset=utf-7\r\n\r\n+ADw-"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		m := Mail{Raw: raw, Subject: subject(raw)}
		if strings.ContainsAny(m.Subject, "\r\n") {
			t.Errorf("subject %q is more than a line", m.Subject)
		}
		if len(m.HTML()) > 3*maxPart || len(m.Text()) > 3*maxPart {
			t.Error("a part is beyond its limit")
		}
	})
}
