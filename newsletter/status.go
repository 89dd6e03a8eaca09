package newsletter

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"digest/config"
	"digest/feed"
	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

// Status is what there is to know at a glance.
type Status struct {
	Standing    Standing
	Feeds       []feed.Feed
	Foreign     []feed.Feed // of Feeds, those that show another blog: nothing new of them is mailed
	Aside       []feed.Post // set aside until the author decides, the latest seen first
	Posts       int
	Digests     []DigestStatus
	Subscribers map[subscribers.State]int
	Mail        map[outbox.State]int
	NextMail    time.Time // when the next owed mail may go; zero = none is owed
	Sending     Sending
	Orphans     []Orphan
	Troubles    []string          // what keeps mail from leaving as it should, a sentence each
	Halting     []outbox.Delivery // whose answers halted the last run, while mail is halted
	Shortfalls  []Shortfall       // recent issues that have not reached all of their readers
}

// Orphan is a digest that has readers but stands in the config no more: they
// get nothing until it is back.
type Orphan struct {
	Digest  string
	Readers int
}

// String is the sentence that says so.
func (o Orphan) String() string {
	if o.Readers == 1 {
		return fmt.Sprintf("1 reader belongs to `%s`, which is gone: put it back into the config", o.Digest)
	}
	return fmt.Sprintf("%d readers belong to `%s`, which is gone: put it back into the config", o.Readers, o.Digest)
}

// Orphans lists the digests that are gone from the config and still have active
// readers, by name. An address that gets another digest, too, counts.
func (n *Newsletter) Orphans(ctx context.Context) ([]Orphan, error) {
	readers, err := subscribers.CountByDigest(ctx, n.DB)
	if err != nil {
		return nil, err
	}
	for _, d := range n.Config.Digests {
		delete(readers, d.Name)
	}
	var orphans []Orphan
	for _, name := range slices.Sorted(maps.Keys(readers)) {
		orphans = append(orphans, Orphan{Digest: name, Readers: readers[name]})
	}
	return orphans, nil
}

// DigestStatus is one digest: its last issue, the next, what waits and is held.
type DigestStatus struct {
	Name    string
	Rhythm  string
	Readers int
	Start   time.Time   // zero before go-live
	Last    issue.Issue // of the schedule
	Past    issue.Issue // of the past, if the author has sent one since Last; ID 0 = none
	Held    []issue.Issue
	Next    time.Time   // when the next issue is due; in the past when it is due now
	Waiting int         // posts in the pool
	Old     []feed.Post // left out of it, since they look old
	Gone    []feed.Post // left out of it, since they are gone from the feed
}

// Status reads it all and changes nothing.
func (n *Newsletter) Status(ctx context.Context, now time.Time) (s Status, err error) {
	if s.Standing, err = n.Standing(ctx); err != nil {
		return s, err
	}
	if s.Feeds, err = feed.Configured(ctx, n.DB, n.FeedURLs()); err != nil {
		return s, err
	}
	for _, f := range s.Feeds {
		foreign, err := feed.HasStrangers(ctx, n.DB, f)
		if err != nil {
			return s, err
		}
		if foreign {
			s.Foreign = append(s.Foreign, f)
		}
	}
	if s.Aside, err = feed.SetAside(ctx, n.DB); err != nil {
		return s, err
	}
	if s.Posts, err = feed.Count(ctx, n.DB); err != nil {
		return s, err
	}
	if s.Subscribers, err = subscribers.Count(ctx, n.DB); err != nil {
		return s, err
	}
	if s.Mail, err = outbox.CountsAll(ctx, n.DB); err != nil {
		return s, err
	}
	if s.NextMail, _, err = outbox.NextDue(ctx, n.DB); err != nil {
		return s, err
	}
	if s.Sending, err = n.Sending(ctx, now); err != nil {
		return s, err
	}
	if s.Orphans, err = n.Orphans(ctx); err != nil {
		return s, err
	}
	if s.Troubles, err = n.Troubles(ctx); err != nil {
		return s, err
	}
	if len(s.Troubles) > 0 {
		if s.Halting, err = n.halting(ctx); err != nil {
			return s, err
		}
	}
	if s.Shortfalls, err = n.shortfalls(ctx, now); err != nil {
		return s, err
	}
	for _, d := range n.Config.Digests {
		ds, err := n.digestStatus(ctx, d, now)
		if err != nil {
			return s, err
		}
		s.Digests = append(s.Digests, ds)
	}
	return s, nil
}

func (n *Newsletter) digestStatus(ctx context.Context, d config.Digest, now time.Time) (s DigestStatus, err error) {
	s.Name, s.Rhythm = d.Name, d.Schedule.String()
	if s.Readers, err = subscribers.CountActive(ctx, n.DB, d.Name); err != nil {
		return s, err
	}
	if s.Last, err = issue.Latest(ctx, n.DB, d.Name); err != nil {
		return s, err
	}
	if s.Held, s.Past, err = n.byHand(ctx, d.Name, s.Last); err != nil {
		return s, err
	}
	start, last, started, err := n.last(ctx, d)
	if err != nil || !started {
		s.Next = d.Schedule.Next(now).End
		return s, err
	}
	s.Start = start
	s.Next = d.Schedule.Next(last.End).End
	p, err := n.choose(ctx, n.DB, d, s.Start, now.Add(time.Second))
	if err != nil {
		return s, err
	}
	s.Waiting, s.Old = len(p.posts), p.old
	s.Gone, err = n.gone(ctx, d, start)
	return s, err
}

// gone are the posts that would wait for an issue, were they still in the feed.
func (n *Newsletter) gone(ctx context.Context, d config.Digest, start time.Time) ([]feed.Post, error) {
	posts, err := feed.Gone(ctx, n.DB, start)
	if err != nil {
		return nil, err
	}
	used, err := issue.Used(ctx, n.DB, d.Name, ids(posts))
	return issue.Choose(posts, used), err
}

// byHand are the issues that wait for the author, and the one of the past that
// they have approved last, if that was after last.
func (n *Newsletter) byHand(ctx context.Context, digest string, last issue.Issue) (held []issue.Issue, past issue.Issue, err error) {
	const recent = 100
	all, err := issue.List(ctx, n.DB, digest, recent)
	if err != nil {
		return nil, past, err
	}
	for _, i := range all {
		switch {
		case i.State == issue.Held:
			held = append(held, i)
		case i.Kind == issue.Past && i.State.Frozen() && i.Approved.After(last.Approved) && i.Approved.After(past.Approved):
			past = i
		}
	}
	return held, past, nil
}
