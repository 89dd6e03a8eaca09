package mailer

import (
	"context"
	"errors"
	"fmt"
)

var (
	// ErrLost: the connection is gone, or was given up after an answer that made no sense.
	ErrLost = errors.New("connection lost")
	// ErrNoDot: the connection was found lost before the dot left, or nothing is offered on it. It wraps ErrLost, and is
	// definite: the server does not have the message, and was asked nothing that says anything about anyone.
	ErrNoDot = fmt.Errorf("%w before the dot", ErrLost)
)

// Session is one open connection to a server; [Server.Dial] opens it. It carries any number of messages, one after the
// other, each to one recipient: Offer, then Dot. It is for one goroutine at a time.
//
// Where the server announces PIPELINING (RFC 2920), MAIL, RCPT and DATA leave in one write, and with the dot of the
// message before where [Session.Dot] is given it; so that a message costs one round trip. Elsewhere each command waits
// for the answer to the one before.
type Session struct {
	server   string // host:port
	timeouts Timeouts
	socket   *socket
	replies  *replies
	shut     func() // closes the socket
	state    state
	unclean  bool     // an envelope was refused: RSET comes first
	ahead    Envelope // while opened
	out      []byte   // what is about to be written
	sender   string   // the last sender that was found in order

	size       int64 // of SIZE (RFC 1870); zero: no limit announced
	sizes      bool  // SIZE announced
	utf8       bool  // SMTPUTF8 (RFC 6531)
	eightBit   bool  // 8BITMIME (RFC 6152)
	pipelining bool  // PIPELINING (RFC 2920)
}

type state int

const (
	idle   state = iota // between messages
	opened              // the envelope of ahead has left with a dot; its answers are not read
	inBody              // after the 354: all that is written is body, all that can be undone is the connection
	dead
)

// Offer sends the envelope and all of the message but the final dot.
//
// Ready means that the body is out and the server waits for the dot: call Dot, or Close to take it back. Any other class
// is a definite no, and the session can carry the next message unless it is [Session.Closed]: always after Busy, and
// after a no behind which the connection broke or could not be used further. An error wraps [ErrLost]: the connection is
// gone, nothing was accepted, nothing was said about anyone.
//
// Cancelling ctx closes the connection.
func (s *Session) Offer(ctx context.Context, e Envelope) (Answer, error) {
	if s.state != idle && (s.state != opened || s.ahead != e) {
		s.drop()
		return Answer{}, fmt.Errorf("offering: %w", ErrLost)
	}
	defer s.watch(ctx)()
	a, err := s.envelope(e)
	if err != nil {
		return Answer{}, s.lost(ctx, a.Phase, err)
	}
	if a.Class != Ready {
		return a, nil
	}
	s.state = inBody
	if s.replies.waiting() {
		err = errEarly
	} else {
		err = s.socket.writeAll(e.Message.pieces, s.timeouts.Block)
	}
	if err != nil {
		return Answer{}, s.lost(ctx, PhaseData, err)
	}
	return Answer{Class: Ready, Phase: PhaseData, Code: 354}, nil
}

// Pipelining reports whether the server takes several commands in one flight (RFC 2920), so that [Session.Dot] can carry
// the next envelope.
func (s *Session) Pipelining() bool { return s.pipelining }

// Closed reports whether the session has ended by itself: the server or an answer took the connection down. Only Close
// may follow.
func (s *Session) Closed() bool { return s.state == dead }

// Dot sends the final dot and reads the answer: Accepted, or a definite no. An error that wraps [ErrNoDot] is definite,
// too: the connection was found broken before the dot left. After any other error the server may or may not have the
// message, and nobody can know.
//
// Cancelling ctx closes the connection; once the dot has left that makes an error, so give it time.
//
// With Pipelining, a next that is not nil has its envelope leave together with the dot. Dot still returns as soon as the
// dot's own answer is read. Then only an Offer of that same envelope, or Close, may follow; that Offer reads the
// envelope's answers. It also sends an envelope that could not leave with the dot. A no to the dot is nothing to the
// envelope behind it, unless its class is Busy; an error loses both.
func (s *Session) Dot(ctx context.Context, next *Envelope) (Answer, error) {
	if s.state != inBody {
		s.drop()
		return Answer{}, fmt.Errorf("sending the dot: nothing is offered: %w", ErrNoDot)
	}
	defer s.watch(ctx)()
	s.out = append(s.out[:0], ".\r\n"...)
	after := idle
	if next != nil && s.pipelining {
		if refusal := s.compose(*next, false); refusal.Class == Ready {
			s.ahead, after = *next, opened
		}
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, s.withheld(err)
	}
	if s.early() {
		return Answer{}, s.withheld(errEarly)
	}
	if n, err := s.socket.write(s.out, s.timeouts.Block); err != nil && n == 0 {
		return Answer{}, s.withheld(err)
	} else if err != nil {
		return Answer{}, s.lost(ctx, PhaseDot, err)
	}
	a, err := s.listen(PhaseDot)
	if err != nil {
		return Answer{}, s.lost(ctx, PhaseDot, err)
	}
	s.state = after
	if a.Class == Busy {
		s.drop()
	}
	return a, nil
}

// Close ends the session: politely between messages; by closing the connection inside a body, where QUIT would be text,
// and while an envelope is open, which may be about to become one.
func (s *Session) Close() error {
	if s.state == idle {
		_, _ = s.exchange(PhaseMail, "QUIT", s.timeouts.Quit)
	}
	s.drop()
	return nil
}

// drop closes the socket itself; a TLS goodbye could block.
func (s *Session) drop() {
	if s.state != dead {
		s.state, s.ahead = dead, Envelope{}
		s.shut()
	}
}

// watch closes the connection when ctx ends, until the function it gives is called.
func (s *Session) watch(ctx context.Context) (stop func()) {
	cancel := context.AfterFunc(ctx, s.shut)
	return func() {
		if !cancel() {
			s.drop()
		}
	}
}

func (s *Session) lost(ctx context.Context, phase Phase, err error) error {
	s.drop()
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("talking to %s (%s): %w: %w", s.server, phase, ErrLost, err)
}

// withheld is lost, while the dot is still here.
func (s *Session) withheld(err error) error {
	s.drop()
	return fmt.Errorf("talking to %s: %w: %w", s.server, ErrNoDot, err)
}

// early reports bytes, or an end, that came without being asked for.
func (s *Session) early() bool { return s.socket.early(s.replies) }
