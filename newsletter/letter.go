package newsletter

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"digest/config"
	"digest/issue"
	"digest/mailer"
	"digest/outbox"
	"digest/subscribers"
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

// domain is the sender's, as it stands in a header: as A-labels (RFC 5890).
func (n *Newsletter) domain() string {
	_, domain, _ := strings.Cut(n.from().Mailbox, "@")
	if ascii, err := idna.Lookup.ToASCII(domain); err == nil {
		return ascii
	}
	return domain
}

// reader fills the personal slots of one delivery. Everything comes from its
// row, so the same row makes the same bytes.
func (n *Newsletter) reader(m outbox.Mail) mailer.Reader {
	key := fmt.Sprintf("%s/%d/%d", m.Mailing, m.Subscriber, m.Generation)
	r := mailer.Reader{
		Address:   m.Address,
		Name:      m.Name,
		MessageID: mailer.MessageID(n.Secret, key, n.domain()),
		Date:      m.Date.In(n.Zone()),
		Since:     m.Since.In(n.Zone()).Format("2 January 2006"),
	}
	if base := n.Config.Site.PublicURL; base != "" {
		r.Leave = base + "/leave/" + n.Link(subscribers.PurposeLeave, m.Subscriber, m.TokenVersion)
		r.Preferences = base + "/preferences/" + n.Link(subscribers.PurposePreferences, m.Subscriber, m.TokenVersion)
	}
	return r
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
	// words of the letter last sent, parsed: an issue has one letter, and
	// parsing it again for each reader would cost more than sending it.
	letterID int64
	letter   mailer.Letter
}

// conn is an open way out: an SMTP session or a Maildir.
type conn interface {
	Offer(ctx context.Context, from, to string, message []byte) (mailer.Answer, error)
	Dot(ctx context.Context) (mailer.Answer, error)
	Close() error
}

func (l *line) Offer(ctx context.Context, m outbox.Mail) (outbox.Reply, error) {
	if l.letterID != m.Letter {
		letter, err := mailer.Unmarshal(m.Words)
		if err != nil {
			panic(err) // the courier fails this mail and goes on with others
		}
		l.letterID, l.letter = m.Letter, letter
	}
	message, err := l.letter.Message(l.n.reader(m))
	if err != nil {
		panic(err)
	}
	a, err := l.conn.Offer(ctx, l.letter.From.Mailbox, m.Address, message)
	return reply(a), err
}

func (l *line) Dot(ctx context.Context) (outbox.Reply, error) {
	a, err := l.conn.Dot(ctx)
	return reply(a), err
}

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
