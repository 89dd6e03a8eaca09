package newsletter_test

import (
	"net"
	"strings"
	"syscall"
	"time"

	"digest/config"
)

// login is a server on this machine that wants to know who we are.
func login(c *config.Config) {
	c.Mail.SMTP, c.Mail.Password = "smtp://me@127.0.0.1:25", config.NewSecret("canary-secret")
}

func plainLogin(s *rogue) { s.extensions = append(s.extensions, "AUTH PLAIN") }

// nobody is the end of a run against a server that is not there: nothing left, nobody is to blame.
func nobody(least time.Duration, reason string) []pass {
	return []pass{{states: "queued+ queued+ queued+", copies: "0 0 0", exit: "partly", reason: reason, least: least}}
}

const fiveLost = "5 connections in a row failed"

// rowsLost: S3 and S15, a connection that ends before the dot, or does not begin.
func rowsLost() []row {
	var rows []row
	for _, x := range []struct {
		at string
		do []act
	}{
		{"connect", []act{drop}}, {"EHLO", []act{drop}}, {"AUTH", []act{drop}}, {"MAIL", []act{drop}}, {"RCPT", []act{drop}},
		{"DATA", []act{drop}}, {"DATA", []act{say("354 go ahead"), drop}}, {"body", []act{part(1), drop}}, {"body", []act{part(1000), drop}},
		{"EHLO", []act{raw("250-rogue.test\r\n250-PIPE"), drop}}, {"RCPT", []act{raw("25"), drop}},
		{"RCPT", []act{raw("550 5.1.1 no such us"), drop}},
	} {
		rows = append(rows,
			row{
				name: "S3 drop at " + x.at, config: login, server: plainLogin, passes: sent(time.Second, 0),
				check:  attempts(1, 1, 1),
				faults: []fault{{at: x.at, times: 1, do: x.do}},
			},
			row{
				name: "S3 drop at " + x.at + ", always", config: login, server: plainLogin,
				passes: nobody(15*time.Second, fiveLost), check: attempts(0, 0, 0),
				faults: []fault{{at: x.at, do: x.do}},
			})
	}
	rows = append(rows, row{
		name: "S3 one recipient always drops it", check: attempts(1, 1, 1),
		faults: []fault{{at: "RCPT", to: "r2", do: []act{drop}}},
		passes: []pass{
			{states: "sent queued+ sent", copies: "1 0 1", exit: "partly", reason: fiveLost, least: time.Second, most: time.Minute},
			{after: time.Hour, mend: true, states: "sent sent sent", copies: "1 1 1", exit: "done"},
		},
	})
	for name, err := range map[string]error{
		"NXDOMAIN":                &net.DNSError{Err: "no such host", Name: "127.0.0.1", IsNotFound: true},
		"SERVFAIL":                &net.DNSError{Err: "server misbehaving", Name: "127.0.0.1", IsTemporary: true},
		"a DNS that says nothing": &net.DNSError{Err: "i/o timeout", Name: "127.0.0.1", IsTimeout: true},
		"no route":                &net.OpError{Op: "dial", Net: "tcp", Err: syscall.EHOSTUNREACH},
		"nobody listens":          &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED},
	} {
		rows = append(rows,
			row{name: "S15 " + name, faults: []fault{{at: "dial", err: err}}, passes: append(nobody(15*time.Second, fiveLost),
				pass{after: time.Hour, mend: true, states: "sent sent sent", copies: "1 1 1", exit: "done"})},
			row{name: "S15 " + name + ", once", faults: []fault{{at: "dial", times: 1, err: err}}, passes: sent(time.Second, 0)})
	}
	return rows
}

