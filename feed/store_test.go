package feed_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/digesttest"
	"digest/feed"
)

var start = time.Date(2024, 5, 1, 12, 0, 0, 0, time.UTC)

// reader polls a blog as the recipe does.
type reader struct {
	t    *testing.T
	db   *sql.DB
	blog *digesttest.Weblog
	now  time.Time
}

func newReader(t *testing.T, entries ...digesttest.Entry) *reader {
	return &reader{t: t, db: digesttest.NewDB(t), blog: digesttest.Blog(t, entries...), now: start}
}

// poll looks at the feed an hour later than before, and names what is new.
func (r *reader) poll() (titles []string) {
	r.t.Helper()
	poll, err := r.look()
	if err != nil {
		r.t.Fatal(err)
	}
	for _, p := range poll.New {
		titles = append(titles, p.Heading())
	}
	return titles
}

func (r *reader) look() (feed.Poll, error) {
	r.t.Helper()
	ctx := context.Background()
	r.now = r.now.Add(time.Hour)
	f, err := feed.Ensure(ctx, r.db, r.blog.Feed)
	if err != nil {
		r.t.Fatal(err)
	}
	a, err := feed.Fetcher{}.Get(ctx, f.URL, f.ETag, f.LastModified)
	if err == nil && a.NotModified {
		return feed.Poll{}, feed.Unchanged(ctx, r.db, f, r.now)
	}
	var doc feed.Document
	if err == nil {
		base, _ := url.Parse(a.URL)
		doc, err = feed.Parse(a.Body, base, a.ContentType, r.now)
	}
	var poll feed.Poll
	if err == nil {
		poll, err = feed.Keep(ctx, r.db, f, doc, a, r.now)
	}
	if err != nil {
		if failed := feed.Failed(ctx, r.db, f, err, r.now); failed != nil {
			r.t.Fatal(failed)
		}
	}
	return poll, err
}

func (r *reader) all() []feed.Post {
	r.t.Helper()
	list, err := feed.All(context.Background(), r.db, 0)
	if err != nil {
		r.t.Fatal(err)
	}
	return list
}

func entry(n int) digesttest.Entry {
	return digesttest.Entry{
		Title: fmt.Sprintf("Post %d", n), Link: fmt.Sprintf("http://www.blog.example/2024/post-number-%d/", n), GUID: fmt.Sprintf("http://www.blog.example/?p=%d", n),
		Author: "Ada", Content: fmt.Sprintf("<p>Words of post %d.</p>", n), Tags: []string{"Go", "SQL"}, Date: start.AddDate(0, 0, -10+n),
	}
}

func TestFirstPollIsBaseline(t *testing.T) {
	r := newReader(t, entry(2), entry(1))
	poll, err := r.look()
	if err != nil || !poll.Baseline || len(poll.New) != 2 {
		t.Fatalf("%+v, %v", poll, err)
	}
	for _, p := range r.all() {
		if !p.Baseline {
			t.Errorf("%s is not baseline", p.Title)
		}
	}
	r.blog.Add(entry(3))
	if diff := cmp.Diff([]string{"Post 3"}, r.poll()); diff != "" {
		t.Error(diff)
	}
	pool, err := feed.Pool(context.Background(), r.db, start, r.now.Add(time.Second))
	if err != nil || len(pool) != 1 || pool[0].Title != "Post 3" {
		t.Errorf("pool %+v, %v", pool, err)
	}
}

