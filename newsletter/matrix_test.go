package newsletter_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"digest/config"
	"digest/database"
	"digest/digesttest"
	"digest/mailer"
	"digest/newsletter"
	"digest/outbox"
)

// row is one way in which a mail server, or what stands before it, can fail, and what becomes of an issue then. Every
// row runs against a server that announces PIPELINING and one that does not.
type row struct {
	name    string
	readers []string               // by whom the issue is read; nil: r1, r2, r3
	config  func(c *config.Config) // nil: one connection to 127.0.0.1 in plain text
	server  func(s *rogue)
	faults  []fault
	hook    func(w *trial, point string, nth int) // at a crash point of the courier, the nth time
	passes  []pass                                // what `digest run` comes to, called again and again
	ask     []pass                                // … with in_doubt = "ask"; nil: as with "repeat", and not run
	check   func(w *trial)
}

// pass is one call of the courier.
type pass struct {
	after       time.Duration // since the one before
	mend        bool          // the server has no faults from now on
	first       func(w *trial)
	states      string        // of the mails, by reader; "+": due again; more than six are counted
	copies      string        // accepted by the server so far, by reader
	exit        string        // done, partly or person: 0, 10 or 20 of `digest run`; stopped: 0, since nothing may leave
	reason      string        // Summary.Reason has it
	least, most time.Duration // it takes; most 0: ten seconds more than least
	notices     string        // keys of what the author is told by then, without their numbers
}

// trial is a frozen issue before a rogue server, in a bubble whose clock jumps when everybody waits.
type trial struct {
	*newsletter.Newsletter
	t       *testing.T
	server  *rogue
	readers []string
	cancel  context.CancelFunc // SIGTERM

	mu   sync.Mutex
	seen map[string]int
	left map[string]time.Time // when a reader has left
}

// model is a newsletter with a frozen issue: its file, and what else it takes.
type model struct {
	file []byte
	of   newsletter.Newsletter
}

var models struct {
	sync.Mutex
	by map[string]*model
}

// issued is Monday, 12 January 2026, just after nine.
var issued = time.Date(2026, 1, 12, 9, 0, 1, 0, time.UTC)

// dots is a post that a careless mailer gets wrong.
const dots = "<p>Grüße</p><pre>\n.\n..\n.hidden\nQUIT\n.\r\n</pre><p>\r.\r</p>"

func modelOf(t *testing.T, readers []string) *model {
	models.Lock()
	defer models.Unlock()
	key := strings.Join(readers, " ")
	if m := models.by[key]; m != nil {
		return m
	}
	w := newWorld(t)
	w.clock.Advance(51 * time.Hour)
	w.goLive(newsletter.GoingLive{})
	for _, name := range readers {
		who := newsletter.Joining{Address: mailbox(name), Digest: "weekly", Confirmed: true, Source: "test"}
		_, err := w.Join(w.ctx, who, w.clock.Now())
		w.must(err)
	}
	w.write()
	w.blog.Add(digesttest.Entry{Title: "Grüße", Link: w.blog.URL + "/dots", GUID: "dots", Content: dots, Date: w.clock.Now()})
	w.on(time.January, 12)
	w.publish()
	copied := filepath.Join(t.TempDir(), "copy.db")
	_, err := w.DB.Exec(`VACUUM INTO $1`, copied)
	w.must(err)
	file, err := os.ReadFile(copied)
	w.must(err)
	m := &model{file: file, of: *w.Newsletter}
	if models.by == nil {
		models.by = map[string]*model{}
	}
	models.by[key] = m
	return m
}

// mailbox is the address of a reader; some have one of their own.
func mailbox(name string) string {
	if strings.Contains(name, "@") {
		return name
	}
	return address(name)
}

func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("r%d", i+1)
	}
	return list
}

func (r row) run(t *testing.T, policy outbox.Policy, pipelining bool, passes []pass) {
	t.Parallel()
	readers := r.readers
	if readers == nil {
		readers = numbered(3)
	}
	m := modelOf(t, readers)
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(issued))
		w := &trial{
			t: t, readers: readers, server: &rogue{extensions: []string{"8BITMIME"}},
			seen: map[string]int{}, left: map[string]time.Time{},
		}
		n := m.of
		w.Newsletter = &n
		n.DB, n.Path = w.open(m.file)
		n.Settings = settings{n.DB}
		n.Config.Mail.SMTP, n.Config.Mail.InDoubt = "smtp://127.0.0.1:25", string(policy)
		n.Relay = func(s *mailer.Server) { s.Connect = w.server.connect }
		n.Hook = w.hooked(r.hook)
		if pipelining {
			w.server.extensions = append(w.server.extensions, "PIPELINING")
		}
		if r.config != nil {
			r.config(&n.Config)
		}
		for _, f := range r.faults {
			w.server.faults = append(w.server.faults, &f)
		}
		if r.server != nil {
			r.server(w.server)
		}
		for i, p := range passes {
			w.pass(i+1, p)
		}
		w.server.all.Wait()
		if r.check != nil {
			r.check(w)
		}
	})
}

