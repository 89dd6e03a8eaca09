package digesttest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Migration is what happens to a made-up blog, as its feed shows it.
type Migration struct {
	Name  string // kind of blog / what changes / what news comes with it
	Looks []Look
}

// Look is the feed at one moment. The first is the baseline.
type Look struct {
	At   time.Time
	Body []byte
	New  []string // authors of the posts that are truly new at this look; each post has an author of its own
}

// change is what a blog's owner, or their software, does to all posts at once.
// Two changes of one family can't be combined.
type change struct {
	name, family string
	do           func(s *style, old []article)
}

func restyle(name, family string, do func(*style)) change {
	return change{name, family, func(s *style, _ []article) { do(s) }}
}

func changes() []change {
	list := []change{
		restyle("https", "scheme", func(s *style) { s.scheme = map[string]string{"http": "https", "https": "http"}[s.scheme] }),
		restyle("www", "host", func(s *style) {
			if bare, found := strings.CutPrefix(s.host, "www."); found {
				s.host = bare
			} else {
				s.host = "www." + s.host
			}
		}),
		restyle("case of the host", "host", func(s *style) { s.host = strings.ToUpper(s.host[:5]) + s.host[5:] }),
		restyle("domain", "host", func(s *style) { s.host = fmt.Sprintf("writing.new%d.example", s.site) }),
		restyle("domain and folder", "host", func(s *style) { s.host, s.prefix = fmt.Sprintf("new%d.example", s.site), "/blog" }),
		restyle("slash", "path", func(s *style) {
			if bare, found := strings.CutSuffix(s.permalink, "/"); found {
				s.permalink = bare
			} else if s.permalink != "outside" {
				s.permalink += "/"
			}
		}),
		restyle("index.html", "path", func(s *style) { s.index = "/index.html" }),
		restyle("case of the path", "path", func(s *style) { s.upper = true }),
		restyle("folder", "path", func(s *style) { s.prefix += "/journal" }),
		restyle("flat permalinks", "path", func(s *style) { s.permalink = "/%S" }),
		restyle("dated permalinks", "path", func(s *style) { s.permalink = "/%Y/%M/%D/%S/" }),
		restyle(".html", "path", func(s *style) { s.permalink = "/%Y/%S.html" }),
		restyle("numbered links", "path", func(s *style) { s.permalink = "/?p=%P" }),
		restyle("counted anew", "number", func(s *style) { s.counted = -3 }),
		restyle("counted on", "number", func(s *style) { s.counted = 4 }),
		restyle("tracking", "query", func(s *style) { s.query = "utm_source=rss&utm_medium=feed&utm_campaign=all" }),
		restyle("other tracking", "query", func(s *style) { s.query = "fbclid=a1b2&mc_cid=77" }),
		restyle("burner", "query", func(s *style) { s.burner = true }),
		restyle("teasers", "body", func(s *style) { s.body = "teaser" }),
		restyle("excerpts or full texts", "body", func(s *style) { s.body = map[string]string{"start": "full", "full": "start"}[s.body] }),
		restyle("typography", "markup", func(s *style) { s.markdown = true }),
		restyle("picture host", "markup", func(s *style) { s.pictures = "cdn.pictures.example" }),
		restyle("atom", "format", func(s *style) { s.format = "atom" }),
		restyle("json", "format", func(s *style) { s.format = "json" }),
		restyle("rss", "format", func(s *style) { s.format = "rss" }),
		restyle("more items", "items", func(s *style) { s.items *= 4 }),
		restyle("fewer items", "items", func(s *style) { s.items = max(s.items/2, 5) }),
		restyle("re-dated", "dates", func(s *style) { s.dates = "now" }),
		restyle("another zone", "dates", func(s *style) { s.dates = "zone" }),
		restyle("dates dropped", "dates", func(s *style) { s.dates = "none" }),
		restyle("days only", "dates", func(s *style) { s.dates = "day" }),
		restyle("dates appear", "dates", func(s *style) { s.dates = "" }),
		restyle("oldest first", "order", func(s *style) { s.order = "reverse" }),
		restyle("mixed order", "order", func(s *style) { s.order = "mixed" }),
		restyle("blog's name before titles", "titles", func(s *style) { s.before = "A Blog: " }),
		restyle("categories", "tags", func(s *style) { s.tag = "Everything" }),
	}
	for _, guid := range []string{"p", "url", "tag", "hex", "uuid", "number", "front", "none"} {
		list = append(list, restyle("GUIDs "+guid, "guid", func(s *style) { s.guid, s.guidSalt = guid, "9" }))
	}
	return append(list, edits()...)
}

