package main

import (
	"bufio"
	"database/sql"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"digest/database"
	"digest/outbox"
)

// TestHeldByAnother lets another program hold the write lock, as a backup does:
// for a moment, and for so long that the run gives up. All of them wait at once.
func TestHeldByAnother(t *testing.T) {
	t.Parallel()
	type waiting struct {
		*scene
		*process
		tx   *sql.Tx
		fate fate
	}
	var all []waiting
	for _, held := range []struct {
		point string
		fate  fate
	}{{outbox.PointBeforeMark, fate{}}, {outbox.PointAfterMark, fate{true, true}}, {outbox.PointBeforeMark, fate{}}} {
		w := newScene(t, plot{readers: 5, approved: true, inDoubt: outbox.Ask})
		p, goOn := w.paused("pipe", held.point)
		db, err := database.Open(t.Context(), w.path("digest.db"))
		check(t, err)
		defer db.Close()
		tx, err := db.BeginTx(t.Context(), nil)
		check(t, err)
		goOn()
		all = append(all, waiting{w, p, tx, held.fate})
	}
	check(t, all[2].tx.Rollback())
	if e := all[2].end(t); e.code != 0 {
		t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
	}
	all[2].each(1)
	for _, w := range all[:2] {
		e := w.endLate(t)
		check(t, w.tx.Rollback())
		if e.code != exitPartly || !strings.Contains(e.stderr, "\nhint: ") {
			t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
		}
		if n := len(w.sink.Accepted()); (n == 1) != w.fate.accepted || n > 1 {
			t.Errorf("%d mails were taken", n)
		}
		w.outcome(outbox.Ask, 1, w.fate)
	}
}

// TestFewDescriptors lets a run open few files: it works or says why not, and
// nobody has two copies.
func TestFewDescriptors(t *testing.T) {
	for _, limit := range []int{32, 14} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			t.Parallel()
			w := newScene(t, plot{readers: 200, connections: 16, approved: true, inDoubt: outbox.Ask})
			e := w.startWith([]string{fmt.Sprintf("%s=%d", openLimit, limit)}, "run").end(t)
			t.Logf("exit code %d, %d mails: %s%s", e.code, len(w.sink.Accepted()), e.stdout, e.stderr)
			if e.code != 0 && !strings.Contains(e.stderr, "\nhint: ") {
				t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
			}
			if e.code == 0 {
				w.each(1)
			}
			w.must(0, "run")
			w.each(1)
			w.settled(outbox.Ask, 1)
		})
	}
}

// TestOutOfMemory lets the machine run out of memory at a mail: as if killed.
func TestOutOfMemory(t *testing.T) {
	for point, f := range map[string]fate{
		outbox.PointBeforeMark: {}, outbox.PointBeforeDot: {marked: true}, outbox.PointBeforeOutcome: {true, true},
	} {
		bothPolicies(t, point, func(t *testing.T, policy outbox.Policy) {
			w := newScene(t, plot{readers: 5, inDoubt: policy, approved: true})
			e := w.startWith([]string{at(noMemory, point, 3, ""), "GOTRACEBACK=none"}, "run").end(t)
			if e.code != 2 || !strings.Contains(e.stderr, "out of memory") && !strings.Contains(e.stderr, "cannot allocate memory") {
				t.Fatalf("exit code %d: %s", e.code, e.stderr)
			}
			w.outcome(policy, 3, f)
		})
	}
}

// TestMemory sends to 100,000 readers and looks at the most memory the run had.
func TestMemory(t *testing.T) {
	t.Parallel()
	const readers, most = 100000, 100 << 20
	taken, address := quickSink(t)
	w := newScene(t, plot{readers: readers, connections: 16, approved: true, inDoubt: outbox.Ask, smtp: "smtp://" + address})
	p := w.start("run")
	peak := int64(0)
	for ended := false; !ended; {
		select {
		case <-p.done:
			ended = true
		case <-time.After(50 * time.Millisecond):
			peak = max(peak, highWater(p.Process.Pid))
		}
	}
	if e := p.end(t); e.code != 0 || taken.Load() != readers {
		t.Errorf("exit code %d, %d mails: %s%s", e.code, taken.Load(), e.stdout, e.stderr)
	}
	t.Logf("%d MiB at most for %d readers", peak>>20, readers)
	if peak == 0 || peak > most {
		t.Errorf("%d bytes of memory, at most %d are allowed", peak, int64(most))
	}
}

// highWater is the most memory a process has had in bytes, 0 when it is gone.
func highWater(pid int) (size int64) {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &size); n == 1 {
			return size << 10
		}
	}
	return 0
}

// quickSink accepts every mail and keeps none.
func quickSink(t *testing.T) (taken *atomic.Int64, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { listener.Close() })
	taken = new(atomic.Int64)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go quickSession(conn, taken)
		}
	}()
	return taken, listener.Addr().String()
}

func quickSession(conn net.Conn, taken *atomic.Int64) {
	defer conn.Close()
	in, out := bufio.NewReaderSize(conn, 64<<10), bufio.NewWriter(conn)
	out.WriteString("220 sink\r\n")
	body := false
	for {
		if in.Buffered() == 0 {
			out.Flush()
		}
		line, err := in.ReadSlice('\n')
		if err != nil {
			return
		}
		verb := strings.ToUpper(string(line[:min(4, len(line))]))
		switch {
		case body:
			if string(line) == ".\r\n" {
				body = false
				taken.Add(1)
				out.WriteString("250 ok\r\n")
			}
		case verb == "DATA":
			body = true
			out.WriteString("354 go on\r\n")
		case verb == "EHLO":
			out.WriteString("250-sink\r\n250 PIPELINING\r\n")
		case verb == "QUIT":
			out.WriteString("221 bye\r\n")
			out.Flush()
			return
		default:
			out.WriteString("250 ok\r\n")
		}
	}
}

// TestLogNotWritable puts something where the write-ahead log belongs, and
// takes away the file of its index: the one is said, the other made anew.
func TestLogNotWritable(t *testing.T) {
	t.Run("log is a folder", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
		check(t, os.Mkdir(w.path("digest.db-wal"), 0o700))
		e := w.run("run")
		if !slices.Contains([]int{exitFailed, exitUsage}, e.code) || !strings.Contains(e.stderr, "\nhint: ") {
			t.Errorf("exit code %d: %s%s", e.code, e.stdout, e.stderr)
		}
		remove(t, w.path("digest.db-wal"))
		w.mended()
	})
	t.Run("index is missing", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{readers: 5, approved: true, inDoubt: outbox.Ask})
		w.startWith([]string{at(beKilled, outbox.PointAfterMark, 3, "")}, "run").end(t)
		remove(t, w.path("digest.db-shm"))
		w.outcome(outbox.Ask, 3, fate{marked: true})
	})
}
