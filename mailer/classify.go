package mailer

import (
	"regexp"
	"strconv"
	"strings"
)

// Phase is a moment of the SMTP dialogue.
type Phase int

const (
	PhaseConnect  Phase = iota // opening the connection
	PhaseGreeting              // the server's 220
	PhaseHello                 // EHLO
	PhaseTLS                   // STARTTLS and the handshake
	PhaseAuth                  // AUTH
	PhaseMail                  // MAIL FROM
	PhaseRcpt                  // RCPT TO
	PhaseData                  // DATA, before the 354
	PhaseDot                   // after the final dot
)

var phaseNames = [...]string{"connect", "greeting", "hello", "tls", "auth", "mail", "rcpt", "data", "dot"}

func (p Phase) String() string { return phaseNames[p] }

// Class says what an answer means, and for whom.
type Class int

const (
	Odd          Class = iota // no proper answer in this place; nothing follows from it
	Ready                     // go on: 2xx before the body, 354
	Accepted                  // 2xx to the dot: the server has the message
	Temporary                 // 4xx: this message to this recipient is not accepted now
	BadRecipient              // 5xx: this recipient is refused, nobody else
	BadMessage                // 5xx: this content is refused; no recipient is to blame
	BadSender                 // the sender is the problem: stop, blame no recipient
	Busy                      // 421 and the like: the server has no time for us; nobody is to blame, connect again later
)

var classNames = [...]string{"odd", "ready", "accepted", "temporary", "bad recipient", "bad message", "bad sender", "busy"}

func (c Class) String() string { return classNames[c] }

// Answer is what the server said, and what it means.
type Answer struct {
	Class    Class
	Phase    Phase
	Code     int    // basic code, RFC 5321 §4.2
	Enhanced string // RFC 3463, "5.1.1"; empty when none was given or it contradicts Code
	Text     string // the rest, in one line, without control characters
}

var (
	// Words by which servers that give no or a vague enhanced code (5.7.1) say that they mean the sender.
	senderWords = regexp.MustCompile(`(?i)relay|authenticat|auth required|not logged in|log ?in (first|required)|` +
		`sender (address )?(rejected|refused|denied|verif|not)|client host|helo|ehlo|` +
		`\b(spf|dkim|dmarc|rdns|ptr)\b|reverse dns|blocked using|block ?list|black ?list|spamhaus|\b(dns|r)bl\b|` +
		`listed (at|in|on|by)|service unavailable|no smtp service|poor reputation|ip (address )?(has been |is )?(blocked|banned)`)

	// Words by which they say that they mean the recipient.
	recipientWords = regexp.MustCompile(`(?i)recipient|mailbox|user|address rejected|not accept(ing)? (mail|messages) from`)

	// Words by which they say that they mean our pace.
	paceWords = regexp.MustCompile(`(?i)too many|rate limit|throttl|try again later.*connection|concurren|quota.*(sender|send)`)
)

// Classify says what an answer means, and for whom. The basic code decides whether it is a yes, a no or a not now; the
// enhanced code (RFC 3463) and, where servers are vague, their words decide only who is meant. One message goes to one
// recipient, so what is said of a recipient after the dot is said of this one.
//
// What cannot stand in this place (2xx to DATA, 3xx to the dot, 199, 600) is Odd.
func Classify(phase Phase, code int, text string) Class {
	if code/100 == 2 || code/100 == 3 { // no word of it matters
		return classify(Answer{Phase: phase, Code: code})
	}
	return classify(parseAnswer(phase, code, text))
}

func classify(a Answer) Class {
	switch a.Code / 100 {
	case 2:
		return classifyYes(a.Phase)
	case 3:
		if a.Phase == PhaseData && a.Code == 354 {
			return Ready
		}
	case 4:
		return classifyLater(a)
	case 5:
		return classifyNo(a)
	}
	return Odd
}

// answer builds the Answer to a reply.
func answer(phase Phase, code int, text string) Answer {
	a := parseAnswer(phase, code, text)
	a.Class = classify(a)
	return a
}

// parseAnswer takes the enhanced code off the text. One that contradicts the basic code is not believed.
func parseAnswer(phase Phase, code int, text string) Answer {
	a := Answer{Phase: phase, Code: code, Text: oneLine(text)}
	enhanced := enhancedCode(a.Text)
	if enhanced == "" {
		return a
	}
	if int(enhanced[0]-'0') == code/100 {
		a.Enhanced = enhanced
	}
	a.Text = strings.TrimPrefix(a.Text[len(enhanced):], " ")
	if strings.Contains(a.Text, enhanced) { // servers repeat it on each line of a long answer (RFC 2034 §4)
		a.Text = strings.TrimPrefix(strings.ReplaceAll(" "+a.Text, " "+enhanced+" ", " "), " ")
	}
	return a
}

// oneLine is text without line ends and controls; that of most answers has none.
func oneLine(text string) string {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' || text[i] == ' ' && (i == 0 || text[i-1] == ' ') || i >= headerTextMax-1 {
			return NewHeaderText(text).String()
		}
	}
	return strings.TrimSuffix(text, " ")
}

