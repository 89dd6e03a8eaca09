package mailer

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail/smtp"
)

var (
	// ErrLost: the connection is gone, or was given up after an answer that made no sense.
	ErrLost = errors.New("connection lost")

	errEarly = errors.New("the server spoke before it was asked")
	errOdd   = errors.New("the server's answer makes no sense here")
)

// Session is one open connection to a server; [Server.Dial] opens it. It carries any number of messages, one after the
// other, each to one recipient: Offer, then Dot. It is for one goroutine at a time.
type Session struct {
	server   string // host:port
	timeouts Timeouts
	raw      net.Conn // the socket under TLS; closing it is the one way out of a body
	meter    *meter
	client   *smtp.Client
	under    *bufio.Reader // what Dial read from
	replies  *replies
	secure   bool // the way is TLS
	state    state
	body     []byte // of the last message, dot-stuffed: its room is used again

	size     int64 // of SIZE (RFC 1870); zero: no limit announced
	sizes    bool  // SIZE announced
	utf8     bool  // SMTPUTF8 (RFC 6531)
	eightBit bool  // 8BITMIME (RFC 6152)
}

type state int

const (
	idle   state = iota // between messages
	inBody              // after the 354: all that is written is body, all that can be undone is the connection
	dead
)

// Offer sends the envelope and all of the message but the final dot.
//
// Ready means that the body is out and the server waits for the dot: call Dot, or Close to take it back. Any other class
// is a definite no, and the session can carry the next message unless the class is Busy; then it is closed. An error
// wraps [ErrLost]: the connection is gone, nothing was accepted, nothing was said about anyone.
//
// An empty from is the null sender. Cancelling ctx closes the connection.
func (s *Session) Offer(ctx context.Context, from, to string, message []byte) (Answer, error) {
	if s.state != idle {
		s.drop()
		return Answer{}, fmt.Errorf("offering: %w", ErrLost)
	}
	mail, rcpt, refusal := s.envelope(from, to, message)
	if refusal.Class != Ready {
		return refusal, nil
	}
	defer s.watch(ctx)()
	for _, step := range []step{
		{PhaseMail, s.timeouts.Mail, mail},
		{PhaseRcpt, s.timeouts.Rcpt, rcpt},
		{PhaseData, s.timeouts.Data, "DATA"},
	} {
		a, err := s.exchange(step)
		if err != nil {
			return Answer{}, s.lost(ctx, step.phase, err)
		}
		if a.Class != Ready {
			return s.refused(a), nil
		}
	}
	s.state = inBody
	if err := s.write(message); err != nil {
		return Answer{}, s.lost(ctx, PhaseData, err)
	}
	if s.pending() {
		return Answer{}, s.lost(ctx, PhaseData, errEarly)
	}
	return Answer{Class: Ready, Phase: PhaseData, Code: 354}, nil
}

// Dot sends the final dot and reads the answer: Accepted, or a definite no. It is definite, too, that a dot was not
// accepted that never left: when the connection is found broken before, the answer is Busy with code 421. After that,
// an error means the server may or may not have the message, and nobody can know.
//
// Cancelling ctx closes the connection; once the dot has left that makes an error, so give it time.
func (s *Session) Dot(ctx context.Context) (Answer, error) {
	if s.state != inBody {
		s.drop()
		return Answer{}, fmt.Errorf("sending the dot: nothing was offered: %w", ErrLost)
	}
	defer s.watch(ctx)()
	err := s.client.UpdateDeadline(s.timeouts.Dot)
	if err != nil || ctx.Err() != nil || s.pending() {
		s.drop()
		return Answer{Class: Busy, Phase: PhaseDot, Code: 421, Text: "connection lost before the dot"}, nil
	}
	a, err := s.ask(PhaseDot, ".")
	if err != nil {
		return Answer{}, s.lost(ctx, PhaseDot, err)
	}
	s.state = idle
	if a.Class == Busy {
		s.drop()
	}
	return a, nil
}

// Close ends the session: politely between messages, by closing the connection inside a body, where QUIT would be text.
func (s *Session) Close() error {
	if s.state == idle {
		_, _ = s.exchange(step{PhaseMail, s.timeouts.Quit, "QUIT"})
	}
	s.drop()
	return nil
}

// drop closes the socket itself; a TLS goodbye could block.
func (s *Session) drop() {
	if s.state != dead {
		s.state = dead
		_ = s.raw.Close()
	}
}

