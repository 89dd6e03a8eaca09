package newsletter_test

import (
	"errors"
	"fmt"
	"io"
	"math"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/newsletter"
	"digest/subscribers"
)

func (w *world) state(name string) string {
	w.t.Helper()
	got := w.column(`SELECT state FROM subscribers WHERE address = $1`, address(name))
	return strings.Join(got, ",")
}

func TestImport(t *testing.T) {
	w := liveWorld(t)
	gone := w.join("gone", "weekly")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, gone.ID, gone.TokenVersion), "test", w.clock.Now()))
	w.join("here", "weekly")
	_, err := w.Erase(w.ctx, address("reader.weekly"), w.clock.Now())
	w.must(err)
	w.clock.Advance(time.Hour)

	var file strings.Builder
	file.WriteString("email,name,status\n")
	row := func(name, status string) { fmt.Fprintf(&file, "%s,%s,%s\n", address(name), name, status) }
	row("gone", "subscribed")          // left here: stays out
	row("reader.weekly", "subscribed") // erased here: stays out
	row("here", "unsubscribed")        // agreed here: an old list does not speak for them
	row("quit", "unsubscribed")        // left there
	row("quit", "subscribed")          // … whatever another row says
	row("late", "subscribed")
	row("ask", "pending")
	row("bad address", "subscribed")
	for i := range 2500 {
		row(fmt.Sprintf("new%d", i), "subscribed")
	}
	row("late", "unsubscribed") // more than a batch later
	row("NEW1", "subscribed")
	want := newsletter.Imported{Digest: "weekly", New: 2501, Known: 2, KeptOut: 5, Unconfirmed: 1,
		Invalid: []string{"line 9: "}}

	before := w.stored()
	got, err := w.Import(w.ctx, strings.NewReader(file.String()), "", "list.csv", w.clock.Now())
	w.must(err)
	equal(t, "issues and posts", w.stored(), before)
	short := cmp.Transformer("line", func(s string) string { head, _, _ := strings.Cut(s, ": "); return head })
	if diff := cmp.Diff(want, got, short); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	for name, want := range map[string]string{
		"gone": "unsubscribed", "reader.weekly": "", "here": "active", "quit": "", "late": "unsubscribed", "ask": "", "new7": "active",
	} {
		if got := w.state(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if n, err := subscribers.CountActive(w.ctx, w.DB, "weekly"); n != 2501 || err != nil {
		t.Errorf("%d readers, %v", n, err)
	}
}

// Readers who come in by a file after an issue get the next one.
func TestImportedGetTheNextIssue(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.on(time.January, 12)
	w.run()
	_, err := w.Import(w.ctx, strings.NewReader(address("ann")), "", "list.csv", w.clock.Now())
	w.must(err)
	w.run()
	w.clock.Advance(time.Hour)
	w.write()
	w.on(time.January, 19)
	w.run()
	if s := w.only("ann").subject(); s != "Post 4" {
		t.Errorf("subject %q", s)
	}
}

// A file that breaks off is imported up to there, and that is said.
func TestImportOfABrokenFile(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"cut off": io.MultiReader(&lines{total: 3000}, iotest.ErrReader(io.ErrUnexpectedEOF)),
		"disk":    io.MultiReader(&lines{total: 3000}, iotest.ErrReader(errors.New("input/output error"))),
	} {
		w := liveWorld(t)
		counted, err := w.Import(w.ctx, r, "", "list.csv", w.clock.Now())
		if err == nil {
			t.Errorf("%s: said nothing: %+v", name, counted)
		}
		if counted.New == 0 || w.state("reader1") != "active" {
			t.Errorf("%s: counted %+v", name, counted)
		}
	}
}

func TestJoin(t *testing.T) {
	w := liveWorld(t)
	joined, err := w.Join(w.ctx, newsletter.Joining{Address: address("ann")}, w.clock.Now())
	if err != nil || joined.Digest != "weekly" || w.state("ann") != "pending" {
		t.Errorf("unconfirmed: %+v, %v", joined, err)
	}
	for i, added := range []bool{true, false} {
		joined, err := w.Join(w.ctx, newsletter.Joining{Address: address("bob"), Confirmed: true}, w.clock.Now())
		if err != nil || joined.Added != added {
			t.Errorf("time %d: %+v, %v", i+1, joined, err)
		}
	}
	gone := w.join("gone", "weekly")
	w.must(w.Leave(w.ctx, w.Link(subscribers.PurposeLeave, gone.ID, gone.TokenVersion), "test", w.clock.Now()))
	var suppressed subscribers.ErrSuppressed
	if _, err := w.Join(w.ctx, newsletter.Joining{Address: address("gone"), Confirmed: true}, w.clock.Now()); !errors.As(err, &suppressed) {
		t.Errorf("one who left was taken in again: %v", err)
	}
}

// lines makes a list of addresses as it is read, and measures the heap on the way.
type lines struct {
	next, total int
	rest        string
	least, most uint64 // bytes in use
}

func (l *lines) Read(p []byte) (int, error) {
	if l.rest == "" {
		if l.next == l.total {
			return 0, io.EOF
		}
		if l.next%10_000 == 0 {
			runtime.GC()
			runtime.GC() // the second empties the pools
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			l.least = min(l.least, m.HeapAlloc)
			l.most = max(l.most, m.HeapAlloc)
		}
		l.next++
		l.rest = fmt.Sprintf("reader%d@readers.net\n", l.next)
	}
	n := copy(p, l.rest)
	l.rest = l.rest[n:]
	return n, nil
}

func TestImportIsStreamed(t *testing.T) {
	w := liveWorld(t)
	list := &lines{total: 100_000, least: math.MaxUint64}
	counted, err := w.Import(w.ctx, list, "", "list.csv", w.clock.Now())
	w.must(err)
	if counted.New != list.total {
		t.Errorf("imported %+v", counted)
	}
	if list.most > list.least+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", list.least, list.most)
	}
}
