package outbox_test

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"digest/digesttest"
	"digest/outbox"
)

func domains(t testing.TB, rates map[string]string) *outbox.Domains {
	t.Helper()
	d, err := outbox.ParseDomains(rates)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// "*" is a limit of each domain that is not named, wherever in its key it stands.
func TestAnyDomainInAKey(t *testing.T) {
	now := time.Unix(1e9, 0)
	for _, key := range []string{"*", " * ", "gmail.com, *", "*,gmail.com"} {
		d := domains(t, map[string]string{key: "1/m"})
		for _, domain := range []string{"a.test", "b.test", "gmail.com"} {
			if wait := d.Take("x@"+domain, now); wait != 0 && domain != "gmail.com" {
				t.Errorf("%q: the first mail to %s waits %v", key, domain, wait)
			}
			if wait := d.Take("y@"+domain, now); wait == 0 {
				t.Errorf("%q: %s has no limit", key, domain)
			}
		}
	}
}

func TestParseDomains(t *testing.T) {
	for _, none := range []map[string]string{nil, {"*": "unlimited"}, {"a.test": ""}} {
		if d := domains(t, none); d != nil {
			t.Errorf("%v limits something", none)
		}
	}
	for _, bad := range []map[string]string{
		{"a.test": "soon"}, {"": "1/m"}, {"a.test,": "1/m"}, {"a.test": "1/m", "b.test, A.test.": "2/m"}, {"*": "0/m"},
	} {
		if _, err := outbox.ParseDomains(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
	if wait := (*outbox.Domains)(nil).Take("x@a.test", time.Now()); wait != 0 {
		t.Errorf("no limits, and a wait of %v", wait)
	}
}

// Domains of one key share its limit, whatever their spelling; "*" is a limit of each of the others.
func TestDomainsAreFolded(t *testing.T) {
	d := domains(t, map[string]string{"gmail.com, googlemail.com": "2/m", "bücher.example": "1/m", "own.test": "unlimited", "*": "1/h"})
	now := time.Unix(1e9, 0)
	for _, step := range []struct {
		address string
		free    bool
	}{
		{"a@gmail.com", true}, {"b@GoogleMail.com.", true}, {"c@gmail.COM", false}, {"d@googlemail.com", false},
		{"a@xn--bcher-kva.example", true}, {"b@BÜCHER.example", false},
		{"a@own.test", true}, {"b@own.test", true},
		{"a@x.test", true}, {"b@y.test", true}, {"c@X.test", false}, {`"odd@x"@x.test`, false},
	} {
		if wait := d.Take(step.address, now); (wait == 0) != step.free {
			t.Errorf("%s has to wait %v", step.address, wait)
		}
	}
}

// queue is a courier's work with one domain, as the ledger keeps it: due times in whole seconds, in the order they are
// due.
type queue struct {
	due   []time.Time // by mail; zero = sent
	asked []int       // times Take was called, by mail
	sent  []time.Time
}

func newQueue(n int, now time.Time) *queue {
	q := &queue{due: make([]time.Time, n), asked: make([]int, n)}
	for i := range q.due {
		q.due[i] = now
	}
	return q
}

// pass asks for what is due at now, the earliest first, 64 mails at most.
func (q *queue) pass(d *outbox.Domains, now time.Time) {
	var list []int
	for i, due := range q.due {
		if !due.IsZero() && due.Unix() <= now.Unix() {
			list = append(list, i)
		}
	}
	sort.SliceStable(list, func(a, b int) bool { return q.due[list[a]].Unix() < q.due[list[b]].Unix() })
	for _, i := range list[:min(len(list), 64)] {
		q.asked[i]++
		if wait := d.Take("r@a.test", now); wait > 0 {
			q.due[i] = time.Unix(now.Add(wait).Unix(), 0)
			continue
		}
		q.due[i] = time.Time{}
		q.sent = append(q.sent, now)
	}
}

func (q *queue) most() (asked int) {
	for _, n := range q.asked {
		asked = max(asked, n)
	}
	return asked
}

// Whatever waits is given a turn of its own: it is claimed twice, not at each look, and the limit holds and is used.
func TestDomainSlots(t *testing.T) {
	for _, c := range []struct {
		rate     string
		limit, n int
		span     time.Duration
		longest  time.Duration // for all mails
	}{
		{"20/m", 20, 500, time.Minute, 26 * time.Minute},
		{"100/h", 100, 250, time.Hour, 2*time.Hour + 5*time.Minute},
		{"1/s", 1, 300, time.Second, 601 * time.Second},
		{"5/s, 60/m", 60, 500, time.Minute, 9 * time.Minute},
	} {
		d := domains(t, map[string]string{"a.test": c.rate})
		begin := time.Unix(1e9, 300e6)
		q := newQueue(c.n, begin)
		for now := begin; len(q.sent) < c.n && now.Sub(begin) < 2*c.longest; now = now.Add(250 * time.Millisecond) {
			q.pass(d, now)
		}
		if len(q.sent) < c.n || q.sent[c.n-1].Sub(begin) > c.longest {
			t.Errorf("%s: %d of %d in %v", c.rate, len(q.sent), c.n, q.sent[len(q.sent)-1].Sub(begin))
		}
		if q.most() > 4 {
			t.Errorf("%s: a mail was claimed %d times", c.rate, q.most())
		}
		for i := c.limit; i < len(q.sent); i++ {
			if span := q.sent[i].Sub(q.sent[i-c.limit]); span < c.span {
				t.Fatalf("%s: %d mails in %v", c.rate, c.limit+1, span)
			}
		}
	}
}

// A hundred thousand mails at one a minute are asked about once an hour each, not all the time.
func TestDomainHorizon(t *testing.T) {
	d := domains(t, map[string]string{"*": "1/m"})
	now := time.Unix(1e9, 0)
	seen := make(map[int64]int)
	for range 100_000 {
		wait := d.Take("r@a.test", now)
		if wait > time.Hour {
			t.Fatalf("a wait of %v", wait)
		}
		seen[int64(wait/time.Second)]++
	}
	delete(seen, int64(time.Hour/time.Second))
	if len(seen) < 55 || len(seen) > 60 {
		t.Errorf("%d turns within the hour", len(seen))
	}
	for wait, n := range seen {
		if n != 1 {
			t.Errorf("%d mails due in %d s", n, wait)
		}
	}
}

// Mails that lose their turn, for their readers have left, do not take it from the others.
func TestDomainTurnsThatNobodyTakes(t *testing.T) {
	d := domains(t, map[string]string{"a.test": "2/m"})
	now := time.Unix(1e9, 0)
	for range 20 {
		d.Take("r@a.test", now)
	}
	now = now.Add(11 * time.Minute)
	for i := range 2 {
		if wait := d.Take("r@a.test", now); wait != 0 {
			t.Errorf("mail %d waits %v", i, wait)
		}
	}
	if wait := d.Take("r@a.test", now); wait < time.Minute || wait > 62*time.Second {
		t.Errorf("the third waits %v", wait)
	}
}

func TestDomainsOfManyReadersAreForgotten(t *testing.T) {
	d := domains(t, map[string]string{"*": "3/m"})
	now := time.Unix(1e9, 0)
	for i := range 200_000 {
		d.Take(fmt.Sprintf("r@d%d.test", i), now.Add(time.Duration(i)*10*time.Millisecond))
	}
	if n := d.Kept(); n > 15_000 { // 6,000 of them in the last minute
		t.Errorf("%d limits are kept", n)
	}
	now = now.Add(time.Hour)
	for i := range 50_000 { // none of those in use is forgotten
		domain := fmt.Sprintf("r@e%d.test", i%10_000)
		if wait := d.Take(domain, now); (wait > 0) != (i >= 30_000) {
			t.Fatalf("mail %d waits %v", i, wait)
		}
	}
}

// What earlier runs have sent to a domain counts.
func TestDomainLimitHoldsAcrossRuns(t *testing.T) {
	ctx := context.Background()
	db := digesttest.NewDB(t)
	now := time.Unix(1e9, 0)
	owe(t, db, now, "a@a.test", "b@a.test", "c@A.test", "d@b.test", "e@a.test")
	for id, ago := range map[int]time.Duration{1: 10, 2: 20, 3: 30, 4: 5, 5: 90} {
		if _, err := db.ExecContext(ctx, `INSERT INTO attempts (delivery_id, epoch, dotting_at, ended_at, outcome) VALUES ($1, 1, $2, $2, 'sent')`,
			id, now.Add(-ago*time.Second).Unix()); err != nil {
			t.Fatal(err)
		}
	}
	d := domains(t, map[string]string{"a.test": "4/m", "*": "1/m"})
	if err := outbox.Seeded(ctx, db, nil, d, now); err != nil {
		t.Fatal(err)
	}
	if wait := d.Take("x@a.test", now); wait != 0 {
		t.Errorf("the fourth of a minute waits %v", wait)
	}
	if wait := d.Take("x@a.test", now); wait < 31*time.Second || wait > 33*time.Second {
		t.Errorf("the fifth waits %v", wait)
	}
	if wait := d.Take("x@b.test", now); wait < 55*time.Second {
		t.Errorf("the second to another domain waits %v", wait)
	}
	if wait := d.Take("x@c.test", now); wait != 0 {
		t.Errorf("the first to a third domain waits %v", wait)
	}
}

// A courier keeps a domain's limit and sends to the others meanwhile.
func TestCourierKeepsDomainLimits(t *testing.T) {
	inWorld(t, func(w *world) {
		w.Connections = 3
		w.Domains = domains(w.T, map[string]string{"slow.test": "20/m"})
		var list []string
		for i := range 120 {
			list = append(list, fmt.Sprintf("s%d@slow.test", i), fmt.Sprintf("r%d@fast.test", i))
		}
		w.owe(list...)
		begin := time.Now()
		var slow []time.Duration
		var mu sync.Mutex
		w.server.dot = func(m outbox.Mail, _ int) (outbox.Reply, error) {
			mu.Lock()
			defer mu.Unlock()
			since := time.Since(begin)
			if strings.HasSuffix(m.Address, "@slow.test") {
				slow = append(slow, since)
			} else if since > 10*time.Second {
				w.Errorf("%s waited %v", m.Address, since)
			}
			return accepted, nil
		}
		if sum := w.work(); sum.Sent != 240 || sum.Queued != 0 {
			w.Errorf("%+v", sum)
		}
		for i := 20; i < len(slow); i++ {
			if span := slow[i] - slow[i-20]; span < time.Minute {
				w.Errorf("21 mails in %v", span)
			}
		}
		if last := slow[len(slow)-1]; last > 6*time.Minute {
			w.Errorf("120 at 20 a minute took %v", last)
		}
		if w.server.offers != 240 {
			w.Errorf("%d offers for 240 mails", w.server.offers)
		}
	})
}

// A turn is for as many mails as the limit will then let go, whatever went before.
func TestDomainTurnsFit(t *testing.T) {
	d := domains(t, map[string]string{"a.test": "20/m"})
	now := time.Unix(1e9, 0)
	for round := range 2 {
		for i := range 20 { // one now, the others 50 seconds later
			if i == 1 {
				now = now.Add(50 * time.Second)
			}
			if wait := d.Take("r@a.test", now); wait != 0 {
				t.Fatalf("round %d: mail %d waits %v", round, i, wait)
			}
		}
		turns := make(map[time.Duration]int)
		for range 30 {
			turns[d.Take("r@a.test", now)]++
		}
		if turns[11*time.Second] != 1 || turns[61*time.Second] != 19 || turns[72*time.Second] != 1 {
			t.Errorf("round %d: %v", round, turns)
		}
		for range 30 { // some come, the others never do
			now = now.Add(5 * time.Second)
			d.Take("r@a.test", now)
		}
		now = now.Add(time.Hour)
	}
}
