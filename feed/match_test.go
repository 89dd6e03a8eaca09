package feed_test

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"digest/digesttest"
)

// telling is an entry of its own words, n days after the others began.
func telling(n int, what string) digesttest.Entry {
	return digesttest.Entry{
		Title: what, Link: "https://blog.example/" + strings.ReplaceAll(what, " ", "-"), GUID: "guid of " + what,
		Content: "<p>" + strings.Repeat(what+", ", 14) + "</p>", Date: start.AddDate(0, 0, n-20).Add(time.Duration(n*577) * time.Second),
	}
}

// What is truly new is new, whatever it has in common with a post gone before.
func TestNewThoughAlike(t *testing.T) {
	old := telling(1, "the old mill")
	tests := map[string]func(e *digesttest.Entry){
		"the GUID":                    func(e *digesttest.Entry) { e.GUID = old.GUID },
		"the GUID and link":           func(e *digesttest.Entry) { e.GUID, e.Link = old.GUID, old.Link },
		"the GUID, undated":           func(e *digesttest.Entry) { e.GUID, e.Date = old.GUID, time.Time{} },
		"the link, to others":         func(e *digesttest.Entry) { e.Link = old.Link },
		"the path, at others":         func(e *digesttest.Entry) { e.Link = strings.Replace(old.Link, "blog", "other", 1) },
		"the title":                   func(e *digesttest.Entry) { e.Title = old.Title },
		"the title and slug":          func(e *digesttest.Entry) { e.Title, e.Link = old.Title, "https://blog.example/2/the-old-mill" },
		"the title and day":           func(e *digesttest.Entry) { e.Title, e.Date = old.Title, old.Date.Add(3*time.Hour) },
		"the moment":                  func(e *digesttest.Entry) { e.Date = old.Date },
		"the picture":                 func(e *digesttest.Entry) { e.Image = "https://blog.example/logo/large.png" },
		"the picture and title":       func(e *digesttest.Entry) { e.Title, e.Image = old.Title, "https://blog.example/logo/large.png" },
		"title and how it begins":     func(e *digesttest.Entry) { e.Title, e.Content = old.Title, old.Content+strings.Repeat(e.Content, 4) },
		"how it begins, undated":      func(e *digesttest.Entry) { e.Content, e.Date = old.Content+strings.Repeat(e.Content, 4), time.Time{} },
		"the title alone, no address": func(e *digesttest.Entry) { e.Title, e.Link, e.GUID = old.Title, "", "" },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			old.Image = "https://blog.example/logo/large.png"
			r := newReader(t, telling(3, "a long walk"), telling(2, "northern lights"), old)
			r.poll()
			fresh := telling(12, "seven small boats")
			change(&fresh)
			r.blog.Remove(old.GUID)
			r.blog.Add(fresh)
			if diff := cmp.Diff([]string{fresh.Title}, r.poll()); diff != "" {
				t.Error(diff)
			}
			r.blog.Set(old, telling(3, "a long walk"))
			if got := r.poll(); got != nil {
				t.Errorf("once it returns the old post is new: %q", got)
			}
		})
	}
}

// The opening words of a series are no evidence for a GUID that is given twice.
func TestSeriesWithOneGUID(t *testing.T) {
	opening, one, two := "", telling(1, "the old mill"), telling(12, "early snow")
	for n := range 60 {
		opening += fmt.Sprintf("word %d ", n)
	}
	for n := range 300 {
		one.Content += fmt.Sprintf("one %d ", n*n)
		two.Content += fmt.Sprintf("two %d ", n*n*n)
	}
	one.Content, two.Content, two.GUID = "<p>"+opening+one.Content, "<p>"+opening+two.Content, one.GUID
	r := newReader(t, telling(2, "northern lights"), one)
	r.poll()
	r.blog.Set(two, telling(2, "northern lights"))
	if diff := cmp.Diff([]string{two.Title}, r.poll()); diff != "" {
		t.Error(diff)
	}
}

