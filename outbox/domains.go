package outbox

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// AnyDomain is the key of [ParseDomains] for the limit that every domain has which is not named.
const AnyDomain = "*"

const (
	forfeit   = time.Minute // how late the mail of a slot may come
	horizon   = time.Hour   // how far ahead a slot is handed out: a limit that is raised counts after that long
	fewLimits = 1024        // limits of unnamed domains kept before those not in use are looked for
)

// Domains are limits on the mails to one recipient domain. A nil Domains knows none. It is safe for concurrent use.
type Domains struct {
	mu    sync.Mutex
	named map[string]*limit // by domain; domains of one key share theirs
	any   string            // rate of each domain that is not named; "" = unlimited
	other map[string]*limit // of those met so far
	many  int               // limits in other from which on the idle ones are dropped
}

// ParseDomains reads rates, as [ParsePace] does, by domain: "gmail.com", or "gmail.com, googlemail.com" for domains
// that share one, or "*" for each domain that no key names. Without a limit it returns nil.
func ParseDomains(rates map[string]string) (*Domains, error) {
	d := &Domains{named: make(map[string]*limit), other: make(map[string]*limit), many: fewLimits}
	for _, key := range slices.Sorted(maps.Keys(rates)) {
		l, err := newLimit(rates[key])
		if err != nil {
			return nil, fmt.Errorf("reading the limit of %q: %w", key, err)
		}
		for name := range strings.SplitSeq(key, ",") {
			name = domainOf(strings.TrimSpace(name))
			if _, twice := d.named[name]; twice || name == "" {
				return nil, fmt.Errorf("reading the limit of %q: %q is no domain, or named twice", key, name)
			}
			d.named[name] = l
			if name == AnyDomain && l != nil {
				d.any = rates[key]
			}
		}
	}
	delete(d.named, AnyDomain)
	if d.any == "" && !slices.ContainsFunc(slices.Collect(maps.Values(d.named)), func(l *limit) bool { return l != nil }) {
		return nil, nil
	}
	return d, nil
}

// domainOf is the domain of an address, or a bare domain, folded: A-labels (RFC 5890), lower case, no dot at its end.
func domainOf(address string) string {
	name := address[strings.LastIndexByte(address, '@')+1:]
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	for i := range len(name) {
		if name[i] >= utf8.RuneSelf {
			if ascii, err := idna.Lookup.ToASCII(name); err == nil {
				return ascii
			}
			break
		}
	}
	return name
}

// Take answers 0 when a mail to address may go now, and counts it. Otherwise it answers when to ask again: at a whole
// second, as due times are kept in, for which this mail has a slot reserved that no other is given. However late the
// mail then comes, the limit holds; if its turn has gone to another, it is given a new one. More than an hour ahead
// nothing is reserved.
func (d *Domains) Take(address string, now time.Time) (wait time.Duration) {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.of(domainOf(address), now).take(now)
}

