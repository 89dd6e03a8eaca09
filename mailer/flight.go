package mailer

import (
	"cmp"
	"errors"
	"fmt"
	"time"
)

// envelope brings an envelope to the 354, which is Ready, or to a definite no. With an error, only the phase of the
// answer says anything.
func (s *Session) envelope(e Envelope) (Answer, error) {
	if s.state == opened {
		s.state, s.ahead = idle, Envelope{}
		return s.answers()
	}
	s.out = s.out[:0]
	if refusal := s.compose(e, s.pipelining && s.unclean); refusal.Class != Ready {
		return refusal, nil
	}
	if s.early() {
		return Answer{Phase: PhaseMail}, errEarly
	}
	if !s.pipelining {
		return s.steps()
	}
	if _, err := s.socket.write(s.out, s.timeouts.Block); err != nil {
		return Answer{Phase: PhaseMail}, err
	}
	if s.unclean {
		s.unclean = false
		if a, err := s.listen(PhaseMail); err != nil || a.Class != Ready {
			return Answer{Phase: PhaseMail}, cmp.Or(err, errOdd)
		}
	}
	return s.answers()
}

// answers reads the answers to MAIL, RCPT and DATA that left in one flight. The first no is the one that counts; what
// follows from it is read and forgotten. Once there is a no, a connection that breaks changes nothing about it; but an
// answer that makes no sense does, for then the no may be one that was left over.
func (s *Session) answers() (Answer, error) {
	no := Answer{Class: Ready}
	for _, phase := range [...]Phase{PhaseMail, PhaseRcpt, PhaseData} {
		a, err := s.listen(phase)
		switch {
		case err != nil && (no.Class == Ready || errors.Is(err, errOdd)):
			return Answer{Phase: phase}, err
		case err != nil:
			s.drop()
			return no, nil
		case a.Class == Busy: // and closing
			s.drop()
			if no.Class == Ready {
				return a, nil
			}
			return no, nil
		case a.Class == Ready && phase == PhaseData && no.Class != Ready:
			s.takeBack(no)
			return no, nil
		case a.Class != Ready && no.Class == Ready:
			no = a
		}
	}
	s.unclean = no.Class != Ready
	return no, nil
}

// takeBack ends a body that was begun though the envelope was refused. Without a recipient a lone dot can send nothing,
// and the server has to say no to it (RFC 2920 §3.1). After anything else only closing the connection is safe.
func (s *Session) takeBack(no Answer) {
	s.unclean = true
	if no.Phase == PhaseRcpt && !s.early() {
		if _, err := s.socket.write([]byte(".\r\n"), s.timeouts.Block); err == nil {
			a, err := s.listen(PhaseDot)
			if err == nil && a.Class != Accepted && a.Class != Busy {
				return
			}
		}
	}
	s.drop()
}

// steps sends the lines of out one by one, each after the answer to the one before.
func (s *Session) steps() (Answer, error) {
	lines := s.out
	for _, phase := range [...]Phase{PhaseMail, PhaseRcpt, PhaseData} {
		line := lines[:lineEnd(lines)]
		lines = lines[len(line):]
		a, err := s.ask(phase, line, s.limit(phase))
		switch {
		case err != nil:
			return Answer{Phase: phase}, err
		case a.Class == Busy:
			s.drop()
			return a, nil
		case a.Class != Ready:
			if reset, err := s.exchange(PhaseMail, "RSET", s.timeouts.Mail); err != nil || reset.Class != Ready {
				s.drop() // and the no stands
			}
			return a, nil
		}
	}
	return Answer{Class: Ready}, nil
}

// exchange sends one command and reads its answer.
func (s *Session) exchange(phase Phase, command string, limit time.Duration) (Answer, error) {
	return s.ask(phase, append([]byte(command), "\r\n"...), limit)
}

func (s *Session) ask(phase Phase, line []byte, limit time.Duration) (Answer, error) {
	if s.early() {
		return Answer{}, errEarly
	}
	if _, err := s.socket.write(line, min(limit, s.timeouts.Block)); err != nil {
		return Answer{}, err
	}
	return s.hear(phase, limit)
}

// listen reads the answer to a request that has left.
func (s *Session) listen(phase Phase) (Answer, error) { return s.hear(phase, s.limit(phase)) }

func (s *Session) hear(phase Phase, limit time.Duration) (Answer, error) {
	code, err := s.replies.next(limit)
	if err != nil {
		return Answer{}, err
	}
	if phase != PhaseDot && (code/100 == 2 || code == 354) { // its text is of no use
		a := Answer{Class: Classify(phase, code, ""), Phase: phase, Code: code}
		if a.Class == Ready {
			return a, nil
		}
		return Answer{}, fmt.Errorf("%w: %d", errOdd, code)
	}
	a := answer(phase, code, string(s.replies.text))
	if a.Class == Odd {
		return Answer{}, fmt.Errorf("%w: %d", errOdd, code)
	}
	return a, nil
}

// limit is how long the answer of a phase may take.
func (s *Session) limit(phase Phase) time.Duration {
	switch phase {
	case PhaseRcpt:
		return s.timeouts.Rcpt
	case PhaseData:
		return s.timeouts.Data
	case PhaseDot:
		return s.timeouts.Dot
	}
	return s.timeouts.Mail
}
