package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
	"digest/templates"
)

// confirmEvery is the least time between two confirmation mails to one address.
const confirmEvery = 24 * time.Hour

// Subscribe asks the owner of an address to confirm a subscription. Whatever is
// known of the address, the answer is the same: nil. Only an address that is
// none (subscribers.ErrAddress), an unknown digest (ErrNoDigest) and a
// newsletter that is not live (ErrNotLive) are told.
func (n *Newsletter) Subscribe(ctx context.Context, address, digest, source string, now time.Time) error {
	addr, err := subscribers.ParseAddress(address)
	if err != nil {
		return err
	}
	if digest == "" {
		digest = n.DefaultDigest().Name
	}
	if _, err := n.digest(digest); err != nil {
		return err
	}
	if live, err := n.Live(ctx); err != nil {
		return err
	} else if !live {
		return ErrNotLive
	}
	return n.write(ctx, func(tx *sql.Tx) error {
		return n.askToConfirm(ctx, tx, addr, digest, source, now)
	})
}

func (n *Newsletter) askToConfirm(ctx context.Context, tx *sql.Tx, addr subscribers.Address, digest, source string, now time.Time) error {
	reason, suppressed, err := subscribers.Suppressed(ctx, tx, n.Secret, addr)
	if err != nil {
		return err
	}
	if suppressed && (reason == subscribers.ReasonBounced || reason == subscribers.ReasonComplained) {
		return nil // mail there is refused or unwelcome; a stranger at a form can't change that
	}
	sub, found, err := subscribers.Find(ctx, tx, addr)
	if err != nil {
		return err
	}
	if found && sub.State == subscribers.Active && slices.Contains(sub.Digests, digest) {
		return nil
	}
	if found {
		last, err := subscribers.LastConfirmation(ctx, tx, sub.ID)
		if err != nil {
			return err
		}
		if !last.IsZero() && now.Before(last.Add(confirmEvery)) {
			return nil
		}
	} else if sub, _, err = subscribers.Add(ctx, tx, n.Secret, subscribers.Joining{
		Address: addr, Digest: digest, State: subscribers.Pending, Source: source,
	}, now); err != nil {
		return err
	}
	token, err := subscribers.NewConfirmation(ctx, tx, sub, digest, now)
	if err != nil {
		return err
	}
	return n.oweConfirmation(ctx, tx, sub, digest, token, now)
}

// oweConfirmation puts the confirmation mail on the ledger. It carries nothing
// the visitor typed but the address it goes to.
func (n *Newsletter) oweConfirmation(ctx context.Context, tx *sql.Tx, sub subscribers.Subscriber, digest, token string, now time.Time) error {
	d, err := n.digest(digest)
	if err != nil {
		return err
	}
	mail, err := templates.Confirm(n.site(), d.Name, d.Schedule.String(), n.Config.Site.PublicURL+"/confirm/"+token)
	if err != nil {
		return err
	}
	mailing := fmt.Sprintf("confirm/%d/%d", sub.ID, now.Unix())
	words, err := n.freezeWords(n.plainLetter(mail))
	if err != nil {
		return err
	}
	id, err := outbox.AddLetter(ctx, tx, mailing, words, now)
	if err != nil {
		return err
	}
	// Due before everything: a person is waiting for it, so it goes before any issue.
	_, err = outbox.Owe(ctx, tx, outbox.Owed{
		Mailing: mailing, Subscriber: sub.ID, Letter: id, Address: sub.Address, TokenVersion: sub.TokenVersion,
	}, time.Time{}, now)
	return err
}

// Invitation is what a confirmation link stands for.
type Invitation struct {
	Digest string // name
	Rhythm string // its schedule in words
}

// Invitation looks a confirmation link up and changes nothing. It returns
// ErrLink for a token that is unknown, used or older than 48 hours.
func (n *Newsletter) Invitation(ctx context.Context, token string, now time.Time) (Invitation, error) {
	_, name, err := subscribers.FindConfirmation(ctx, n.DB, token, now)
	if err != nil {
		return Invitation{}, linkError(err)
	}
	d, err := n.digest(name)
	if err != nil {
		return Invitation{}, ErrLink
	}
	return Invitation{Digest: d.Name, Rhythm: d.Schedule.String()}, nil
}

// Welcome is what someone who confirmed is told.
type Welcome struct {
	Invitation
	Next   time.Time // when the next issue is due, in the digest's zone
	Latest int64     // id of the latest issue to read now; 0 = none yet
}

// Confirm makes the owner of a confirmation link a subscriber.
func (n *Newsletter) Confirm(ctx context.Context, token, source string, now time.Time) (Welcome, error) {
	inv, err := n.Invitation(ctx, token, now)
	if err != nil {
		return Welcome{}, err
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		mark, err := n.watermark(ctx, tx, inv.Digest)
		if err != nil {
			return err
		}
		_, err = subscribers.Confirm(ctx, tx, n.Secret, token, source, mark, now)
		return linkError(err)
	})
	if err != nil {
		return Welcome{}, err
	}
	d, _ := n.digest(inv.Digest)
	next := d.Schedule.Next(now).End.In(d.Schedule.Location())
	latest, err := issue.Latest(ctx, n.DB, inv.Digest)
	if err != nil {
		return Welcome{}, err
	}
	return Welcome{Invitation: inv, Next: next, Latest: latest.ID}, nil
}

