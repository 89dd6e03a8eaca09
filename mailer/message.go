package mailer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"maps"
	netmail "net/mail"
	"net/url"
	"strings"
	"time"
)

// MessageID names one delivery: an HMAC-SHA256 of key cut to 128 bits, at domain, in angle brackets (RFC 5322 §3.6.4).
// The same key always gets the same name; without the secret nobody can guess another's.
func MessageID(secret []byte, key, domain string) string {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("message-id\x00" + key))
	return "<" + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16]) + "@" + domain + ">"
}

// Message builds the whole RFC 5322 message for one reader: CRLF line ends, no line over 998 bytes, the text part first.
// The same letter and reader give the same bytes. Before it is handed out its header is parsed again: a field too many or
// too few is an error, whatever the values were.
//
// A letter read from JSON, as by [Unmarshal], has all but the reader's own values built, encoded and checked once for all readers.
func (l Letter) Message(r Reader) ([]byte, error) {
	message, err := l.words().message(r)
	if err != nil {
		return nil, fmt.Errorf("building message: %w", err)
	}
	return message, nil
}

func (w *words) message(r Reader) ([]byte, error) {
	if w.unfit != nil {
		return nil, w.unfit
	}
	to, err := mailbox(r.Address)
	if err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	inHTML, inText := r.filling()
	s := &w.stencil
	if err := s.leaks(inHTML, inText, w.letter.Mark); err != nil {
		return nil, err
	}
	expect := maps.Clone(s.expect)
	b := make([]byte, 0, s.size+2048)
	if b, err = r.header(b, to, !w.letter.Plain, expect); err != nil {
		return nil, err
	}
	b = append(append(b, s.head...), "\r\n"...)
	if err := inspectHead(b, expect, to); err != nil {
		return nil, err
	}
	return s.parts(b, inHTML, inText)
}

// header writes the fields that differ from reader to reader, and notes in expect what it has written.
func (r Reader) header(b []byte, to string, bulk bool, expect fields) ([]byte, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(r.MessageID, "<"), ">")
	if _, domain, ok := strings.Cut(id, "@"); !ok || !isHostName(domain) || len(id) > 200 || !isVisible(id) || strings.ContainsAny(id, "<>") {
		return nil, fmt.Errorf("message-id %q is not of the form <name@domain>", r.MessageID)
	}
	if r.Date.IsZero() {
		return nil, errors.New("no date")
	}
	set := func(name, value string) {
		b = appendField(b, name, value)
		expect[name]++
	}
	set("Date", r.Date.Format(time.RFC1123Z))
	set("Message-ID", "<"+id+">")
	set("To", (&netmail.Address{Name: displayName(r.Name), Address: to}).String())
	if !bulk {
		return b, nil
	}
	links, err := r.links()
	if err != nil || len(links) == 0 {
		return b, err
	}
	// On one line: folding it has broken signatures at relays. Its value was just found to be visible ASCII.
	b = append(append(append(b, "List-Unsubscribe: "...), strings.Join(links, ", ")...), "\r\n"...)
	expect["List-Unsubscribe"]++
	if strings.HasPrefix(r.Leave, "https://") {
		set("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
	}
	return b, nil
}

// links are the ways out of RFC 2369 and RFC 8058. The POST of RFC 8058 is promised only for https.
func (r Reader) links() ([]string, error) {
	var links []string
	for i, link := range []string{r.Leave, r.LeaveMail} {
		if link == "" {
			continue
		}
		u, err := url.Parse(link)
		if err != nil || !isVisible(link) || strings.ContainsAny(link, "<>,") || len(link) > 400 {
			return nil, errors.New("the leave link is not a URL that can stand in a header")
		}
		switch {
		case u.Scheme == "mailto":
		case i == 0 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "":
		default:
			return nil, errors.New("the leave link is neither https nor mailto")
		}
		links = append(links, "<"+link+">")
	}
	return links, nil
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