// rowsBusy: S4 and S6, a server without time for us.
func rowsBusy() []row {
	closing := []act{say("421 4.3.2 closing"), drop}
	var rows []row
	for _, f := range []fault{
		{
			at: "connect", times: 1}, {at: "EHLO", times: 1}, {at: "AUTH", times: 1}, {at: "MAIL", times: 1}, {at: "MAIL",
			nth: 2, times: 1,
		},
		{
			at: "RCPT", to: "r2", times: 1}, {at: "DATA", to: "r2", times: 1}, {at: "dot", to: "r1", times: 1}, {at: "dot",
			to: "r2", times: 1,
		},
		{at: "dot", to: "r3", times: 1},
	} {
		for name, do := range map[string][]act{"": closing, ", and stays": closing[:1]} {
			f.do = do
			rows = append(rows, row{
				name: "S4 421 at " + f.at + " " + f.to + name, config: login, server: plainLogin, faults: []fault{f},
				passes: sent(time.Minute, 0), check: attempts(1, 1, 1),
			})
		}
	}
	return append(rows,
		row{
			name: "S4 421 at the greeting, always", faults: []fault{{at: "connect", do: closing}},
			passes: nobody(4*time.Minute, "the server is busy"), check: attempts(0, 0, 0),
		},
		row{
			name: "S4 421 at MAIL, always", faults: []fault{{at: "MAIL", do: closing}},
			passes: nobody(4*time.Minute, "the server is busy"), check: attempts(0, 0, 0),
		},
		row{
			name: "S4 421 at the dot, always", readers: numbered(1), faults: []fault{{at: "dot", do: closing}},
			check: attempts(1),
			passes: []pass{
				{states: "retry+", copies: "0", exit: "partly", reason: "the server is busy", least: 4 * time.Minute},
				{after: time.Hour, mend: true, states: "sent", copies: "1", exit: "done"},
			},
		},
		crowded("S6 421 at the third connection", fault{at: "connect", nth: 3, times: 1, do: []act{say("421 4.7.0 too many connections"), drop}}),
		crowded("S6 421 at the third MAIL", fault{at: "MAIL", nth: 3, times: 1, do: []act{say("421 4.7.0 too many connections"), drop}}),
		crowded("S6 452 at a recipient", fault{at: "RCPT", nth: 3, times: 1, do: []act{say("452 4.5.3 too many recipients")}}),
		crowded("S6 451 at a recipient", fault{at: "RCPT", nth: 3, times: 1, do: []act{say("451 4.7.0 too many concurrent connections")}}),
	)
}

// crowded is a server that turns one of four connections away: one is left to the run, after a minute's rest.
func crowded(name string, f fault) row {
	slowly := fault{at: "dot", do: []act{pause(time.Second), take, say("250 2.0.0 queued")}}
	return row{
		name: name, readers: numbered(24), config: func(c *config.Config) { c.Mail.Connections = 4 }, faults: []fault{f, slowly},
		passes: []pass{{states: "24 sent", copies: "24 1", exit: "done", least: time.Minute, most: 2 * time.Minute}},
		check: func(w *trial) {
			after := 0
			for _, t := range w.server.talks {
				if t.begun.Sub(issued) >= time.Minute {
					after++
				}
			}
			if after != 1 || w.server.most < 2 {
				w.t.Errorf("%d connections after the rest, %d at once before", after, w.server.most)
			}
		},
	}
}

// rowsSlow: S16 and S17 before the dot: each request has its time, and no more.
func rowsSlow() []row {
	drop300 := func(code string) []act { return []act{drip(code + " 2.0.0 " + strings.Repeat("x", 300) + "\r\n")} }
	rows := []row{
		{
			name: "S16 a slow greeting that ends", faults: []fault{{at: "connect", do: []act{drip("220 ready\r\n")}}},
			passes: sent(99*time.Second, 0),
		},
		{
			name: "S17 nothing of the body is read", faults: []fault{{at: "body", times: 1, do: []act{choke}}},
			passes: sent(3*time.Minute+time.Second, 0),
		},
		{
			name:   "S17 the body is read to its middle",
			faults: []fault{{at: "body", to: "r2", times: 1, do: []act{part(1000), choke}}}, passes: sent(3*time.Minute, 0),
		},
		{
			name: "S17 never", faults: []fault{{at: "body", do: []act{part(1000), choke}}},
			passes: nobody(15*time.Minute+15*time.Second, fiveLost),
		},
	}
	for _, x := range []struct {
		at    string
		code  string
		takes time.Duration
	}{{"connect", "220", 5 * time.Minute}, {"EHLO", "250", 5 * time.Minute}, {"MAIL", "250", 5 * time.Minute},
		{"RCPT", "250", 5 * time.Minute}, {"DATA", "354", 2 * time.Minute}} {
		for name, do := range map[string][]act{
			"a byte every 9 s": drop300(x.code), "mute": {mute}, "a line each minute": eachMinute(x.code+"-more\r\n", 6),
		} {
			rows = append(rows, row{
				name: "S16 " + x.at + ", " + name, faults: []fault{{at: x.at, times: 1, do: do}},
				passes: sent(x.takes+time.Second, 0), check: attempts(1, 1, 1),
			})
		}
		for name, text := range map[string]string{
			"without end": strings.Repeat(x.code+"-more\r\n", 600), "too long a line": x.code + " " + strings.Repeat("x", 1<<20) + "\r\n",
			"too much": strings.Repeat(x.code+"-"+strings.Repeat("x", 1000)+"\r\n", 80) + x.code + " ok\r\n",
		} {
			rows = append(rows, row{
				name: "S16 " + x.at + ", " + name, faults: []fault{{at: x.at, times: 1, do: []act{raw(text)}}},
				passes: sent(time.Second, 0), check: attempts(1, 1, 1),
			})
		}
	}
	return rows
}

