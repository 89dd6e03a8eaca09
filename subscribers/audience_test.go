package subscribers_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"digest/subscribers"

	"github.com/google/go-cmp/cmp"
)

func TestSetDigests(t *testing.T) {
	d := newDesk(t)
	cut := start.Add(-24 * time.Hour)
	s, _, err := d.add("a@example.com", subscribers.Active, func(j *subscribers.Joining) { j.Watermark = cut })
	d.must(err)
	d.must(subscribers.SetDigests(d.Context(), d.db, s.ID, []string{"monthly"}, d.now))
	if got := d.get(s.ID).Digests; !cmp.Equal(got, []string{"monthly"}) {
		t.Errorf("digests %v", got)
	}
	if got := d.text("SELECT watermark - $1 FROM subscriptions WHERE digest = 'monthly'", cut.Unix()); got != "0" {
		t.Errorf("the older cut was not carried over: off by %s", got)
	}
	if err := subscribers.SetDigests(d.Context(), d.db, s.ID, nil, d.now); err == nil {
		t.Error("no digest was accepted")
	}
	d.leave(s.ID, subscribers.ReasonUnsubscribed)
	if err := subscribers.SetDigests(d.Context(), d.db, s.ID, []string{"weekly"}, d.now); !errors.Is(err, subscribers.ErrNotActive) {
		t.Errorf("one who left: %v, want ErrNotActive", err)
	}
	if err := subscribers.SetDigests(d.Context(), d.db, 99, []string{"weekly"}, d.now); !errors.Is(err, subscribers.ErrNotFound) {
		t.Errorf("nobody: %v, want ErrNotFound", err)
	}
}

func TestCountsAndWatermarks(t *testing.T) {
	d := newDesk(t)
	ctx := context.Background()
	d.active("a@example.com")
	b := d.active("b@example.com")
	d.leave(b.ID, subscribers.ReasonBounced)
	_, _, err := d.add("c@example.com", subscribers.Pending)
	d.must(err)
	_, _, err = d.add("d@example.com", subscribers.Active, func(j *subscribers.Joining) { j.Digest = "monthly" })
	d.must(err)
	states, err := subscribers.Count(ctx, d.db)
	d.must(err)
	if diff := cmp.Diff(map[subscribers.State]int{"active": 2, "bounced": 1, "pending": 1}, states); diff != "" {
		t.Error(diff)
	}
	digests, err := subscribers.CountByDigest(ctx, d.db)
	d.must(err)
	if diff := cmp.Diff(map[string]int{"weekly": 1, "monthly": 1}, digests); diff != "" {
		t.Error(diff)
	}
	_, err = d.db.Exec("INSERT INTO subscriptions (subscriber_id, digest, created_at) SELECT id, 'weekly', 0 FROM subscribers WHERE state <> 'active'")
	d.must(err)
	n, err := subscribers.CountActive(ctx, d.db, "weekly")
	if err != nil || n != 1 {
		t.Errorf("%d, %v", n, err)
	}
	for _, cut := range []time.Time{start, start.Add(-time.Hour)} {
		d.must(subscribers.MoveWatermark(ctx, d.db, "weekly", cut))
		got := d.text("SELECT group_concat(watermark - $1, ' ' ORDER BY digest DESC) FROM subscriptions WHERE created_at > 0", start.Unix())
		if !strings.HasPrefix(got, "0 -") {
			t.Errorf("watermarks %s", got)
		}
	}
}

func TestListPages(t *testing.T) {
	d := newDesk(t)
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		s := d.active(name + "@example.com")
		if name != "c" {
			d.must(subscribers.SetDigests(d.Context(), d.db, s.ID, []string{"weekly", "monthly"}, d.now))
		}
	}
	var got []string
	for after := int64(0); ; {
		list, err := subscribers.List(d.Context(), d.db, after, 2)
		d.must(err)
		if len(list) == 0 {
			break
		}
		for _, s := range list {
			after = s.ID
			got = append(got, s.Address[:1]+" "+strings.Join(s.Digests, ","))
		}
	}
	want := []string{"a monthly,weekly", "b monthly,weekly", "c weekly", "d monthly,weekly", "e monthly,weekly"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, found, err := subscribers.Get(d.Context(), d.db, 99); found || err != nil {
		t.Errorf("nobody: %v, %v", found, err)
	}
}
