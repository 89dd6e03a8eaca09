package newsletter_test

import (
	"fmt"
	"strings"
	"time"
)

// halted are the passes of a list whose sender is refused: nobody is to blame, the author is told once, and all goes on
// by itself once it is mended.
func halted(states, copies, reason string) []pass {
	return []pass{
		{states: states, copies: copies, exit: "person", reason: reason, notices: "mail halted since"},
		{after: 15 * time.Minute, states: states, copies: copies, exit: "person", reason: reason, notices: "mail halted since"},
		{after: 15 * time.Minute, mend: true, states: "sent sent sent", copies: "1 1 1", exit: "done",
			notices: "mail halted since, mail halted over since"},
	}
}

// rowsSender: S9.
func rowsSender() []row {
	var rows []row
	for at, replies := range map[string][]string{
		"connect": {"554 5.7.1 no SMTP service here", "554 5.3.2 no"},
		"EHLO":    {"550 5.7.1 your HELO is not welcome"},
		"AUTH": {"535 5.7.8 wrong", "534 5.7.9 too weak", "530 5.7.0 must issue STARTTLS", "538 5.7.11 encryption required",
			"535 authentication failed",
			"432 4.7.12 a password transition is needed"},
		"MAIL": {"550 5.1.8 bad sender domain", "553 5.1.7 bad sender", "530 5.7.0 authentication required",
			"501 5.5.4 what?", "550 no", "550 5.7.26 unauthenticated",
			"552 5.3.4 too big"},
		"RCPT": {"550 5.7.1 relaying denied", "554 5.7.1 <r1@readers.net>: relay access denied",
			"550 5.7.26 unauthenticated", "550 5.7.515 access denied", "454 4.7.1 relay access denied",
			"554 no SMTP service here", "550 5.7.64 tenant", "530 authentication required", "421 4.7.26 unauthenticated",
			"550 rejected: listed at zen.spamhaus.org"},
		"DATA": {"550 5.7.26 unauthenticated", "554 5.7.1 client host blocked using a block list"},
		"dot": {"550 5.7.26 unauthenticated", "550 5.7.515 access denied", "550 5.7.1 sender not authenticated", "421 4.7.26 unauthenticated",
			"554 5.7.9 message not accepted for policy reasons: DMARC", "535 5.7.8 log in"},
	} {
		for _, reply := range replies {
			rows = append(rows, row{
				name: fmt.Sprintf("S9 %s at %s", reply, at), config: login, server: plainLogin,
				faults: []fault{{at: at, do: []act{say(reply)}}},
				passes: halted("queued+ queued+ queued+", "0 0 0", reply[strings.LastIndexByte(reply, ' ')+1:]),
				check:  checks(bounced(false), attempts(1, 1, 1)),
			})
		}
	}
	return rows
}

func checks(list ...func(w *trial)) func(w *trial) {
	return func(w *trial) {
		for _, check := range list {
			check(w)
		}
	}
}

// rowsBreaker: S10.
func rowsBreaker() []row {
	var tenth, few []fault
	for i := 1; i <= 10; i++ {
		f := fault{at: "RCPT", to: fmt.Sprintf("r%d", 10*i), do: []act{say(fmt.Sprintf("550 5.1.1 no %c", 'a'+i))}}
		tenth = append(tenth, f)
		if i%2 == 0 {
			few = append(few, f)
		}
	}
	all := func(do ...act) []fault { return []fault{{at: "RCPT", do: do}} }
	six := "queued+ queued+ queued+ queued+ queued+ queued+"
	mended := pass{
		after: time.Hour, mend: true, states: "sent sent sent sent sent sent", copies: "1 1 1 1 1 1", exit: "done",
		notices: "mail halted since, mail halted over since",
	}
	return []row{
		{
			name: "S10 the first five alike", readers: numbered(6), faults: all(say("550 5.1.1 no such user")),
			check: bounced(false),
			passes: []pass{{states: six, copies: "0 0 0 0 0 0", exit: "person", reason: "the first 5 recipients",
				notices: "mail halted since"}, mended},
		},
		{
			name: "S10 the first five alike, at the dot", readers: numbered(6), check: bounced(false),
			faults: []fault{{at: "dot", do: []act{say("550 5.1.1 no such user")}}},
			passes: []pass{{states: six, copies: "0 0 0 0 0 0", exit: "person", reason: "the first 5 recipients",
				notices: "mail halted since"}, mended},
		},
		{
			name: "S10 one in ten of a hundred", readers: numbered(120), faults: tenth, check: bounced(false),
			passes: []pass{{states: "30 queued+, 90 sent", copies: "30 0, 90 1", exit: "person",
				reason: "10 of 100 recipients", notices: "mail halted since"}},
		},
		{
			name: "S10 one in twenty", readers: numbered(120), faults: few,
			passes: []pass{{states: "115 sent, 5 failed", copies: "115 1, 5 0", exit: "done", notices: "issue done"}},
		},
	}
}

// rowsContent: S11, and S28 in every row: no line a server may not get, and a body that is the mail's.
func rowsContent() []row {
	spam := []act{say("554 5.6.0 looks like spam")}
	return []row{
		{
			name: "S11 content refused", readers: numbered(4), faults: []fault{{at: "dot", do: spam}}, check: bounced(false),
			passes: []pass{
				{states: "retry+ retry+ retry+ queued+", copies: "0 0 0 0", exit: "person", reason: "refuses the content",
					notices: "mail halted since"},
				{after: time.Hour, mend: true, states: "sent sent sent sent", copies: "1 1 1 1", exit: "done",
					notices: "mail halted since, mail halted over since"},
			},
		},
		{
			name: "S11 of one mail", faults: []fault{{at: "dot", to: "r2", times: 1, do: spam}},
			check:  checks(bounced(false), attempts(1, 2, 1)),
			passes: sent(5*time.Minute, 15*time.Minute+quick),
		},
		{
			name: "S28 lines of dots", passes: sent(0, 0), check: func(w *trial) {
				for _, t := range w.server.talks {
					if !t.dotted {
						w.t.Error("no line of the mail began with a dot, so nothing was tried")
					}
				}
			},
		},
	}
}
