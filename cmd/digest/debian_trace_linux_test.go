//go:build debian

package main

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// deed is what a system call did to a file that is followed.
type deed int

const (
	nothing deed = iota
	written      // data at an offset
	resized      // to offset
	synced       // what was written before it began is on disk once it has ended
	made         // the name stands for a new, empty file
	removed      // the name stands for nothing
	settled      // the folder was synced: the names are on disk
)

// event is one line of the recording, in the order strace saw them.
type event struct {
	deed   deed
	file   int   // number of the file, which is not its name: a name is made anew
	offset int64 // or size
	data   []byte
	began  int // the events before it had begun when it began
	ended  int // index of the event at which it had ended; its own when nothing came between
	clock  float64
}

const never = math.MaxInt // ended: the process ended before

// trace is what one process did to a database and its write-ahead log. File 0
// is the database, the others are logs, each of which is new.
type trace struct {
	events  []event
	before  []byte // of the database
	logs    int
	current int // number of the log that has the name; 0 = none
	base    string
	open    map[string]int // calls that have begun and not ended, by thread
}

// readTrace reads the output of strace -f -ttt -y -xx.
func readTrace(text []byte, path string, before []byte) (*trace, error) {
	r := &trace{before: before, base: path, open: map[string]int{}}
	for line := range bytes.Lines(text) {
		if err := r.line(strings.TrimSuffix(string(line), "\n")); err != nil {
			return nil, fmt.Errorf("reading strace's log: %w in %.200s", err, line)
		}
	}
	return r, nil
}

func (r *trace) line(line string) error {
	thread, rest, _ := strings.Cut(line, " ")
	stamp, call, _ := strings.Cut(strings.TrimLeft(rest, " "), " ")
	clock, err := strconv.ParseFloat(stamp, 64)
	if err != nil {
		return err
	}
	e := event{began: len(r.events), ended: len(r.events), clock: clock}
	if strings.HasPrefix(call, "<... ") {
		if i, ok := r.open[thread]; ok {
			r.events[i].ended = len(r.events)
			delete(r.open, thread)
			if strings.Contains(call, ") = -1 ") {
				r.events[i].deed = nothing
			}
		}
		r.events = append(r.events, e)
		return nil
	}
	// "???(" is a call that strace knew nothing of yet when its thread ended.
	if strings.Contains(call, ") = -1 ") || strings.HasPrefix(call, "+++") || strings.HasPrefix(call, "???(") {
		r.events = append(r.events, e)
		return nil
	}
	for _, open := range []string{" <unfinished ...>", " <detached ...>", ") = ?"} {
		if before, ok := strings.CutSuffix(call, open); ok {
			r.open[thread] = len(r.events)
			e.ended = never
			call = before
		}
	}
	if i := strings.LastIndex(call, ") "); i >= 0 {
		call = call[:i]
	}
	err = r.read(call, &e)
	r.events = append(r.events, e)
	return err
}

// read fills an event from one call.
func (r *trace) read(call string, e *event) error {
	name, rest, _ := strings.Cut(call, "(")
	args := strings.Split(rest, ", ")
	target := args[0]
	if name == "openat" || name == "unlinkat" {
		target = args[1]
	}
	path, err := unhex(target)
	if err != nil {
		return err
	}
	what := r.fileOf(path)
	switch {
	case what < 0 && path == filepath.Dir(r.base) && name == "fsync":
		e.deed = settled
	case what < 0:
	case name == "open" || name == "openat":
		if strings.Contains(call, "O_CREAT") && what > 0 && r.current == 0 {
			r.logs++
			r.current = r.logs
			e.deed, e.file = made, r.current
		}
	case name == "unlink" || name == "unlinkat":
		e.deed, e.file, r.current = removed, r.current, 0
	case name == "fsync" || name == "fdatasync":
		e.deed, e.file = synced, r.number(what)
	case name == "ftruncate":
		e.deed, e.file = resized, r.number(what)
		e.offset, err = strconv.ParseInt(args[1], 10, 64)
	case name == "pwrite64":
		e.deed, e.file = written, r.number(what)
		if e.data, err = unhexBytes(args[1]); err == nil {
			e.offset, err = strconv.ParseInt(args[3], 10, 64)
		}
	default:
		return fmt.Errorf("%s is not foreseen", name)
	}
	return err
}

// fileOf is 0 for the database, 1 for its log, else -1.
func (r *trace) fileOf(path string) int {
	switch path {
	case r.base:
		return 0
	case r.base + "-wal":
		return 1
	}
	return -1
}

func (r *trace) number(what int) int {
	if what == 0 {
		return 0
	}
	return r.current
}

