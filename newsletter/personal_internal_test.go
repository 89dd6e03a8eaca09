package newsletter

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/mailer"
	"digest/outbox"
	"digest/subscribers"
	"digest/templates"
)

func personalWorld() (*Newsletter, frozen, outbox.Mail) {
	n := &Newsletter{Secret: []byte("0123456789abcdef0123456789abcdef")}
	f := frozen{
		Letter:    mailer.Letter{From: mailer.From{Name: "Notes", Mailbox: "digest@größe.example"}, ListName: "Notes", ListID: "weekly.news.example"},
		PublicURL: "https://news.example/sub",
	}
	m := outbox.Mail{
		Delivery: 3, Mailing: "issue/12", Subscriber: 123456, Generation: 1, Address: "ann@readers.example", Name: "Ann Example", TokenVersion: 2,
		Since: time.Date(2024, 2, 29, 23, 30, 0, 0, time.UTC), Date: time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC),
	}
	return n, f, m
}

// What is made quickly for many is what is made for one: links that lead to
// their reader, and the Message-ID that the ledger's own key gives.
func TestPersonalReader(t *testing.T) {
	n, f, m := personalWorld()
	zone := time.FixedZone("", 3600)
	p := newPersonal(n.Secret, f, zone)
	other := m
	other.Mailing, other.Subscriber, other.TokenVersion = "a longer mailing/13", 99999999999, 17
	first := p.reader(other)
	kept := first
	want := mailer.Reader{
		Address: m.Address, Name: m.Name, Date: m.Date.In(zone), Since: "1 March 2024",
		MessageID:   mailer.MessageID(n.Secret, "issue/12/123456/1", "xn--gre-6ka8i.example"),
		Leave:       "https://news.example/sub/leave/" + n.Link(subscribers.PurposeLeave, 123456, 2),
		Preferences: "https://news.example/sub/preferences/" + n.Link(subscribers.PurposePreferences, 123456, 2),
	}
	if diff := cmp.Diff(want, p.reader(m)); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if diff := cmp.Diff(kept, first); diff != "" {
		t.Errorf("the reader before has changed: -was +is\n%s", diff)
	}
}

// BenchmarkReader is all that is done for one reader before the wire, but
// signing: the tokens of the links, the Message-ID, and the filled letter.
func BenchmarkReader(b *testing.B) {
	n, f, m := personalWorld()
	e := templates.Sample(m.Date, 18)
	rendered, err := templates.Render("letter", e)
	if err != nil {
		b.Fatal(err)
	}
	f.Letter.Subject, f.Letter.HTML, f.Letter.Text, f.Letter.Mark = rendered.Subject, rendered.HTML, rendered.Text, e.Mark
	stencil, err := f.Letter.Stencil()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"", "Ann Example", "Jürgen Größe"} {
		b.Run("name="+name, func(b *testing.B) {
			m.Name = name
			p := newPersonal(n.Secret, f, time.UTC)
			var message mailer.Message
			b.ReportAllocs()
			for b.Loop() {
				m.Subscriber++
				if err := stencil.Fill(&message, p.reader(m)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