func (w *trial) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// open puts the model's file in place, and an empty ballast beside it: writing one takes longer than a row.
func (w *trial) open(file []byte) (*sql.DB, string) {
	path := filepath.Join(w.t.TempDir(), "digest.db")
	w.must(os.WriteFile(path, file, 0o600))
	w.must(os.WriteFile(path+".ballast", nil, 0o600))
	w.must(os.Truncate(path+".ballast", 8<<20))
	db, err := database.Open(context.Background(), path)
	w.must(err)
	w.t.Cleanup(func() { w.must(db.Close()) })
	return db, path
}

func (w *trial) hooked(hook func(w *trial, point string, nth int)) func(string) {
	return func(point string) {
		if point == outbox.PointAfterMark && w.Config.Mail.Connections == 1 {
			synctest.Wait() // until the mail that follows is at hand
		}
		if hook == nil {
			return
		}
		w.mu.Lock()
		w.seen[point]++
		nth := w.seen[point]
		w.mu.Unlock()
		hook(w, point, nth)
	}
}

// pass is `digest run` as far as the courier goes.
func (w *trial) pass(nth int, p pass) {
	w.t.Helper()
	time.Sleep(p.after)
	if p.mend {
		w.server.faults = nil
	}
	if p.first != nil {
		p.first(w)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	w.cancel = cancel
	begun := time.Now()
	passed, err := w.Carry(ctx, time.Now)
	took := time.Since(begun)
	w.must(err)
	synctest.Wait()
	if p.most == 0 {
		p.most = p.least + 10*time.Second
	}
	if took < p.least || took > p.most {
		w.t.Errorf("pass %d took %v, want %v to %v", nth, took, p.least, p.most)
	}
	states, copies := w.stand()
	for what, pair := range map[string][2]string{
		"states": {states, p.states}, "copies": {copies, p.copies}, "exit": {exitOf(passed), p.exit}, "notices": {w.told(), p.notices},
	} {
		if pair[0] != pair[1] {
			w.t.Errorf("pass %d: %s: %s, want %s", nth, what, pair[0], pair[1])
		}
	}
	if !strings.Contains(passed.Sent.Reason, p.reason) || (p.reason == "") != (passed.Sent.Reason == "") {
		w.t.Errorf("pass %d: the reason is %q, want %q", nth, passed.Sent.Reason, p.reason)
	}
	w.proved(passed)
}

// exitOf is what the exit code of `digest run` says of the courier's part.
func exitOf(p newsletter.Passed) string {
	switch {
	case p.Standing != newsletter.Live:
		return "stopped"
	case p.Sent.Halted, p.Doubts > 0:
		return "person"
	case p.Sent.Queued > 0:
		return "partly"
	}
	return "done"
}

// told are the keys of all notices so far.
func (w *trial) told() string {
	var all []string
	for _, key := range w.column(`SELECT key FROM notices ORDER BY id`) {
		words := slices.DeleteFunc(strings.Fields(key), func(s string) bool { return s[0] >= '0' && s[0] <= '9' })
		all = append(all, strings.Join(words, " "))
	}
	return strings.Join(all, ", ")
}

func (w *trial) column(query string, args ...any) []string {
	w.t.Helper()
	return (&world{Newsletter: w.Newsletter, t: w.t}).column(query, args...)
}

func (w *trial) mails() []outbox.Delivery {
	w.t.Helper()
	list, err := outbox.Deliveries(context.Background(), w.DB, "issue/1", 0, 1<<20)
	w.must(err)
	return list
}

// stand is how the mails stand, and how many copies of each were accepted.
func (w *trial) stand() (states, copies string) {
	w.t.Helper()
	var all, counts []string
	for _, d := range w.mails() {
		state := string(d.State)
		if !d.Due.IsZero() {
			state += "+"
		}
		n := 0
		for _, r := range w.server.accepted {
			if r.to == wireAddress(d.Address) {
				n++
			}
		}
		all, counts = append(all, state), append(counts, fmt.Sprint(n))
	}
	return tallied(all), tallied(counts)
}

func tallied(list []string) string {
	if len(list) <= 6 {
		return strings.Join(list, " ")
	}
	n := map[string]int{}
	for _, s := range list {
		n[s]++
	}
	var all []string
	for s, k := range n {
		all = append(all, fmt.Sprintf("%d %s", k, s))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// TestMatrix is the catalogue of what a mail server can do, S1 to S28, by the whole courier. Not in it: that IPv4 is tried
// where IPv6 fails (S15), for which it takes a network, and bounces that come by mail (S20).
func TestMatrix(t *testing.T) {
	rows := slices.Concat(rowsInDoubt(), rowsNoAnswer(), rowsLost(), rowsBusy(), rowsSlow(), rowsGarbage(), rowsEnds(),
		rowsLater(), rowsFailed(), rowsSender(), rowsBreaker(), rowsContent(), rowsPace(), rowsUnsafe(),
		rowsFlight(), rowsTakeBack(), rowsStopped(), rowsLeaving(), rowsSecondWay())
	for _, r := range rows {
		for _, pipelining := range []bool{false, true} {
			name := r.name + "/lockstep"
			if pipelining {
				name = r.name + "/pipelining"
			}
			t.Run(name, func(t *testing.T) { r.run(t, outbox.Repeat, pipelining, r.passes) })
			if r.ask != nil {
				t.Run(name+"/ask", func(t *testing.T) { r.run(t, outbox.Ask, pipelining, r.ask) })
			}
		}
	}
}
