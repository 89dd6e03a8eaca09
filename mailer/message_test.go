package mailer

import (
	"bytes"
	"io"
	"mime"
	netmail "net/mail"
	"net/textproto"
	"slices"
	"strings"
	"testing"
	"time"

	gomessage "github.com/emersion/go-message/mail"
	"github.com/google/go-cmp/cmp"
)

func sampleLetter() Letter {
	return Letter{
		From:     From{Name: "A Virtualization Blog", Mailbox: "digest@example.com"},
		Subject:  "Live migration, and 5 more",
		HTML:     `<p>Hello %%name,</p><p><a href="%%leave">Leave</a> %%address %%since <a href="%%preferences">Change</a></p>`,
		Text:     "Hello %%name,\nleave: %%leave\n%%address %%since %%preferences\n",
		Mark:     "%%",
		ListName: "A Virtualization Blog", ListID: "weekly.news.example.com",
		FeedbackID: "12:weekly:issue:digest",
	}
}

func sampleReader() Reader {
	return Reader{
		Address: "ann@example.net", Name: "Ann", Leave: "https://news.example.com/leave/7.abcdef",
		LeaveMail: "mailto:leave@example.com?subject=7.abcdef", Preferences: "https://news.example.com/me?a=1&b=2", Since: "March 2010",
		MessageID: MessageID([]byte("secret"), "issue:12/subscriber:7/0", "example.com"),
		Date:      time.Date(2010, 2, 26, 9, 0, 0, 0, time.FixedZone("", 3600)),
	}
}

func build(t *testing.T, l Letter, r Reader) []byte {
	t.Helper()
	message, err := l.Message(r)
	if err != nil {
		t.Fatal(err)
	}
	return message
}

func fieldNames(t *testing.T, message []byte) []string {
	t.Helper()
	head, _, _ := bytes.Cut(message, []byte("\r\n\r\n"))
	found, err := headerFields(head)
	if err != nil {
		t.Fatal(err)
	}
	return names(found)
}

var bulkFields = []string{
	"Auto-Submitted", "Content-Type", "Date", "Feedback-Id", "From", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post",
	"Message-Id", "Mime-Version", "Precedence", "Subject", "To", "X-Auto-Response-Suppress",
}

func TestMessageHeaders(t *testing.T) {
	message := build(t, sampleLetter(), sampleReader())
	parsed, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"From":                     `"A Virtualization Blog" <digest@example.com>`,
		"To":                       `"Ann" <ann@example.net>`,
		"Subject":                  "Live migration, and 5 more",
		"Date":                     "Fri, 26 Feb 2010 09:00:00 +0100",
		"Message-Id":               sampleReader().MessageID,
		"List-Unsubscribe":         "<https://news.example.com/leave/7.abcdef>, <mailto:leave@example.com?subject=7.abcdef>",
		"List-Unsubscribe-Post":    "List-Unsubscribe=One-Click",
		"List-Id":                  `"A Virtualization Blog" <weekly.news.example.com>`,
		"Auto-Submitted":           "auto-generated",
		"Precedence":               "bulk",
		"X-Auto-Response-Suppress": "OOF, AutoReply",
		"Feedback-Id":              "12:weekly:issue:digest",
		"Mime-Version":             "1.0",
	}
	for name, value := range want {
		if diff := cmp.Diff([]string{value}, parsed.Header[textproto.CanonicalMIMEHeaderKey(name)]); diff != "" {
			t.Errorf("%s: -want +got\n%s", name, diff)
		}
	}
	if diff := cmp.Diff(bulkFields, fieldNames(t, message)); diff != "" {
		t.Errorf("fields: -want +got\n%s", diff)
	}
}

func TestMessageParts(t *testing.T) {
	reader, err := gomessage.CreateReader(bytes.NewReader(build(t, sampleLetter(), sampleReader())))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for {
		part, err := reader.NextPart()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(part.Body)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), string(body))
	}
	want := []string{
		"text/plain; charset=UTF-8", "quoted-printable",
		"Hello Ann,\r\nleave: https://news.example.com/leave/7.abcdef\r\nann@example.net March 2010 https://news.example.com/me?a=1&b=2\r\n",
		"text/html; charset=UTF-8", "quoted-printable",
		`<p>Hello Ann,</p><p><a href="https://news.example.com/leave/7.abcdef">Leave</a> ann@example.net March 2010 ` +
			`<a href="https://news.example.com/me?a=1&amp;b=2">Change</a></p>`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts: -want +got\n%s", diff)
	}
}