// Dot is [Pace.Dot] for the limit of the domain of address.
func (d *Domains) Dot(address string, at, now time.Time) (wait time.Duration) {
	if d == nil {
		return 0
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	l := d.of(domainOf(address), now)
	if l == nil {
		return 0
	}
	return l.pace.Dot(at, now)
}

// of is the limit of a folded domain; nil = unlimited.
func (d *Domains) of(domain string, now time.Time) *limit {
	if l, named := d.named[domain]; named || d.any == "" {
		return l
	}
	l := d.other[domain]
	if l == nil {
		d.sweep(now)
		l, _ = newLimit(d.any) // it was parsed before
		d.other[domain] = l
	}
	return l
}

// sweep forgets the limits that hold nobody up, so that a long list of domains needs no more memory than the busy ones.
func (d *Domains) sweep(now time.Time) {
	if len(d.other) < d.many {
		return
	}
	maps.DeleteFunc(d.other, func(_ string, l *limit) bool { return l.idle(now) })
	d.many = max(fewLimits, 2*len(d.other))
}

// span is the longest window of all.
func (d *Domains) span() time.Duration {
	longest := time.Duration(0)
	for _, l := range d.named {
		longest = max(longest, l.span())
	}
	if d.any != "" {
		l, _ := newLimit(d.any)
		longest = max(longest, l.span())
	}
	return longest
}

// Load counts what earlier runs have sent, so that the limits hold across them. It reads as far back as the longest
// window. Mails to a reader erased meanwhile have no domain any more and are not counted.
func (d *Domains) Load(ctx context.Context, q Querier, now time.Time) error {
	if d == nil {
		return nil
	}
	rows, err := q.QueryContext(ctx, `
		SELECT a.dotting_at, substr(d.address, instr(d.address, '@') + 1) AS domain, count(*)
		FROM attempts AS a JOIN deliveries AS d ON d.id = a.delivery_id
		WHERE a.dotting_at >= $1 GROUP BY a.dotting_at, domain ORDER BY a.dotting_at`, now.Add(-d.span()).Unix())
	if err != nil {
		return fmt.Errorf("counting what domains were sent: %w", err)
	}
	defer rows.Close()
	d.mu.Lock()
	defer d.mu.Unlock()
	for rows.Next() {
		var at int64
		var domain string
		var n int
		if err := rows.Scan(&at, &domain, &n); err != nil {
			return fmt.Errorf("counting what domains were sent: %w", err)
		}
		d.of(domainOf(domain), now).seed(time.Unix(at, 0), n, now)
	}
	return rows.Err()
}

// Until answers when the last of the mails owed, counted by domain, has its token.
func (d *Domains) Until(owed map[string]int, now time.Time) time.Time {
	end := now
	if d == nil {
		return end
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	shared := make(map[*limit]int)
	for domain, n := range owed {
		if l := d.of(domainOf(domain), now); l != nil {
			shared[l] += n
		}
	}
	for l, n := range shared {
		if t := l.pace.Until(n, now); t.After(end) {
			end = t
		}
	}
	return end
}

// limit is one rate and the slots handed out under it. A nil limit is none.
type limit struct {
	pace  *Pace  // what was taken: nothing goes out but by it
	plan  *Pace  // what was taken and what is reserved: where the next slot may be
	slots []slot // reserved and not taken yet, oldest first
}

type slot struct {
	at time.Time
	n  int
}

func newLimit(rate string) (*limit, error) {
	pace, err := ParsePace(rate)
	if err != nil || pace == nil {
		return nil, err
	}
	plan, err := ParsePace(rate)
	return &limit{pace: pace, plan: plan}, err
}

func (l *limit) span() time.Duration {
	if l == nil {
		return 0
	}
	return l.plan.span()
}

func (l *limit) idle(now time.Time) bool {
	return (len(l.slots) == 0 || l.slots[len(l.slots)-1].at.Before(now)) && l.plan.idle(now)
}

func (l *limit) seed(at time.Time, n int, now time.Time) {
	if l != nil {
		l.pace.seed(at, n, now)
		l.plan.count(at, n, now)
	}
}

// take is Domains.Take. Mails to one domain are alike: the one that comes takes the oldest slot whose time has come.
func (l *limit) take(now time.Time) time.Duration {
	if l == nil {
		return 0
	}
	if last := len(l.slots) - 1; last >= 0 && l.slots[last].at.Sub(now) > 2*horizon { // the clock was set back
		l.slots, l.plan = nil, l.pace.clone()
		l.plan.free(now)
	}
	for len(l.slots) > 0 && now.Sub(l.slots[0].at) > forfeit {
		l.slots = l.slots[1:]
	}
	if wait := l.pace.Take(now); wait > 0 {
		return l.reserve(now, wait).Sub(now)
	}
	if len(l.slots) == 0 || l.slots[0].at.After(now) {
		l.plan.add(now, 1)
		return 0
	}
	if l.slots[0].n--; l.slots[0].n == 0 {
		l.slots = l.slots[1:]
	}
	return 0
}

// reserve hands out the first slot not yet handed out, no earlier than wait from now.
func (l *limit) reserve(now time.Time, wait time.Duration) time.Time {
	at := ceil(now.Add(wait))
	last := len(l.slots) - 1
	if last >= 0 && l.slots[last].at.After(at) {
		at = l.slots[last].at
	}
	_, wait = l.plan.free(at)
	at = ceil(at.Add(wait))
	if end := ceil(now.Add(horizon)); at.After(end) {
		return end
	}
	l.plan.add(at, 1)
	if last >= 0 && l.slots[last].at.Equal(at) {
		l.slots[last].n++
	} else {
		l.slots = append(l.slots, slot{at, 1})
	}
	return at
}

// ceil is the first whole second that is not before t.
func ceil(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}