// edits are what an author does to some posts.
func edits() []change {
	some := func(do func(*article)) func(*style, []article) {
		return func(_ *style, old []article) {
			for i := range old {
				if i%4 == 1 {
					do(&old[i])
				}
			}
		}
	}
	title := func(a *article) {
		if a.title != "" {
			a.title = "Corrected " + strings.ToLower(a.title[len(a.title)/2:])
		}
	}
	body := func(a *article) {
		for i := range a.words {
			if i%7 < 2 {
				a.words[i] = "changed"
			}
		}
	}
	rewrite := func(a *article) { slices.Reverse(a.words) }
	slug := func(a *article) { a.slug = "a-better-address-" + fmt.Sprint(a.number) }
	return []change{
		{"titles edited", "edit", some(title)},
		{"bodies edited", "edit", some(body)},
		{"bodies rewritten", "edit", some(rewrite)},
		{"slugs edited", "edit", some(slug)},
		{"titles and bodies edited", "edit", some(func(a *article) { title(a); body(a) })},
		{"titles and slugs edited", "edit", some(func(a *article) { title(a); slug(a) })},
	}
}

// news is what truly new posts come with a migration.
type news struct {
	name string
	make func(k blogKind, shown style, old []article, next func() article) []article
}

func allNews() []news {
	one := func(name string, do func(a *article, shown style, old []article)) news {
		return news{name, func(_ blogKind, shown style, old []article, next func() article) []article {
			a := next()
			do(&a, shown, old)
			return []article{a}
		}}
	}
	like := func(a *article, old article) {
		a.title = old.title
		if a.slug = old.slug; a.slug != "" {
			a.slug += "-2"
		}
	}
	return []news{
		{"nothing", func(blogKind, style, []article, func() article) []article { return nil }},
		one("one", func(*article, style, []article) {}),
		{"two", func(_ blogKind, _ style, _ []article, next func() article) []article {
			return []article{next(), next()}
		}},
		one("the title of one shown", func(a *article, _ style, old []article) { like(a, old[1]) }),
		one("the title of one gone", func(a *article, shown style, old []article) { like(a, old[min(len(old)-1, shown.items)]) }),
		one("the beginning of another", func(a *article, _ style, old []article) {
			a.words = append(slices.Clone(old[0].words[:min(len(old[0].words), 12)]), a.words...)
		}),
		{"two of a series", func(_ blogKind, _ style, _ []article, next func() article) []article {
			a, b := next(), next()
			a.words, b.words = append(slices.Clone(opening), a.words...), append(slices.Clone(opening), b.words...)
			return []article{a, b}
		}},
		one("the same short text", func(a *article, _ style, old []article) {
			if a.title == "" && len(old[1].words) > 0 {
				a.words = slices.Clone(old[1].words[:min(5, len(old[1].words))])
			}
		}),
		one("the GUID of one gone", func(a *article, shown style, old []article) {
			if shown.guid != "url" && shown.guid != "p" { // those can't say one thing and mean another
				a.guid = shown.guidOf(old[min(len(old)-1, shown.items)])
			}
		}),
		one("the GUID of one shown", func(a *article, shown style, old []article) {
			if shown.guid != "url" && shown.guid != "p" {
				a.guid = shown.guidOf(old[2])
			}
		}),
		one("the number of one gone", func(a *article, shown style, old []article) { a.number = old[min(len(old)-1, shown.items)].number }),
		one("the same day", func(a *article, _ style, old []article) { a.date = old[0].date.Add(41 * time.Minute) }),
	}
}

// again is a post that says what one said before it that is shown no more.
func again() news {
	return news{"the words of one gone", func(_ blogKind, shown style, old []article, next func() article) []article {
		a, was := next(), old[min(len(old)-1, shown.items)]
		a.title, a.words = was.title, slices.Clone(was.words)
		return []article{a}
	}}
}

// Migrations are generated from seed: every fourth pair of a kind of blog and a
// change, 132 combinations of two or three changes, and looks without any. They
// begin at start and take six days; older posts stem from before.
func Migrations(start time.Time, seed uint64) []Migration {
	r := rand.New(rand.NewPCG(seed, 7))
	all, everyNews, every := kinds(), allNews(), changes()
	var list []Migration
	n := int(seed)
	for i, k := range all {
		for j, c := range every {
			if (i+j+n)%4 == 0 {
				list = append(list, migrate(k, []change{c}, everyNews[(i+2*j+n)%len(everyNews)], r, start))
			}
		}
		for range 6 {
			some := combine(every, 2+r.IntN(2), r)
			list = append(list, migrate(k, some, everyNews[r.IntN(len(everyNews))], r, start))
		}
		if k.style.dates != "none" {
			list = append(list, migrate(k, nil, again(), r, start))
		}
		for j, what := range []string{"removed and returned", "removed and returned with another GUID", "empty and full"} {
			list = append(list, vanish(k, what, everyNews[(i+j)%len(everyNews)], r, start))
		}
	}
	return list
}

// combine picks n changes of different families.
func combine(from []change, n int, r *rand.Rand) []change {
	var some []change
	for len(some) < n {
		c := from[r.IntN(len(from))]
		if !slices.ContainsFunc(some, func(o change) bool { return o.family == c.family }) {
			some = append(some, c)
		}
	}
	return some
}