// rowsGarbage: S18 and S27 before the dot. What makes no sense is believed in nothing.
func rowsGarbage() []row {
	var rows []row
	for _, at := range []string{"MAIL", "RCPT", "DATA"} {
		for name, text := range map[string]string{
			"no digits": "2x0 fine\r\n", "NUL": "250 o\x00k\r\n", "bare LF": "250 ok\n", "bare CR": "250 o\rk\r\n",
			"1xx": "199 hm\r\n", "6xx": "650 hm\r\n", "3xx": "334 go on\r\n",
			"two codes": "250-ok\r\n550 no\r\n", "two digits": "25 ok\r\n", "no code": "\r\n", "a code and more": "250ok\r\n",
			"5xx with a NUL": "550 5.1.1 n\x00o\r\n",
		} {
			rows = append(rows, row{
				name: "S18 " + name + ", at " + at, faults: []fault{{at: at, times: 1, do: []act{raw(text)}}},
				passes: sent(time.Second, 0), check: attempts(1, 1, 1),
			})
		}
	}
	for _, f := range []fault{
		{at: "MAIL", do: []act{say("354 go ahead")}},
		{at: "RCPT", do: []act{say("354 go ahead")}},
		{at: "DATA", do: []act{say("250 ok")}},
		{at: "EHLO", do: []act{say("250 rogue.test", "250 ok")}},
		{at: "connect", do: []act{say("220 ready", "250 rogue.test")}},
		{at: "DATA", do: []act{say("354 go ahead", "250 2.0.0 queued")}},
		{at: "DATA", do: []act{say("354 go ahead", "550 5.1.1 no such user")}},
		{at: "dot", do: []act{take, say("250 2.0.0 queued", "250 2.0.0 stale")}},
		{at: "dot", do: []act{take, say("250 2.0.0 queued", "550 5.1.1 stale")}},
	} {
		f.times = 1
		rows = append(rows, row{
			name: "S18, S27 out of order, at " + f.at, faults: []fault{f}, passes: sent(0, 0), check: attempts(1, 1, 1),
		})
	}
	return rows
}

// rowsEnds: S23, a server that takes so many mails on one connection and no more.
func rowsEnds() []row {
	all := []pass{{states: "8 sent", copies: "8 1", exit: "done"}}
	rested := []pass{{states: "8 sent", copies: "8 1", exit: "done", least: time.Minute}}
	full := func(do ...act) []fault { return []fault{{at: "MAIL", after: 2, do: do}} }
	return []row{
		{name: "S23 closes after two mails", readers: numbered(8), faults: full(drop), passes: all},
		{name: "S23 421 after two mails", readers: numbered(8), faults: full(say("421 4.7.0 enough"), drop), passes: rested},
		{
			name: "S23 closes with the answer", readers: numbered(8),
			faults: []fault{{at: "dot", after: 2, do: []act{take, say("250 2.0.0 queued"), drop}}}, passes: all,
		},
		{
			name: "S23 closes after each", readers: numbered(8),
			faults: []fault{{at: "dot", do: []act{take, say("250 2.0.0 queued"), drop}}}, passes: all,
		},
	}
}
