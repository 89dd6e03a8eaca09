package newsletter

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"digest/config"
	"digest/feed"
	"digest/issue"
	"digest/mailer"
	"digest/templates"
)

// Preview is an issue as it would go now, and what kind of preview it is.
type Preview struct {
	Subject string
	HTML    string
	Text    string
	Message []byte // the whole mail as it would stand on the wire, addressed to the author
	Posts   int
	Note    string // one sentence: what is shown, and why
}

// previewed is what a preview shows, and why.
type previewed struct {
	issue issue.Issue
	posts []feed.Post
	note  string
}

// Preview renders what would go now for a digest ("" = the default one): the
// held issue, else what is in the pool, else the newest posts, else a sample.
// With a period ("2010-02") it is an issue of the posts published in it.
// Nothing is stored and nothing is used up.
func (n *Newsletter) Preview(ctx context.Context, digest, period string, now time.Time) (Preview, error) {
	d := n.DefaultDigest()
	if digest != "" {
		var err error
		if d, err = n.digest(digest); err != nil {
			return Preview{}, err
		}
	}
	p, err := n.previewed(ctx, d, period, now)
	if err != nil {
		return Preview{}, err
	}
	unread, err := n.unreadNote(ctx)
	if err != nil {
		return Preview{}, err
	}
	number, err := issue.NextNumber(ctx, n.DB, d.Name)
	if err != nil {
		return Preview{}, err
	}
	if p.issue.ID == 0 { // so that even the link to read it online is the one it will have
		if p.issue.ID, err = issue.NextID(ctx, n.DB); err != nil {
			return Preview{}, err
		}
	}
	m, err := templates.Render(d.Theme, n.edition(d, p.issue, number, p.posts))
	if err != nil {
		return Preview{}, err
	}
	letter := n.letter(d, p.issue, m)
	to := n.authorReader(n.authorAddress(), now)
	message, err := letter.Message(to)
	if err != nil {
		return Preview{}, err
	}
	html, text, err := letter.Fill(to)
	if err != nil {
		return Preview{}, err
	}
	return Preview{Subject: m.Subject, HTML: html, Text: text, Message: message, Posts: len(p.posts), Note: p.note + unread}, nil
}

// unreadNote says which feeds could not be read when they were last asked, so
// that what is shown may not be all there is.
func (n *Newsletter) unreadNote(ctx context.Context) (string, error) {
	known, err := feed.Configured(ctx, n.DB, n.FeedURLs())
	if err != nil {
		return "", err
	}
	var note strings.Builder
	for _, f := range known {
		if f.Failures > 0 {
			fmt.Fprintf(&note, " The feed %s can't be read since %s (%s), so what is new there is not shown.",
				plainLine(address(f), 300), n.day(f.FailedSince), why(f))
		}
	}
	return note.String(), nil
}

func (n *Newsletter) previewed(ctx context.Context, d config.Digest, period string, now time.Time) (previewed, error) {
	if period != "" {
		return n.previewPast(ctx, d, period, now)
	}
	held, ok, err := issue.HeldScheduled(ctx, n.DB, d.Name)
	if err != nil {
		return previewed{}, err
	}
	if ok {
		posts, err := n.posts(ctx, n.DB, held.ID)
		return previewed{held, posts, fmt.Sprintf("Issue %d, held for your approval.", held.ID)}, err
	}
	next := issue.Issue{Digest: d.Name, Kind: issue.Scheduled, Period: wholePeriod(d.Schedule, now), Cut: now.Add(time.Second)}
	start, last, started, err := n.last(ctx, d)
	if err != nil {
		return previewed{}, err
	}
	if started {
		// Titled as it will be: from the last issue on, whatever was missed.
		next.Period.Start = last.End
		if due, ok := d.Schedule.Due(last, now); ok {
			next.Period, next.Cut = due, d.Schedule.Cut(due, now, d.Cut)
		}
		p, err := n.choose(ctx, n.DB, d, start, next.Cut)
		if err != nil {
			return previewed{}, err
		}
		if len(p.posts) > 0 {
			return previewed{next, p.posts, "The next issue as it would go now." + leftOut(p.old)}, nil
		}
	}
	return n.previewNewest(ctx, d, next, now)
}

// wholePeriod is the period that ends next, from the firing before it: what the
// next issue is called when none is late.
func wholePeriod(s issue.Schedule, now time.Time) issue.Period {
	p := s.Next(now)
	for at := p.End.AddDate(0, -2, 0); at.Before(p.End); at = s.Next(at).End {
		p.Start = at
	}
	return p
}

// previewNewest stands in while nothing waits for an issue.
func (n *Newsletter) previewNewest(ctx context.Context, d config.Digest, next issue.Issue, now time.Time) (previewed, error) {
	const some = 6
	posts, err := n.known(ctx, some, now)
	if err != nil {
		return previewed{}, err
	}
	if len(posts) > 0 {
		return previewed{next, posts, "Nothing waits for the next issue, so these are the newest posts of the feed."}, nil
	}
	sample := templates.Sample(now, some)
	return previewed{next, sample.Posts, "The feed has no posts yet, so this is a sample."}, nil
}

