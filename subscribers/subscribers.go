// Package subscribers keeps who gets the mail: addresses, proof of consent,
// the digests they chose, and those who must not be mailed again.
//
// It never sends anything and never decides when something is due.
//
// Its one invariant: who has left is not mailed again unless they confirm
// anew. Leaving writes a suppression, a keyed hash of the address that outlives
// even the erasure of the address, and nothing but a confirmation, or an author
// who vouches for being asked, lifts it. No import does.
package subscribers

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// State is where a subscriber stands.
type State string

const (
	Pending      State = "pending"      // asked, not confirmed: gets confirmation mails only
	Active       State = "active"       // gets the digests of their subscriptions
	Unsubscribed State = "unsubscribed" // left, or was removed by the author
	Bounced      State = "bounced"      // the address does not take mail
	Complained   State = "complained"   // called it spam
	Erased       State = "erased"       // address and name are gone
)

// States lists every state.
func States() []State {
	return []State{Pending, Active, Unsubscribed, Bounced, Complained, Erased}
}

// Why an address is suppressed, and the reasons Leave takes (all but ReasonErased).
const (
	ReasonBounced      = "bounced"
	ReasonRemoved      = "removed" // by the author
	ReasonUnsubscribed = "unsubscribed"
	ReasonComplained   = "complained"
	ReasonErased       = "erased"
)

var (
	// ErrToken: a confirmation token that was never made, has expired, or was
	// void because its reader left or chose other digests since.
	ErrToken = errors.New("the link has expired or was never valid")
	// ErrNotFound: no subscriber has that id.
	ErrNotFound = errors.New("no such subscriber")
	// ErrNotActive: only an active subscriber has digests to choose.
	ErrNotActive = errors.New("not an active subscriber")
)

// ErrSuppressed is Add's refusal of an address that left. Use errors.As.
type ErrSuppressed struct {
	Reason string // one of the Reason constants
}

func (e ErrSuppressed) Error() string {
	return "this address is suppressed (" + e.Reason + "): it can come back only by confirming anew"
}

// Subscriber is one reader. Times are UTC, the zero time means never.
type Subscriber struct {
	ID           int64
	Address      string // as mail is sent to it: domain as A-label; "" once erased
	Name         string
	State        State
	TokenVersion int // for Token and Check
	Created      time.Time
	Confirmed    time.Time
	Left         time.Time
	Digests      []string // in alphabetical order; none unless active
}

// Querier is what reads and writes: a *sql.DB or a *sql.Tx.
type Querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// stateAfter is the state of one who has left for reason.
func stateAfter(reason string) (State, bool) {
	switch reason {
	case ReasonUnsubscribed, ReasonRemoved:
		return Unsubscribed, true
	case ReasonBounced:
		return Bounced, true
	case ReasonComplained:
		return Complained, true
	}
	return "", false
}

// weight orders reasons: a later one replaces only a lighter one, so that a
// complaint stays a complaint whatever comes in after it.
func weight(reason string) int {
	switch reason {
	case ReasonBounced:
		return 1
	case ReasonRemoved:
		return 2
	case ReasonUnsubscribed:
		return 3
	case ReasonComplained:
		return 4
	case ReasonErased:
		return 5
	}
	return 0
}

// maxName bounds a name, in runes.
const maxName = 100

// cleanName makes one line of printable text of whatever a form or a file
// calls a name: no controls, no invisible or direction-changing characters.
func cleanName(s string) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsGraphic(r):
			return -1
		}
		return r
	}, s)
	s = norm.NFC.String(strings.Join(strings.Fields(s), " "))
	if r := []rune(s); len(r) > maxName {
		s = strings.TrimSpace(string(r[:maxName]))
	}
	return s
}
