package newsletter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"digest/digesttest"
	"digest/feed"
)

// A walk whose time is over keeps what it has read, and closes what it has crossed.
func TestWalkOutOfTime(t *testing.T) {
	n := &Newsletter{DB: digesttest.NewDB(t)}
	f, err := feed.Ensure(t.Context(), n.DB, "https://blog.example/feed")
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	now := time.Date(2026, time.January, 5, 9, 0, 0, 0, time.UTC)
	page := feed.Page{Document: feed.Document{Posts: []feed.Post{{GUID: "a", Title: "A", URL: "https://blog.example/a", Published: now.AddDate(0, -1, 0)}}}}
	var w walk
	if err := n.keepOlder(over, &w, f, page, now); err != nil || w.Posts != 1 {
		t.Errorf("%d posts are kept, %v", w.Posts, err)
	}
	if _, err := n.DB.Exec(`UPDATE feeds SET gap_at = 2, gap_since = 1`); err != nil {
		t.Fatal(err)
	}
	if err := n.closeGap(over, f); err != nil {
		t.Error(err)
	}
	if f, err = feed.Ensure(t.Context(), n.DB, f.URL); err != nil || !f.GapAt.IsZero() {
		t.Errorf("the gap is open, %v", err)
	}
}

func TestWhyAWalkEnded(t *testing.T) {
	over, cancel := context.WithDeadline(t.Context(), time.Unix(0, 0))
	defer cancel()
	cause := errors.New("reading an older page: refused")
	if got := reason(t.Context(), cause); got != cause.Error() {
		t.Error(got)
	}
	if got := reason(over, cause); strings.Contains(got, "refused") {
		t.Error(got)
	}
}

func TestSearched(t *testing.T) {
	for _, test := range []struct {
		missed int
		found  Backfilled
		want   string
	}{
		{0, Backfilled{}, "."},
		{4, Backfilled{}, ": about 4 by the pace of the blog."},
		{0, Backfilled{Why: "it leads to no older pages"}, ". None of them was found on older pages of the feed: it leads to no older pages."},
		{0, Backfilled{Pages: 1, Why: "it ends"}, ". None of them was found on 1 older page of the feed: it ends."},
		{2, Backfilled{News: 1, Pages: 1, Why: "it ends"}, ": about 2 by the pace of the blog. 1 of them was found on 1 older page of the feed: it ends."},
		{0, Backfilled{News: 3, Pages: 2, Why: "it ends"}, ". 3 of them were found on 2 older pages of the feed: it ends."},
	} {
		if got := searched(feed.Feed{GapMissed: test.missed}, test.found); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
