package mailer

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
)

var boundaryForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,70}$`)

// Stencil is a letter made ready for its readers: built by go-mail, encoded, dot-stuffed and checked once.
// It is not changed by use; any number of goroutines may fill it at once.
type Stencil struct {
	head       []stretch
	bulk       bool
	around     [3][]byte // before, between and behind the parts; the third is empty without HTML
	html, text part
	delimiter  []byte // "--" and the boundary; empty: the message is the text alone
	seams      seams
	used       [len(slots)]bool
	size       int // about what one reader's own bytes take
}

// stretch is fields that are the same for all, up to one that is not.
type stretch struct {
	fields []byte
	then   string // name of the reader's own field behind them; empty: none
}

// standIn is in the place of what each reader gets a different one of, while go-mail builds what is around it. It can't
// be part of a boundary.
const standIn = "stand.in"

// Stencil makes the letter ready. Its error says why there can be no message of it.
func (l Letter) Stencil() (*Stencil, error) {
	w := l.words()
	if w.unfit != nil {
		return nil, fmt.Errorf("building message: %w", w.unfit)
	}
	return w.stencil, nil
}

// makeStencil has go-mail build the letter around a reader and parts that are nobody's.
func (w *words) makeStencil() (*Stencil, error) {
	l := w.letter
	if l.Mark != "" && strings.Contains(l.Subject, l.Mark) {
		return nil, errSlot
	}
	s := &Stencil{bulk: !l.Plain, text: w.text.part(), html: w.html.part(), used: w.used(), size: 2048}
	var err error
	if s.seams, err = w.seams(); err != nil {
		return nil, err
	}
	m := mail.NewMsg(mail.WithNoDefaultUserAgent(), mail.WithCharset(mail.CharsetUTF8), mail.WithEncoding(mail.EncodingQP))
	expect := fields{"Date": 1, "Message-ID": 1, "To": 1, "Content-Type": 1, "MIME-Version": 1}
	if err := l.headers(m, expect); err != nil {
		return nil, err
	}
	m.SetDateWithValue(time.Unix(0, 0))
	m.SetMessageIDWithValue(standIn + "@" + standIn)
	m.ToMailAddress(&netmail.Address{Address: standIn + "@" + standIn})
	if s.bulk {
		m.SetGenHeader(mail.HeaderListUnsubscribePost, standIn)
		m.SetGenHeaderPreformatted(mail.HeaderListUnsubscribe, standIn)
		expect["List-Unsubscribe"], expect["List-Unsubscribe-Post"] = 1, 1
	}
	m.SetBodyString(mail.TypeTextPlain, standIn)
	if bodyText(l.HTML) != "" {
		m.AddAlternativeString(mail.TypeTextHTML, standIn)
		boundary, err := l.boundary()
		if err != nil {
			return nil, err
		}
		m.SetBoundary(boundary)
		s.delimiter = []byte("--" + boundary)
	} else {
		expect["Content-Transfer-Encoding"] = 1
	}
	var b bytes.Buffer
	if _, err := m.WriteTo(&b); err != nil {
		return nil, err
	}
	return s, s.take(b.Bytes(), expect)
}

// take keeps of a finished message what is the same for every reader, and checks it.
func (s *Stencil) take(message []byte, expect fields) error {
	head, body, ok := bytes.Cut(message, []byte("\r\n\r\n"))
	around := bytes.Split(body, []byte(standIn))
	if !ok || len(s.delimiter) == 0 && len(around) != 2 || len(s.delimiter) > 0 && len(around) != 3 {
		return errors.New("the parts are not where they belong")
	}
	copy(s.around[:], around)
	head = message[:len(head)+2*len(crlf)]
	if err := inspectHead(head, expect, standIn+"@"+standIn); err != nil {
		return err
	}
	s.cut(head)
	for _, p := range []part{s.text, s.html} {
		for _, r := range p.runs {
			if err := inspectPart(r.lines, s.delimiter); err != nil {
				return err
			}
		}
	}
	return nil
}

// cut takes a finished header apart at the fields each reader has of their own.
func (s *Stencil) cut(head []byte) {
	var at stretch
	own := false
	for line := range bytes.Lines(head) {
		if line[0] != ' ' && line[0] != '\t' && len(line) > len(crlf) {
			name, _, _ := bytes.Cut(line, []byte(":"))
			switch own = true; string(name) {
			case "Date", "Message-ID", "To", "List-Unsubscribe", "List-Unsubscribe-Post":
				at.then = string(name)
				s.head = append(s.head, at)
				at = stretch{}
			default:
				own = false
			}
		}
		if !own || len(line) == len(crlf) {
			at.fields = append(at.fields, line...)
		}
	}
	s.head = append(s.head, at)
}

// headers sets every field that is the same for all but the content's own, and notes in expect what it has set.
func (l Letter) headers(m *mail.Msg, expect fields) error {
	set := func(name, value string) {
		m.SetGenHeader(mail.Header(name), value)
		expect[name]++
	}
	from, err := mailbox(l.From.Mailbox)
	if err != nil {
		return fmt.Errorf("sender: %w", err)
	}
	m.FromMailAddress(&netmail.Address{Name: displayName(l.From.Name), Address: from})
	expect["From"] = 1
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
