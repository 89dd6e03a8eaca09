package mailer

import (
	"errors"
	"testing"
)

// S27: a no that was left over from a request before shifts all answers by one. The last of them then makes no sense in
// its place, and so nothing follows from the no.
func TestFlightShifted(t *testing.T) {
	for _, leftover := range []string{"550 5.1.1 nobody", "451 4.3.0 not now"} {
		p := playPipe(t, helloFlight+flight+"S: "+leftover+"\nS: 250 ok\nS: 250 ok\nS: 354 go\n", 0)
		a, err := offer(t, p.dial(t))
		if leftover[0] == '4' { // the connection is over at once, and nobody to blame
			if err != nil || a.Class != Busy {
				t.Errorf("%s: %v, %v", leftover, a, err)
			}
			continue
		}
		if !errors.Is(err, ErrLost) {
			t.Errorf("%s: %v, %v", leftover, a, err)
		}
	}
}

// HELO is for a server that does not know EHLO, not for one that refuses us or has no time: go-mail's client would say it.
func TestHELO(t *testing.T) {
	for reply, want := range map[string]error{
		"500 what?": nil, "502 5.5.1 what?": nil, "421 4.3.2 closing": ErrBusy, "451 4.3.0 not now": ErrBusy, "550 5.7.1 not welcome": ErrTurnedAway,
		"5xx": ErrUnreachable,
	} {
		t.Run(reply, func(t *testing.T) {
			lines := "S: 220 hi\nC: EHLO client.test\nS: " + reply + "\n"
			if want == nil {
				lines += "C: HELO client.test\nS: 250 hi\n"
			}
			p := playPipe(t, lines, 0)
			s, err := p.server.Dial(t.Context())
			if !errors.Is(err, want) || (err == nil) != (want == nil) {
				t.Errorf("%v, want %v", err, want)
			}
			if s != nil {
				s.drop()
			}
			if rest := p.finish(); rest != "" {
				t.Errorf("said %q", rest)
			}
		})
	}
}
