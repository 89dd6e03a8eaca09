package newsletter

import (
	"context"
	"encoding/json"
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

// reader fills the personal slots of one delivery. Everything comes from its
// row and its letter, so the same row makes the same bytes.
func (l *line) reader(m outbox.Mail) mailer.Reader {
	key := fmt.Sprintf("%s/%d/%d", m.Mailing, m.Subscriber, m.Generation)
	base := l.frozen.PublicURL
	return mailer.Reader{
		Address:     m.Address,
		Name:        m.Name,
		MessageID:   mailer.MessageID(l.n.Secret, key, domainOf(l.frozen.Letter.From)),
		Date:        m.Date.In(l.zone),
		Since:       m.Since.In(l.zone).Format("2 January 2006"),
		Leave:       base + "/leave/" + l.n.Link(subscribers.PurposeLeave, m.Subscriber, m.TokenVersion),
		Preferences: base + "/preferences/" + l.n.Link(subscribers.PurposePreferences, m.Subscriber, m.TokenVersion),
	}
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
	frozen   frozen
	zone     *time.Location
}

// conn is an open way out: an SMTP session or a Maildir.
type conn interface {
	Offer(ctx context.Context, from, to string, message []byte) (mailer.Answer, error)
	Dot(ctx context.Context) (mailer.Answer, error)
	Close() error
}

func (l *line) Offer(ctx context.Context, m outbox.Mail) (outbox.Reply, error) {
	if l.letterID != m.Letter {
		var err error
		if l.frozen, l.zone, err = thaw(m.Words); err != nil {
			panic(err) // the courier fails this mail and goes on with others
		}
		l.letterID = m.Letter
	}
	message, err := l.frozen.Letter.Message(l.reader(m))
	if err != nil {
		panic(err)
	}
	a, err := l.conn.Offer(ctx, l.frozen.Letter.From.Mailbox, m.Address, message)
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
