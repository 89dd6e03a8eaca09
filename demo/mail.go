package demo

import (
	"bytes"
	"io"
	"mime"
	"strings"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // every charset a mail may name
	"github.com/emersion/go-message/mail"
)

// Limits of reading a mail. A mail is a stranger's bytes: readers of nested
// parts stand on each other, so depth costs stack and time.
const (
	maxDepth = 16      // multiparts within multiparts
	maxParts = 200     // parts looked at in one mail
	maxPart  = 4 << 20 // decoded bytes of the part shown
)

// Mail is one mail as the catcher took it.
type Mail struct {
	N        int       // 1 for the first mail caught
	From     string    // envelope sender, without brackets; empty for the null sender
	To       []string  // envelope recipients, in the order given
	Subject  string    // decoded (RFC 2047), on one line; empty when there is none
	Received time.Time // UTC
	Raw      []byte    // header and body as sent, dots unstuffed, lines CRLF
}

// HTML is the first text/html part that is no attachment, decoded to UTF-8
// and cut at 4 MiB. It is empty when there is none.
func (m Mail) HTML() string { return part(m.Raw, "text/html") }

// Text is the first text/plain part that is no attachment, decoded to UTF-8
// and cut at 4 MiB. It is empty when there is none.
func (m Mail) Text() string { return part(m.Raw, "text/plain") }

// Sender is whom the mail says it is from: "A Name <a@example.com>", or the
// bare address. Where its header says nobody, it is the envelope's sender.
func (m Mail) Sender() string {
	if e := entity(bytes.NewReader(m.Raw)); e != nil {
		h := mail.Header{Header: e.Header}
		if from, err := h.AddressList("From"); err == nil && len(from) > 0 {
			name := strings.Join(strings.Fields(from[0].Name), " ")
			if name == "" {
				return from[0].Address
			}
			return strings.ToValidUTF8(name+" <"+from[0].Address+">", "\uFFFD")
		}
	}
	return m.From
}

// Date is when the mail says it was written (RFC 5322, section 3.6.1), else
// when it was caught.
func (m Mail) Date() time.Time {
	if e := entity(bytes.NewReader(m.Raw)); e != nil {
		h := mail.Header{Header: e.Header}
		if at, err := h.Date(); err == nil && !at.IsZero() {
			return at
		}
	}
	return m.Received
}

// subject reads the Subject of a mail. What cannot be decoded stays as it is.
func subject(raw []byte) string {
	e := entity(bytes.NewReader(raw))
	if e == nil {
		return ""
	}
	s, err := e.Header.Text("Subject")
	if err != nil {
		s = e.Header.Get("Subject")
	}
	return strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "\uFFFD")
}

// part finds the first inline part of a media type.
func part(raw []byte, mediaType string) string {
	e := entity(bytes.NewReader(raw))
	if e == nil {
		return ""
	}
	left := maxParts
	text, _ := find(e, mediaType, maxDepth, &left)
	return text
}

// entity reads a mail's header and gets ready to decode its body. A charset or
// an encoding nobody knows is no reason to show nothing. It is nil when the
// header cannot be read at all.
func entity(r io.Reader) *message.Entity {
	e, err := message.Read(r)
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		return nil
	}
	return e
}

func find(e *message.Entity, mediaType string, depth int, left *int) (string, bool) {
	*left--
	if parts := e.MultipartReader(); parts != nil {
		if depth == 0 {
			return "", false
		}
		return findIn(parts, mediaType, depth-1, left)
	}
	if kind(e) != mediaType || attached(e) {
		return "", false
	}
	// A body that breaks off is shown as far as it goes.
	b, _ := io.ReadAll(io.LimitReader(e.Body, maxPart))
	return strings.ToValidUTF8(string(b), "\uFFFD"), true
}

func findIn(parts message.MultipartReader, mediaType string, depth int, left *int) (string, bool) {
	defer parts.Close()
	for *left > 0 {
		e, err := parts.NextPart()
		if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
			return "", false
		}
		if text, ok := find(e, mediaType, depth, left); ok {
			return text, true
		}
	}
	return "", false
}

// kind is the media type, text/plain where none is given (RFC 2045, section 5.2).
func kind(e *message.Entity) string {
	t, _, err := e.Header.ContentType()
	if err != nil || t == "" {
		return "text/plain"
	}
	return t
}

func attached(e *message.Entity) bool {
	d, _, err := mime.ParseMediaType(e.Header.Get("Content-Disposition"))
	return err == nil && d == "attachment"
}