// unhex reads a path: "\x2f…" or 9<\x2f…>.
func unhex(arg string) (string, error) {
	if _, path, ok := strings.Cut(arg, "<"); ok {
		arg, _, _ = strings.Cut(path, ">")
	}
	b, err := unhexBytes(arg)
	return string(b), err
}

func unhexBytes(arg string) ([]byte, error) {
	if strings.HasSuffix(arg, "...") {
		return nil, fmt.Errorf("cut short")
	}
	return hex.DecodeString(strings.ReplaceAll(strings.Trim(arg, `"`), `\x`, ""))
}

func (r *trace) count(d deed) (n int) {
	for _, e := range r.events {
		if e.deed == d {
			n++
		}
	}
	return n
}

// clock is the time of a cut after so many events.
func (r *trace) clock(at int) float64 {
	if at == 0 {
		return 0
	}
	return r.events[at-1].clock
}

// wear is what a power cut does to writes that were not synced.
type wear int

const (
	allLost wear = iota
	allKept
	someKept    // any of them, in any order
	sectorsKept // any sector of any
	firstKept   // those up to one, which is torn
	wears
)

func (w wear) String() string {
	return [...]string{"all lost", "all kept", "some kept", "some sectors kept", "the first kept"}[w]
}

const sector = 512

// after is what stands on disk when the power goes after so many events: all
// that was synced, and of the rest what the wear leaves. nil: no such file.
func (r *trace) after(at int, how wear, dice *rand.Rand) map[string][]byte {
	safe, names := r.safe(at)
	disk := r.replay(at, safe, how, dice)
	log := r.named(at, names, how, dice)
	after := map[string][]byte{"digest.db": disk[0], "digest.db-wal": nil, "digest.db-shm": nil}
	if log > 0 {
		after["digest.db-wal"] = disk[log]
		if disk[log] == nil {
			after["digest.db-wal"] = []byte{}
		}
	}
	return after
}

// safe is what had been synced after so many events: of each file, and of the
// folder, what had ended before these events is on disk.
func (r *trace) safe(at int) (files map[int]int, names int) {
	files = make(map[int]int)
	for i, e := range r.events[:at] {
		switch {
		case e.ended >= at:
		case e.deed == synced:
			files[e.file] = max(files[e.file], e.began)
		case e.deed == settled:
			names = i
		}
	}
	return files, names
}

func (r *trace) replay(at int, safe map[int]int, how wear, dice *rand.Rand) map[int][]byte {
	disk := map[int][]byte{0: slices.Clone(r.before)}
	last := at // of firstKept
	if how == firstKept {
		last = dice.IntN(at + 1)
	}
	for i, e := range r.events[:at] {
		if e.deed != written && e.deed != resized {
			continue
		}
		here := how
		switch {
		case e.ended < safe[e.file]:
			here = allKept
		case how == firstKept && i < last:
			here = allKept
		case how == firstKept && i > last:
			here = allLost
		case how == firstKept:
			here = sectorsKept
		}
		disk[e.file] = apply(disk[e.file], e, here, dice)
	}
	return disk
}

// apply does one write, or what is left of it.
func apply(file []byte, e event, how wear, dice *rand.Rand) []byte {
	if how == allLost || (how == someKept || how == sectorsKept && e.deed == resized) && dice.IntN(2) == 0 {
		return file
	}
	if e.deed == resized {
		return sized(file, e.offset)
	}
	if how != sectorsKept {
		file = sized(file, max(int64(len(file)), e.offset+int64(len(e.data))))
		copy(file[e.offset:], e.data)
		return file
	}
	for from := int64(0); from < int64(len(e.data)); {
		to := min(int64(len(e.data)), ((e.offset+from)/sector+1)*sector-e.offset)
		if dice.IntN(2) == 0 {
			file = sized(file, max(int64(len(file)), e.offset+to))
			copy(file[e.offset+from:], e.data[from:to])
		}
		from = to
	}
	return file
}

func sized(file []byte, size int64) []byte {
	if grow := size - int64(len(file)); grow > 0 {
		return append(file, make([]byte, grow)...)
	}
	return file[:size]
}

// named is the log that has the name: a folder keeps its order, so what is lost
// of it is its end.
func (r *trace) named(at, safe int, how wear, dice *rand.Rand) (log int) {
	end := at
	switch {
	case how == allLost:
		end = safe
	case how != allKept:
		end = safe + dice.IntN(at-safe+1)
	}
	for _, e := range r.events[:end] {
		switch e.deed {
		case made:
			log = e.file
		case removed:
			log = 0
		}
	}
	return log
}
