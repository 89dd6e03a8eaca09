package main

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

const many = 1000

// barrier lets nothing pass until it is opened, and tells who waits there.
type barrier struct {
	came chan string   // one recipient for each mail that has come, up to its capacity
	open chan struct{} // closed: all may pass
	once sync.Once
}

func newBarrier() *barrier {
	return &barrier{came: make(chan string, tortured), open: make(chan struct{})}
}

func (b *barrier) pass(r digesttest.Received) error {
	select {
	case b.came <- r.To:
	default:
	}
	<-b.open
	return nil
}

func (b *barrier) lift() { b.once.Do(func() { close(b.open) }) }

// barred is a scene whose mails stop at a barrier in front of the server's 250.
func barred(t *testing.T, p plot) (*scene, *barrier) {
	t.Helper()
	b := newBarrier()
	p.sink.OnData = b.pass
	w := newScene(t, p)
	t.Cleanup(b.lift)
	return w, b
}

// wait takes n recipients out of those that have come.
func (b *barrier) wait(t testing.TB, p *process, n int) {
	t.Helper()
	for range n {
		select {
		case <-b.came:
		case <-p.done:
			t.Fatalf("it ended before its mail came: %s%s", p.out.String(), p.err.String())
		case <-time.After(time.Minute):
			t.Fatalf("a minute went by without mail: %s%s", p.out.String(), p.err.String())
		}
	}
}

var pagesOn = regexp.MustCompile(`pages on (http://\S+)`)

// serve starts the daemon and returns where its pages are once they answer.
func (w *scene) serve(args ...string) (*process, string) {
	w.Helper()
	p := w.start(append([]string{"serve"}, args...)...)
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(5 * time.Millisecond) {
		m := pagesOn.FindStringSubmatch(p.err.String())
		if m == nil {
			continue
		}
		if code, _, err := get(m[1] + "/healthz"); err == nil && code == http.StatusOK {
			return p, m[1]
		}
	}
	w.Fatalf("serve does not answer: %s%s", p.out.String(), p.err.String())
	return nil, ""
}

func (w *scene) healthy(base string) {
	w.Helper()
	if code, body, err := get(base + "/healthz"); err != nil || code != http.StatusOK || !strings.HasPrefix(body, "ok") {
		w.Errorf("healthz answers %d %q, %v", code, body, err)
	}
}

// terminate asks a process to end and returns how it did.
func (w *scene) terminate(p *process) ended {
	w.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		w.Fatal(err)
	}
	return p.end(w)
}

// TestCrowd starts ten runs and ten daemons at once on 10,000 readers. All runs
// but the one that may deliver end, quietly, while its mail is out; no daemon
// ends, and their pages answer all the time; everybody has one copy.
func TestCrowd(t *testing.T) {
	t.Parallel()
	w, barrier := barred(t, plot{readers: tortured, connections: 4, approved: true})
	type daemon struct {
		*process
		base string
	}
	var daemons []daemon
	for range 10 {
		p, base := w.serve()
		daemons = append(daemons, daemon{p, base})
	}
	ends := make(chan ended, 10)
	for range cap(ends) {
		p := w.start("run")
		go func() {
			<-p.done
			ends <- ended{p.out.String(), p.err.String(), p.ProcessState.ExitCode()}
		}()
	}
	barrier.wait(t, daemons[0].process, 4)
	next := func() ended {
		select {
		case e := <-ends:
			return e
		case <-time.After(time.Minute):
			t.Fatal("a run waits for another one's mail")
			return ended{}
		}
	}
	for range cap(ends) - 1 {
		if e := next(); e.code != exitLocked || e.stdout+e.stderr != "" {
			t.Errorf("exit code %d, want %d and not a word: %s%s", e.code, exitLocked, e.stdout, e.stderr)
		}
	}
	barrier.lift()
	if e := next(); e.code != 0 && e.code != exitLocked || e.stdout+e.stderr != "" {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	barrier.wait(t, daemons[0].process, tortured-4)
	for _, d := range daemons {
		w.healthy(d.base)
		if e := w.terminate(d.process); e.code != 0 {
			t.Errorf("serve ended with %d: %s", e.code, e.stderr)
		}
	}
	w.each(1)
	w.settled(outbox.Repeat, 1)
	if s := w.audit(); s[outbox.Sent] != tortured {
		t.Errorf("states %v", s)
	}
}

// TestServeDelivers is the daemon alone.
func TestServeDelivers(t *testing.T) {
	t.Parallel()
	w, barrier := barred(t, plot{approved: true})
	barrier.lift()
	daemon, base := w.serve()
	barrier.wait(t, daemon, 3)
	w.healthy(base)
	if e := w.terminate(daemon); e.code != 0 || strings.Count(e.stderr, "\n") != 1 {
		t.Errorf("exit code %d, %s", e.code, e.stderr)
	}
	w.each(1)
	w.settled(outbox.Repeat, 1)
}

var oneClick = regexp.MustCompile(`(?is)List-Unsubscribe:\s*<https://news\.test(/leave/[^>]+)>`)

// leaveLinks are the paths of the one-click links mailed so far, by reader.
func (w *scene) leaveLinks() map[string]string {
	w.Helper()
	m := map[string]string{}
	for _, r := range w.sink.Accepted() {
		if found := oneClick.FindSubmatch(r.Data); found != nil {
			m[r.To] = string(found[1])
		}
	}
	return m
}

// leave does what a mailbox provider does when a reader presses its button.
func (w *scene) leave(base, path string) {
	w.Helper()
	resp, err := http.PostForm(base+path, url.Values{"List-Unsubscribe": {"One-Click"}})
	if err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		w.Fatalf("leaving by %s: %s", path, resp.Status)
	}
}

