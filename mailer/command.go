package mailer

import (
	"bytes"
	"fmt"
	"strconv"
)

// compose puts the commands of an envelope behind what is in s.out, RSET before them where it is wanted. Ready is a yes;
// any other answer says why there can be no such commands, and leaves s.out as it was.
func (s *Session) compose(e Envelope, reset bool) Answer {
	recipient, refusal := s.fitting(e)
	if refusal.Class != Ready {
		return refusal
	}
	start := len(s.out)
	if reset {
		s.out = append(s.out, "RSET\r\n"...)
	}
	from := len(s.out)
	s.out = append(append(append(s.out, "MAIL FROM:<"...), s.sender...), '>')
	if s.sizes {
		s.out = strconv.AppendInt(append(s.out, " SIZE="...), int64(e.Message.Size()), 10)
	}
	if s.eightBit && e.Message.wide {
		s.out = append(s.out, " BODY=8BITMIME"...)
	}
	if !isASCII(s.sender) || !isASCII(recipient) {
		s.out = append(s.out, " SMTPUTF8"...)
	}
	to := len(s.out) + len("\r\n")
	s.out = append(append(append(append(s.out, "\r\nRCPT TO:<"...), recipient...), '>'), "\r\n"...)
	if !isCommand(s.out[from:to-len("\r\n")]) || !isCommand(s.out[to:len(s.out)-len("\r\n")]) {
		s.out = s.out[:start]
		return Answer{Class: BadRecipient, Phase: PhaseRcpt, Code: 553, Enhanced: "5.1.3", Text: "the address would break the command"}
	}
	s.out = append(s.out, "DATA\r\n"...)
	return Answer{Class: Ready}
}

// fitting says whether this server can get this envelope at all. It gives the recipient as it stands in the command, and
// notes the sender that way.
func (s *Session) fitting(e Envelope) (recipient string, refusal Answer) {
	if e.From == "" {
		s.sender = ""
	} else if e.From != s.sender {
		sender, err := mailbox(e.From)
		if err != nil {
			return "", Answer{Class: BadSender, Phase: PhaseMail, Code: 553, Enhanced: "5.1.7", Text: err.Error()}
		}
		s.sender = sender
	}
	recipient, err := mailbox(e.To)
	if err != nil {
		return "", Answer{Class: BadRecipient, Phase: PhaseRcpt, Code: 553, Enhanced: "5.1.3", Text: err.Error()}
	}
	if e.Message == nil || e.Message.size == 0 {
		return "", Answer{Class: BadMessage, Phase: PhaseData, Code: 554, Enhanced: "5.6.0", Text: "there is no message"}
	}
	if s.size > 0 && int64(e.Message.Size()) > s.size {
		text := fmt.Sprintf("the message has %d bytes, the server takes %d", e.Message.Size(), s.size)
		return "", Answer{Class: BadSender, Phase: PhaseMail, Code: 552, Enhanced: "5.3.4", Text: text}
	}
	if wide := !isASCII(s.sender); (wide || !isASCII(recipient)) && !s.utf8 {
		class := BadRecipient
		if wide {
			class = BadSender
		}
		return "", Answer{Class: class, Phase: PhaseRcpt, Code: 553, Enhanced: "5.6.7", Text: "the server takes no address outside ASCII"}
	}
	return recipient, Answer{Class: Ready}
}

// isCommand looks at a MAIL or RCPT line a last time: one path, nothing in it that ends it early, no second line.
func isCommand[T string | []byte](line T) bool {
	command := []byte(line)
	_, rest, ok := bytes.Cut(command, []byte(":<"))
	path, parameters, closed := bytes.Cut(rest, []byte(">"))
	return ok && closed && len(command) <= 1000 && // 512 and what the parameters of SMTPUTF8 add (RFC 6531 §3.4)
		!bytes.ContainsFunc(command, isControl) &&
		!bytes.ContainsAny(path, " <\"\\") &&
		!bytes.ContainsAny(parameters, "<>")
}

// lineEnd is the length of the first line of b, CRLF included.
func lineEnd(b []byte) int { return bytes.IndexByte(b, '\n') + 1 }

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
