package main

import (
	"bufio"
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// says fails unless a command's answer holds these words.
func (e ended) says(t *testing.T, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(e.stdout+e.stderr, w) {
			t.Errorf("%q is missing in: %s%s", w, e.stdout, e.stderr)
		}
	}
}

// TestDecideDoubts settles mails in doubt by the command, and takes it back.
func TestDecideDoubts(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
	if e := w.startWith([]string{at(beKilled, outbox.PointAfterDot, 2, "")}, "run").end(t); e.code != -1 {
		t.Fatalf("it did not die: %d", e.code)
	}
	w.must(exitPerson, "run")
	w.must(0, "issue", "show", "1").says(t, "unknown  1: digest issue unknown 1", "sent     2")
	w.must(0, "issue", "unknown", "1").says(t, reader(2)+": final, left to you; one copy may have arrived", "the courier died",
		"once more: digest issue unknown 1 --repeat", "it arrived: digest issue unknown 1 --sent")
	w.must(exitUsage, "issue", "unknown", "1", "--repeat", "--sent").says(t, "contradict", "hint: ")
	w.must(exitUsage, "issue", "unknown", "1", reader(2)).says(t, "not what becomes", "hint: ")
	w.must(exitUsage, "issue", "unknown", "1", "--sent", reader(1)).says(t, "no mail to this address is in doubt", "hint: ")
	w.must(exitUsage, "issue", "unknown").says(t, "needs the ID", "hint: ")

	w.must(0, "issue", "unknown", "1", "--repeat", "--dry-run").says(t, reader(2)+": once more", "nothing was sent or kept")
	w.must(0, "run")
	w.each(1)
	w.must(0, "issue", "unknown", "1", "--sent").says(t, reader(2)+": counts as sent", "undo: digest issue unknown 1 --undo")
	w.must(0, "audit").says(t, "sent     3 (1 by your word, not by a server's)")
	w.must(0, "issue", "unknown", "1").says(t, "nobody is in doubt")
	w.must(0, "issue", "unknown", "1", "--undo").says(t, reader(2)+": in doubt again, left to you")

	var view decidedDoubtsView
	w.decode(w.must(0, "issue", "unknown", "1", "--repeat", reader(2), "--json").stdout, &view)
	if len(view.Changed) != 1 || view.Changed[0].Address != reader(2) || len(view.Kept) != 0 || !strings.Contains(view.Undo, "--undo "+reader(2)) {
		t.Errorf("decided %+v", view)
	}
	w.must(0, "issue", "unknown", "1", "--repeat").says(t, reader(2)+": left as it is, since it is repeated with the next run already")
	w.must(0, "run")
	if got := w.sink.Copies(); got[reader(1)] != 1 || got[reader(2)] != 2 || got[reader(3)] != 1 {
		t.Errorf("copies %v", got)
	}
	var sums []string
	for _, r := range w.sink.Accepted() {
		if r.To == reader(2) {
			sums = append(sums, r.SHA256)
		}
	}
	if len(sums) != 2 || sums[0] != sums[1] {
		t.Errorf("the copies differ: %q", sums)
	}
	if s := w.audit(); s[outbox.Sent] != 3 {
		t.Errorf("states %v", s)
	}
	w.must(0, "issue", "unknown", "1", "--repeat").says(t, "nothing was changed")
}

