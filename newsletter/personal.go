package newsletter

import (
	"strconv"
	"time"

	"digest/mailer"
	"digest/outbox"
	"digest/subscribers"
)

// personal makes what one reader's copy of a letter has of its own. It is for
// one goroutine at a time.
type personal struct {
	base   string // of the links
	zone   *time.Location
	ids    *mailer.MessageIDs
	tokens *subscribers.Signer
	room   []byte
}

func newPersonal(secret []byte, f frozen, zone *time.Location) *personal {
	return &personal{
		base: f.PublicURL, zone: zone,
		ids: mailer.NewMessageIDs(secret, domainOf(f.Letter.From)), tokens: subscribers.NewSigner(secret),
	}
}

// reader fills the personal slots of one delivery. Everything comes from its
// row and its letter, so the same row makes the same bytes.
func (p *personal) reader(m outbox.Mail) mailer.Reader {
	b := append(append(p.room[:0], m.Mailing...), '/')
	b = append(strconv.AppendInt(b, m.Subscriber, 10), '/')
	b = strconv.AppendInt(b, int64(m.Generation), 10)
	key := len(b)
	b = p.ids.Append(b, b)
	id := len(b)
	b = p.appendLink(b, "/leave/", subscribers.PurposeLeave, m)
	leave := len(b)
	b = p.appendLink(b, "/preferences/", subscribers.PurposePreferences, m)
	preferences := len(b)
	b = m.Since.In(p.zone).AppendFormat(b, "2 January 2006")
	p.room = b
	all := string(b)
	return mailer.Reader{
		Address:     m.Address,
		Name:        m.Name,
		MessageID:   all[key:id],
		Date:        m.Date.In(p.zone),
		Since:       all[preferences:],
		Leave:       all[id:leave],
		Preferences: all[leave:preferences],
	}
}

// appendLink is the base, a page, and what [Newsletter.Link] ends a link with.
func (p *personal) appendLink(b []byte, page string, purpose subscribers.Purpose, m outbox.Mail) []byte {
	b = append(append(b, p.base...), page...)
	b = append(strconv.AppendInt(b, m.Subscriber, 36), '.')
	return p.tokens.AppendToken(b, purpose, m.Subscriber, m.TokenVersion)
}