// watermark is where a new subscription starts: at the last cut, so that the
// next issue is the first it gets.
func (n *Newsletter) watermark(ctx context.Context, q Querier, digest string) (time.Time, error) {
	latest, err := issue.Latest(ctx, q, digest)
	return latest.Cut, err
}

// Reader is the person behind a mailed link. The address is masked, since a
// mail may be forwarded.
type Reader struct {
	ID      int64
	Masked  string
	State   subscribers.State
	Digests []string
}

// Link is the last part of a leave or preferences link: "<id>.<token>".
func (n *Newsletter) Link(p subscribers.Purpose, id int64, version int) string {
	return strconv.FormatInt(id, 36) + "." + subscribers.Token(n.Secret, p, id, version)
}

// Reader finds who a mailed link belongs to; ErrLink when it is nobody's.
func (n *Newsletter) Reader(ctx context.Context, p subscribers.Purpose, link string) (Reader, error) {
	sub, err := n.linked(ctx, n.DB, p, link)
	if err != nil {
		return Reader{}, err
	}
	return Reader{ID: sub.ID, Masked: Mask(sub.Address), State: sub.State, Digests: sub.Digests}, nil
}

func (n *Newsletter) linked(ctx context.Context, q Querier, p subscribers.Purpose, link string) (subscribers.Subscriber, error) {
	id36, token, _ := strings.Cut(link, ".")
	id, err := strconv.ParseInt(id36, 36, 64)
	if err != nil || strconv.FormatInt(id, 36) != id36 { // one link has one spelling
		return subscribers.Subscriber{}, ErrLink
	}
	sub, found, err := subscribers.Get(ctx, q, id)
	if err != nil {
		return subscribers.Subscriber{}, err
	}
	if !found || !subscribers.Check(n.Secret, p, id, sub.TokenVersion, token) {
		return subscribers.Subscriber{}, ErrLink
	}
	return sub, nil
}

// Leave stops all mail to the owner of a leave link: in one transaction they
// are unsubscribed and what is still owed to them is skipped, so the dot of
// someone who has left can't get its mark. Leaving twice is leaving once.
func (n *Newsletter) Leave(ctx context.Context, link, source string, now time.Time) error {
	return n.write(ctx, func(tx *sql.Tx) error {
		sub, err := n.linked(ctx, tx, subscribers.PurposeLeave, link)
		if err != nil {
			return err
		}
		return n.leave(ctx, tx, sub.ID, subscribers.ReasonUnsubscribed, source, now)
	})
}

// UnsubscribeByAuthor is Leave by the author's hand. found is false when the
// address is nobody's.
func (n *Newsletter) UnsubscribeByAuthor(ctx context.Context, address string, now time.Time) (found bool, err error) {
	addr, err := subscribers.ParseAddress(address)
	if err != nil {
		return false, err
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		sub, ok, err := subscribers.Find(ctx, tx, addr)
		if found = ok; err != nil || !ok {
			return err
		}
		return n.leave(ctx, tx, sub.ID, subscribers.ReasonRemoved, "command", now)
	})
	return found, err
}

func (n *Newsletter) leave(ctx context.Context, q Querier, id int64, reason, source string, now time.Time) error {
	if _, _, err := subscribers.Leave(ctx, q, n.Secret, id, reason, source, now); err != nil {
		return err
	}
	_, err := outbox.Skip(ctx, q, id, reason, now)
	return err
}

// Erase forgets a person: the rows that counted them stay, without an address.
func (n *Newsletter) Erase(ctx context.Context, address string, now time.Time) (found bool, err error) {
	addr, err := subscribers.ParseAddress(address)
	if err != nil {
		return false, err
	}
	err = n.write(ctx, func(tx *sql.Tx) error {
		sub, ok, err := subscribers.Find(ctx, tx, addr)
		if found = ok; err != nil || !ok {
			return err
		}
		if err := subscribers.Erase(ctx, tx, n.Secret, sub.ID, now); err != nil {
			return err
		}
		if _, err := outbox.Skip(ctx, tx, sub.ID, subscribers.ReasonErased, now); err != nil {
			return err
		}
		if err := forgetIn(ctx, tx, sub); err != nil {
			return err
		}
		return outbox.Forget(ctx, tx, sub.ID, now)
	})
	return found, err
}

// Prefer sets the digests a reader gets; with none they have left.
func (n *Newsletter) Prefer(ctx context.Context, link string, digests []string, source string, now time.Time) error {
	for _, name := range digests {
		if _, err := n.digest(name); err != nil {
			return err
		}
	}
	return n.write(ctx, func(tx *sql.Tx) error {
		sub, err := n.linked(ctx, tx, subscribers.PurposePreferences, link)
		if err != nil {
			return err
		}
		if len(digests) == 0 {
			return n.leave(ctx, tx, sub.ID, subscribers.ReasonUnsubscribed, source, now)
		}
		if sub.State != subscribers.Active {
			return ErrLink // who has left comes back by subscribing anew
		}
		for _, name := range sub.Digests {
			// The page can't show a digest that is gone from the config; that is
			// no reason to take its readers from it.
			if _, err := n.digest(name); err != nil {
				digests = append(digests, name)
			}
		}
		return subscribers.SetDigests(ctx, tx, sub.ID, digests, now)
	})
}

// Mask shows an address to whoever holds a link without giving it away:
// "a•••@example.com".
func Mask(address string) string {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" {
		return "•••"
	}
	first := []rune(local)[:1]
	return string(first) + "•••@" + domain
}

func linkError(err error) error {
	if errors.Is(err, subscribers.ErrToken) {
		return ErrLink
	}
	return err
}
