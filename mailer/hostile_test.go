package mailer

import (
	"bytes"
	"fmt"
	"mime"
	netmail "net/mail"
	"strings"
	"testing"

	_ "github.com/emersion/go-message/charset"
	gomessage "github.com/emersion/go-message/mail"
	"github.com/google/go-cmp/cmp"
)

// hostile gives strings that have brought foreign headers into mail elsewhere, each alone and inside words.
func hostile() []string {
	ends := []string{"\r\n", "\n", "\r", "\r\n ", "\n\t", "\r\r\n", "\n\r", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x00", "\x1b", "\x7f", "\u009b",
		"%0d%0a", "%0A", "\\r\\n", "&#13;&#10;", "=0D=0A", "=?utf-8?q?=0D=0A?=", "=?utf-8?b?DQo=?=", "\u202e", "\u2066", "\ufeff", "\xff", "\xc0\x8a", "\xe2\x80", "嘊嘍"}
	tails := []string{"", "Bcc: evil@example.org", "Subject: two", "To: evil@example.org", "Content-Type: text/html", "X-Evil: 1",
		"List-Unsubscribe: <https://evil.example>", "From: evil@example.org", "Date: now", "MIME-Version: 1.0", "--part", "Received: x", "\r\n\r\n<script>", ".\r\nMAIL FROM:<x@y>", " folded"}
	var all []string
	for _, end := range ends {
		for _, tail := range tails {
			all = append(all, "Ann"+end+tail, end+tail, "Jürgen "+end+tail+end)
		}
	}
	for _, n := range []int{75, 76, 250, 998, 1000, 5000} {
		all = append(all, strings.Repeat("a", n), strings.Repeat("ü", n), strings.Repeat("a ", n), strings.Repeat("=?", n))
	}
	return append(all, `"`, `\`, `a" <evil@example.org>, "b`, "<evil@example.org>", "evil@example.org", "a, b", "a; b", "(comment)", "=?utf-8?q?x?=", "👩‍👩‍👧", "שלום", "")
}

// A1: whatever stands in a field, the header fields are the same ones, and the values come back as one line.
func TestMessageHostileValues(t *testing.T) {
	targets := map[string]func(l *Letter, r *Reader, s string){
		"subject":  func(l *Letter, _ *Reader, s string) { l.Subject = s },
		"from":     func(l *Letter, _ *Reader, s string) { l.From.Name = s },
		"name":     func(_ *Letter, r *Reader, s string) { r.Name = s },
		"list":     func(l *Letter, _ *Reader, s string) { l.ListName = s },
		"feedback": func(l *Letter, _ *Reader, s string) { l.FeedbackID = s + "x" },
		"since":    func(_ *Letter, r *Reader, s string) { r.Since = s },
		"text":     func(l *Letter, _ *Reader, s string) { l.Text += s },
		"html":     func(l *Letter, _ *Reader, s string) { l.HTML += s },
	}
	count := 0
	for name, set := range targets {
		for _, payload := range hostile() {
			count++
			l, r := sampleLetter(), sampleReader()
			set(&l, &r, payload)
			message, err := l.Message(r)
			if err != nil {
				t.Errorf("%s %q: %v", name, payload, err)
				continue
			}
			checkHostile(t, fmt.Sprintf("%s %q", name, payload), message)
		}
	}
	if count < 10_000 {
		t.Errorf("only %d payloads", count)
	}
}

func checkHostile(t *testing.T, what string, message []byte) {
	t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	if diff := cmp.Diff(bulkFields, fieldNames(t, message)); diff != "" {
		t.Errorf("%s: fields -want +got\n%s", what, diff)
	}
	decoder := mime.WordDecoder{}
	for field, values := range parsed.Header {
		decoded, err := decoder.DecodeHeader(values[0])
		if err != nil || strings.ContainsFunc(decoded, isControl) || strings.ContainsFunc(decoded, isBidi) {
			t.Errorf("%s: %s decodes to %q (%v)", what, field, decoded, err)
		}
	}
	for _, field := range []string{"From", "To"} {
		list, err := parsed.Header.AddressList(field)
		if err != nil || len(list) != 1 || !strings.HasSuffix(list[0].Address, "@example.com") && !strings.HasSuffix(list[0].Address, "@example.net") {
			t.Errorf("%s: %s is %v (%v)", what, field, list, err)
		}
	}
	reader, err := gomessage.CreateReader(bytes.NewReader(message))
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	parts := 0
	for ; ; parts++ {
		if _, err := reader.NextPart(); err != nil {
			break
		}
	}
	if parts != 2 {
		t.Errorf("%s: %d parts", what, parts)
	}
}

func FuzzMessage(f *testing.F) {
	f.Add("Ann", "Subject", "text", "<p>html</p>")
	for i, s := range hostile() {
		if i%37 == 0 {
			f.Add(s, s, s, s)
		}
	}
	f.Fuzz(func(t *testing.T, name, subject, text, htmlPart string) {
		l, r := sampleLetter(), sampleReader()
		r.Name, l.From.Name, l.ListName = name, name, name
		l.Subject, l.Text, l.HTML = subject, text+"\n.", htmlPart+"\n."
		message, err := l.Message(r)
		if err != nil {
			if strings.Contains(name+subject+text+htmlPart, l.Mark) {
				return
			}
			t.Fatal(err)
		}
		checkHostile(t, "fuzz", message)
	})
}
