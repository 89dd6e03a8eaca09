package mailer

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	netmail "net/mail"
	"strings"
	"time"
)

// MessageID names one delivery: an HMAC-SHA256 of key cut to 128 bits, at domain, in angle brackets (RFC 5322 §3.6.4).
// The same key always gets the same name; without the secret nobody can guess another's.
func MessageID(secret []byte, key, domain string) string {
	return string(NewMessageIDs(secret, domain).Append(nil, []byte(key)))
}

// MessageIDs makes the names of many deliveries, as [MessageID] makes one. It is for one goroutine at a time.
type MessageIDs struct {
	mac    hash.Hash
	domain string
	sum    []byte
}

// NewMessageIDs makes names with a secret, at a domain.
func NewMessageIDs(secret []byte, domain string) *MessageIDs {
	return &MessageIDs{mac: hmac.New(sha256.New, secret), domain: domain}
}

// Append appends the name of the delivery that has the key.
func (ids *MessageIDs) Append(b, key []byte) []byte {
	ids.mac.Reset()
	ids.sum = append(ids.sum[:0], "message-id\x00"...)
	ids.mac.Write(append(ids.sum, key...))
	ids.sum = ids.mac.Sum(ids.sum[:0])
	b = base64.RawURLEncoding.AppendEncode(append(b, '<'), ids.sum[:16])
	return append(append(append(b, '@'), ids.domain...), '>')
}

// Message builds the whole RFC 5322 message for one reader: CRLF line ends, no line over 998 bytes, the text part first.
// The same letter and reader give the same bytes. A field, a part or a line end too many is an error, whatever the values
// were.
//
// A letter read from JSON, as by [Unmarshal], has all but the reader's own values built, encoded and checked once for all readers.
func (l Letter) Message(r Reader) ([]byte, error) {
	s, err := l.Stencil()
	if err != nil {
		return nil, err
	}
	var m Message
	if err := s.Fill(&m, r); err != nil {
		return nil, err
	}
	return m.Bytes(), nil
}

// header writes the whole header and the empty line behind it. It looks at each of the reader's own fields when it stands.
func (s *Stencil) header(m *Message, b []byte, r *Reader, to string) ([]byte, error) {
	id := strings.TrimSuffix(strings.TrimPrefix(r.MessageID, "<"), ">")
	if !isID(id) {
		return nil, fmt.Errorf("message-id %q is not of the form <name@domain>", r.MessageID)
	}
	if r.Date.IsZero() {
		return nil, errors.New("no date")
	}
	if err := r.checkLinks(); s.bulk && err != nil {
		return nil, err
	}
	utf8 := !isASCII(to)
	for i := range s.head {
		b = append(b, s.head[i].fields...)
		before := len(b)
		switch s.head[i].then {
		case "Date":
			b = m.appendDate(b, r.Date)
		case "Message-ID":
			b = appendID(b, id)
		case "To":
			b = appendTo(b, r.Name, to)
		case "List-Unsubscribe":
			b = r.appendLinks(b)
		case "List-Unsubscribe-Post":
			if strings.HasPrefix(r.Leave, "https://") { // RFC 8058 promises a POST over nothing less
				b = append(b, "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"...)
			}
		}
		if len(b) > before {
			if err := inspectField(b[before:], utf8); err != nil {
				return nil, err
			}
		}
	}
	return b, nil
}

// isID reports whether a Message-ID between its brackets is visible ASCII at one host name.
func isID(id string) bool {
	name, domain, ok := strings.Cut(id, "@")
	if !ok || name == "" || len(id) > 200 {
		return false
	}
	for i := range len(name) {
		if byteKinds[name[i]]&special != 0 || name[i] == ' ' || name[i] == '<' || name[i] == '>' {
			return false
		}
	}
	return isHostName(domain)
}

func (m *Message) appendDate(b []byte, date time.Time) []byte {
	if m.date != date || m.written == nil {
		m.written = append(date.AppendFormat(append(m.written[:0], "Date: "...), time.RFC1123Z), "\r\n"...)
		m.date = date
	}
	return append(b, m.written...)
}

// appendID writes the Message-ID, which is one word of at most 202 bytes.
func appendID(b []byte, id string) []byte {
	var room [202]byte
	return appendField(b, "Message-ID", append(append(append(room[:0], '<'), id...), '>'))
}

// appendTo writes the one recipient.
func appendTo(b []byte, name, address string) []byte {
	var room [256]byte
	value := room[:0]
	switch {
	case !isASCII(address) || !isPlainName(name):
		value = append(value, (&netmail.Address{Name: displayName(name), Address: address}).String()...)
	case name == "":
		value = append(append(append(value, '<'), address...), '>')
	default:
		value = append(append(append(value, '"'), name...), "\" <"...)
		value = append(append(value, address...), '>')
	}
	return appendField(b, "To", value)
}

// appendLinks writes the ways out on one line: folding it has broken signatures at relays.
func (r *Reader) appendLinks(b []byte) []byte {
	if r.Leave == "" && r.LeaveMail == "" {
		return b
	}
	b = append(b, "List-Unsubscribe: "...)
	if r.Leave != "" {
		b = append(append(append(b, '<'), r.Leave...), '>')
	}
	if r.Leave != "" && r.LeaveMail != "" {
		b = append(b, ", "...)
	}
	if r.LeaveMail != "" {
		b = append(append(append(b, '<'), r.LeaveMail...), '>')
	}
	return append(b, "\r\n"...)
}

// checkLinks looks at the ways out of RFC 2369.
func (r *Reader) checkLinks() error {
	for i, link := range [...]string{r.Leave, r.LeaveMail} {
		if link == "" {
			continue
		}
		rest, mail := strings.CutPrefix(link, "mailto:")
		if !mail {
			var web bool
			if rest, web = strings.CutPrefix(link, "https://"); !web {
				rest, web = strings.CutPrefix(link, "http://")
			}
			if i == 1 || !web {
				return errors.New("the leave link is neither https nor mailto")
			}
		}
		if rest == "" || rest[0] == '/' || rest[0] == '?' || rest[0] == '#' || len(link) > 400 || !isURI(rest) {
			return errors.New("the leave link is not a URL that can stand in a header")
		}
	}
	return nil
}

// isURI reports whether s can stand behind the scheme of a link.
func isURI(s string) bool {
	for i := range len(s) {
		if byteKinds[s[i]]&foreign != 0 || s[i] == '%' && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
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
