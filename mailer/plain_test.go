package mailer

import (
	"bytes"
	"encoding/json"
	"errors"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

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
	if err := r.checkLinks(); err != nil && !l.Plain {
		return nil, err
	}
	var links []string
	for _, link := range []string{r.Leave, r.LeaveMail} {
		if link != "" {
			links = append(links, "<"+link+">")
		}
	}
	if !l.Plain && len(links) > 0 {
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
	if !bytes.Equal(want, got) {
		t.Fatalf("-plain +got\n%s", cmp.Diff(string(want), string(got)))
	}
	if err := inspectLines(got); err != nil {
		t.Fatalf("%v: %q", err, got)
	}
	checkWire(t, l, r, want)
	again, err := l.Message(r)
	if err != nil || !bytes.Equal(got, again) {
		t.Fatalf("other bytes from a letter not stored, %v: -stored +not\n%s", err, cmp.Diff(string(got), string(again)))
	}
}

// checkWire holds the pieces on the wire against the message, in room that was another's before.
func checkWire(t rapid.TB, l Letter, r Reader, want []byte) {
	t.Helper()
	s, err := l.Stencil()
	if err != nil {
		t.Fatal(err)
	}
	var m Message
	other := r
	other.Date = r.Date.Add(time.Hour)
	other.Name, other.Leave = "Somebody else, with a name much longer than that of any other reader", "https://news.example.com/another"
	if err := s.Fill(&m, other); err != nil && !errors.Is(err, errSlot) {
		t.Fatal(err)
	}
	if err := s.Fill(&m, r); err != nil {
		t.Fatal(err)
	}
	wire := stuff(nil, want)
	if !bytes.Equal(bytes.Join(m.pieces, nil), wire) {
		t.Fatalf("on the wire: -want +got\n%s", cmp.Diff(string(wire), string(bytes.Join(m.pieces, nil))))
	}
	plain, err := NewMessage(want)
	if err != nil || m.Size() != len(want) || m.size != len(wire) || m.wide != plain.wide {
		t.Fatalf("%v: %d bytes, %d on the wire, wide %v; want %d, %d, %v", err, m.Size(), m.size, m.wide, len(want), len(wire), plain.wide)
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

// A value that begins a line with the boundary makes no message (RFC 2046 §5.1.1: elsewhere in a line it is text).
func TestBoundaryInValue(t *testing.T) {
	l, r := sampleLetter(), sampleReader()
	l.Boundary = "part"
	for _, test := range []struct{ text, name string }{
		{"%%name", "--part"}, {"Hello\n%%name\n", "--part--"}, {"%%name%%since", "--pa"}, {"--%%name", "part"}, {strings.Repeat("x", 75) + "%%name", "--part"},
	} {
		l.Text, r.Name, r.Since = test.text, test.name, "rt"
		if message, err := l.Message(r); err == nil {
			t.Errorf("%q with %q: built:\n%s", test.text, test.name, message)
		}
	}
}

// A field each reader has of their own is one field, whatever was let through before.
func TestInspectField(t *testing.T) {
	if err := inspectField([]byte("To: Ann\r\n <ann@example.net>\r\n"), false); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"To: a\r\nBcc: x\r\n", "To: a\r\n\r\n", "To: a\r\n\r\nbody", "To: a\nBcc: x\r\n", "To: a\rBcc: x\r\n", "To: \x00\r\n", "To: ä\r\n", " To: a\r\n", "\r\n", "To: a",
		"To: " + strings.Repeat("a", 1000) + "\r\n",
	} {
		if inspectField([]byte(bad), false) == nil {
			t.Errorf("%q passed", bad)
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
	if err := inspectPart([]byte("a=\r\nb =3D\tc\r\n"), []byte("--part")); err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"long line": strings.Repeat("x", 76), "bare CR": "a\rb", "bare LF": "a\nb", "NUL": "a\x00b", "8 bit": "ä", "boundary": "x--part",
	} {
		if inspectPart([]byte(bad), []byte("--part")) == nil {
			t.Errorf("%s: passed", name)
		}
	}
}
