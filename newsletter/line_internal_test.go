package newsletter

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/mailer"
	"digest/outbox"
	"digest/templates"
)

// wire is a server that takes everything, and notes each mail as it stands when it is offered.
type wire struct {
	conn
	offered []string
	ahead   []string // recipients of the envelopes that left with a dot; "": none
	fails   error    // of Dot
}

func (w *wire) Offer(_ context.Context, e mailer.Envelope) (mailer.Answer, error) {
	w.offered = append(w.offered, e.To+"\n"+string(e.Message.Bytes()))
	return mailer.Answer{Class: mailer.Ready}, nil
}

func (w *wire) Dot(_ context.Context, next *mailer.Envelope) (mailer.Answer, error) {
	to := ""
	if next != nil {
		to = next.To
	}
	w.ahead = append(w.ahead, to)
	return mailer.Answer{Class: mailer.Accepted, Code: 250}, w.fails
}

func newWire(t *testing.T) (*wire, *line, func(who int) outbox.Mail) {
	t.Helper()
	n, _, mail := personalWorld()
	letter := n.plainLetter(templates.Mail{Subject: "Hello", Text: "for %%address\n"})
	letter.From, letter.Mark = mailer.From{Mailbox: "news@example.org"}, "%%"
	words, err := json.Marshal(frozen{Letter: letter, PublicURL: "https://news.example", Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{}
	return w, &line{n: n, conn: w, press: &press{}}, func(who int) outbox.Mail {
		m := mail
		m.Letter, m.Words, m.Delivery, m.Subscriber = 1, words, int64(who), int64(who)
		m.Address = fmt.Sprintf("r%d@readers.example", who)
		return m
	}
}

// offers wants this mail to be the last one offered.
func (w *wire) offers(t *testing.T, l *line, m outbox.Mail) {
	t.Helper()
	if r, err := l.Offer(t.Context(), m); err != nil || r.Verdict != outbox.Ready {
		t.Fatal(r, err)
	}
	got := w.offered[len(w.offered)-1]
	for _, want := range []string{
		m.Address + "\n", " <" + m.Address + ">\r\n", "Date: " + m.Date.Format("Mon, 02 Jan 2006 15:04:05"), "for " + m.Address,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the mail to %s has no %q:\n%s", m.Address, want, got)
		}
	}
}

func (w *wire) dots(t *testing.T, l *line, next *outbox.Mail, ahead string) {
	t.Helper()
	if r, err := l.Dot(t.Context(), next); err != nil || r.Verdict != outbox.Accepted {
		t.Fatal(r, err)
	}
	if got := w.ahead[len(w.ahead)-1]; got != ahead {
		t.Errorf("the envelope of %q left with the dot, want %q", got, ahead)
	}
}

// Whatever envelope was prepared, and when: each reader is offered their own mail, as it is now.
func TestEachReaderTheirOwnMail(t *testing.T) {
	w, l, mail := newWire(t)
	a, b, c := mail(1), mail(2), mail(3)
	w.offers(t, l, a)
	w.dots(t, l, &b, b.Address)
	w.offers(t, l, c) // not the one prepared
	w.dots(t, l, &b, b.Address)
	w.offers(t, l, b)
	w.dots(t, l, nil, "")
	w.offers(t, l, c)
	w.dots(t, l, nil, "")
	b.Date = b.Date.Add(time.Hour) // once more, later
	w.offers(t, l, b)
}

// A mail that can't be made costs the one before nothing: its dot leaves, and is answered.
func TestNextMailCantBeMade(t *testing.T) {
	w, l, mail := newWire(t)
	a, b := mail(1), mail(2)
	b.Letter, b.Words = 2, []byte("no letter")
	w.offers(t, l, a)
	w.dots(t, l, &b, "")
	defer func() {
		if recover() == nil {
			t.Error("the mail was made")
		}
	}()
	_, _ = l.Offer(t.Context(), b)
}

// Only a dot that has left brings a mail into doubt.
func TestDotThatNeverLeft(t *testing.T) {
	w, l, mail := newWire(t)
	for _, test := range []struct {
		err  error
		want outbox.Verdict
		fine bool
	}{
		{fmt.Errorf("talking: %w", mailer.ErrNoDot), outbox.Unsent, true},
		{fmt.Errorf("talking: %w", mailer.ErrLost), outbox.Accepted, false},
	} {
		w.fails = nil
		w.offers(t, l, mail(1))
		w.fails = test.err
		if r, err := l.Dot(t.Context(), nil); r.Verdict != test.want && test.fine || (err == nil) != test.fine {
			t.Errorf("%v: %+v, %v", test.err, r, err)
		}
	}
}
