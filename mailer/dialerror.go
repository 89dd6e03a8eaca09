package mailer

import (
	"errors"
	"fmt"
)

var (
	// ErrUnreachable: no connection, or it broke before the session stood.
	ErrUnreachable = errors.New("server cannot be reached")
	// ErrNoTLS: the server does not offer TLS, and without it nothing is said.
	ErrNoTLS = errors.New("server does not offer TLS")
	// ErrTLS: TLS failed: certificate, name, version.
	ErrTLS = errors.New("no safe connection")
	// ErrAuth: the login was refused, or the server offers no way to log in.
	ErrAuth = errors.New("login refused")
	// ErrTurnedAway: the server answered, and wants no mail from us.
	ErrTurnedAway = errors.New("turned away")
	// ErrBusy: the server answered, and has no time for us now.
	ErrBusy = errors.New("server is busy")
	// ErrSpool: the folder can't serve as a Maildir.
	ErrSpool = errors.New("no usable spool")
)

// DialError says why there is no session. Err wraps one of the sentinels of this package.
type DialError struct {
	Server string // host:port
	Phase  Phase
	Answer Answer // what the server said; zero when it said nothing
	Err    error
}

func (e *DialError) Error() string {
	return fmt.Sprintf("connecting to %s (%s): %v", e.Server, e.Phase, e.Err)
}

func (e *DialError) Unwrap() error { return e.Err }

// Halt reports whether something must be put right before another try makes sense: the login, the certificate, a refusal
// at the door, the permissions of a spool. False for a network that failed and a server that is only busy.
func (e *DialError) Halt() bool {
	for _, sentinel := range []error{ErrNoTLS, ErrTLS, ErrAuth, ErrTurnedAway, ErrSpool} {
		if errors.Is(e.Err, sentinel) {
			return true
		}
	}
	return false
}

// Busy reports whether the server answered and has no time for us now, as with 421 at the greeting: it needs a rest, or
// fewer connections.
func (e *DialError) Busy() bool { return errors.Is(e.Err, ErrBusy) }