func TestStoredPostReadsBack(t *testing.T) {
	r := newReader(t, entry(1))
	r.poll()
	got := r.all()[0]
	want := feed.Post{
		ID: got.ID, FeedID: 1, GUID: "http://www.blog.example/?p=1", Title: "Post 1", URL: "http://www.blog.example/2024/post-number-1/", Author: "Ada",
		Tags: []string{"Go", "SQL"}, Published: start.AddDate(0, 0, -9), Updated: start.AddDate(0, 0, -9), FirstSeen: r.now,
		Content: "<p>Words of post 1.</p>", Baseline: true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestKeepIsIdempotent(t *testing.T) {
	r := newReader(t, entry(2), entry(1))
	r.poll()
	before := r.all()
	r.blog.Answer(digesttest.Body("application/rss+xml", string(r.blog.Bytes())+"\n"))
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
	if diff := cmp.Diff(before, r.all()); diff != "" {
		t.Error(diff)
	}
}

func TestUnchangedIsNotRewritten(t *testing.T) {
	r := newReader(t, entry(2), entry(1))
	r.poll()
	if _, err := r.db.Exec(`CREATE TRIGGER touched BEFORE UPDATE ON posts BEGIN SELECT raise(ABORT, 'rewritten'); END`); err != nil {
		t.Fatal(err)
	}
	r.blog.Add(entry(3))
	if diff := cmp.Diff([]string{"Post 3"}, r.poll()); diff != "" {
		t.Error(diff)
	}
}

// What an escape in an address stands for may be no text; it is a key all the same.
func TestKeysOfNoText(t *testing.T) {
	one := digesttest.Entry{Title: "One", Link: "http://blog.example/#%ff%00", Date: start}
	r := newReader(t, one)
	r.poll()
	one.Title = "Edited"
	r.blog.Set(one)
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
}

func TestNoOldPostIsNew(t *testing.T) {
	old := []digesttest.Entry{entry(3), entry(2), entry(1)}
	for name, change := range map[string]func(*digesttest.Entry){
		"https":           func(e *digesttest.Entry) { e.Link, e.GUID = "https"+e.Link[4:], "https"+e.GUID[4:] },
		"no www":          func(e *digesttest.Entry) { e.Link, e.GUID = "http://blog.example"+e.Link[23:], "" },
		"no slash":        func(e *digesttest.Entry) { e.Link, e.GUID = e.Link[:len(e.Link)-1], e.Link },
		"tracking":        func(e *digesttest.Entry) { e.Link, e.GUID = e.Link+"?utm_medium=rss", e.Link+"?utm_medium=rss" },
		"domain":          func(e *digesttest.Entry) { e.Link, e.GUID = "https://new.example"+e.Link[23:], "" },
		"new permalinks":  func(e *digesttest.Entry) { e.Link = "https://blog.example/" + e.Title },
		"new GUIDs":       func(e *digesttest.Entry) { e.GUID = "urn:" + e.Title },
		"edited":          func(e *digesttest.Entry) { e.Title, e.Content = "Edited "+e.Title, "<p>New words</p>" },
		"re-dated":        func(e *digesttest.Entry) { e.Date = start.Add(time.Hour) },
		"dates are gone":  func(e *digesttest.Entry) { e.Date = time.Time{} },
		"titles are gone": func(e *digesttest.Entry) { e.Title = "" },
	} {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, old...)
			r.poll()
			dates := r.all()[0].Published
			r.blog.Edit(change)
			r.blog.Add(entry(4))
			if diff := cmp.Diff([]string{"Post 4"}, r.poll()); diff != "" {
				t.Error(diff)
			}
			if got := r.all()[1].Published; !got.Equal(dates) {
				t.Errorf("the newest old post is now dated %s, was %s", got, dates)
			}
			if got := r.poll(); got != nil {
				t.Errorf("new at the third look: %q", got)
			}
		})
	}
}

func TestEditedInPlace(t *testing.T) {
	r := newReader(t, entry(1))
	r.poll()
	before := r.all()[0]
	r.blog.Edit(func(e *digesttest.Entry) { e.Title, e.Content, e.Tags = "Better", "<p>Better</p>", nil })
	r.poll()
	want := before
	want.Title, want.Content, want.Tags = "Better", "<p>Better</p>", []string{}
	if diff := cmp.Diff([]feed.Post{want}, r.all()); diff != "" {
		t.Error(diff)
	}
}

func TestRemovedAndReturned(t *testing.T) {
	r := newReader(t, entry(2), entry(1))
	r.poll()
	r.blog.Set(entry(2))
	r.poll()
	if n := len(r.all()); n != 2 {
		t.Fatalf("%d posts left", n)
	}
	r.blog.Set(entry(1), entry(2))
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
}

// A feed without posts is no good look once it had some, for however long.
func TestEmptied(t *testing.T) {
	r := newReader(t)
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
	r.blog.Set(entry(2), entry(1))
	if got := r.poll(); len(got) != 2 {
		t.Fatalf("new: %q", got)
	}
	read, before := r.now, r.all()
	r.blog.Set()
	for n := range 3 {
		_, err := r.look()
		feeds, _ := feed.Feeds(context.Background(), r.db)
		if f := feeds[0]; !errors.Is(err, feed.ErrNoPosts) || f.Failures != n+1 || !f.Read.Equal(read) || f.ETag == "" {
			t.Errorf("%v, %+v", err, f)
		}
	}
	if diff := cmp.Diff(before, r.all()); diff != "" {
		t.Error(diff)
	}
	r.blog.Set(entry(3), entry(2), entry(1))
	if diff := cmp.Diff([]string{"Post 3"}, r.poll()); diff != "" {
		t.Error(diff)
	}
}

func TestDuplicateGUIDs(t *testing.T) {
	one, two, three := entry(1), entry(2), entry(3)
	one.GUID, two.GUID = "same", "same"
	three.GUID = ""
	r := newReader(t, one, two, three)
	r.poll()
	if n := len(r.all()); n != 3 {
		t.Errorf("%d posts of three", n)
	}
	r.blog.Edit(func(e *digesttest.Entry) { e.Content += "<p>More</p>" })
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
}

func TestNothingToGoBy(t *testing.T) {
	r := newReader(t, digesttest.Entry{Content: "<p>Short</p>"}, digesttest.Entry{Title: "Only a title"}, digesttest.Entry{})
	if n := len(r.poll()); n != 2 {
		t.Errorf("%d posts, want 2", n)
	}
	r.blog.Answer(digesttest.Body("", string(r.blog.Bytes())))
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
}

