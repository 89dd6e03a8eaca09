package newsletter_test

import (
	"context"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"digest/config"
	"digest/outbox"
	"digest/subscribers"
)

// talked checks how many of the first connection's mails had an answer to their dot, and how many connections there
// were to readers.
func talked(mails, lockstepMails, connections int) func(w *trial) {
	return func(w *trial) {
		want, n := lockstepMails, 0
		if slices.Contains(w.server.extensions, "PIPELINING") {
			want = mails
		}
		for _, t := range w.server.talks {
			if !strings.Contains(t.heard.String(), w.Config.Author.Email) {
				n++
			}
		}
		if got := w.server.talks[0].mails; got != want || n != connections {
			w.t.Errorf("%d mails on the first of %d connections, want %d of %d", got, n, want, connections)
		}
	}
}

// rowsFlight: what happens to the envelope that leaves with the dot before. Where PIPELINING is not announced the same
// answers come one by one, and the mails stand as well.
func rowsFlight() []row {
	failed := []pass{{states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done"}}
	return []row{
		{name: "good path", passes: sent(0, 0), check: checks(talked(3, 3, 1), flown)},
		{
			name: "EHLO unknown", passes: sent(0, 0),
			faults: []fault{{at: "EHLO", times: 1, do: []act{say("502 5.5.1 unknown command")}}},
		},
		{
			name: "EHLO refused, HELO would not be", passes: halted("queued+ queued+ queued+", "0 0 0", "not welcome"),
			faults: []fault{{at: "EHLO", nth: 1, do: []act{greetOnlyHELO}}},
		},
		{
			name: "next: RCPT refused", passes: failed, check: talked(2, 2, 1),
			faults: []fault{{at: "RCPT", to: "r2", do: []act{say("550 5.1.1 no such user")}}},
		},
		{
			name: "next: MAIL has no time", passes: sent(time.Minute, 0), check: checks(attempts(1, 1, 1), talked(1, 1, 2)),
			faults: []fault{{at: "MAIL", nth: 2, times: 1, do: []act{say("451 4.3.0 not now")}}},
		},
		{
			name: "next: MAIL refused", passes: halted("sent queued+ queued+", "1 0 0", "550 5.1.8"),
			faults: []fault{{at: "MAIL", nth: 2, do: []act{say("550 5.1.8 bad sender")}}},
		},
		{
			name: "next: DATA deferred", passes: sent(5*time.Minute, 15*time.Minute+quick),
			check:  checks(attempts(1, 2, 1), talked(2, 2, 2)),
			faults: []fault{{at: "DATA", to: "r2", times: 1, do: []act{say("451 4.3.0 not now")}}},
		},
		{
			name: "next: DATA refused", passes: sent(5*time.Minute, 15*time.Minute+quick),
			check:  checks(attempts(1, 2, 1), bounced(false)),
			faults: []fault{{at: "DATA", to: "r2", times: 1, do: []act{say("554 5.6.0 no")}}},
		},
		{
			name: "next: dropped after the answer to the dot", passes: sent(0, 0), check: talked(1, 1, 2),
			faults: []fault{{at: "dot", to: "r1", times: 1, do: []act{take, say("250 2.0.0 queued"), drop}}},
		},
		{
			name: "next: 421 to the dot before", passes: sent(time.Minute, 0), check: checks(attempts(1, 1, 1), talked(1, 1, 2)),
			faults: []fault{{at: "dot", to: "r1", times: 1, do: []act{say("421 4.3.2 closing")}}},
		},
		{
			name: "next: the dot before is in doubt", check: talked(1, 1, 3),
			faults: []fault{{at: "dot", to: "r1", times: 1, do: []act{take, drop}}},
			passes: []pass{
				{states: "unknown+ sent sent", copies: "1 1 1", exit: "partly"},
				{after: later, states: "sent sent sent", copies: "2 1 1", exit: "done"},
			},
		},
		{
			name: "next: the dot before deferred", passes: sent(5*time.Minute, 15*time.Minute+quick), check: attempts(2, 1, 1),
			faults: []fault{{at: "dot", to: "r1", times: 1, do: []act{say("451 4.3.0 not now")}}},
		},
		{
			name: "next: the dot before halts", passes: halted("queued+ queued+ queued+", "0 0 0", "550 5.7.26"),
			faults: []fault{{at: "dot", do: []act{say("550 5.7.26 unauthenticated")}}},
		},
	}
}

// greetOnlyHELO refuses EHLO for what it says, and takes a HELO.
func greetOnlyHELO(t *talk) bool {
	if strings.HasPrefix(t.lines[len(t.lines)-1], "HELO") {
		return say("250 rogue.test")(t)
	}
	return say("550 5.7.1 not welcome")(t)
}

// flown checks that the next envelope left with the dot where PIPELINING was announced, and there alone.
func flown(w *trial) {
	want := 0
	if slices.Contains(w.server.extensions, "PIPELINING") {
		want = 2
	}
	if got := w.server.talks[0].together; got != want {
		w.t.Errorf("%d envelopes left with a dot, want %d", got, want)
	}
}

// rowsTakeBack: RFC 2920 §3.1, a 354 though the envelope was refused. A lone dot after a refused recipient, and its
// refusal; after anything else only the end of the connection is safe.
func rowsTakeBack() []row {
	failed := []pass{{states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done"}}
	refused := func(more ...fault) []fault {
		return append([]fault{
			{at: "RCPT", to: "r2", do: []act{say("550 5.1.1 no such user")}},
			{at: "DATA", nth: 2, times: 1, do: []act{say("354 go ahead")}},
		}, more...)
	}
	dot := func(do ...act) fault { return fault{at: "dot", nth: 2, times: 1, do: do} }
	return []row{
		{name: "354 after a refused recipient", faults: refused(), passes: failed, check: talked(3, 2, 1)},
		{
			name:   "354 after a refused recipient, and a yes to the dot",
			faults: refused(dot(take, say("250 2.0.0 queued"))), passes: failed,
			check: lone(2, 1, 2),
		},
		{
			name:   "354 after a refused recipient, and 421 to the dot",
			faults: refused(fault{at: "dot", after: 2, do: []act{lonely("421 4.3.2 closing")}}), passes: failed,
			check: lone(2, 1, 2),
		},
		{
			name: "354 after a refused recipient, and no answer to the dot", check: lone(2, 1, 2),
			faults: refused(fault{at: "dot", after: 2, do: []act{lonely("")}}),
			passes: []pass{{states: "sent failed sent", copies: "1 0 1", exit: "done", notices: "issue done", most: 10*time.Minute + quick}},
		},
		{
			name: "354 after a refused sender", passes: halted("sent queued+ queued+", "1 0 0", "550 5.1.8"),
			faults: []fault{{at: "MAIL", nth: 2, do: []act{say("550 5.1.8 bad sender")}}, {at: "DATA", nth: 2, do: []act{say("354 go ahead")}}},
		},
	}
}

// lone is talked, where the lone dot costs the connection.
func lone(mails, lockstepConnections, connections int) func(w *trial) {
	return func(w *trial) {
		if slices.Contains(w.server.extensions, "PIPELINING") {
			talked(mails, 0, connections)(w)
		} else {
			talked(0, 2, lockstepConnections)(w)
		}
	}
}

// lonely answers the dot of nobody's mail so, or not at all, and accepts any other.
func lonely(reply string) act {
	return func(t *talk) bool {
		switch {
		case t.to != "":
			return take(t) && say("250 2.0.0 queued")(t)
		case reply == "":
			return mute(t)
		}
		return say(reply)(t)
	}
}

// at does something at a crash point of the courier, the nth time.
func at(point string, nth int, do func(w *trial)) func(*trial, string, int) {
	return func(w *trial, p string, n int) {
		if p == point && n == nth {
			do(w)
		}
	}
}

// rowsStopped: `digest stop`, and SIGTERM at each moment. The mail in flight comes to its end, no other is begun.
func rowsStopped() []row {
	stop := func(w *trial) { w.must(w.Stop(context.Background(), time.Now())) }
	start := func(w *trial) { w.must(w.Settings.Drop(context.Background(), "stopped")) }
	end := func(w *trial) { w.cancel() }
	rest := pass{after: time.Hour, mend: true, states: "sent sent sent", copies: "1 1 1", exit: "done"}
	stopped := func(states, copies string) []pass {
		again := rest
		again.first = start
		return []pass{
			{states: states, copies: copies, exit: "partly", reason: "mail is stopped"},
			{after: time.Hour, states: states, copies: copies, exit: "stopped"},
			again,
		}
	}
	ended := func(states, copies string) []pass {
		return []pass{{states: states, copies: copies, exit: "partly", reason: "interrupted"}, rest}
	}
	slow := func(d time.Duration) []fault {
		return []fault{{at: "dot", to: "r2", times: 1, do: []act{pause(d), take, say("250 2.0.0 queued")}}}
	}
	rows := []row{
		{
			name: "stop with the next envelope open", hook: at(outbox.PointAfterDot, 1, stop),
			passes: stopped("sent queued+ queued+", "1 0 0"), check: unfinished,
		},
		{
			name: "stop before the mark", hook: at(outbox.PointBeforeMark, 2, stop),
			passes: stopped("sent queued+ queued+", "1 0 0"), check: unfinished,
		},
		{name: "stop after the mark", hook: at(outbox.PointAfterMark, 2, stop), passes: stopped("sent sent queued+", "1 1 0")},
		{name: "SIGTERM, and the dot's answer takes 30 s", hook: at(outbox.PointBeforeDot, 2, end),
			faults: slow(30 * time.Second), passes: []pass{
				{states: "sent sent queued+", copies: "1 1 0", exit: "partly", reason: "interrupted", least: 30 * time.Second}, rest}},
		{name: "SIGTERM, and the dot's answer takes two minutes", hook: at(outbox.PointBeforeDot, 2, end),
			faults: slow(2 * time.Minute), passes: []pass{
				{states: "sent unknown+ queued+", copies: "1 0 0", exit: "partly", reason: "interrupted", least: time.Minute},
				{after: later, states: "sent sent sent", copies: "1 2 1", exit: "done"}}},
		{
			name: "SIGTERM before the first claim", hook: at(outbox.PointBeforeClaim, 1, end),
			passes: ended("queued+ queued+ queued+", "0 0 0"),
		},
		{
			name: "SIGTERM with the next envelope open", hook: at(outbox.PointAfterDot, 1, end),
			passes: ended("sent queued+ queued+", "1 0 0"), check: unfinished,
		},
		{
			name: "SIGTERM while a greylisted mail waits", hook: at(outbox.PointAfterOutcome, 3, end),
			faults: []fault{{at: "RCPT", to: "r2", times: 1, do: []act{say("450 4.2.0 later")}}},
			passes: []pass{{states: "sent retry+ sent", copies: "1 0 1", exit: "partly", reason: "interrupted"}, rest}},
	}
	for _, point := range []string{outbox.PointOffered, outbox.PointBeforeMark, outbox.PointAfterMark,
		outbox.PointBeforeDot, outbox.PointAfterDot} {
		rows = append(rows, row{
			name: "SIGTERM at " + point, hook: at(point, 2, end), passes: ended("sent sent queued+", "1 1 0"),
		})
	}
	return rows
}

// unfinished checks that the second mail's dot was not sent before the run went on.
func unfinished(w *trial) {
	for _, r := range w.server.dots {
		if r.to == mailbox("r2") && r.at.Before(issued.Add(time.Hour)) {
			w.t.Errorf("the dot of r2 left at %v", r.at)
		}
	}
}

// rowsLeaving: a reader who leaves up to the mark gets no mail, and the mark that fails costs the connection.
func rowsLeaving() []row {
	leave := func(w *trial) {
		sub, found, err := subscribers.Find(context.Background(), w.DB, addressOf(w, "r2"))
		if err != nil || !found {
			w.t.Fatal(found, err)
		}
		w.must(w.Leave(context.Background(), w.Link(subscribers.PurposeLeave, sub.ID, sub.TokenVersion), "test", time.Now()))
	}
	gone := func(w *trial) { leave(w); w.left["r2"] = time.Now().Add(-time.Second) }
	skipped := []pass{
		{states: "sent skipped sent", copies: "1 0 1", exit: "done"},
		{after: time.Hour, states: "sent skipped sent", copies: "1 0 1", exit: "done"},
	}
	return []row{
		{
			name: "leaves between body and mark", hook: at(outbox.PointBeforeMark, 2, gone), passes: skipped,
			check: talked(1, 1, 2),
		},
		{name: "leaves once offered", hook: at(outbox.PointOffered, 2, gone), passes: skipped, check: talked(1, 1, 2)},
		{name: "leaves with the envelope open", hook: at(outbox.PointAfterDot, 1, gone), passes: skipped, check: talked(1, 1, 2)},
		{name: "leaves before any dot", hook: at(outbox.PointAfterClaim, 1, gone), passes: skipped},
		{name: "leaves after the mark", hook: at(outbox.PointAfterMark, 2, leave), passes: sent(0, 0)},
		{
			name: "leaves while in doubt", faults: []fault{{at: "dot", to: "r2", times: 1, do: []act{drop}}},
			passes: []pass{
				{states: "sent unknown+ sent", copies: "1 0 1", exit: "partly"},
				{after: later, first: gone, states: "sent unknown sent", copies: "1 0 1", exit: "done", notices: "issue done"},
			},
		},
		{
			name: "leaves while its dot is out, and is deferred", hook: at(outbox.PointBeforeDot, 2, gone),
			faults: []fault{{at: "dot", to: "r2", do: []act{say("451 4.3.0 not now")}}},
			passes: skipped,
		},
	}
}

func addressOf(w *trial, name string) subscribers.Address {
	a, err := subscribers.ParseAddress(mailbox(name))
	w.must(err)
	return a
}

// rowsSecondWay: the run goes over to [mail] fallback, a mail in doubt does not.
func rowsSecondWay() []row {
	fallback := func(c *config.Config) { c.Mail.Fallback = "smtp://127.0.0.2:25" }
	shut := fault{at: "dial 127.0.0.1:25", err: &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}}
	closed := func(w *trial) {
		f := shut
		w.server.faults = []*fault{&f}
	}
	const told = "mail by the second relay since"
	return []row{
		{
			name: "the first relay is not there", config: fallback, faults: []fault{shut},
			passes: []pass{{states: "sent sent sent", copies: "1 1 1", exit: "done", least: 15 * time.Second, notices: told}},
		},
		{
			name: "a mail in doubt does not move", config: fallback,
			faults: []fault{{at: "dot", to: "r2", times: 1, do: []act{drop}}},
			passes: []pass{
				{states: "sent unknown+ sent", copies: "1 0 1", exit: "partly"},
				{after: later, first: closed, states: "sent unknown+ sent", copies: "1 0 1", exit: "partly", least: 15 * time.Second, notices: told},
				{after: 3 * later, mend: true, states: "sent sent sent", copies: "1 1 1", exit: "done",
					notices: told + ", mail by the second relay over since"},
			},
		},
	}
}