// A blog whose every GUID and address is another from one look to the next is
// known by what else is left; the new post that comes with it is new.
func TestMovedBlogIsKnown(t *testing.T) {
	zone := func(e *digesttest.Entry) { e.Date = e.Date.Add(-7 * time.Hour) }
	untitled := func(words int) func(*digesttest.Entry) {
		return func(e *digesttest.Entry) { e.Content, e.Title = "<p>"+strings.Repeat(e.Title+" ", words)+"</p>", "" }
	}
	picture := func(e *digesttest.Entry) {
		e.Content, e.Title = `<img src="https://blog.example/2024/`+strings.ReplaceAll(e.Title, " ", "-")+`.jpg" alt="">`, ""
	}
	none := func(*digesttest.Entry) {}
	tests := map[string]struct{ before, after func(*digesttest.Entry) }{
		"summaries by hand, dates of the rebuild": {none, func(e *digesttest.Entry) { e.Content, e.Date = "<p>Of "+e.Link+"</p>", start.Add(3*time.Hour) }},
		"summaries by hand, another zone":         {none, func(e *digesttest.Entry) { e.Content = "<p>Of " + e.Link + "</p>"; zone(e) }},
		"notes, dates of the rebuild":             {untitled(2), func(e *digesttest.Entry) { e.Date = start.Add(3 * time.Hour) }},
		"notes, edited":                           {untitled(2), func(e *digesttest.Entry) { e.Content = strings.Replace(e.Content, "</p>", "and more</p>", 1) }},
		"untitled, another zone":                  {untitled(14), zone},
		"untitled, days only":                     {untitled(7), func(e *digesttest.Entry) { e.Date = e.Date.Truncate(24 * time.Hour) }},
		"pictures, another zone":                  {picture, zone},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := newReader(t, telling(4, "seven small boats"), telling(3, "a long walk"), telling(2, "northern lights"), telling(1, "the old mill"))
			r.blog.Edit(test.before)
			r.poll()
			r.blog.Edit(func(e *digesttest.Entry) {
				test.after(e)
				e.GUID, e.Link = "new "+e.GUID, fmt.Sprintf("https://new.example/%x", e.GUID)
			})
			r.blog.Add(telling(19, "early snow"))
			if diff := cmp.Diff([]string{"early snow"}, r.poll()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Where two posts look like one that is stored, it is the one that has more in common.
func TestOneStoredPostIsOnePost(t *testing.T) {
	list := []digesttest.Entry{telling(3, "a long walk"), telling(2, "northern lights"), telling(1, "the old mill")}
	number := func() {
		for i := range list {
			list[i].GUID = fmt.Sprint(i + 1)
		}
	}
	number()
	r := newReader(t, list...)
	r.poll()
	for n := 4; n < 8; n++ {
		what := fmt.Sprintf("number %d of them", n)
		list = append([]digesttest.Entry{telling(n, what)}, list[:2]...)
		number() // by their place in the feed
		r.blog.Set(list...)
		if diff := cmp.Diff([]string{what}, r.poll()); diff != "" {
			t.Error(diff)
		}
	}
	again := list[1]
	again.GUID, again.Link = "another", "https://blog.example/another"
	r.blog.Add(again)
	if diff := cmp.Diff([]string{again.Title}, r.poll()); diff != "" {
		t.Errorf("the same title and text beside the first: %s", diff)
	}
}

// A GUID that two posts of one document claim is nobody's from then on.
func TestSharedGUIDIsNobodys(t *testing.T) {
	one, two := telling(1, "the old mill"), telling(2, "northern lights")
	one.GUID, two.GUID = "same", "same"
	r := newReader(t, two, one)
	r.poll()
	for _, what := range []string{"a long walk", "seven small boats"} {
		next := telling(2, what) // nothing is against it but that the GUID is nobody's
		next.GUID = "same"
		r.blog.Set(next)
		if diff := cmp.Diff([]string{what}, r.poll()); diff != "" {
			t.Error(diff)
		}
	}
}

// A blog that counts its posts, and counts them anew, says by GUID and link that
// each is the one after it.
func TestCountedAnew(t *testing.T) {
	picture := func(e *digesttest.Entry) {
		e.Content, e.Title = `<img src="https://blog.example/2024/`+strings.ReplaceAll(e.Title, " ", "-")+`.jpg" alt="">`, ""
	}
	undated := func(e *digesttest.Entry) { e.Date = time.Time{} }
	tests := map[string]struct {
		change  func(*digesttest.Entry)
		numbers []int // of the new post and the four known ones, which were 40 to 37
	}{
		"dated":                           {func(*digesttest.Entry) {}, []int{40, 39, 38, 37, 36}},
		"undated":                         {undated, []int{40, 39, 38, 37, 36}},
		"undated, the last one gone":      {undated, []int{37, 50, 49, 48}},
		"undated, one gives its number":   {undated, []int{40, 41, 39, 38, 37}},
		"pictures":                        {picture, []int{40, 39, 38, 37, 36}},
		"pictures, that of the last gone": {picture, []int{37, 40, 39, 38}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var all []digesttest.Entry
			for i, what := range []string{"early snow", "seven small boats", "a long walk", "northern lights", "the old mill"} {
				e := telling(5-i, what)
				test.change(&e)
				all = append(all, e)
			}
			number := func(list []digesttest.Entry, numbers []int) {
				for i, n := range numbers {
					list[i].Link = fmt.Sprintf("https://blog.example/?p=%d", n)
					list[i].GUID = list[i].Link
				}
			}
			number(all[1:], []int{40, 39, 38, 37})
			r := newReader(t, all[1:]...)
			r.poll()
			number(all, test.numbers)
			r.blog.Set(all[:len(test.numbers)]...)
			poll, err := r.look()
			if err != nil || len(poll.New) != 1 || !strings.HasPrefix(poll.New[0].Title+path.Base(poll.New[0].Image), "early") {
				t.Errorf("new: %+v, %v", poll.New, err)
			}
		})
	}
}

// Posts that all have one GUID and one link are told by what they say.
func TestOnePlaceForAll(t *testing.T) {
	var all []digesttest.Entry
	for n := range 16 {
		e := telling(n, fmt.Sprintf("%d times the old mill", n*n*n))
		e.GUID, e.Link = "https://blog.example/", "https://blog.example/news"
		all = append([]digesttest.Entry{e}, all...)
	}
	r := newReader(t, all[6:]...)
	if got := r.poll(); len(got) != 10 {
		t.Errorf("at first %d posts: %q", len(got), got)
	}
	for from := 4; from >= 0; from -= 2 {
		r.blog.Set(all[from : from+10]...)
		if diff := cmp.Diff([]string{all[from].Title, all[from+1].Title}, r.poll()); diff != "" {
			t.Error(diff)
		}
	}
}

// What says word for word what another post said before it is new, when that one
// is shown no more and the rest is as it was.
func TestRepeatedWords(t *testing.T) {
	old := telling(1, "the old mill")
	others := []digesttest.Entry{telling(9, "seven small boats"), telling(5, "a long walk"), telling(3, "northern lights")}
	again := telling(20, "the old mill")
	again.GUID, again.Link, again.Date = "another", "https://blog.example/another", start.Add(150*time.Minute)
	moved := func(list []digesttest.Entry) (all []digesttest.Entry) {
		for _, e := range list {
			e.GUID, e.Link = "new "+e.GUID, "https://new.example/"+e.Link[len("https://blog.example/2"):]
			all = append(all, e)
		}
		return all
	}
	tests := map[string]struct {
		before, last, now []digesttest.Entry
		want              []string
	}{
		"scrolled out":           {append(slices.Clone(others), old), others, others, []string{again.Title}},
		"shown until now":        {append(slices.Clone(others), old), append(slices.Clone(others), old), others, nil},
		"gone from among others": {append(slices.Clone(others[:2]), old, others[2]), others, others, nil},
		"all others moved":       {append(slices.Clone(others), old), others, moved(others), nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			old := old
			if name == "gone from among others" {
				old.Date = others[1].Date.Add(-time.Hour)
				test.before[2] = old
			}
			r := newReader(t, test.before...)
			r.poll()
			r.blog.Set(test.last...)
			r.poll()
			r.blog.Set(append([]digesttest.Entry{again}, test.now...)...)
			if diff := cmp.Diff(test.want, r.poll()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// One post becomes two: the old address tells another story, the old story
// stands at another address.
func TestSplitPost(t *testing.T) {
	one := telling(1, "the old mill")
	r := newReader(t, telling(2, "northern lights"), one)
	r.poll()
	rest := telling(1, "a long walk")
	rest.GUID, rest.Link = one.GUID, one.Link
	one.GUID, one.Link = "another", "https://blog.example/another"
	r.blog.Set(one, telling(2, "northern lights"), rest)
	if diff := cmp.Diff([]string{one.Title}, r.poll()); diff != "" {
		t.Error(diff)
	}
}

func TestOneLinkAndTitleIsOnePost(t *testing.T) {
	one := telling(1, "the old mill")
	twin := one
	twin.GUID = "another"
	r := newReader(t, one, twin)
	if got := r.poll(); len(got) != 1 {
		t.Errorf("%d posts: %q", len(got), got)
	}
}

// Databases of before hold neither names nor pictures nor notes.
func TestKeysOfBeforeHold(t *testing.T) {
	list := []digesttest.Entry{telling(3, "a long walk"), telling(2, "northern lights"), telling(1, "the old mill")}
	r := newReader(t, list...)
	r.poll()
	if _, err := r.db.Exec(`DELETE FROM post_keys WHERE key GLOB 'name:*' OR key GLOB 'pic:*' OR key GLOB 'note:*' OR key GLOB 'shared:*'`); err != nil {
		t.Fatal(err)
	}
	r.blog.Edit(func(e *digesttest.Entry) { e.GUID, e.Link = "new "+e.GUID, "https://new.example/x/"+e.Title })
	if got := r.poll(); got != nil {
		t.Errorf("new: %q", got)
	}
}

// A site that gives each post another GUID and date at each look fills no disk.
func TestKeysAreBounded(t *testing.T) {
	r := newReader(t, telling(2, "northern lights"), telling(1, "the old mill"))
	for n := range 40 {
		r.blog.Edit(func(e *digesttest.Entry) {
			e.GUID, e.Date = fmt.Sprintf("%s, look %d", e.Title, n), start.AddDate(0, 0, n)
		})
		if got := r.poll(); n > 0 && got != nil {
			t.Fatalf("new at look %d: %q", n, got)
		}
	}
	var most int
	if err := r.db.QueryRow(`SELECT max(n) FROM (SELECT count(*) n FROM post_keys GROUP BY post_id)`).Scan(&most); err != nil || most > 70 {
		t.Errorf("a post has %d keys, %v", most, err)
	}
}