// TestAskedOnATerminal asks a person before a mail goes out twice; anything but
// a yes is a no.
func TestAskedOnATerminal(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
	if e := w.startWith([]string{at(beKilled, outbox.PointAfterDot, 2, "")}, "run").end(t); e.code != -1 {
		t.Fatalf("it did not die: %d", e.code)
	}
	w.must(exitPerson, "run")
	for _, c := range []struct{ answer, decision, question, said string }{
		{"\n", "--repeat", "mail 1 reader once more? Who got it may get it twice [y/N]", "nothing was changed"},
		{"n\n", "--sent", "take it that 1 reader got it? Who did not never will [y/N]", "nothing was changed"},
		{"y\n", "--sent", "take it that 1 reader got it?", "counts as sent"},
	} {
		person, program := openTerminal(t)
		var told bytes.Buffer
		done := make(chan int, 1)
		go func() {
			defer program.Close()
			done <- Main(t.Context(), []string{"issue", "unknown", "1", c.decision, "--config", w.path("digest.toml")}, program, program, &told)
		}()
		screen := bufio.NewReader(person)
		read := func(until string) {
			for text := ""; !strings.Contains(text, until); {
				b, err := screen.ReadByte()
				if err != nil {
					t.Fatalf("no %q in %q: %v, %s", until, text, err, told.String())
				}
				text += string(b)
			}
		}
		read(c.question)
		_, err := person.WriteString(c.answer)
		check(t, err)
		read(c.said)
		select {
		case code := <-done:
			if code != 0 {
				t.Errorf("exit code %d: %s", code, told.String())
			}
		case <-time.After(time.Minute):
			t.Fatal("a minute went by before it ended")
		}
	}
	if s := w.audit(); s[outbox.Sent] != 3 {
		t.Errorf("states %v", s)
	}
}

// TestSendMissing mails who was left without an issue, and tells of the others.
func TestSendMissing(t *testing.T) {
	t.Parallel()
	var mended atomic.Bool
	refuse := map[string]smtp.EnhancedCode{reader(2): {5, 1, 1}, reader(3): {5, 2, 1}}
	w := newScene(t, plot{readers: 6, approved: true, sink: digesttest.SinkConfig{OnRcpt: func(to string) error {
		if code, ok := refuse[to]; ok && !mended.Load() {
			return &smtp.SMTPError{Code: 550, EnhancedCode: code, Message: "Not here"}
		}
		return nil
	}}})
	w.must(0, "run")
	w.must(0, "issue", "show", "1").says(t, "failed   2: digest issue send-missing 1 --dry-run")
	w.must(0, "subscribers", "list", "--state", "bounced").says(t, reader(2))
	w.must(exitUsage, "subscribers", "list", "--state", "nowhere").says(t, "hint: the states are pending active")
	w.must(0, "subscribers", "show", reader(2)).says(t, "bounced, gets nothing", "subscribers add "+reader(2)+" --confirmed", "5.1.1 Not here")
	dry := w.must(0, "issue", "send-missing", "1", "--dry-run")
	dry.says(t, reader(3)+": once more; it was failed: 550 5.2.1 Not here", reader(2)+": not again, since the address does not take mail",
		"owed again to 1 reader; of the others 4 have it")
	mended.Store(true)
	w.must(0, "run")
	if got := w.sink.Copies()[reader(3)]; got != 0 {
		t.Errorf("a dry run mailed %d", got)
	}
	w.must(0, "subscribers", "add", reader(2), "--confirmed")
	var view missingView
	w.decode(w.must(0, "issue", "send-missing", "1", "--json").stdout, &view)
	if len(view.Readers) != 2 || len(view.Kept) != 0 || view.Mail[outbox.Sent] != 4 {
		t.Errorf("owed again: %+v", view)
	}
	w.must(0, "run")
	w.each(1)
	if s := w.audit(); s[outbox.Sent] != 6 || s[outbox.Failed] != 2 {
		t.Errorf("states %v", s)
	}
	w.must(0, "issue", "list").says(t, "6 of 6 sent")
	w.must(0, "issue", "send-missing", "1").says(t, "nothing was changed: nobody who still wants issue 1 was left without it; of the others 6 have it")
	w.must(exitUsage, "issue", "send-missing", "7").says(t, "hint: ")
}

// TestChangesInJSON: every command that changes something tells it in JSON.
func TestChangesInJSON(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{})
	for _, args := range [][]string{
		{"issue", "draft", "monthly", "2026-01"}, {"issue", "hold", "1"}, {"issue", "cancel", "1", "--keep"},
		{"stop"}, {"go-live", "--anyway"}, {"test", author}, {"subscribers", "unsubscribe", reader(1)}, {"subscribers", "erase", reader(2)},
		{"subscribers", "list", "--state", "erased"},
	} {
		e := w.must(0, append(args, "--json")...)
		var v any
		w.decode(e.stdout, &v)
	}
}
