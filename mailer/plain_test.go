package mailer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/wneessen/go-mail"
	"pgregory.net/rapid"
)

// plain builds a message the plain way: go-mail writes all of it, for each reader anew.
func (l Letter) plain(r Reader) ([]byte, error) {
	from, err := mailbox(l.From.Mailbox)
	if err != nil {
		return nil, err
	}
	to, err := mailbox(r.Address)
	if err != nil {
		return nil, err
	}
	htmlPart, textPart, err := l.Fill(r)
	if err != nil {
		return nil, err
	}
	if textPart == "" {
		return nil, errors.New("no text part")
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	m.FromMailAddress(&netmail.Address{Name: displayName(l.From.Name), Address: from})
	m.ToMailAddress(&netmail.Address{Name: displayName(r.Name), Address: to})
	m.SetMessageIDWithValue(strings.Trim(r.MessageID, "<>"))
	m.SetDateWithValue(r.Date)
	if err := l.headers(m, fields{}); err != nil {
		return nil, err
	}
	if links, err := r.links(); err != nil {
		return nil, err
	} else if !l.Plain && len(links) > 0 {
		m.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, strings.Join(links, ", "))
		if strings.HasPrefix(r.Leave, "https://") {
			m.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
		}
	}
	m.SetBodyString(mail.TypeTextPlain, textPart)
	if bodyText(l.HTML) != "" {
		m.AddAlternativeString(mail.TypeTextHTML, htmlPart)
		boundary, err := l.boundary()
		if err != nil {
			return nil, err
		}
		m.SetBoundary(boundary)
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(b.Bytes(), crlf) {
		b.Write(crlf)
	}
	return b.Bytes(), nil
}

// reading is a message as a reader's program takes it: header fields unfolded, parts decoded.
type reading struct {
	Header map[string][]string
	Parts  []part
}

type part struct {
	Header map[string][]string
	Body   string
}

func read(t rapid.TB, message []byte) (r reading) {
	t.Helper()
	parsed, err := netmail.ReadMessage(bytes.NewReader(message))
	if err != nil {
		t.Fatalf("%v\n%q", err, message)
	}
	r.Header = parsed.Header
	add := func(header map[string][]string, raw io.Reader) {
		body, err := io.ReadAll(quotedprintable.NewReader(raw))
		if err != nil {
			t.Fatalf("%v\n%q", err, message)
		}
		r.Parts = append(r.Parts, part{header, string(body)})
	}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		t.Fatalf("%v\n%q", err, message)
	}
	if kind != "multipart/alternative" {
		add(nil, parsed.Body)
		return r
	}
	for parts := multipart.NewReader(parsed.Body, params["boundary"]); ; {
		next, err := parts.NextRawPart()
		if err == io.EOF {
			return r
		}
		if err != nil {
			t.Fatalf("%v\n%q", err, message)
		}
		add(next.Header, next)
	}
}

// compare holds a message against the one built the plain way. Letters without a reading of their own (nothing that
// fills, no such header) are refused by both.
func compare(t rapid.TB, l Letter, r Reader) {
	t.Helper()
	want, refused := l.plain(r)
	stored := l
	stored.ready = makeWords(l)
	got, err := stored.Message(r)
	if (err != nil) != (refused != nil) {
		t.Fatalf("%v, the plain way %v", err, refused)
	}
	if err != nil {
		return
	}
	if diff := cmp.Diff(read(t, want), read(t, got)); diff != "" {
		t.Fatalf("-plain +got\n%s\n%q", diff, got)
	}
	if err := inspectLines(got); err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	_, body, _ := bytes.Cut(got, []byte("\r\n\r\n"))
	for line := range bytes.Lines(body) {
		if len(bytes.TrimSuffix(line, crlf)) > 76 && !bytes.HasPrefix(line, []byte("--")) || !isASCII(line) {
			t.Fatalf("body line %q", line)
		}
	}
	again, err := l.Message(r)
	if err != nil || !bytes.Equal(got, again) {
		t.Fatalf("other bytes from a letter not stored, %v: -stored +not\n%s", err, cmp.Diff(string(got), string(again)))
	}
}

// wild are the pieces random words are put together from: what is special somewhere on the way.
var wild = []string{"a", "Ä", "嘊", " ", "  ", "\t", "\n", "\r", "\r\n", ".", "\n.", "\n.\r\n", "=", "=3D", "=\r\n", "--", "\n--part-", "From ", "\x00", "\x7f", "\u2028",
	"\u202e", "\xff", "<b>", "&amp;", `"`, "'", "@", "=?utf-8?q?x?=", "\\", "%%", "%", "%%name", "%%leave", "%%address", "%%since", "%%preferences", "%%name%%since",
	strings.Repeat("x", 74), strings.Repeat("y", 75), strings.Repeat("z", 76), strings.Repeat("ü", 30), strings.Repeat("w ", 60)}

func TestMessageIsThePlainOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.Map(rapid.SliceOfN(rapid.OneOf(rapid.SampledFrom(wild), rapid.String()), 0, 12),
			func(s []string) string { return strings.Join(s, "") })
		text := func(label string) string { return words.Draw(t, label) }
		link := rapid.SampledFrom([]string{"", "https://news.example.com/leave/7.abcdef", "http://127.0.0.1/leave?a=1&b=2", "mailto:leave@example.com",
			"https://news.example.com/" + strings.Repeat("long/", 60)})
		l, r := sampleLetter(), sampleReader()
		l.From.Name, l.Subject, l.ListName, l.FeedbackID = text("from"), text("subject"), text("list"), text("feedback")+"x"
		l.Text, l.HTML = text("text"), text("html")
		l.Plain = rapid.Bool().Draw(t, "plain")
		l.ReplyTo = rapid.SampledFrom([]string{"", "author@example.com"}).Draw(t, "reply-to")
		r.Name, r.Since = text("name"), text("since")
		r.Leave, r.Preferences = link.Draw(t, "leave"), link.Draw(t, "preferences")
		r.LeaveMail = rapid.SampledFrom([]string{"", "mailto:leave@example.com"}).Draw(t, "mail")
		r.Address = rapid.SampledFrom([]string{"ann@example.net", "ännchen@example.net", strings.Repeat("a", 64) + "@" + strings.Repeat("b.", 90) + "net"}).Draw(t, "address")
		compare(t, l, r)
	})
}

func FuzzMessageIsThePlainOne(f *testing.F) {
	f.Add("Hello %%name,\n%%leave", "<p>%%name</p>%%address", "Ann", "today", "Subject")
	f.Add("%%name", "%%since", "", "", "")
	f.Add("a\r%%name\n", "%%name%%name", "", " ", "s")
	f.Add("a %%since\n.", ".%%since", "=", ".", "Größe")
	f.Add(strings.Repeat("a", 75)+"%%name", strings.Repeat("a", 76)+"%%name", "Ä", strings.Repeat("-", 80), "=?")
	f.Fuzz(func(t *testing.T, text, html, name, since, subject string) {
		l, r := sampleLetter(), sampleReader()
		l.Text, l.HTML, l.Subject, l.ListName, l.From.Name = text, html, subject, name, since
		r.Name, r.Since = name, since
		compare(t, l, r)
	})
}

// A value that holds the boundary, or words that do, make no message.
func TestBoundaryInValue(t *testing.T) {
	l, r := sampleLetter(), sampleReader()
	l.Boundary, r.Name = "part", "Ann --part"
	if message, err := l.Message(r); err == nil {
		t.Errorf("built:\n%s", message)
	}
}

// Whatever was built once for all, each message's header is read again.
func TestHeaderReadAgain(t *testing.T) {
	for _, extra := range []string{"Bcc: x@example.com\r\n", "To: x@example.com\r\n", "X-Evil: 1\r\n", "\r\n"} {
		w := makeWords(sampleLetter())
		w.stencil.head = append([]byte(extra), w.stencil.head...)
		if message, err := w.message(sampleReader()); err == nil {
			t.Errorf("%q: built:\n%s", extra, message)
		}
	}
}

// A stored letter is made ready when it is read, wherever it was stored.
func TestReadyFromJSON(t *testing.T) {
	words, err := json.Marshal(struct{ Letter Letter }{sampleLetter()})
	if err != nil {
		t.Fatal(err)
	}
	var kept struct{ Letter Letter }
	if err := json.Unmarshal(words, &kept); err != nil {
		t.Fatal(err)
	}
	if kept.Letter.ready == nil || kept.Letter.words() != kept.Letter.ready {
		t.Error("made ready again for each reader")
	}
}

func TestBodyTextLines(t *testing.T) {
	if got := bodyText("a\r\nb\rc\nd\x00"); got != "a\nb\nc\nd" {
		t.Errorf("%q", got)
	}
}

func TestInspectPart(t *testing.T) {
	if err := inspectPart([]byte("a=\r\nb =3D\tc\r\n"), "part"); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"long line": strings.Repeat("x", 76), "bare CR": "a\rb", "bare LF": "a\nb", "NUL": "a\x00b", "8 bit": "ä", "boundary": "x--part",
	} {
		if inspectPart([]byte(bad), "part") == nil {
			t.Errorf("%s: passed", name)
		}
	}
}
