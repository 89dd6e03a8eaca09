package outbox_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

// server is a mail server in memory. What it does is steered by the local part of the recipient, unless a function
// says otherwise.
type server struct {
	offer  func(m outbox.Mail, nth int) (outbox.Reply, error) // nil: by local part
	dot    func(m outbox.Mail, nth int) (outbox.Reply, error) // nil: accepted
	dial   func(nth int) error
	opened func(m outbox.Mail) // the envelope of m leaves with a dot; nil = nobody

	pipelining bool
	perLine    int  // mails it takes on one connection, then ends it; 0 = any number
	says       bool // it ends it with 421, not by closing
	ends       bool // a connection once it has refused a recipient

	mu       sync.Mutex
	opens    int      // envelopes that left with a dot
	closed   int      // connections closed with an envelope open
	odd      []string // what a client may not do
	accepted []outbox.Mail
	offers   int
	dots     int
	dials    int
	open     int
	most     int // connections open at once
}

var (
	ready    = outbox.Reply{Verdict: outbox.Ready, Code: 354}
	accepted = outbox.Reply{Verdict: outbox.Accepted, Code: 250, Text: "ok"}
	refused  = outbox.Reply{Verdict: outbox.Refused, Code: 550, Enhanced: "5.1.1", Text: "no such user"}
	deferred = outbox.Reply{Verdict: outbox.Deferred, Code: 451, Text: "later"}
	rejected = outbox.Reply{Verdict: outbox.Rejected, Code: 554, Text: "spam"}
	halted   = outbox.Reply{Verdict: outbox.Halt, Code: 550, Enhanced: "5.7.26", Text: "unauthenticated"}
	large    = outbox.Reply{Verdict: outbox.Halt, Code: 552, Enhanced: "5.3.4", Text: "9 bytes, it takes 8"}
	busy     = outbox.Reply{Verdict: outbox.Busy, Code: 421, Text: "too many connections"}
)

func (s *server) Dial(context.Context) (outbox.Line, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.dial != nil {
		if err := s.dial(s.dials); err != nil {
			return nil, err
		}
	}
	s.open++
	s.most = max(s.most, s.open)
	return &wire{server: s}, nil
}

type wire struct {
	*server
	mail    outbox.Mail
	next    *outbox.Mail // its envelope has left
	carried int
	dead    bool
}

// use notes what the contract of Line forbids.
func (w *wire) use(ok bool, what string) {
	if !ok || w.dead {
		w.odd = append(w.odd, what)
	}
}

func (w *wire) Offer(_ context.Context, m outbox.Mail) (outbox.Reply, error) {
	w.mu.Lock()
	w.offers++
	nth := w.offers
	if next := w.next; next != nil {
		w.use(next.Delivery == m.Delivery && next.Date.Equal(m.Date), "another mail than the one whose envelope is open")
	}
	w.use(true, "an offer on a dead connection")
	w.next = nil
	full := w.perLine > 0 && w.carried >= w.perLine
	w.mu.Unlock()
	w.mail = m
	if full && w.says {
		w.dead = true
		return busy, nil
	} else if full {
		w.dead = true
		return outbox.Reply{}, errLost
	}
	if w.offer != nil {
		return w.offer(m, nth)
	}
	local, _, _ := strings.Cut(m.Address, "@")
	switch strings.TrimRight(local, "0123456789") {
	case "refused":
		w.dead = w.ends
		return refused, nil
	case "deferred":
		return deferred, nil
	case "panic":
		panic("broken words")
	}
	return ready, nil
}

