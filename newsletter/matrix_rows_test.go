package newsletter_test

import (
	"strings"
	"time"

	"digest/config"
)

const (
	later = 31 * time.Minute // a mail in doubt is due again
	quick = 10 * time.Second
)

// sent is the good end: nobody is left out, and nobody has two.
func sent(least, most time.Duration) []pass {
	return []pass{{states: "sent sent sent", copies: "1 1 1", exit: "done", least: least, most: most}}
}

// once are the passes over a mail to r2 that comes into doubt once. before is how many copies the server has then.
func once(before, repeated string, least time.Duration) (repeat, ask []pass) {
	repeat = []pass{
		{states: "sent unknown+ sent", copies: "1 " + before + " 1", exit: "partly", least: least},
		{after: later, states: "sent sent sent", copies: "1 " + repeated + " 1", exit: "done"},
		{after: later, states: "sent sent sent", copies: "1 " + repeated + " 1", exit: "done"},
	}
	ask = []pass{
		{states: "sent unknown sent", copies: "1 " + before + " 1", exit: "person", notices: "issue done", least: least},
		{after: later, states: "sent unknown sent", copies: "1 " + before + " 1", exit: "done", notices: "issue done"},
	}
	return repeat, ask
}

// rowsInDoubt: the dot has left, and the connection ends without an answer.
func rowsInDoubt() []row {
	taken, takenAsk := once("1", "2", 0)
	gone, goneAsk := once("0", "1", 0)
	slow, slowAsk := once("0", "2", 10*time.Minute) // the copy is taken after the client has left
	late := []act{pause(10*time.Minute + 30*time.Second), take, say("250 2.0.0 queued")}
	return []row{
		{
			name: "S1 drop after accepting", faults: []fault{{at: "dot", to: "r2", times: 1, do: []act{take, drop}}},
			passes: taken, ask: takenAsk,
		},
		{
			name: "S1 drop after accepting, each time", faults: []fault{{at: "dot", to: "r2", do: []act{take, drop}}},
			passes: []pass{
				{states: "sent unknown+ sent", copies: "1 1 1", exit: "partly"},
				{after: later, states: "sent unknown sent", copies: "1 2 1", exit: "done", notices: "issue done"},
				{after: 2 * later, states: "sent unknown sent", copies: "1 2 1", exit: "done", notices: "issue done"},
			},
		},
		{
			name: "S1 of all mails", readers: numbered(8), faults: []fault{{at: "dot", do: []act{take, drop}}},
			passes: []pass{
				{states: "3 queued+, 5 unknown+", copies: "3 0, 5 1", exit: "partly", reason: "5 mails in a row had no answer"},
			},
		},
		{
			name: "S2 drop at the dot", faults: []fault{{at: "dot", to: "r2", times: 1, do: []act{drop}}},
			passes: gone, ask: goneAsk,
		},
		{
			name: "S25 dots answered after 9:30", passes: sent(28*time.Minute+30*time.Second, 0),
			faults: []fault{{at: "dot", do: []act{pause(9*time.Minute + 30*time.Second), take, say("250 2.0.0 queued")}}},
		},
		{
			name: "S26 a dot answered after 10:30", faults: []fault{{at: "dot", to: "r2", times: 1, do: late}},
			passes: slow, ask: swap(slowAsk, 1, "1 1 1"),
		},
		{
			name: "S26 each time: no third copy", faults: []fault{{at: "dot", to: "r2", do: late}},
			passes: []pass{
				{states: "sent unknown+ sent", copies: "1 0 1", exit: "partly", least: 10 * time.Minute},
				{after: later, states: "sent unknown sent", copies: "1 1 1", exit: "done", least: 10 * time.Minute, notices: "issue done"},
				{after: later, states: "sent unknown sent", copies: "1 2 1", exit: "done", notices: "issue done"},
			},
		},
	}
}

// swap gives a pass other copies.
func swap(list []pass, i int, copies string) []pass {
	list[i].copies = copies
	return list
}

