package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"digest/digesttest"
)

// halfway is a scene whose mail server answers the first three mails, and no more before the barrier is lifted.
func halfway(t *testing.T) (*scene, *barrier) {
	t.Helper()
	b := newBarrier()
	var n atomic.Int64
	w := newScene(t, plot{readers: 10, approved: true, sink: digesttest.SinkConfig{OnData: func(r digesttest.Received) error {
		if n.Add(1) <= 3 {
			return nil
		}
		return b.pass(r)
	}}})
	t.Cleanup(b.lift)
	return w, b
}

// sendingStatus is what another process says of the mail.
type sendingStatus struct {
	Sending sendingView `json:"sending"`
}

func (w *scene) sending() sendingView {
	w.Helper()
	var s sendingStatus
	w.decode(w.must(0, "status", "--json").stdout, &s)
	return s.Sending
}

var metricsOn = regexp.MustCompile(`metrics on (http://\S+)`)

// TestProgressElsewhere reads how far a run is from other processes: by status, and by the metrics of serve. Once the
// run is killed, neither shows it as at work.
func TestProgressElsewhere(t *testing.T) {
	t.Parallel()
	w, b := halfway(t)
	text, err := os.ReadFile(w.path("digest.toml"))
	check(t, err)
	w.write("digest.toml", string(text)+"metrics = \"127.0.0.1:0\"\n")
	daemon, base := w.serve("--pages")
	address := metricsOn.FindStringSubmatch(daemon.err.String())
	for start := time.Now(); address == nil && time.Since(start) < time.Minute; time.Sleep(5 * time.Millisecond) {
		address = metricsOn.FindStringSubmatch(daemon.err.String())
	}
	metrics := func(want ...string) {
		t.Helper()
		code, body, err := get(address[1])
		if err != nil || code != 200 || strings.Contains(body, "@") {
			t.Errorf("the metrics answer %d, %v: %s", code, err, body)
		}
		for _, line := range want {
			if !strings.Contains(body, "\n"+line+"\n") {
				t.Errorf("%q is missing in\n%s", line, body)
			}
		}
	}
	metrics("digest_mails_owed 10", "digest_courier_working 0", "digest_mails_sent_total 0")
	if code, _, _ := get(base + "/metrics"); code != 404 {
		t.Errorf("the public pages answer /metrics with %d", code)
	}

	p := w.start("run")
	b.wait(t, p, 1)
	s := w.sending()
	for start := time.Now(); (s.Run == nil || s.Run.Sent < 3) && time.Since(start) < time.Minute; {
		s = w.sending()
	}
	if !s.Working || s.Owed != 7 || s.Run.Sent != 3 || s.Run.Owed != 7 || len(s.Issues) != 1 || s.Ended != nil {
		t.Errorf("meanwhile: %+v of %+v", s.Run, s)
	}
	if said := w.must(0, "status").stdout; !strings.Contains(said, "sending issue 1, ") || !strings.Contains(said, ": 3 sent") {
		t.Errorf("status says\n%s", said)
	}
	metrics("digest_mails_owed 7", "digest_courier_working 1", "digest_mails_sent_total 3", `digest_last_run_info{ending="working"} 1`)

	check(t, p.Process.Kill())
	p.end(t)
	if s := w.sending(); s.Working || s.Owed != 7 {
		t.Errorf("after its death: %+v", s)
	}
	if said := w.must(0, "status").stdout; strings.Contains(said, "sending") || !strings.Contains(said, "7 mails are owed") || !strings.Contains(said, ", died; ") {
		t.Errorf("after its death, status says\n%s", said)
	}
	metrics("digest_courier_working 0", `digest_last_run_info{ending="died"} 1`)
	b.lift()
	w.run("run")
	if s := w.sending(); s.Working || s.Run.Sent != 6 || s.Owed != 1 { // one is in doubt, to be repeated
		t.Errorf("after the next run: %+v of %+v", s.Run, s)
	}
	w.terminate(daemon)
}

// TestBarOnTerminal looks at the screen while a run is halfway.
func TestBarOnTerminal(t *testing.T) {
	t.Parallel()
	w, b := halfway(t)
	person, program := openTerminal(t)
	const columns = 50
	check(t, unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}))
	cmd := exec.CommandContext(t.Context(), os.Args[0], "run", "--config", w.path("digest.toml"), "--at", w.at.Format(time.RFC3339))
	cmd.Env = append(append(os.Environ(), asCommand+"=1", happensAt+"="), w.env...)
	cmd.Stderr = program
	check(t, cmd.Start())
	program.Close()
	screen := bufio.NewReader(person)
	text := ""
	for !strings.Contains(text, "7 owed") {
		c, err := screen.ReadByte()
		if err != nil {
			t.Fatalf("the screen shows %q: %v", text, err)
		}
		text += string(c)
	}
	for picture := range strings.SplitSeq(text, "\r") {
		if n := len(strings.TrimSuffix(picture, "\x1b[0K")); n > columns {
			t.Errorf("%d columns are too few for %q", columns, picture)
		}
	}
	if !strings.Contains(text, "30% [==") || !strings.Contains(text, "]  3 sent") {
		t.Errorf("the screen shows %q", text)
	}
	b.lift()
	rest, _ := io.ReadAll(screen) // ends with an error when the program's side is closed
	check(t, cmd.Wait())
	if !strings.HasSuffix(string(rest), "\x1b[2K\r") {
		t.Errorf("the screen ends with %q", rest)
	}
}

// TestHowLongItTakes asks approve and status about an issue for a hundred
// readers at 30 a minute, five of them at a slower domain.
func TestHowLongItTakes(t *testing.T) {
	t.Parallel()
	w := newScene(t, plot{readers: 95, rate: "30/m"})
	text, err := os.ReadFile(w.path("digest.toml"))
	check(t, err)
	var slow strings.Builder
	for i := range 5 {
		fmt.Fprintf(&slow, "s%d@slow.test\n", i)
	}
	w.write("slow.csv", slow.String())
	w.must(0, "subscribers", "import", w.path("slow.csv"), "--confirmed")
	w.must(0, "issue", "draft", "monthly", "2026-01")
	const want = "100 mails are owed; at 30/m they take about 3 minutes (until Monday 2 February 09:03 UTC)\n"
	if said := w.must(0, "issue", "approve", "1").stdout; !strings.Contains(said, want) {
		t.Errorf("approve says\n%s", said)
	}
	if said := w.must(0, "status").stdout; !strings.Contains(said, want) {
		t.Errorf("status says\n%s", said)
	}
	w.write("digest.toml", string(text)+"\n[mail.domains]\n\"slow.test\" = \"1/m\"\n")
	const slower = "100 mails are owed; at 30/m and the limits of [mail.domains] they take about 4 minutes (until Monday 2 February 09:04 UTC)\n"
	if said := w.must(0, "status").stdout; !strings.Contains(said, slower) {
		t.Errorf("status says\n%s", said)
	}
}
