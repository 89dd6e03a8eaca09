package feed_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"digest/digesttest"
	"digest/feed"
)

// moved keeps what the blog shows as first read under another address, the old
// one being configured no more. It says whether that was taken for the old feed.
func (r *reader) moved() bool {
	r.t.Helper()
	ctx := context.Background()
	doc, err := feed.Parse(r.blog.Bytes(), nil, "", r.now)
	if err != nil {
		r.t.Fatal(err)
	}
	const address = "https://new.example/feed"
	f, err := feed.Ensure(ctx, r.db, address)
	if err != nil {
		r.t.Fatal(err)
	}
	if f, err = feed.Adopt(ctx, r.db, f, doc, []string{address}, r.now); err != nil {
		r.t.Fatal(err)
	}
	if f.URL != address || f.ETag != "" || f.BodyHash != "" {
		r.t.Errorf("adopted %+v", f)
	}
	return f.ID == 1
}

func TestAdopt(t *testing.T) {
	entries := func(from, to int) (list []digesttest.Entry) {
		for n := from; n <= to; n++ {
			list = append(list, entry(n))
		}
		return list
	}
	plain := func(n int, title, host string) digesttest.Entry {
		return digesttest.Entry{Title: title, Link: fmt.Sprintf("https://%s/?p=%d", host, n), GUID: fmt.Sprint(n), Date: start}
	}
	tests := map[string]struct {
		old, new []digesttest.Entry
		want     bool
	}{
		"all":                          {entries(1, 4), entries(1, 4), true},
		"half of the document":         {entries(1, 4), entries(3, 6), true},
		"less than half of both":       {entries(1, 5), entries(4, 9), false},
		"the latest, and a long past":  {entries(50, 60), entries(1, 60), true},
		"none":                         {entries(1, 4), entries(5, 8), false},
		"no posts":                     {entries(1, 4), nil, false},
		"numbers alone":                {[]digesttest.Entry{plain(1, "Hello", "a.example")}, []digesttest.Entry{plain(1, "Welcome", "b.example")}, false},
		"numbers alone, the same site": {[]digesttest.Entry{plain(1, "Hello", "www.a.example")}, []digesttest.Entry{plain(1, "Welcome", "a.example")}, true},
		"numbers and title":            {[]digesttest.Entry{plain(1, "Hello", "a.example")}, []digesttest.Entry{plain(1, "Hello", "b.example")}, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, test.old...)
			r.poll()
			before := len(r.all())
			r.blog.Set(test.new...)
			if got := r.moved(); got != test.want {
				t.Errorf("the same feed: %v", got)
			}
			for _, p := range r.all()[:len(r.all())-before] {
				if !p.Baseline {
					t.Errorf("%s is not baseline", p.Title)
				}
			}
		})
	}
}

// The blog stands at another host, and no GUID or path is what it was.
func TestAdoptAnew(t *testing.T) {
	list := []digesttest.Entry{telling(4, "seven small boats"), telling(3, "a long walk"), telling(2, "northern lights"), telling(1, "the old mill")}
	r := newReader(t, list...)
	r.poll()
	r.blog.Edit(func(e *digesttest.Entry) {
		e.GUID, e.Link = "new "+e.GUID, fmt.Sprintf("https://new.example/%x", e.GUID)
	})
	fresh := telling(25, "early snow")
	r.blog.Add(fresh)
	if !r.moved() {
		t.Error("the feed is taken for another one")
	}
	if got := len(r.all()); got != len(list) {
		t.Errorf("%d posts are stored, want %d: the new one is for the look that follows", got, len(list))
	}
}

func TestConfigured(t *testing.T) {
	ctx := context.Background()
	db := digesttest.NewDB(t)
	for _, url := range []string{"https://a.example/", "https://b.example/", "https://c.example/"} {
		if _, err := feed.Ensure(ctx, db, url); err != nil {
			t.Fatal(err)
		}
	}
	list, err := feed.Configured(ctx, db, []string{"https://c.example/", "https://never.example/", "https://a.example/"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range list {
		got = append(got, f.URL)
	}
	if diff := cmp.Diff([]string{"https://c.example/", "https://a.example/"}, got); diff != "" {
		t.Error(diff)
	}
}
