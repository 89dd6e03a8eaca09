package outbox

import (
	"context"
	"regexp"
	"time"
)

// Mail is one delivery as a [Line] gets it.
type Mail struct {
	Delivery     int64
	Mailing      string // "issue/12", "confirm/57/1"
	Subscriber   int64
	Generation   int // 0; raised only when a person sends again
	Letter       int64
	Words        []byte // the letter's frozen words; shared between mails, not to be written to
	Address      string
	Name         string
	TokenVersion int
	Since        time.Time // when the reader subscribed; zero = not said
	Date         time.Time // for the Date header, whole seconds: the first copy's for a repetition, else now
	Repeat       bool      // a second copy of a mail in doubt: must be the same bytes
}

// Verdict is what a server's answer means for a mail.
type Verdict int

// The verdicts. Their zero value means nothing was decided, which the courier treats as a lost connection.
const (
	Undecided Verdict = iota
	Ready             // Offer only: 354, and the body is out but for the dot
	Accepted          // 2xx to the dot
	Deferred          // 4xx: definitely not accepted now
	Refused           // 5xx for this recipient
	Rejected          // 5xx to this message's content
	Halt              // the sender is refused: nothing else will go through either
	Busy              // 421, too many connections: definite, about nobody's mail; the server closed the connection
	Unsent            // Dot only: the connection was found lost before the dot left; definite, nobody was asked anything
)

var verdicts = [...]string{"undecided", "ready", "accepted", "deferred", "refused", "rejected", "halt", "busy", "unsent"}

func (v Verdict) String() string {
	if v < 0 || int(v) >= len(verdicts) {
		return "undecided"
	}
	return verdicts[v]
}

// Reply is one answer of a server. Code is the basic code (RFC 5321, 4.2), Enhanced the one of RFC 3463 ("5.1.1") or
// "", Text the rest without either.
type Reply struct {
	Verdict  Verdict
	Code     int
	Enhanced string
	Text     string
}

// String is the reply as the ledger keeps it, without its code: at most 500 bytes.
func (r Reply) String() string {
	s := r.Text
	if r.Enhanced != "" {
		s = r.Enhanced + " " + s
	}
	if len(s) > 500 {
		s = s[:500]
	}
	return s
}

// tooLarge reports a no to the size of a mail (RFC 1870, RFC 3463 X.3.4). Servers that give no enhanced code say it in
// words.
func (r Reply) tooLarge() bool {
	return r.Enhanced == "5.3.4" || r.Code == 552 && r.Enhanced == "" && sizeWords.MatchString(r.Text)
}

var sizeWords = regexp.MustCompile(`(?i)\bsize|too (big|large|long)`)

// outcome is what an answer to a dot makes of its attempt, whatever becomes of the mail.
func (r Reply) outcome() State {
	switch r.Verdict {
	case Accepted:
		return Sent
	case Refused:
		return Failed
	case Halt, Unsent:
		return Queued
	}
	return Retry
}

// Line is one connection to a server, used by one goroutine. An Offer answered with anything but Ready leaves it open
// for the next Offer, unless the verdict is Halt or Busy or it is Closed.
type Line interface {
	// Offer sends the envelope and all the body but the final dot. Its error means the connection is lost and nothing
	// is decided.
	Offer(ctx context.Context, m Mail) (Reply, error)
	// Dot sends the final dot and reads its answer. Its error means that nobody can know. A next that is not nil may have
	// its envelope leave together with the dot, where the line is Pipelining; the next call is then an Offer of that
	// very mail, or Close.
	Dot(ctx context.Context, next *Mail) (Reply, error)
	// Pipelining reports whether Dot makes use of a next mail.
	Pipelining() bool
	// Closed reports whether the connection has ended without Close, as it may behind a no to an Offer. Only Close may
	// follow.
	Closed() bool
	// Close ends the connection: inside DATA by nothing but closing it, between mails with QUIT.
	Close() error
}

// Dialer opens a line. An error that has a method Halt() bool which answers true (a refused login, a bad certificate)
// stops the run; one whose Busy() bool answers true (421 at the greeting) lets the server rest and leaves it one
// connection; any other is tried again.
type Dialer func(ctx context.Context) (Line, error)
