package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"slices"
	"strings"

	"github.com/wneessen/go-mail"
)

var boundaryForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,70}$`)

// stencil is the message of a letter but for its readers: what is the same for all of them, built once.
type stencil struct {
	head       []byte // the fields that are the same for all
	expect     fields // of head
	boundary   string // empty: the message is the text alone
	around     [3][]byte
	html, text quoted
	seams      struct{ html, text cut }
	size       int
}

// standIn is in a part's place while go-mail builds what is around it. It can't be part of a boundary.
const standIn = "stand.in"

// stencil has go-mail build the letter around parts that are put in its place for each reader.
func (l Letter) stencil(html, text cut) (stencil, error) {
	if l.Mark != "" && strings.Contains(l.Subject, l.Mark) {
		return stencil{}, errSlot
	}
	from, err := mailbox(l.From.Mailbox)
	if err != nil {
		return stencil{}, fmt.Errorf("sender: %w", err)
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	m.FromMailAddress(&netmail.Address{Name: displayName(l.From.Name), Address: from})
	s := stencil{expect: fields{"From": 1, "Content-Type": 1, "MIME-Version": 1}, html: html.quote(), text: text.quote()}
	if err := l.headers(m, s.expect); err != nil {
		return stencil{}, err
	}
	m.SetBodyString(mail.TypeTextPlain, standIn)
	if html.size > 0 {
		m.AddAlternativeString(mail.TypeTextHTML, standIn)
		if s.boundary, err = l.boundary(); err != nil {
			return stencil{}, err
		}
		m.SetBoundary(s.boundary)
	} else {
		s.expect["Content-Transfer-Encoding"] = 1
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return stencil{}, err
	}
	s.seams.html, s.seams.text = html.seams(l.Mark), text.seams(l.Mark)
	return s, s.take(b.Bytes())
}

// take keeps of a finished message what is the same for every reader. It checks the pieces of the parts; the header is
// checked with each reader's fields in it.
func (s *stencil) take(message []byte) error {
	head, body, ok := bytes.Cut(message, []byte("\r\n\r\n"))
	around := bytes.Split(body, []byte(standIn))
	if !ok || s.boundary == "" && len(around) != 2 || s.boundary != "" && len(around) != 3 {
		return errors.New("the parts are not where they belong")
	}
	copy(s.around[:], around)
	keep := false
	for line := range bytes.Lines(message[:len(head)+len(crlf)]) {
		if line[0] != ' ' && line[0] != '\t' {
			name, _, _ := bytes.Cut(line, []byte(":"))
			keep = !bytes.EqualFold(name, []byte("Date")) && !bytes.EqualFold(name, []byte("Message-ID"))
		}
		if keep {
			s.head = append(s.head, line...)
		}
	}
	s.expect = s.expect.canonical()
	s.size = len(message)
	for _, piece := range slices.Concat(s.html.pieces, s.text.pieces) {
		if err := inspectPart(piece, s.boundary); err != nil {
			return err
		}
		s.size += len(piece)
	}
	return nil
}

// headers sets every field that is the same for all but From and the content's own, and notes in expect what it has set.
func (l Letter) headers(m *mail.Msg, expect fields) error {
	set := func(name, value string) {
		m.SetGenHeader(mail.Header(name), value)
		expect[name]++
	}
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
	return nil
}

func (l Letter) boundary() (string, error) {
	if l.Boundary == "" {
		sum := sha256.Sum256([]byte(l.HTML + "\x00" + l.Text))
		return "part-" + hex.EncodeToString(sum[:12]), nil
	}
	if !boundaryForm.MatchString(l.Boundary) {
		return "", fmt.Errorf("boundary %q is not 1 to 70 letters, digits, '-' or '_'", l.Boundary)
	}
	return l.Boundary, nil
}

// leaks looks for the mark where a value could complete it, and in the values.
func (s *stencil) leaks(inHTML, inText [len(slots)]string, mark string) error {
	_, err := s.seams.html.fill(inHTML, mark)
	if err == nil {
		_, err = s.seams.text.fill(inText, mark)
	}
	return err
}

// parts writes the body behind a header.
func (s *stencil) parts(b []byte, inHTML, inText [len(slots)]string) ([]byte, error) {
	b = append(b, s.around[0]...)
	start := len(b)
	b, err := s.text.fill(b, inText, s.boundary)
	if err != nil {
		return nil, err
	}
	if len(b) == start {
		return nil, errors.New("no text part")
	}
	if s.boundary == "" {
		if !bytes.HasSuffix(b, crlf) {
			b = append(b, crlf...)
		}
		return b, nil
	}
	b = append(b, s.around[1]...)
	if b, err = s.html.fill(b, inHTML, s.boundary); err != nil {
		return nil, err
	}
	b = append(b, s.around[2]...)
	if !bytes.HasSuffix(b, crlf) {
		b = append(b, crlf...)
	}
	return b, nil
}
