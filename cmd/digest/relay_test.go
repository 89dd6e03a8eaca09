package main

import (
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// relayed is a way in which a mail server fails, and what cron sees of it: newsletter's matrix has each of them with
// every state and copy, this here the exit codes, over a real connection.
type relayed struct {
	name   string
	extra  string // an address besides the three readers; it steers the sink
	policy outbox.Policy
	plot   plot
	smtp   func(sink *digesttest.Sink) string // nil: the sink's own address
	codes  []int                              // of run, called again 65 minutes later each
	says   string                             // the first run, on stderr; "": nothing
	copies int                                // of each of the three readers, in the end
	more   int                                // … of the extra one
}

func refusedBy(code int, enhanced smtp.EnhancedCode, text string) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: enhanced, Message: text}
}

func relayFaults() []relayed {
	everyRcpt := func(err error) plot {
		return plot{sink: digesttest.SinkConfig{OnRcpt: func(string) error { return err }}}
	}
	everyDot := func(err error) plot {
		return plot{sink: digesttest.SinkConfig{OnData: func(digesttest.Received) error { return err }}}
	}
	required := func(sink *digesttest.Sink) string { return "smtp://" + sink.Addr + "?tls=required" }
	const person, partly = exitPerson, exitPartly
	return []relayed{
		{name: "S1 repeat", extra: "dropdot@readers.test", codes: []int{partly, 0, 0}, copies: 1, more: 2},
		{
			name: "S1 ask", extra: "dropdot@readers.test", policy: outbox.Ask, codes: []int{person, 0, 0},
			says: "may or may not have arrived", copies: 1, more: 1,
		},
		{name: "S2 repeat", extra: "dropbefore@readers.test", codes: []int{partly, 0, 0}, copies: 1},
		{
			name: "S2 ask", extra: "dropbefore@readers.test", policy: outbox.Ask, codes: []int{person, 0},
			says: "may or may not have arrived", copies: 1,
		},
		{name: "S7", extra: "550@readers.test", codes: []int{0, 0}, copies: 1},
		{
			name: "S9 relaying denied", plot: everyRcpt(refusedBy(550, smtp.EnhancedCode{5, 7, 1}, "relaying denied")),
			codes: []int{person, person}, says: "relaying denied",
		},
		{
			name: "S9 unauthenticated, at the dot",
			plot: everyDot(refusedBy(550, smtp.EnhancedCode{5, 7, 26}, "unauthenticated")), codes: []int{person},
			says: "unauthenticated",
		},
		{
			name: "S10", plot: plot{readers: 6, sink: everyRcpt(refusedBy(550, smtp.EnhancedCode{5, 1, 1}, "no such user")).sink},
			codes: []int{person, person}, says: "the first 5 recipients",
		},
		{
			name: "S11", plot: everyDot(refusedBy(554, smtp.EnhancedCode{5, 6, 0}, "looks like spam")),
			codes: []int{person}, says: "looks like spam",
		},
		{name: "S13 no STARTTLS", smtp: required, codes: []int{person}, says: "TLS"},
		{
			name: "S13 nobody vouches", plot: plot{sink: digesttest.SinkConfig{TLS: true}}, smtp: required,
			codes: []int{person}, says: "certificate",
		},
		{
			name: "S14 no AUTH", smtp: func(sink *digesttest.Sink) string { return "smtp://me@" + sink.Addr },
			codes: []int{person}, says: "login",
		},
		{name: "S15 IPv4 alone", smtp: func(sink *digesttest.Sink) string {
			return "smtp://localhost" + sink.Addr[strings.LastIndexByte(sink.Addr, ':'):]
		}, codes: []int{0}, copies: 1},
		{name: "S21", plot: plot{sink: digesttest.SinkConfig{MaxBytes: 500}}, codes: []int{person}, says: "500"},
		{name: "S22", extra: "jürgen@readers.test", codes: []int{0, 0}, copies: 1},
		{name: "S24", plot: plot{rate: "2/h"}, codes: []int{partly, 0, 0}, says: "the rate 2/h is used up", copies: 1},
	}
}

func TestRelayFaults(t *testing.T) {
	for _, test := range relayFaults() {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.plot.inDoubt = test.policy
			w := newScene(t, test.plot)
			w.env = append(w.env, "DIGEST_MAIL_PASSWORD=canary")
			if test.smtp != nil {
				w.from.smtp = test.smtp(w.sink)
			}
			w.configure()
			if test.extra != "" {
				w.must(0, "subscribers", "add", test.extra, "--confirmed")
			}
			w.must(0, "issue", "draft", "monthly", "2026-01")
			w.must(0, "issue", "approve", "1")
			for i, code := range test.codes {
				e := w.run("run")
				if e.code != code || e.stdout != "" || i == 0 && (!strings.Contains(e.stderr, test.says) || test.says == "" && e.stderr != "") {
					t.Errorf("run %d: exit code %d, want %d\n%s%s", i+1, e.code, code, e.stdout, e.stderr)
				}
				if strings.Contains(e.stderr, "canary") {
					t.Errorf("the password is told: %s", e.stderr)
				}
				w.must(0, "audit")
				w.at = w.at.Add(65 * time.Minute)
			}
			copies := w.sink.Copies()
			for n := 1; n <= max(test.plot.readers, 3); n++ {
				if copies[reader(n)] != test.copies {
					t.Errorf("%s has %d copies, want %d", reader(n), copies[reader(n)], test.copies)
				}
			}
			if copies[test.extra] != test.more {
				t.Errorf("%s has %d copies, want %d", test.extra, copies[test.extra], test.more)
			}
		})
	}
}