func TestBadAnswersChangeNothing(t *testing.T) {
	r := newReader(t, entry(1))
	r.poll()
	posts := r.all()
	feeds, _ := feed.Feeds(context.Background(), r.db)
	replies := []digesttest.Reply{
		digesttest.Status(500, ""), digesttest.Status(410, ""), digesttest.Status(204, ""), digesttest.HTMLPage(), digesttest.Empty(), digesttest.Bomb(11), r.blog.Cut(),
	}
	for i, reply := range replies {
		r.blog.Edit(func(e *digesttest.Entry) { e.Content = "<p>Other</p>" })
		r.blog.Answer(reply)
		if _, err := r.look(); err == nil {
			t.Errorf("reply %d is taken for a feed", i)
		}
		now, _ := feed.Feeds(context.Background(), r.db)
		if now[0].Failures != i+1 || now[0].Error == "" || now[0].ETag != feeds[0].ETag || !now[0].Read.Equal(feeds[0].Read) {
			t.Errorf("after reply %d: %+v", i, now[0])
		}
	}
	if diff := cmp.Diff(posts, r.all()); diff != "" {
		t.Error(diff)
	}
	r.poll()
	if now, _ := feed.Feeds(context.Background(), r.db); now[0].Failures != 0 || now[0].Error != "" {
		t.Errorf("not well again: %+v", now[0])
	}
}

func TestFailedFirstLookIsNoBaseline(t *testing.T) {
	r := newReader(t, entry(1))
	r.blog.Answer(digesttest.Status(503, ""))
	if _, err := r.look(); err == nil {
		t.Fatal("503 is taken for a feed")
	}
	if poll, err := r.look(); err != nil || !poll.Baseline {
		t.Errorf("%+v, %v", poll, err)
	}
}

func TestRelease(t *testing.T) {
	ctx := context.Background()
	r := newReader(t, entry(3), entry(2), entry(1))
	r.poll()
	at := r.now.Add(time.Hour)
	n, err := feed.ReleaseSince(ctx, r.db, entry(2).Date, at)
	if err != nil || n != 2 {
		t.Fatalf("released %d, %v", n, err)
	}
	for _, test := range []struct {
		from, to time.Time
		want     int
	}{{at, at.Add(time.Second), 2}, {start, at, 0}, {at.Add(time.Second), at.AddDate(1, 0, 0), 0}, {at, at.Add(time.Nanosecond), 2}} {
		if pool, err := feed.Pool(ctx, r.db, test.from, test.to); err != nil || len(pool) != test.want {
			t.Errorf("pool of [%s, %s): %d, %v, want %d", test.from, test.to, len(pool), err, test.want)
		}
	}
	if err := feed.MarkAllBaseline(ctx, r.db); err != nil {
		t.Fatal(err)
	}
	if pool, _ := feed.Pool(ctx, r.db, start, at.AddDate(1, 0, 0)); len(pool) != 0 {
		t.Errorf("%d posts in the pool", len(pool))
	}
}

func TestByIDKeepsOrder(t *testing.T) {
	r := newReader(t, entry(3), entry(2), entry(1))
	r.poll()
	all := r.all()
	got, err := feed.ByID(context.Background(), r.db, []int64{all[2].ID, 99, all[0].ID})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]feed.Post{all[2], all[0]}, got); diff != "" {
		t.Error(diff)
	}
	between, err := feed.PublishedBetween(context.Background(), r.db, all[1].Published, all[0].Published)
	if err != nil || len(between) != 1 || between[0].ID != all[1].ID {
		t.Errorf("%+v, %v", between, err)
	}
}

func TestFailedKeepsTheReason(t *testing.T) {
	ctx := context.Background()
	db := digesttest.NewDB(t)
	f, err := feed.Ensure(ctx, db, "https://blog.example/feed")
	if err != nil {
		t.Fatal(err)
	}
	if err := feed.Failed(ctx, db, f, errors.New("no route"), start); err != nil {
		t.Fatal(err)
	}
	again, err := feed.Ensure(ctx, db, "https://blog.example/feed")
	if err != nil || again.ID != f.ID || again.Error != "no route" || again.Failures != 1 || !again.Checked.Equal(start) || !again.Read.IsZero() {
		t.Errorf("%+v, %v", again, err)
	}
}

func TestDamagedIsRemembered(t *testing.T) {
	ctx := context.Background()
	r := newReader(t, entry(1))
	r.poll()
	for _, partial := range []bool{true, true, false} {
		if _, _, err := feed.Damage(ctx, r.db, feed.Feed{ID: 1}, partial, r.now); err != nil {
			t.Fatal(err)
		}
		if feeds, err := feed.Feeds(ctx, r.db); err != nil || feeds[0].Damaged != partial {
			t.Errorf("partial %v: %v, %v", partial, feeds[0].Damaged, err)
		}
	}
}