// previewPast keeps what the feeds' older pages bring only for as long as it
// takes to choose from it, so that it shows what a draft would hold.
func (n *Newsletter) previewPast(ctx context.Context, d config.Digest, period string, now time.Time) (previewed, error) {
	p, err := d.Schedule.Past(period)
	if err != nil {
		return previewed{}, err
	}
	older, why, err := n.within(ctx, p, now)
	if err != nil {
		return previewed{}, err
	}
	shown := previewed{issue: issue.Issue{Digest: d.Name, Kind: issue.Past, Period: p, Cut: p.End}}
	err = n.rehearse(ctx, func(tx *sql.Tx) error {
		for _, c := range n.Config.Feeds {
			f, err := feed.Ensure(ctx, tx, c.URL)
			if err != nil {
				return err
			}
			if _, err := feed.KeepOlder(ctx, tx, f, older[c.URL], now); err != nil {
				return err
			}
		}
		all, err := feed.PublishedBetween(ctx, tx, p.Start, p.End)
		shown.posts, shown.note = issue.Choose(all, nil), "An issue of the posts published in that period."
		return err
	})
	if err == nil && len(shown.posts) == 0 {
		err = fmt.Errorf("%w: %s", ErrNoPosts, period)
	}
	if why != "" {
		shown.note += " Note: " + why + "."
	}
	return shown, err
}

// within are the posts of a period that stand in the feeds and their older
// pages, by feed, as far as the stored ones don't reach back to its start.
func (n *Newsletter) within(ctx context.Context, p issue.Period, now time.Time) (older map[string]feed.Document, why string, err error) {
	older = map[string]feed.Document{}
	for _, c := range n.Config.Feeds {
		oldest, err := n.oldestOf(ctx, c.URL)
		if err != nil {
			return nil, "", err
		}
		if !oldest.IsZero() && !oldest.After(p.Start) {
			continue
		}
		posts, w, err := n.peek(ctx, c.URL, p, now)
		if err != nil && oldest.IsZero() {
			return nil, "", err
		}
		older[c.URL] = feed.Document{Posts: posts}
		switch {
		case err != nil:
			why = err.Error()
		case !w.Reached && !w.Oldest.IsZero():
			why = n.reaches(c.URL, w.Oldest, w.Why)
		case !w.Reached:
			why = w.Why
		}
	}
	return older, why, nil
}

// peek walks one feed back and holds no more of it than the period's posts.
func (n *Newsletter) peek(ctx context.Context, feedURL string, p issue.Period, now time.Time) ([]feed.Post, walk, error) {
	w := walk{since: p.Start}
	var posts []feed.Post
	take := func(page feed.Page) {
		w.pass(page)
		for _, post := range page.Document.Posts {
			if !post.Published.Before(p.Start) && post.Published.Before(p.End) {
				posts = append(posts, post)
			}
		}
	}
	first, err := n.firstPage(ctx, feed.Feed{URL: feedURL}, now)
	if err != nil {
		return nil, w, err
	}
	take(first)
	for page, err := range feed.Older(ctx, n.Fetcher(feedURL), first, p.Start, now) {
		if err != nil {
			w.Why = err.Error()
			break
		}
		w.Pages++
		take(page)
	}
	w.end(feed.Feed{})
	return posts, w, nil
}

// rehearse is write, and takes back whatever f has written.
func (n *Newsletter) rehearse(ctx context.Context, f func(tx *sql.Tx) error) error {
	tx, err := n.DB.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	defer tx.Rollback()
	return f(tx)
}

// known are the newest posts (limit 0 = all): those stored, else those the
// feed shows, which are not stored.
func (n *Newsletter) known(ctx context.Context, limit int, now time.Time) ([]feed.Post, error) {
	posts, err := feed.All(ctx, n.DB, limit)
	if err != nil || len(posts) > 0 {
		return posts, err
	}
	for _, f := range n.Config.Feeds {
		doc, _, err := n.Read(ctx, f.URL, feed.Feed{}, now)
		if err != nil {
			return nil, err
		}
		posts = append(posts, doc.Posts...)
	}
	posts = issue.Choose(numbered(posts), nil)
	if limit > 0 && len(posts) > limit {
		posts = posts[:limit]
	}
	return posts, nil
}

// numbered gives posts that are not stored the identity Choose tells them by.
func numbered(posts []feed.Post) []feed.Post {
	for i := range posts {
		posts[i].ID = int64(len(posts) - i)
	}
	return posts
}

func (n *Newsletter) authorAddress() string {
	if a := n.Config.Author.Email; a != "" {
		return a
	}
	return n.from().Mailbox
}

// Test mails the preview to any address, marked as a test. It stands outside
// the ledger, and may be sent before go-live.
func (n *Newsletter) Test(ctx context.Context, address, digest string, now time.Time) (Preview, error) {
	p, err := n.Preview(ctx, digest, "", now)
	if err != nil {
		return Preview{}, err
	}
	letter := mailer.Letter{From: n.from(), Subject: "[Test] " + p.Subject, HTML: p.HTML, Text: p.Text, Plain: true}
	return p, n.send(ctx, letter, n.authorReader(address, now))
}