func TestMessageVariants(t *testing.T) {
	without := func(gone ...string) []string {
		return slices.DeleteFunc(slices.Clone(bulkFields), func(name string) bool { return slices.Contains(gone, name) })
	}
	for name, test := range map[string]struct {
		change func(l *Letter, r *Reader)
		want   []string
	}{
		"plain": {
			func(l *Letter, _ *Reader) { l.Plain = true },
			without("Precedence", "List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "Feedback-Id"),
		},
		"text alone": {
			func(l *Letter, _ *Reader) { l.HTML = "" },
			slices.Sorted(slices.Values(append(without(), "Content-Transfer-Encoding"))),
		},
		"http has no one-click": {
			func(_ *Letter, r *Reader) { r.Leave = "http://127.0.0.1:8080/leave" }, without("List-Unsubscribe-Post"),
		},
		"mailto has no one-click": {
			func(_ *Letter, r *Reader) { r.Leave, r.LeaveMail = "mailto:leave@example.com", "" }, without("List-Unsubscribe-Post"),
		},
		"nothing to leave": {
			func(_ *Letter, r *Reader) { r.Leave, r.LeaveMail = "", "" }, without("List-Unsubscribe", "List-Unsubscribe-Post"),
		},
		"answers elsewhere": {
			func(l *Letter, _ *Reader) { l.ReplyTo = "author@example.com" },
			slices.Sorted(slices.Values(append(without(), "Reply-To"))),
		},
	} {
		t.Run(name, func(t *testing.T) {
			l, r := sampleLetter(), sampleReader()
			test.change(&l, &r)
			if diff := cmp.Diff(test.want, fieldNames(t, build(t, l, r))); diff != "" {
				t.Errorf("fields: -want +got\n%s", diff)
			}
		})
	}
}

func TestMessageIsDeterministic(t *testing.T) {
	words, err := sampleLetter().Marshal()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Unmarshal(words)
	if err != nil {
		t.Fatal(err)
	}
	first := build(t, sampleLetter(), sampleReader())
	for range 20 { // maps are walked in another order each time
		if diff := cmp.Diff(string(first), string(build(t, again, sampleReader()))); diff != "" {
			t.Fatalf("-first +again\n%s", diff)
		}
	}
}

func TestMessageRefuses(t *testing.T) {
	for name, change := range map[string]func(l *Letter, r *Reader){
		"unknown slot":         func(l *Letter, _ *Reader) { l.Text += "%%token" },
		"unknown slot in html": func(l *Letter, _ *Reader) { l.HTML += "%%token" },
		"slot in subject":      func(l *Letter, _ *Reader) { l.Subject = "Dear %%name" },
		"mark in value":        func(_ *Letter, r *Reader) { r.Name = "%%leave" },
		"mark across a seam":   func(l *Letter, r *Reader) { l.Text, r.Name = "A hundred %%%name", "% of them" },
		"mark across in html":  func(l *Letter, r *Reader) { l.HTML, r.Name = "<p>%%name% of them</p>", "A hundred %" },
		"no text":              func(l *Letter, _ *Reader) { l.Text = "" },
		"no date":              func(_ *Letter, r *Reader) { r.Date = time.Time{} },
		"no message-id":        func(_ *Letter, r *Reader) { r.MessageID = "" },
		"message-id line":      func(_ *Letter, r *Reader) { r.MessageID = "<a@example.com>\r\nBcc: x@example.com" },
		"message-id blank":     func(_ *Letter, r *Reader) { r.MessageID = "<a b@example.com>" },
		"message-id two":       func(_ *Letter, r *Reader) { r.MessageID = "<a><b@example.com>" },
		"leave line":           func(_ *Letter, r *Reader) { r.Leave = "https://example.com/\r\nBcc: x@example.com" },
		"leave blank":          func(_ *Letter, r *Reader) { r.Leave = "https://example.com/a b" },
		"leave percent":        func(_ *Letter, r *Reader) { r.Leave = "https://example.com/%0x" },
		"leave script":         func(_ *Letter, r *Reader) { r.Leave = "javascript:alert(1)" },
		"leave ends early":     func(_ *Letter, r *Reader) { r.Leave = "https://example.com/>,<https://evil.example" },
		"leave mail is a page": func(_ *Letter, r *Reader) { r.LeaveMail = "https://example.com/" },
		"list id":              func(l *Letter, _ *Reader) { l.ListID = "weekly> x" },
		"boundary":             func(l *Letter, _ *Reader) { l.Boundary = `x"; charset=utf-7` },
		"boundary in text":     func(l *Letter, _ *Reader) { l.Boundary, l.Text = "part", "\n--part\n" },
		"sender":               func(l *Letter, _ *Reader) { l.From.Mailbox = "me@example.com>" },
		"two recipients":       func(_ *Letter, r *Reader) { r.Address = "a@example.com, b@example.com" },
		"reply-to":             func(l *Letter, _ *Reader) { l.ReplyTo = "a b@example.com" },
	} {
		t.Run(name, func(t *testing.T) {
			l, r := sampleLetter(), sampleReader()
			change(&l, &r)
			if message, err := l.Message(r); err == nil {
				t.Errorf("built:\n%s", message)
			}
		})
	}
}

// A value in the HTML part is text, and stays inside the attribute it stands in.
func TestMessageEscapesValues(t *testing.T) {
	l, r := sampleLetter(), sampleReader()
	l.HTML = `<p title="%%name">%%name</p>`
	r.Name = `"><script>alert('x')</script>&amp;`
	htmlPart, textPart, err := l.Fill(r)
	if err != nil {
		t.Fatal(err)
	}
	const escaped = `&#34;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;amp;`
	if want := `<p title="` + escaped + `">` + escaped + `</p>`; htmlPart != want {
		t.Errorf("got  %s\nwant %s", htmlPart, want)
	}
	if !strings.Contains(textPart, "Hello "+r.Name) {
		t.Errorf("text: %s", textPart)
	}
}

func TestSubjectReadsBack(t *testing.T) {
	for _, subject := range []string{
		"Plain words", "Größe, Maß & Ähnliches", "=?utf-8?q?not_an_encoded_word?=", "a =? b ?= c " + strings.Repeat("=?ü", 60),
		"日本語の件名がとても長い場合でも一文字ずつ正しく折り返されること、そして元に戻ること", "👩‍👩‍👧 family",
	} {
		l := sampleLetter()
		l.Subject = subject
		message := build(t, l, sampleReader())
		parsed, err := netmail.ReadMessage(bytes.NewReader(message))
		if err != nil {
			t.Fatal(err)
		}
		got, err := new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject"))
		if err != nil || got != NewHeaderText(subject).String() {
			t.Errorf("subject %q came back as %q (%v)", subject, got, err)
		}
		for word := range strings.FieldsSeq(parsed.Header.Get("Subject")) {
			if strings.HasPrefix(word, "=?") && len(word) > 75 {
				t.Errorf("encoded word of %d bytes", len(word))
			}
		}
	}
}

// No name poses as another address.
func TestDisplayName(t *testing.T) {
	if got := displayName("boss@bank.example =?utf-8?q?x?= \\ Ann\r\n"); strings.ContainsAny(got, "@\\\r\n") || strings.Contains(got, "=?") {
		t.Errorf("%q", got)
	}
}

func TestMessageID(t *testing.T) {
	id := MessageID([]byte("secret"), "key", "example.com")
	if id != MessageID([]byte("secret"), "key", "example.com") {
		t.Error("another id for the same key")
	}
	if id == MessageID([]byte("secret"), "key2", "example.com") || id == MessageID([]byte("secret2"), "key", "example.com") {
		t.Error("the same id for another key or secret")
	}
	if len(id) != len("<>@example.com")+22 {
		t.Errorf("id %s does not hold 128 bits", id)
	}
}

// The last look at a finished header is what catches a value that slipped through everything before it.
func TestInspect(t *testing.T) {
	const good = "From: a@example.com\r\nTo: b@example.com\r\nSubject: text\r\n\r\n"
	expect := fields{"From": 1, "To": 1, "Subject": 1}
	if err := inspectHead([]byte(good), expect, "b@example.com"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"extra field":    "Bcc: c@example.com\r\n" + good,
		"second field":   "To: c@example.com\r\n" + good,
		"missing field":  "From: a@example.com\r\nSubject: text\r\n\r\n",
		"two recipients": strings.Replace(good, "b@example.com", "b@example.com, c@example.com", 1),
		"other":          strings.Replace(good, "b@", "c@", 1),
		"bare LF":        strings.Replace(good, "text", "te\nxt", 1),
		"bare CR":        strings.Replace(good, "text", "te\rxt", 1),
		"NUL":            strings.Replace(good, "text", "te\x00xt", 1),
		"long line":      strings.Replace(good, "text", strings.Repeat("x", 999), 1),
		"no end":         strings.TrimSuffix(good, "\r\n"),
		"not a field":    "hello\r\n" + good,
		"blank fold":     strings.Replace(good, "\r\nTo", "\r\n \r\nTo", 1),
		"8 bit":          strings.Replace(good, "a@", "ä@", 1),
	} {
		if inspectHead([]byte(bad), expect, "b@example.com") == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

func BenchmarkMessage(b *testing.B) {
	l, r := sampleLetter(), sampleReader()
	l.HTML += strings.Repeat("<p>A paragraph about live migration — with a dash, and <b>some</b> words.</p>\n", 320)
	l.Text += strings.Repeat("A paragraph about live migration — with a dash, and some words.\n", 60)
	l.ready = makeWords(l) // as a letter read from storage has it
	message, err := l.Message(r)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(message)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Message(r); err != nil {
			b.Fatal(err)
		}
	}
}