// watch closes the connection when ctx ends, until the function it gives is called.
func (s *Session) watch(ctx context.Context) (stop func()) {
	cancel := context.AfterFunc(ctx, func() { _ = s.raw.Close() })
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

// refused clears the envelope after a definite no. If that fails the connection goes, and the no stands.
func (s *Session) refused(a Answer) Answer {
	if a.Class == Busy {
		s.drop()
		return a
	}
	reset, err := s.exchange(step{PhaseMail, s.timeouts.Mail, "RSET"})
	if err != nil || reset.Class != Ready {
		s.drop()
	}
	return a
}

// envelope makes the two commands, or says why there can be none; Ready is a yes.
func (s *Session) envelope(from, to string, message []byte) (mail, rcpt string, refusal Answer) {
	sender, err := "", error(nil)
	if from != "" {
		sender, err = mailbox(from)
	}
	if err != nil {
		return "", "", Answer{Class: BadSender, Phase: PhaseMail, Code: 553, Enhanced: "5.1.7", Text: err.Error()}
	}
	recipient, err := mailbox(to)
	if err != nil {
		return "", "", Answer{Class: BadRecipient, Phase: PhaseRcpt, Code: 553, Enhanced: "5.1.3", Text: err.Error()}
	}
	if err := inspectLines(message); err != nil {
		return "", "", Answer{Class: BadMessage, Phase: PhaseData, Code: 554, Enhanced: "5.6.0", Text: "message " + err.Error()}
	}
	if s.size > 0 && int64(len(message)) > s.size {
		text := fmt.Sprintf("the message has %d bytes, the server takes %d", len(message), s.size)
		return "", "", Answer{Class: BadSender, Phase: PhaseMail, Code: 552, Enhanced: "5.3.4", Text: text}
	}
	wide := !isASCII(sender) || !isASCII(recipient)
	if wide && !s.utf8 {
		class := BadRecipient
		if !isASCII(sender) {
			class = BadSender
		}
		return "", "", Answer{Class: class, Phase: PhaseRcpt, Code: 553, Enhanced: "5.6.7", Text: "the server takes no address outside ASCII"}
	}

	mail = "MAIL FROM:<" + sender + ">"
	if s.sizes {
		mail += " SIZE=" + strconv.Itoa(len(message))
	}
	if s.eightBit && !isASCII(message) {
		mail += " BODY=8BITMIME"
	}
	if wide {
		mail += " SMTPUTF8"
	}
	rcpt = "RCPT TO:<" + recipient + ">"
	if !isCommand(mail) || !isCommand(rcpt) {
		return "", "", Answer{Class: BadRecipient, Phase: PhaseRcpt, Code: 553, Enhanced: "5.1.3", Text: "the address would break the command"}
	}
	return mail, rcpt, Answer{Class: Ready}
}

// isCommand looks at a MAIL or RCPT line a last time: one path, nothing in it that ends it early, no second line.
func isCommand(line string) bool {
	_, rest, ok := strings.Cut(line, ":<")
	path, parameters, closed := strings.Cut(rest, ">")
	return ok && closed && len(line) <= 1000 && // 512 and what the parameters of SMTPUTF8 add (RFC 6531 §3.4)
		!strings.ContainsFunc(line, isControl) &&
		!strings.ContainsAny(path, " <\"\\") &&
		!strings.ContainsAny(parameters, "<>")
}

type step struct {
	phase   Phase
	timeout time.Duration
	command string
}

// exchange sends one command and reads its answer.
func (s *Session) exchange(step step) (Answer, error) {
	if err := s.client.UpdateDeadline(step.timeout); err != nil {
		return Answer{}, err
	}
	if s.pending() {
		return Answer{}, errEarly
	}
	return s.ask(step.phase, step.command)
}

// ask writes a line and reads a whole answer, under the deadline that stands.
func (s *Session) ask(phase Phase, line string) (Answer, error) {
	s.meter.reset()
	s.replies.reset()
	if err := s.client.Text.PrintfLine("%s", line); err != nil {
		return Answer{}, err
	}
	code, text, err := s.client.Text.ReadResponse(0)
	if err != nil {
		return Answer{}, err
	}
	if s.replies.cut() {
		return Answer{}, errOdd
	}
	a := answer(phase, code, text)
	if a.Class == Odd {
		return Answer{}, fmt.Errorf("%w: %d", errOdd, code)
	}
	return a, nil
}

// blockSize is written under one deadline.
const blockSize = 64 << 10

// write sends the body, dot-stuffed (RFC 5321 §4.5.2), and flushes it. The message is known to end in CRLF.
func (s *Session) write(message []byte) error {
	w := s.client.Text.W
	s.body = stuff(s.body, message)
	for body := s.body; len(body) > 0; {
		n := min(blockSize, len(body))
		if err := s.client.UpdateDeadline(s.timeouts.Block); err != nil {
			return err
		}
		if _, err := w.Write(body[:n]); err != nil {
			return err
		}
		body = body[n:]
	}
	return w.Flush()
}

// stuff writes message into room, doubling the dot at the start of a line. Lines end in CRLF only; see inspectLines.
func stuff(room, message []byte) []byte {
	room = room[:0]
	if bytes.HasPrefix(message, []byte(".")) {
		room = append(room, '.')
	}
	for {
		i := bytes.Index(message, []byte("\n."))
		if i < 0 {
			return append(room, message...)
		}
		room = append(append(room, message[:i+2]...), '.')
		message = message[i+2:]
	}
}

// pending reports bytes, or an end, that came without being asked for. Under TLS only what was already decrypted counts,
// for a record may be the protocol's own.
func (s *Session) pending() bool {
	if s.client.Text.R.Buffered() > 0 || s.under.Buffered() > 0 {
		return true
	}
	return !s.secure && readable(s.raw)
}
