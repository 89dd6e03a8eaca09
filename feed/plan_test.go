package feed_test

import (
	"context"
	"database/sql"
	"strings"
	"testing"

	"digest/feed"
)

// planner answers queries, and gathers how SQLite goes about them.
type planner struct {
	t *testing.T
	*sql.DB
	steps map[string]string // the query by the step
}

func (p planner) plan(ctx context.Context, query string, args []any) {
	rows, err := p.DB.QueryContext(ctx, "EXPLAIN QUERY PLAN "+query, args...)
	if err != nil {
		p.t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			p.t.Fatal(err)
		}
		p.steps[step] = query
	}
}

func (p planner) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	p.plan(ctx, query, args)
	return p.DB.ExecContext(ctx, query, args...)
}

func (p planner) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.plan(ctx, query, args)
	return p.DB.QueryContext(ctx, query, args...)
}

func (p planner) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	p.plan(ctx, query, args)
	return p.DB.QueryRowContext(ctx, query, args...)
}

// A look reads no more posts than it must: of all that were ever stored only
// those that are missing or set aside, by their index.
func TestNoQueryReadsAllPosts(t *testing.T) {
	ctx := context.Background()
	r := newReader(t, diary("mine", 10, start)...)
	r.poll()
	p := planner{t, r.db, map[string]string{}}
	f, err := feed.Ensure(ctx, p, r.blog.Feed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Ensure(ctx, p, "https://other.example/feed"); err != nil {
		t.Fatal(err)
	}
	doc, err := feed.Parse(r.blog.Bytes(), nil, "", start)
	if err != nil {
		t.Fatal(err)
	}
	doc.Posts = doc.Posts[1:]
	for range 2 {
		if _, err := feed.Keep(ctx, p, f, doc, feed.Answer{}, start.AddDate(0, 0, 1)); err != nil {
			t.Fatal(err)
		}
	}
	_, twins := feed.Twins(ctx, p, []int64{1, 2})
	_, gone := feed.Gone(ctx, p, start)
	_, aside := feed.SetAside(ctx, p)
	_, strange := feed.HasStrangers(ctx, p, f)
	for _, err := range []error{feed.Unchanged(ctx, p, f, start.AddDate(0, 0, 2)), twins, gone, aside, strange} {
		if err != nil {
			t.Error(err)
		}
	}
	for step, query := range p.steps {
		part := strings.Contains(step, "USING INDEX posts_aside") || strings.Contains(step, "USING INDEX posts_missing")
		few := strings.Contains(step, "VIRTUAL TABLE") || step == "SCAN CONSTANT ROW" || strings.HasPrefix(step+" ", "SCAN f ") || step == "SCAN feeds"
		if strings.HasPrefix(step, "SCAN") && !part && !few {
			t.Errorf("%s: %s", step, query)
		}
	}
}
