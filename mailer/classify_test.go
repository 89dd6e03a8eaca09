package mailer

import "testing"

func TestClassify(t *testing.T) {
	for _, test := range []struct {
		phase Phase
		code  int
		text  string
		want  Class
	}{
		// yes
		{PhaseGreeting, 220, "mx.example.com ESMTP", Ready},
		{PhaseHello, 250, "mx.example.com", Ready},
		{PhaseMail, 250, "2.1.0 Ok", Ready},
		{PhaseRcpt, 250, "2.1.5 Ok", Ready},
		{PhaseRcpt, 251, "User not local; will forward", Ready},
		{PhaseRcpt, 252, "Cannot VRFY user", Ready},
		{PhaseData, 354, "End data with <CR><LF>.<CR><LF>", Ready},
		{PhaseDot, 250, "2.0.0 Ok: queued as 4XyZ", Accepted},
		{PhaseDot, 250, "OK", Accepted},
		{PhaseDot, 250, "", Accepted},
		{PhaseDot, 250, "5.1.1 the basic code decides", Accepted},
		{PhaseDot, 251, "fine", Accepted},

		// what cannot stand there
		{PhaseData, 250, "Ok", Odd},
		{PhaseMail, 354, "go", Odd},
		{PhaseRcpt, 334, "", Odd},
		{PhaseDot, 354, "go on", Odd},
		{PhaseDot, 300, "", Odd},
		{PhaseData, 355, "", Odd},
		{PhaseDot, 199, "", Odd},
		{PhaseDot, 600, "", Odd},
		{PhaseDot, 0, "", Odd},

		// the door
		{PhaseGreeting, 421, "4.3.2 Service not available", Busy},
		{PhaseGreeting, 450, "try later", Busy},
		{PhaseGreeting, 554, "No SMTP service here", BadSender},
		{PhaseGreeting, 521, "does not accept mail", BadSender},
		{PhaseHello, 501, "Syntax error", BadSender},
		{PhaseHello, 550, "bad HELO", BadSender},
		{PhaseHello, 452, "busy", Busy},
		{PhaseTLS, 454, "4.7.0 TLS not available due to local problem", Busy},
		{PhaseTLS, 502, "5.5.1 command not known", BadSender},
		{PhaseAuth, 535, "5.7.8 authentication failed", BadSender},
		{PhaseAuth, 534, "5.7.9 Application-specific password required", BadSender},
		{PhaseAuth, 538, "5.7.11 encryption required", BadSender},
		{PhaseAuth, 432, "4.7.12 A password transition is needed", BadSender},
		{PhaseAuth, 454, "4.7.0 Temporary authentication failure", Busy},
		{PhaseAuth, 421, "too many failures", Busy},

		// an address, whatever words it quotes
		{PhaseRcpt, 450, "4.1.1 <too.many@x.test>: user unknown", Temporary},
		{PhaseRcpt, 452, "4.1.1 throttle@x.test: try later", Temporary},
		{PhaseRcpt, 454, "4.1.1 relay@x.test is away", Temporary},
		{PhaseRcpt, 421, "4.1.1 closing", Busy},

		// S9: the sender
		{PhaseMail, 550, "5.1.8 Sender address rejected: Domain not found", BadSender},
		{PhaseMail, 553, "5.7.1 not owned by user", BadSender},
		{PhaseMail, 530, "5.7.0 Must issue a STARTTLS command first", BadSender},
		{PhaseMail, 552, "5.3.4 Message size exceeds fixed limit", BadSender},
		{PhaseMail, 501, "5.5.4 Syntax error in parameters", BadSender},
		{PhaseMail, 550, "anything", BadSender},
		{PhaseRcpt, 530, "5.7.0 Authentication required", BadSender},
		{PhaseRcpt, 535, "no", BadSender},
		{PhaseRcpt, 554, "5.7.1 <ann@example.net>: Relay access denied", BadSender},
		{PhaseRcpt, 550, "5.7.1 relaying denied", BadSender},
		{PhaseRcpt, 550, "relay not permitted", BadSender},
		{PhaseRcpt, 454, "4.7.1 <ann@example.net>: Relay access denied", BadSender},
		{PhaseRcpt, 550, "5.7.26 This mail is unauthenticated", BadSender},
		{PhaseDot, 550, "5.7.26 This mail has been blocked because the sender is unauthenticated", BadSender},
		{PhaseDot, 550, "5.7.515 Access denied, sending domain does not meet the required authentication level", BadSender},
		{PhaseDot, 421, "4.7.26 This email has been rate limited because it is unauthenticated", BadSender},
		{PhaseDot, 421, "4.7.32 From header isn't aligned", BadSender},
		{PhaseRcpt, 450, "4.7.23 no PTR record", BadSender},
		{PhaseDot, 550, "5.7.27 SPF", BadSender},
		{PhaseRcpt, 550, "5.7.606 Access denied, banned sending IP", BadSender},
		{PhaseRcpt, 554, "5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example", BadSender},
		{PhaseRcpt, 554, "Your IP is listed at an RBL", BadSender},
		{PhaseRcpt, 553, "5.7.1 <me@example.com>: Sender address rejected: not owned by user me", BadSender},
		{PhaseRcpt, 504, "5.5.2 <box>: Helo command rejected: need fully-qualified hostname", BadSender},
		{PhaseRcpt, 503, "5.5.1 Error: need MAIL command", BadSender},
		{PhaseRcpt, 503, "bad sequence", BadSender},
		{PhaseRcpt, 555, "5.5.4 Unsupported option", BadSender},
		{PhaseRcpt, 550, "5.1.7 bad sender mailbox", BadSender},
		{PhaseRcpt, 550, "5.7.60 SMTP; Client does not have permissions to send as this sender", BadSender},
		{PhaseRcpt, 550, "5.7.1 Access denied", BadSender},
		{PhaseRcpt, 554, "no SMTP service here", BadSender},
		{PhaseData, 530, "5.7.1 Authentication required", BadSender},

		// S7: the recipient
		{PhaseRcpt, 550, "5.1.1 <ann@example.net>: User unknown in virtual mailbox table", BadRecipient},
		{PhaseRcpt, 550, "5.1.2 no such domain", BadRecipient},
		{PhaseRcpt, 501, "5.1.3 Bad recipient address syntax", BadRecipient},
		{PhaseRcpt, 550, "5.1.6 moved", BadRecipient},
		{PhaseRcpt, 556, "5.1.10 Recipient address has null MX", BadRecipient},
		{PhaseRcpt, 550, "No such user here", BadRecipient},
		{PhaseRcpt, 550, "", BadRecipient},
		{PhaseRcpt, 551, "User not local", BadRecipient},
		{PhaseRcpt, 553, "mailbox name not allowed", BadRecipient},
		{PhaseRcpt, 501, "bad address", BadRecipient},
		{PhaseRcpt, 521, "5.2.1 mailbox disabled", BadRecipient},
		{PhaseRcpt, 550, "5.5.0 Requested action not taken: mailbox unavailable", BadRecipient},
		{PhaseRcpt, 550, "5.4.1 Recipient address rejected: Access denied", BadRecipient},
		{PhaseRcpt, 554, "5.7.1 <ann@example.net>: Recipient address rejected: Access denied", BadRecipient},
		{PhaseRcpt, 550, "5.7.133 sender not authenticated for group", BadRecipient},
		{PhaseRcpt, 550, "5.7.13 User account disabled", BadRecipient},
		{PhaseRcpt, 550, "4.1.1 the basic code decides", BadRecipient},
		{PhaseRcpt, 552, "5.2.3 Message exceeds the mailbox's limit", BadRecipient},
		{PhaseRcpt, 553, "5.6.7 address needs SMTPUTF8", BadRecipient},
		{PhaseMail, 550, "5.6.7 address needs SMTPUTF8", BadRecipient},
		{PhaseData, 550, "5.1.1 no such user", BadRecipient},
		{PhaseDot, 550, "5.1.1 no such user", BadRecipient},

		// S5, S8, S12: not now
		{PhaseRcpt, 450, "4.7.1 Greylisted", Temporary},
		{PhaseRcpt, 451, "4.7.1 Greylisting in action, please come back later", Temporary},
		{PhaseRcpt, 450, "mailbox unavailable", Temporary},
		{PhaseRcpt, 450, "5.1.1 the basic code decides", Temporary},
		{PhaseRcpt, 552, "5.2.2 Mailbox full", Temporary},
		{PhaseRcpt, 552, "exceeded storage allocation", Temporary},
		{PhaseRcpt, 452, "4.2.2 Mailbox full", Temporary},
		{PhaseDot, 452, "4.2.2 over quota", Temporary},
		{PhaseDot, 552, "5.2.2 over quota", Temporary},
		{PhaseDot, 451, "4.3.0 local error", Temporary},
		{PhaseDot, 450, "", Temporary},
		{PhaseData, 451, "4.7.1 try again", Temporary},

		// S4, S6: no time
		{PhaseMail, 421, "4.4.2 timeout", Busy},
		{PhaseRcpt, 421, "", Busy},
		{PhaseData, 421, "", Busy},
		{PhaseDot, 421, "closing", Busy},
		{PhaseMail, 451, "4.3.2 busy", Busy},
		{PhaseMail, 452, "4.3.1 Insufficient system storage", Busy},
		{PhaseRcpt, 452, "4.5.3 Too many recipients", Busy},
		{PhaseRcpt, 452, "insufficient system storage", Busy},
		{PhaseRcpt, 450, "4.7.1 Error: too many connections", Busy},
		{PhaseRcpt, 450, "4.7.28 unusual rate of mail", Busy},
		{PhaseDot, 451, "4.7.1 rate limit exceeded", Busy},

		// S11: the content
		{PhaseDot, 554, "5.7.1 spam", BadMessage},
		{PhaseDot, 550, "5.7.1 message content rejected", BadMessage},
		{PhaseDot, 554, "5.6.0 refused", BadMessage},
		{PhaseDot, 554, "transaction failed", BadMessage},
		{PhaseDot, 552, "too big", BadMessage},
		{PhaseDot, 552, "5.3.4 too big", BadMessage},
		{PhaseDot, 552, "5.2.3 too big for this mailbox", BadMessage},
		{PhaseDot, 550, "4.4.4 the basic code decides", BadMessage},
		{PhaseData, 554, "5.5.1 no valid recipients", BadMessage},
	} {
		if got := Classify(test.phase, test.code, test.text); got != test.want {
			t.Errorf("%s %d %s: %s, want %s", test.phase, test.code, test.text, got, test.want)
		}
	}
}

func TestAnswer(t *testing.T) {
	for _, test := range []struct {
		code           int
		text           string
		enhanced, rest string
	}{
		{550, "5.1.1 User unknown", "5.1.1", "User unknown"},
		{550, "5.1.1", "5.1.1", ""},
		{550, "User 5.1.1 unknown", "", "User 5.1.1 unknown"},
		{250, "5.1.1 fine", "", "fine"},
		{550, "5.7.26 This mail\n5.7.26 is unauthenticated", "5.7.26", "This mail is unauthenticated"},
		{550, "5.1.1234 x", "", "5.1.1234 x"},
		{550, "two\nlines\x1b[31m", "", "two lines [31m"},
	} {
		a := answer(PhaseRcpt, test.code, test.text)
		if a.Enhanced != test.enhanced || a.Text != test.rest {
			t.Errorf("%d %q: %q %q, want %q %q", test.code, test.text, a.Enhanced, a.Text, test.enhanced, test.rest)
		}
	}
}
