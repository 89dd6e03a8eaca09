package mailer

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	netmail "net/mail"
	"net/url"
	"regexp"
	"strings"

	"github.com/wneessen/go-mail"
)

var boundaryForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,70}$`)

// MessageID names one delivery: an HMAC-SHA256 of key cut to 128 bits, at domain, in angle brackets (RFC 5322 §3.6.4).
// The same key always gets the same name; without the secret nobody can guess another's.
func MessageID(secret []byte, key, domain string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("message-id\x00" + key))
	return "<" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]) + "@" + domain + ">"
}

// Message builds the whole RFC 5322 message for one reader: CRLF line ends, no line over 998 bytes, the text part first.
// The same letter and reader give the same bytes. Before it is handed out it is parsed again: a header too many or too
// few is an error, whatever the values were.
func (l Letter) Message(r Reader) ([]byte, error) {
	message, err := l.build(r)
	if err != nil {
		return nil, fmt.Errorf("building message: %w", err)
	}
	return message, nil
}

func (l Letter) build(r Reader) ([]byte, error) {
	from, err := mailbox(l.From.Mailbox)
	if err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	to, err := mailbox(r.Address)
	if err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	htmlPart, textPart, err := l.Fill(r)
	if err != nil {
		return nil, err
	}

	// A fresh Msg each time: go-mail's Reset keeps List-Unsubscribe, and one reader's link would reach the next.
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	m.FromMailAddress(&netmail.Address{Name: displayName(l.From.Name), Address: from})
	m.ToMailAddress(&netmail.Address{Name: displayName(r.Name), Address: to})
	expect := fields{"From": 1, "To": 1, "Content-Type": 1}
	if err := l.headers(m, r, expect); err != nil {
		return nil, err
	}
	boundary, err := l.body(m, htmlPart, textPart)
	if err != nil {
		return nil, err
	}
	if boundary == "" {
		expect["Content-Transfer-Encoding"] = 1
	}

	var b bytes.Buffer
	b.Grow(2 * (len(htmlPart) + len(textPart)))
	if _, err := m.WriteTo(&b); err != nil {
		return nil, err
	}
	if !bytes.HasSuffix(b.Bytes(), crlf) {
		b.Write(crlf)
	}
	return b.Bytes(), inspect(b.Bytes(), expect, to, boundary)
}

// headers sets every field but From, To and the content's own, and notes in expect what it has set.
func (l Letter) headers(m *mail.Msg, r Reader, expect fields) error {
	set := func(name, value string) {
		m.SetGenHeader(mail.Header(name), value)
		expect[name]++
	}
	id := strings.TrimSuffix(strings.TrimPrefix(r.MessageID, "<"), ">")
	if _, domain, ok := strings.Cut(id, "@"); !ok || !isHostName(domain) || len(id) > 200 || !isVisible(id) || strings.ContainsAny(id, "<>") {
		return fmt.Errorf("message-id %q is not of the form <name@domain>", r.MessageID)
	}
	if r.Date.IsZero() {
		return errors.New("no date")
	}
	m.SetMessageIDWithValue(id)
	m.SetDateWithValue(r.Date)
	expect["Message-ID"], expect["Date"], expect["MIME-Version"] = 1, 1, 1
	set("Subject", NewHeaderText(l.Subject).encoded())
	set("Auto-Submitted", "auto-generated")           // RFC 3834 §5
	set("X-Auto-Response-Suppress", "OOF, AutoReply") // the same for Exchange
	if l.ReplyTo != "" {
		answers, err := mailbox(l.ReplyTo)
		if err != nil {
			return fmt.Errorf("reply-to: %w", err)
		}
		m.ReplyToMailAddress(&netmail.Address{Address: answers})
		expect["Reply-To"] = 1
	}
	if l.Plain {
		return nil
	}
	set("Precedence", "bulk")
	if l.FeedbackID != "" {
		set("Feedback-ID", NewHeaderText(l.FeedbackID).encoded())
	}
	if l.ListID != "" {
		if !isHostName(l.ListID) {
			return fmt.Errorf("list identifier %q is not of the form name.domain", l.ListID)
		}
		set("List-Id", strings.TrimSpace(phrase(l.ListName)+" <"+l.ListID+">"))
	}
	return l.unsubscribe(m, r, expect)
}

// unsubscribe sets the fields of RFC 2369 and RFC 8058. The POST of RFC 8058 is promised only for https.
func (l Letter) unsubscribe(m *mail.Msg, r Reader, expect fields) error {
	var links []string
	for i, link := range []string{r.Leave, r.LeaveMail} {
		if link == "" {
			continue
		}
		u, err := url.Parse(link)
		if err != nil || !isVisible(link) || strings.ContainsAny(link, "<>,") || len(link) > 400 {
			return errors.New("the leave link is not a URL that can stand in a header")
		}
		switch {
		case u.Scheme == "mailto":
		case i == 0 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "":
		default:
			return errors.New("the leave link is neither https nor mailto")
		}
		links = append(links, "<"+link+">")
	}
	if len(links) == 0 {
		return nil
	}
	// Preformatted, so that it stays on one line: folding it has broken signatures at relays. At most one field may be
	// set like this, go-mail writes them in the order of a map. Its value was just found to be visible ASCII.
	m.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, strings.Join(links, ", "))
	expect["List-Unsubscribe"] = 1
	if strings.HasPrefix(r.Leave, "https://") {
		m.SetGenHeader(mail.HeaderListUnsubscribePost, "List-Unsubscribe=One-Click")
		expect["List-Unsubscribe-Post"] = 1
	}
	return nil
}

// body sets the parts and gives the boundary between them, or "" when there is only text.
func (l Letter) body(m *mail.Msg, htmlPart, textPart string) (boundary string, err error) {
	if textPart == "" {
		return "", errors.New("no text part")
	}
	m.SetBodyString(mail.TypeTextPlain, textPart)
	if htmlPart == "" {
		return "", nil
	}
	m.AddAlternativeString(mail.TypeTextHTML, htmlPart)
	boundary = l.Boundary
	if boundary == "" {
		boundary = l.words().boundary
	}
	if !boundaryForm.MatchString(boundary) {
		return "", fmt.Errorf("boundary %q is not 1 to 70 letters, digits, '-' or '_'", boundary)
	}
	m.SetBoundary(boundary)
	return boundary, nil
}

// isVisible reports whether s is one run of visible ASCII.
func isVisible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
