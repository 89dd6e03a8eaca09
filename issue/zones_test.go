package issue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/feed"
)

var zones = strings.Fields(`UTC Europe/Berlin Europe/London Europe/Dublin Europe/Lisbon Europe/Moscow Europe/Istanbul
	America/New_York America/Los_Angeles America/St_Johns America/Santiago America/Asuncion America/Sao_Paulo
	America/Havana America/Caracas America/Godthab America/Anchorage America/Mexico_City America/Scoresbysund
	Africa/Cairo Africa/Casablanca Africa/El_Aaiun Africa/Lagos Africa/Tripoli Asia/Kathmandu Asia/Kolkata Asia/Tehran
	Asia/Tokyo Asia/Pyongyang Asia/Gaza Asia/Amman Asia/Beirut Australia/Lord_Howe Australia/Adelaide Pacific/Apia
	Pacific/Kiritimati Pacific/Auckland Pacific/Chatham Pacific/Pago_Pago Antarctica/Troll`)

// A thousand weeks in each of forty zones, woken at odd times by a cron that
// sometimes sleeps for weeks: each week is answered for once, each post stands
// in one issue.
func TestThousandWeeksInEveryZone(t *testing.T) {
	if len(zones) != 40 {
		t.Fatalf("%d zones", len(zones))
	}
	for n, zone := range zones {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			at := []string{"00:00", "02:30", "09:00", "23:45"}[n%4]
			s := mustParse(t, Spec{Every: "week", On: []string{"sunday", "friday"}[n/4%2], At: at, Timezone: zone})
			w := world{
				t: t, s: s, at: at, random: rand.New(rand.NewPCG(uint64(n), 7)),
				start: time.Date(2008, 5, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 37 * time.Minute),
			}
			w.live(1000)
		})
	}
}

type world struct {
	t      *testing.T
	s      Schedule
	at     string
	random *rand.Rand
	start  time.Time
	posts  []feed.Post
	keys   []string
}

func (w *world) live(weeks int) {
	db := digesttest.NewDB(w.t)
	tx, err := db.Begin() // one, for the sake of speed: what is asked is which rows there are
	if err != nil {
		w.t.Fatal(err)
	}
	defer tx.Rollback()
	end := w.start.AddDate(0, 0, 7*weeks)
	last := Period{End: w.start}
	for now := w.start; now.Before(end); now = now.Add(w.sleep()) {
		w.blog(now)
		p, due := w.s.Due(last, now)
		if !due {
			continue
		}
		w.publish(tx, last, p, now)
		stored, ok, err := Last(w.t.Context(), tx, "weekly")
		if err != nil || !ok || stored.Key != p.Key || !stored.End.Equal(p.End) {
			w.t.Fatalf("last is %+v %v %v, want %+v", stored, ok, err, p)
		}
		last = stored
	}
	w.everyWeekOnce(weeks)
	w.everyPostOnce(tx, last)
}

// sleep is a quarter of an hour, most of the time some days, now and then weeks.
func (w *world) sleep() time.Duration {
	quarters := 1
	switch n := w.random.IntN(10); {
	case n > 8:
		quarters = w.random.IntN(4 * 24 * 30)
	case n > 3:
		quarters = w.random.IntN(4 * 24 * 4)
	}
	return time.Duration(1+quarters)*15*time.Minute + time.Duration(w.random.IntN(60))*time.Second
}

// blog writes what was seen since the wake-up before: a post, or none.
func (w *world) blog(now time.Time) {
	if w.random.IntN(3) == 0 {
		w.posts = append(w.posts, feed.Post{ID: int64(len(w.posts) + 1), Published: now.Add(-time.Hour), FirstSeen: now})
	}
}

func (w *world) publish(tx Querier, last, p Period, now time.Time) {
	if !p.Start.Equal(last.End) || !p.End.After(last.End) || p.Key <= last.Key || p.Covers[len(p.Covers)-1] != p.Key {
		w.t.Fatalf("%+v\nafter %+v", p, last)
	}
	w.firesRight(p)
	w.keys = append(w.keys, p.Covers...)
	cut := w.s.Cut(p, now, []string{CutSend, CutMidnight}[len(w.keys)%2])
	var pool []feed.Post
	var ids []int64
	for _, post := range w.posts[max(0, len(w.posts)-30):] {
		if post.FirstSeen.Before(cut) {
			pool, ids = append(pool, post), append(ids, post.ID)
		}
	}
	used, err := Used(w.t.Context(), tx, "weekly", ids)
	if err != nil {
		w.t.Fatal(err)
	}
	ids = ids[:0]
	for _, post := range Choose(pool, used) {
		ids = append(ids, post.ID)
	}
	i := Issue{Digest: "weekly", Kind: Scheduled, Period: p, Cut: cut, Made: now}
	if len(ids) == 0 {
		i.State = Empty
	}
	if _, err := Draft(w.t.Context(), tx, i, ids); err != nil {
		w.t.Fatal(err)
	}
}

// firesRight: at its end a clock on the wall shows the hour for the first time,
// or has just jumped over it.
func (w *world) firesRight(p Period) {
	const layout = "2006-01-02 15:04"
	want := p.Key + " " + w.at
	shows := func(t time.Time) string { return t.In(w.s.Location()).Format(layout) }
	for _, before := range []time.Duration{time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 24 * time.Hour} {
		if shows(p.End.Add(-before)) >= want {
			w.t.Errorf("%s: already %s %v before %s", want, shows(p.End.Add(-before)), before, shows(p.End))
		}
	}
	if got := shows(p.End); got < want {
		w.t.Errorf("%s: fires at %s", want, got)
	}
}

func (w *world) everyWeekOnce(weeks int) {
	if n := len(w.keys); n < weeks-6 || n > weeks+1 {
		w.t.Errorf("%d weeks answered for", n)
	}
	for n := 1; n < len(w.keys); n++ {
		day, err := time.Parse(layoutDay, w.keys[n-1])
		if err != nil || day.AddDate(0, 0, 7).Format(layoutDay) != w.keys[n] {
			w.t.Fatalf("%s follows %s (%v)", w.keys[n], w.keys[n-1], err)
		}
	}
}

func (w *world) everyPostOnce(tx Querier, last Period) {
	var placed []int64
	issues, err := List(w.t.Context(), tx, "weekly", 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, i := range issues {
		ids, err := PostIDs(w.t.Context(), tx, i.ID)
		if err != nil {
			w.t.Fatal(err)
		}
		placed = append(placed, ids...)
	}
	slices.Sort(placed)
	for n, id := range placed {
		if id != int64(n+1) {
			w.t.Fatalf("place %d holds post %d", n+1, id)
		}
	}
	for _, post := range w.posts[len(placed):] {
		if post.FirstSeen.Before(last.End.AddDate(0, 0, -1)) {
			w.t.Fatal(fmt.Errorf("post %d of %v is in no issue", post.ID, post.FirstSeen))
		}
	}
}