// rowsNoAnswer: S16 and S18 at the dot. What comes is no answer, so nobody can know.
func rowsNoAnswer() []row {
	var rows []row
	for _, x := range []struct {
		name  string
		least time.Duration
		do    []act
	}{
		{"S16 a byte every 9 s", 10 * time.Minute, []act{take, drip("250 2.0.0 " + strings.Repeat("x", 300) + "\r\n")}},
		{"S16 250- without end", 0, []act{take, raw(strings.Repeat("250-more\r\n", 600))}},
		{"S16 a line without end", 0, []act{take, raw("250 " + strings.Repeat("x", 1<<20))}},
		{"S16 250- each minute", 10 * time.Minute, append([]act{take}, eachMinute("250-more\r\n", 11)...)},
		{"S18 3xx", 0, []act{take, say("354 go on")}},
		{"S18 1xx", 0, []act{take, say("199 hm")}},
		{"S18 6xx", 0, []act{take, say("650 hm")}},
		{"S18 no digits", 0, []act{take, say("2x0 fine")}},
		{"S18 NUL", 0, []act{take, raw("250 o\x00k\r\n")}},
		{"S18 bare LF", 0, []act{take, raw("250 ok\n")}},
		{"S18 two codes", 0, []act{take, raw("250-ok\r\n550 no\r\n")}},
		{"S18 begun and dropped", 0, []act{take, raw("250-queued\r\n250"), drop}},
		{"S18 5xx begun and dropped", 0, []act{take, raw("550 5.7.1 no"), drop}},
	} {
		repeat, ask := once("1", "2", x.least)
		rows = append(rows, row{
			name: x.name + ", at the dot", faults: []fault{{at: "dot", to: "r2", times: 1, do: x.do}}, passes: repeat,
			ask: ask,
		})
	}
	return rows
}

func eachMinute(text string, n int) (do []act) {
	for range n {
		do = append(do, pause(time.Minute), raw(text))
	}
	return do
}

// rowsLater: S5, S8, S12 and S19, the answers by which one mail has to wait.
func rowsLater() []row {
	return []row{
		{
			name: "S5 greylisted", passes: sent(5*time.Minute, 15*time.Minute+quick), check: attempts(1, 2, 1),
			faults: []fault{{at: "RCPT", to: "r2", times: 1, do: []act{say("450 4.2.0 greylisted, come back")}}},
		},
		{
			name: "S5 everybody greylisted", passes: sent(5*time.Minute, 15*time.Minute+quick), check: attempts(2, 2, 2),
			faults: []fault{{at: "RCPT", times: 3, do: []act{say("451 4.7.1 greylisted")}}},
		},
		{
			name: "S5 for longer than a run", check: attempts(1, 3, 1),
			faults: []fault{{at: "RCPT", to: "r2", times: 2, do: []act{say("450 4.2.0 greylisted")}}},
			passes: []pass{
				{states: "sent retry+ sent", copies: "1 0 1", exit: "partly", least: 5 * time.Minute, most: time.Hour},
				{after: time.Hour, states: "sent sent sent", copies: "1 1 1", exit: "done", most: time.Hour},
			},
		},
		{
			name: "S8 mailbox full", check: bounced(false),
			faults: []fault{{at: "RCPT", to: "r2", do: []act{say("552 5.2.2 mailbox full")}}},
			passes: []pass{
				{states: "sent retry+ sent", copies: "1 0 1", exit: "partly", most: time.Hour},
				{after: 73 * time.Hour, states: "sent expired sent", copies: "1 0 1", exit: "done", notices: "issue done"},
			},
		},
		{
			name: "S12 deferred at the dot", passes: sent(5*time.Minute, 15*time.Minute+quick), check: attempts(1, 2, 1),
			faults: []fault{{at: "dot", to: "r2", times: 1, do: []act{say("451 4.3.0 not now")}}},
		},
		{
			name: "S19 4xx with a code of 5xx", passes: sent(5*time.Minute, 15*time.Minute+quick), check: attempts(1, 2, 1),
			faults: []fault{{at: "RCPT", to: "r2", times: 1, do: []act{say("451 5.1.1 not now")}}},
		},
	}
}