// TestLeaveDuringIssue lets a reader leave at each point of their mail, and one
// who is still to come: who leaves before the mark gets nothing.
func TestLeaveDuringIssue(t *testing.T) {
	for point, copies := range map[string]int{
		outbox.PointOffered: 0, outbox.PointBeforeMark: 0, outbox.PointAfterMark: 1, outbox.PointAfterDot: 1,
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			w := newScene(t, plot{readers: 5, approved: true})
			w.must(0, "run")
			links := w.leaveLinks()
			daemon, base := w.serve("--pages")
			w.next(2)

			pipe := w.path("pipe")
			if err := syscall.Mkfifo(pipe, 0o600); err != nil {
				t.Fatal(err)
			}
			p := w.startWith([]string{at(waitThere, point, 2, pipe)}, "run")
			w.during(p, pipe, func() {
				w.leave(base, links[reader(2)])
				w.leave(base, links[reader(4)])
			})
			if e := p.end(t); e.code != 0 {
				t.Fatalf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			want := map[string]int{reader(1): 2, reader(2): 1 + copies, reader(3): 2, reader(4): 1, reader(5): 2}
			if got := w.sink.Copies(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("copies %v, want %v", got, want)
			}
			if s := w.audit(); s[outbox.Skipped] != 2-copies || s[outbox.Sent] != 8+copies {
				t.Errorf("states %v", s)
			}
			w.next(3)
			w.must(0, "run")
			if got := w.sink.Copies(); got[reader(2)] != 1+copies || got[reader(4)] != 1 || got[reader(1)] != 3 {
				t.Errorf("copies %v after the next issue", got)
			}
			if e := w.terminate(daemon); e.code != 0 {
				t.Errorf("serve ended with %d: %s", e.code, e.stderr)
			}
		})
	}
}

// during runs f while the process waits at its pipe.
func (w *scene) during(p *process, pipe string, f func()) {
	w.Helper()
	opened := make(chan *os.File, 1)
	go func() {
		if file, err := os.OpenFile(pipe, os.O_WRONLY, 0); err == nil { // waits for the reader
			opened <- file
		}
	}()
	select {
	case file := <-opened:
		defer file.Close()
		f()
	case <-p.done:
		w.Fatalf("it never came to its pause: %s%s", p.out.String(), p.err.String())
	case <-time.After(time.Minute):
		w.Fatal("a minute went by before the pause")
	}
}

// TestTerminated asks a run to end while its mail is out, be it by one signal or by one that comes twice, as from
// timeout(1): the mails in hand are finished and no other is begun, nothing is in doubt, and the next run sends the
// rest.
func TestTerminated(t *testing.T) {
	t.Parallel()
	for name, signals := range map[string][]os.Signal{
		"once":                {syscall.SIGTERM},
		"twice":               {syscall.SIGTERM, syscall.SIGTERM},
		"the terminal closes": {syscall.SIGHUP, syscall.SIGHUP},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, barrier := barred(t, plot{readers: many, connections: 4, approved: true, inDoubt: outbox.Ask})
			told := w.path("told")
			p := w.startWith([]string{toldTo + "=" + told}, "run")
			barrier.wait(t, p, 4)
			for i, s := range signals {
				check(t, p.Process.Signal(s))
				if i == 0 {
					w.appears(told)
				}
			}
			barrier.lift()
			if e := p.end(t); e.code != exitPartly || strings.Count(e.stderr, "\n") != 2 || !strings.Contains(e.stderr, "\nhint: ") {
				t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			if s := w.audit(); s[outbox.Sent] != 4 || s[outbox.Queued] != many-4 {
				t.Errorf("states %v", s)
			}
			w.must(0, "run")
			w.each(1)
			w.settled(outbox.Ask, 1)
		})
	}
}

// appears waits for a file.
func (w *scene) appears(file string) {
	w.Helper()
	for start := time.Now(); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(file); err == nil {
			return
		}
		if time.Since(start) > time.Minute {
			w.Fatalf("a minute went by without %s", file)
		}
	}
}

// TestStopped presses the panic button while mail is out: not one more leaves
// than stood before the server's answer, until go-live.
func TestStopped(t *testing.T) {
	t.Parallel()
	w, barrier := barred(t, plot{readers: many, connections: 4, approved: true, inDoubt: outbox.Ask})
	p := w.start("run")
	barrier.wait(t, p, 4)
	w.must(0, "stop")
	barrier.lift()
	if e := p.end(t); e.code != exitPartly || strings.Count(e.stderr, "hint:") != 1 {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	w.must(0, "run")
	if n := len(w.sink.Accepted()); n != 4 {
		t.Errorf("%d mails left, want the 4 that were out when it was stopped", n)
	}
	if s := w.audit(); s[outbox.Sent] != 4 || s[outbox.Queued] != many-4 {
		t.Errorf("states %v", s)
	}
	w.must(0, "go-live", "--anyway")
	w.must(0, "run")
	w.each(1)
	w.settled(outbox.Ask, 1)
}