// enhancedCode is the code of RFC 3463 §2 that text begins with, as a word; empty when there is none.
func enhancedCode(text string) string {
	code, _, _ := strings.Cut(text, " ")
	if len(code) < len("2.0.0") || code[1] != '.' || code[0] != '2' && code[0] != '4' && code[0] != '5' {
		return ""
	}
	subject, detail, _ := strings.Cut(code[2:], ".")
	if !isShortNumber(subject) || !isShortNumber(detail) {
		return ""
	}
	return code
}

func isShortNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return 1 <= len(s) && len(s) <= 3
}

func classifyYes(phase Phase) Class {
	switch phase {
	case PhaseData:
		return Odd
	case PhaseDot:
		return Accepted
	}
	return Ready
}

// classifyLater is for 4xx.
func classifyLater(a Answer) Class {
	subject, detail := a.subject()
	switch {
	case a.Code == 432: // a password has to be changed first (RFC 4954 §4.7)
		return BadSender
	case subject == 7 && aboutSender(detail): // Google: 421 4.7.23, 4.7.26 …
		return BadSender
	case a.Code == 421, a.Phase < PhaseRcpt:
		return Busy
	case a.Phase == PhaseRcpt && subject == 1: // an address, whatever words of it the answer quotes
		return Temporary
	case a.Code == 454 && strings.Contains(strings.ToLower(a.Text), "relay"):
		return BadSender
	case subject == 2:
		return Temporary
	case a.Code == 452 && (subject < 0 || subject == 3 && detail <= 1): // the server's disk
		return Busy
	case subject == 5 && detail == 3, subject == 7 && detail == 28, paceWords.MatchString(a.Text):
		return Busy
	}
	return Temporary
}

// classifyNo is for 5xx.
func classifyNo(a Answer) Class {
	subject, detail := a.subject()
	utf8Only := subject == 6 && detail == 7 // the address needs SMTPUTF8
	switch {
	case utf8Only && (a.Phase == PhaseMail || a.Phase == PhaseRcpt):
		return BadRecipient
	case a.Phase < PhaseRcpt:
		return BadSender
	}
	switch a.Code {
	case 530, 534, 535, 538: // RFC 4954
		return BadSender
	}
	switch subject {
	case 1: // address
		if detail == 7 || detail == 8 { // the sender's
			return BadSender
		}
		return BadRecipient
	case 2: // mailbox
		return classifyMailbox(a, detail)
	case 7: // policy
		return classifyPolicy(a, detail)
	}
	if a.Phase == PhaseRcpt {
		return classifyRcptNo(a, subject, detail)
	}
	if subject < 0 && senderWords.MatchString(a.Text) {
		return BadSender
	}
	return BadMessage
}

func classifyMailbox(a Answer, detail int) Class {
	switch {
	case detail == 2: // full: may be emptied
		return Temporary
	case detail == 3 && a.Phase != PhaseRcpt: // too long for this mailbox
		return BadMessage
	}
	return BadRecipient
}

// classifyPolicy is for 5.7.x. Most of them are about us. A few say that this one mailbox takes no mail from outside;
// they must not stop the mail to everyone else.
func classifyPolicy(a Answer, detail int) Class {
	switch {
	case aboutSender(detail):
		return BadSender
	case detail == 2, detail == 13, detail == 17, detail == 18, 120 <= detail && detail <= 139:
		return BadRecipient // list expansion, disabled (RFC 5248), owner has changed (RFC 7293), Exchange's restricted mailboxes
	case senderWords.MatchString(a.Text):
		return BadSender
	case a.Phase != PhaseRcpt:
		return BadMessage
	case detail <= 1 && recipientWords.MatchString(a.Text):
		return BadRecipient
	}
	return BadSender
}

// classifyRcptNo is for a refused RCPT without a telling enhanced code.
func classifyRcptNo(a Answer, subject, detail int) Class {
	switch {
	case subject == 3 && detail == 4: // message too big for the system
		return BadSender
	case subject == 5 && detail >= 1: // the protocol as we speak it
		return BadSender
	case subject < 0 && a.Code == 552: // RFC 5321: exceeded storage allocation
		return Temporary
	case a.Code == 500, a.Code == 502, a.Code == 503, a.Code == 504, a.Code == 555:
		return BadSender
	case senderWords.MatchString(a.Text):
		return BadSender
	}
	return BadRecipient
}

// aboutSender reports the details of X.7 that speak of authentication, reverse DNS, reputation or a tenant: RFC 7372,
// RFC 8617, and the ranges Google and Microsoft use.
func aboutSender(detail int) bool {
	switch {
	case 8 <= detail && detail <= 12: // credentials, mechanism, encryption needed (RFC 5248)
		return true
	case 20 <= detail && detail <= 33 && detail != 28:
		return true
	case detail == 57, detail == 60, detail == 64:
		return true
	}
	return 500 <= detail && detail <= 799
}

// subject gives the second and third number of the enhanced code, -1 for none.
func (a Answer) subject() (subject, detail int) {
	parts := strings.Split(a.Enhanced, ".")
	if len(parts) != 3 {
		return -1, -1
	}
	subject, _ = strconv.Atoi(parts[1])
	detail, _ = strconv.Atoi(parts[2])
	return subject, detail
}
