package main

import (
	"strings"
	"testing"
	"time"

	"digest/feed"
	"digest/issue"
	"digest/newsletter"
)

// What is wrong comes first: each of these is what to do while all that follows
// is the case as well.
func TestAdviceOrder(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)
	d := &door{config: "digest.toml", zero: now, began: time.Now()}
	const address = "https://blog.example.com/feed/"
	s := newsletter.Status{
		Standing: newsletter.Live,
		Feeds: []feed.Feed{{
			URL: address, Stopped: true, Failures: 3, Read: now, GapAt: now,
			MovedTo: "https://new.example.com/feed/", Moved: 9, MovedSince: now.AddDate(0, 0, -9),
		}},
		Orphans:  []newsletter.Orphan{{Digest: "monthly", Readers: 1}},
		Aside:    []feed.Post{{ID: 1}},
		Digests:  []newsletter.DigestStatus{{Held: []issue.Issue{{ID: 4}}, Old: []feed.Post{{ID: 2}}}},
		NextMail: now.AddDate(0, 0, -1),
	}
	const decide = "digest feed list --aside, then digest feed release ID or digest feed dismiss ID"
	for _, step := range []struct {
		want string
		mend func()
	}{
		{"write the new address of the feed " + address + " into digest.toml", func() { s.Feeds[0].Stopped = false }},
		{"look at the feed " + address + ", which can't be read; it is asked again with the next run", func() { s.Feeds[0].Failures = 0 }},
		{`put the digest "monthly" back into the config`, func() { s.Orphans = nil }},
		{decide, func() { s.Aside = nil }},
		{"digest issue show 4, then digest issue approve 4", func() { s.Digests[0].Held = nil }},
		{"digest run; mail has been due", func() { s.NextMail = time.Time{} }},
		{"digest feed dismiss --gap, once you have compared digest feed list", func() { s.Feeds[0].GapAt = time.Time{} }},
		{decide, func() { s.Digests[0].Old = nil }},
		{"write https://new.example.com/feed/ into digest.toml in place of " + address, func() { s.Feeds[0].MovedTo = "" }},
		{"nothing; cron", func() {}},
	} {
		if got := d.advice(s); !strings.HasPrefix(got, step.want) {
			t.Errorf("got %q, want %q", got, step.want)
		}
		step.mend()
	}
	s.Standing, s.Aside = newsletter.NeverLive, []feed.Post{{ID: 1}}
	if got := d.advice(s); strings.Contains(got, "release") {
		t.Errorf("before the start: %q", got)
	}
}

// A feed that waits by its server's wish is asked then, whatever waits for it.
func TestNextLook(t *testing.T) {
	now := time.Date(2026, 3, 10, 12, 0, 0, 0, time.Local)
	later := now.Add(time.Hour)
	const at = "with the first run after Tuesday 10 March 13:00 "
	for _, tt := range []struct {
		feed   feed.Feed
		urgent bool
		want   string
	}{
		{feed.Feed{}, false, "with the next run"},
		{feed.Feed{Next: now}, false, "with the next run"},
		{feed.Feed{Next: later}, false, at + later.Format("MST")},
		{feed.Feed{Next: later}, true, "with the next run"},
		{feed.Feed{Next: later, Told: true}, true, at + later.Format("MST")},
	} {
		if got := nextLook(tt.feed, tt.urgent, now); got != tt.want {
			t.Errorf("%+v, urgent %v: %q, want %q", tt.feed, tt.urgent, got, tt.want)
		}
	}
}
