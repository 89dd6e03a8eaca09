package main

import (
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"digest/digesttest"
	"digest/outbox"
)

// status tells of a doubt that is left to the author, of the issue by its number, and what to type.
func TestStatusTellsOfDoubt(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
	if e := w.startWith([]string{at(beKilled, outbox.PointAfterDot, 2, "")}, "run").end(t); e.code != -1 {
		t.Fatalf("it did not die: %d", e.code)
	}
	w.must(0, "status").says(t, "mail: 2 queued", "the next is due now")
	w.must(exitPerson, "run").says(t, "hint: `digest issue unknown 1 ")
	e := w.must(0, "status")
	e.says(t, "mail: 0 queued, 0 to be tried again, 1 in doubt, 0 refused, 0 expired", "issue 1 did not reach all: 1 in doubt and left to you",
		"now: digest issue unknown 1 ", "; 1 mail is in doubt")
	var view struct {
		Shortfalls []shortfallView
		Advice     string
	}
	w.decode(w.must(0, "status", "--json").stdout, &view)
	if len(view.Shortfalls) != 1 || view.Shortfalls[0] != (shortfallView{Issue: 1, Doubt: 1}) || !strings.Contains(view.Advice, "issue unknown 1") {
		t.Errorf("as JSON: %+v", view)
	}
	w.must(0, "issue", "unknown", "1", "--sent")
	w.must(0, "status").says(t, "now: nothing")
}

// A mail that was given up for its age is told, and who still wants it can have it.
func TestStatusTellsOfExpired(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true})
	w.at = epoch.Add(73 * time.Hour)
	w.run("run")
	w.must(0, "status").says(t, "0 refused, 3 expired", "issue 1 did not reach all: 3 not sent in time", "now: digest issue send-missing 1", "; 3 readers are left without it")
}

// One reader's answer that reads as if it were about the sender halts the run: who that reader is and what can be done
// is told wherever the author looks. Once they are gone nothing is halted any more.
func TestHaltNamesTheReader(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{approved: true, sink: digesttest.SinkConfig{OnRcpt: func(to string) error {
		if to == reader(2) {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 7, 1}, Message: "Not for you"}
		}
		return nil
	}}})
	const words = ": 550 5.7.1 Not for you"
	w.at = w.at.Add(time.Minute) // due times are whole seconds: the refused mail goes behind the others in a later one
	w.must(exitPerson, "run", "-v").says(t, "the answer came to the mail of "+reader(2)+words, "subscribers unsubscribe")
	w.at = w.at.Add(time.Minute)
	w.must(exitPerson, "run")
	w.must(0, "status").says(t, "No more mail leaves", reader(2)+words, "now: mend what the server's words name, then digest run", "if they are about that reader alone, digest subscribers unsubscribe "+reader(2))
	w.must(0, "subscribers", "show", reader(2)).says(t, "queued", "550 5.7.1 Not for you")
	told := ""
	for _, r := range w.sink.Accepted() {
		if r.To == author {
			told += string(r.Data)
		}
	}
	if !strings.Contains(told, reader(2)+words) {
		t.Errorf("the author was told: %s", told)
	}
	w.must(0, "subscribers", "unsubscribe", reader(2))
	if e := w.must(0, "status"); strings.Contains(e.stdout, "No more mail") || !strings.Contains(e.stdout, "now: nothing") {
		t.Errorf("after that: %s", e.stdout)
	}
	w.must(0, "run")
	if e := w.must(0, "status"); strings.Contains(e.stdout, "No more mail") {
		t.Errorf("after the run: %s", e.stdout)
	}
}
