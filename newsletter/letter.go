package newsletter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"digest/config"
	"digest/issue"
	"digest/mailer"
	"digest/outbox"
	"digest/templates"
)

// letter puts a rendered mail into the headers that are the same for all.
func (n *Newsletter) letter(d config.Digest, i issue.Issue, m templates.Mail) mailer.Letter {
	return mailer.Letter{
		From:     n.from(),
		ReplyTo:  n.Config.Mail.ReplyTo,
		Subject:  m.Subject,
		HTML:     m.HTML,
		Text:     m.Text,
		Mark:     n.mark(i.ID),
		ListName: n.Config.Site.Name,
		ListID:   d.Name + "." + n.domain(),
	}
}

// plainLetter is a mail to one person about their own business.
func (n *Newsletter) plainLetter(m templates.Mail) mailer.Letter {
	return mailer.Letter{From: n.from(), ReplyTo: n.Config.Mail.ReplyTo, Subject: m.Subject, HTML: m.HTML, Text: m.Text, Plain: true}
}

func (n *Newsletter) from() mailer.From {
	a := n.Config.Sender()
	return mailer.From{Name: a.Name, Mailbox: a.Address}
}

func (n *Newsletter) domain() string { return domainOf(n.from()) }

// domainOf is a sender's domain as it stands in a header: as A-labels (RFC 5890).
func domainOf(from mailer.From) string {
	_, domain, _ := strings.Cut(from.Mailbox, "@")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// frozen is a letter with what else of the config shapes its mails: a config
// edited between two copies of one mail must not make them differ.
type frozen struct {
	Letter    mailer.Letter
	PublicURL string
	Zone      string // IANA name
}

func (n *Newsletter) freezeWords(l mailer.Letter) ([]byte, error) {
	words, err := json.Marshal(frozen{Letter: l, PublicURL: n.Config.Site.PublicURL, Zone: n.Zone().String()})
	if err != nil {
		return nil, fmt.Errorf("freezing the letter: %w", err)
	}
	return words, nil
}

func thaw(words []byte) (f frozen, zone *time.Location, err error) {
	if err := json.Unmarshal(words, &f); err != nil {
		return frozen{}, nil, fmt.Errorf("reading the letter: %w", err)
	}
	zone, err = time.LoadLocation(f.Zone)
	return f, zone, err
}

// authorReader is the author in a reader's place, for proofs: the links are
// shaped as a reader's, and lead nowhere.
func (n *Newsletter) authorReader(address string, now time.Time) mailer.Reader {
	base := n.Config.Site.PublicURL
	return mailer.Reader{
		Address:     address,
		MessageID:   mailer.MessageID(n.Secret, fmt.Sprintf("author/%s/%d", address, now.UnixNano()), n.domain()),
		Date:        now.In(n.Zone()),
		Since:       now.In(n.Zone()).Format("2 January 2006"),
		Leave:       base + "/leave/proof",
		Preferences: base + "/preferences/proof",
	}
}

// line adapts one connection of mailer to what outbox's courier works with:
// it turns a delivery into bytes, and an answer into a verdict.
type line struct {
	n    *Newsletter
	conn conn
	// the letter last sent, as all connections of the run share it, and what of
	// it is this connection's own.
	press    *press
	letterID int64
	letter   *plate
	personal *personal
	// room is of the mail made last: the one before is written by then, but for
	// its dot.
	room mailer.Message
	// ahead is the envelope that left with the dot before, of delivery next.
	ahead mailer.Envelope
	next  int64
}

// conn is an open way out: an SMTP session or a Maildir.
type conn interface {
	Offer(ctx context.Context, e mailer.Envelope) (mailer.Answer, error)
	Dot(ctx context.Context, next *mailer.Envelope) (mailer.Answer, error)
	Pipelining() bool
	Closed() bool
	Close() error
}

// make turns a delivery into a message. It panics where that can't be done:
// the courier fails this mail and goes on with others.
func (l *line) make(m outbox.Mail) mailer.Envelope {
	if l.letterID != m.Letter {
		var err error
		if l.letter, err = l.press.letter(l.n, m); err != nil {
			panic(err)
		}
		l.personal = newPersonal(l.n.Secret, l.letter.frozen, l.letter.zone)
		l.letterID = m.Letter
	}
	message := &l.room
	if err := l.letter.stencil.Fill(message, l.personal.reader(m)); err != nil {
		panic(err)
	}
	if err := sign(l.letter.signer, message); err != nil {
		panic(err)
	}
	return mailer.Envelope{From: l.letter.Letter.From.Mailbox, To: m.Address, Message: message}
}

func (l *line) Offer(ctx context.Context, m outbox.Mail) (outbox.Reply, error) {
	e := l.ahead
	if l.next != m.Delivery {
		e = l.make(m)
	}
	l.next = 0
	a, err := l.conn.Offer(ctx, e)
	return reply(a), err
}

func (l *line) Dot(ctx context.Context, next *outbox.Mail) (outbox.Reply, error) {
	var ahead *mailer.Envelope
	if next != nil && l.prepare(*next) {
		ahead = &l.ahead
	}
	a, err := l.conn.Dot(ctx, ahead)
	if errors.Is(err, mailer.ErrNoDot) {
		return outbox.Reply{Verdict: outbox.Unsent, Text: err.Error()}, nil
	}
	return reply(a), err
}

// prepare makes the mail whose envelope leaves with a dot. What can't be made
// must not touch the mail whose dot it is: Offer finds it out again.
func (l *line) prepare(m outbox.Mail) (ok bool) {
	defer func() { _ = recover() }()
	l.ahead = l.make(m)
	l.next = m.Delivery
	return true
}

func (l *line) Pipelining() bool { return l.conn.Pipelining() }

func (l *line) Closed() bool { return l.conn.Closed() }

func (l *line) Close() error { return l.conn.Close() }

var verdicts = map[mailer.Class]outbox.Verdict{
	mailer.Ready:        outbox.Ready,
	mailer.Accepted:     outbox.Accepted,
	mailer.Temporary:    outbox.Deferred,
	mailer.BadRecipient: outbox.Refused,
	mailer.BadMessage:   outbox.Rejected,
	mailer.BadSender:    outbox.Halt,
	mailer.Busy:         outbox.Busy,
}

func reply(a mailer.Answer) outbox.Reply {
	return outbox.Reply{Verdict: verdicts[a.Class], Code: a.Code, Enhanced: a.Enhanced, Text: a.Text}
}