// rowsFailed: S7, S19 and S22, a recipient who is refused for good, and answers that only look like it.
func rowsFailed() []row {
	var rows []row
	failed := []pass{
		{states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done"},
		{after: time.Hour, states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done"},
	}
	for _, code := range []string{"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10"} {
		rows = append(rows, row{
			name: "S7 " + code, passes: failed, check: bounced(true),
			faults: []fault{{at: "RCPT", to: "r2", do: []act{say("550 " + code + " never")}}},
		})
	}
	rows = append(rows, row{
		name: "S19 5xx with a code of 2xx", passes: failed, check: bounced(false),
		faults: []fault{{at: "RCPT", to: "r2", do: []act{say("550 2.1.5 welcome")}}},
	})
	for name, text := range map[string]string{
		"bare": "250\r\n", "a blank": "250 \r\n", "two lines": "250-2.0.0 a\r\n250 2.0.0 b\r\n",
		"a code of 5xx": "250 5.1.1 no such user\r\n", "another 2xx": "252 fine\r\n",
		"8 bits": "250 tr\xe8s bien\r\n", "no blank": "250-a\r\n250\r\n",
	} {
		rows = append(rows, row{
			name: "S19 2xx, " + name, passes: sent(0, 0), faults: []fault{{at: "dot", do: []act{take, raw(text)}}},
		})
	}
	return append(rows, row{
		name: "S22 an address that needs SMTPUTF8", readers: []string{"r1", "jürgen@readers.net", "ann@bücher.example"},
		passes: []pass{{states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done"}},
		check: func(w *trial) {
			if d := w.mails()[1]; d.Code != 553 || !strings.HasPrefix(d.Reply, "5.6.7 ") {
				w.t.Errorf("%d %s", d.Code, d.Reply)
			}
		},
	}, row{
		name: "S22 a server that takes it", readers: []string{"r1", "jürgen@readers.net", "ann@bücher.example"},
		passes: sent(0, 0),
		server: func(s *rogue) { s.extensions = append(s.extensions, "SMTPUTF8") },
	})
}

// attempts checks how often the server has decided about each mail.
func attempts(want ...int) func(w *trial) {
	return func(w *trial) {
		for i, d := range w.mails() {
			if d.Attempts != want[i] {
				w.t.Errorf("%s: %d attempts, want %d", d.Address, d.Attempts, want[i])
			}
		}
	}
}

// bounced checks that nobody is suppressed, or r2 alone.
func bounced(r2 bool) func(w *trial) {
	return func(w *trial) {
		for _, name := range w.readers {
			want := "active"
			if r2 && name == "r2" {
				want = "bounced"
			}
			if got := strings.Join(w.column(`SELECT state FROM subscribers WHERE address = $1`, mailbox(name)), " "); got != want {
				w.t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
	}
}

// rowsPace: S21 and S24, found or kept before anything leaves.
func rowsPace() []row {
	rate := func(rate string) func(*config.Config) { return func(c *config.Config) { c.Mail.Rate = rate } }
	return []row{
		{
			name: "S21 SIZE smaller than the mail", server: func(s *rogue) { s.extensions = append(s.extensions, "SIZE 500") },
			passes: []pass{{states: "queued+ queued+ queued+", copies: "0 0 0", exit: "person", reason: "the server takes 500",
				notices: "mail halted since"}},
			check: func(w *trial) {
				for _, t := range w.server.talks {
					if strings.Contains(t.heard.String(), "MAIL") {
						w.t.Errorf("said %q", t.lines)
					}
				}
			},
		},
		{
			name: "S24 a rate of three an hour", readers: numbered(7), config: rate("3/h"),
			passes: []pass{
				{states: "3 sent, 4 queued+", copies: "3 1, 4 0", exit: "partly", reason: "the rate 3/h is used up"},
				{after: 65 * time.Minute, states: "1 queued+, 6 sent", copies: "1 0, 6 1", exit: "partly", reason: "the rate 3/h is used up"},
				{after: 65 * time.Minute, states: "7 sent", copies: "7 1", exit: "done"},
			},
		},
		{
			name: "S24 too slow for the list", readers: numbered(4), config: rate("1/d"),
			passes: []pass{
				{states: "sent queued+ queued+ queued+", copies: "1 0 0 0", exit: "partly", reason: "the rate"},
				{after: 25 * time.Hour, states: "sent sent queued+ queued+", copies: "1 1 0 0", exit: "partly", reason: "the rate"},
				{after: 25 * time.Hour, states: "sent sent sent queued+", copies: "1 1 1 0", exit: "partly", reason: "the rate"},
				{after: 25 * time.Hour, states: "sent sent sent expired", copies: "1 1 1 0", exit: "done", notices: "issue done"},
			},
		},
	}
}