func (w *wire) Dot(_ context.Context, next *outbox.Mail) (outbox.Reply, error) {
	w.mu.Lock()
	w.dots++
	nth := w.dots
	w.use(next == nil || w.pipelining, "an envelope before its time")
	w.use(true, "a dot on a dead connection")
	if next != nil {
		w.opens++
		w.next = next
		if w.opened != nil {
			w.opened(*next)
		}
	}
	w.mu.Unlock()
	reply := accepted
	var err error
	if w.dot != nil {
		reply, err = w.dot(w.mail, nth)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carried++
	w.dead = err != nil || reply.Verdict == outbox.Busy || reply.Verdict == outbox.Unsent
	if err == nil && reply.Verdict == outbox.Accepted {
		w.server.accepted = append(w.server.accepted, w.mail)
	}
	return reply, err
}

func (w *wire) Pipelining() bool { return w.pipelining }

func (w *wire) Closed() bool { return w.dead }

func (w *wire) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open--
	if w.next != nil {
		w.closed++
	}
	return nil
}

func (s *server) copies() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := make(map[string]int)
	for _, a := range s.accepted {
		m[a.Address]++
	}
	return m
}

// The names of the servers.
const firstRelay, secondRelay = 7, 9

// world is a database with a courier and a server, in a bubble whose clock jumps when everybody waits.
type world struct {
	*testing.T
	db     *sql.DB
	path   string
	server *server
	outbox.Courier
}

// inWorld runs f twice: with a server that takes one command after the other, and with one that takes several.
func inWorld(t *testing.T, f func(w *world)) {
	t.Helper()
	for _, mode := range []string{"lockstep", "pipelining"} {
		t.Run(mode, func(t *testing.T) {
			inMode(t, func(w *world) {
				w.server.pipelining = mode == "pipelining"
				f(w)
			})
		})
	}
}

func inMode(t *testing.T, f func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		db, path := digesttest.NewDBPath(t)
		w := &world{T: t, db: db, path: path, server: &server{}}
		w.Courier = outbox.Courier{DB: db, Path: path, Dial: w.server.Dial, Connections: 1, Relay: firstRelay, FallbackRelay: secondRelay}
		f(w)
		w.audit()
		for _, what := range w.server.odd {
			w.Error("the courier sends ", what)
		}
		if w.server.open != 0 {
			w.Errorf("%d connections left open", w.server.open)
		}
	})
}

// owe owes issue/1 to each address.
func (w *world) owe(addresses ...string) { w.Helper(); owe(w.T, w.db, time.Now(), addresses...) }

func owe(t testing.TB, db *sql.DB, now time.Time, addresses ...string) {
	t.Helper()
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	letter, err := outbox.AddLetter(ctx, tx, "issue/1", []byte("words"), now)
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range addresses {
		if _, err := outbox.Owe(ctx, tx, outbox.Owed{Mailing: "issue/1", Subscriber: int64(i + 1), Letter: letter,
			Address: a, TokenVersion: 1}, now, now); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

func many(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("r%d@example.com", i+1)
	}
	return list
}

func (w *world) work() outbox.Summary {
	w.Helper()
	sum, err := w.Work(context.Background())
	if err != nil {
		w.Fatal(err)
	}
	return sum
}

func (w *world) audit() {
	w.Helper()
	audit(w.T, w.db)
}

func audit(t testing.TB, db *sql.DB) outbox.Report {
	t.Helper()
	r, err := outbox.Audit(context.Background(), db)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range r.Broken {
		t.Error("broken:", b)
	}
	return r
}

// states is what every delivery's state is, by address, with "+" where it is due again.
func (w *world) states() map[string]string {
	w.Helper()
	list, err := outbox.Deliveries(context.Background(), w.db, "issue/1", 0, 1<<20)
	if err != nil {
		w.Fatal(err)
	}
	m := make(map[string]string)
	for _, d := range list {
		m[d.Address] = string(d.State)
		if !d.Due.IsZero() {
			m[d.Address] += "+"
		}
	}
	return m
}

func (w *world) count(s outbox.State) int {
	w.Helper()
	m, err := outbox.CountsAll(context.Background(), w.db)
	if err != nil {
		w.Fatal(err)
	}
	return m[s]
}

var errLost = errors.New("connection reset")
