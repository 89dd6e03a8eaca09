package feed_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"digest/digesttest"
	"digest/feed"
)

// outcome counts what became of the posts of many migrations.
type outcome struct {
	migrations              int
	news, known, held       int // truly new posts; those taken for old ones, and those kept back
	backlog, missed, mailed int // old posts taken for new: never seen before and kept back, seen before and kept back, not kept back
}

// TestMigrations looks at made-up blogs while they move, change their software
// and are edited: no old post may be mailed, and of the new ones hardly any may
// be lost or set aside.
func TestMigrations(t *testing.T) {
	db := digesttest.NewDB(t)
	var o outcome
	for i, m := range digesttest.Migrations(start, 1) {
		o.migrations++
		o.follow(t, db, fmt.Sprintf("https://blog.example/%d", i), m)
	}
	t.Logf("%+v", o)
	if o.migrations < 200 {
		t.Errorf("only %d migrations", o.migrations)
	}
	if o.missed > 5 {
		t.Errorf("%d old posts are not known, and only the gate keeps them back", o.missed)
	}
	if lost := o.known + o.held; lost*50 > o.news {
		t.Errorf("%d of %d new posts are not mailed", lost, o.news)
	}
}

func (o *outcome) follow(t *testing.T, db *sql.DB, address string, m digesttest.Migration) {
	ctx := context.Background()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Rollback()
	seen := map[string]bool{}
	for n, look := range m.Looks {
		f, err := feed.Ensure(ctx, tx, address)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := feed.Parse(look.Body, nil, "", look.At)
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		poll, err := feed.Keep(ctx, tx, f, doc, feed.Answer{Body: look.Body}, look.At)
		if errors.Is(err, feed.ErrNoPosts) {
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", m.Name, err)
		}
		if n > 0 {
			o.count(t, fmt.Sprintf("%s, look %d", m.Name, n), poll, look.New, seen)
		}
		for _, p := range doc.Posts {
			seen[p.Author] = true
		}
	}
}

func (o *outcome) count(t *testing.T, name string, poll feed.Poll, fresh []string, seen map[string]bool) {
	var mailed, held []string
	for _, p := range poll.New {
		kept := p.Baseline || p.Aside != ""
		switch {
		case kept && slices.Contains(fresh, p.Author):
			held = append(held, p.Author)
			t.Logf("%s: the new post of %s is held: %q", name, p.Author, p.Aside)
		case kept && seen[p.Author]:
			o.missed++
			t.Logf("%s: the old post of %s is not known, but kept back", name, p.Author)
		case kept:
			o.backlog++
		default:
			mailed = append(mailed, p.Author)
		}
	}
	o.news += len(fresh)
	o.held += len(held)
	for _, author := range fresh {
		if !slices.Contains(mailed, author) && !slices.Contains(held, author) {
			o.known++
			t.Logf("%s: the new post of %s is taken for an old one", name, author)
		}
	}
	if old := slices.DeleteFunc(mailed, func(author string) bool { return slices.Contains(fresh, author) }); len(old) > 0 {
		o.mailed += len(old)
		t.Errorf("%s: %d old posts are mailed: %s", name, len(old), strings.Join(old, " "))
	}
}
