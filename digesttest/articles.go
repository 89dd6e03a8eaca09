package digesttest

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// article is a post of a made-up blog, however the blog shows it.
type article struct {
	token   string // who wrote it, and by that which post it is
	number  int
	title   string
	slug    string
	guid    string // if the blog's style leaves GUIDs to the articles
	words   []string
	teaser  string // a summary by hand
	date    time.Time
	picture string // file name
	outside string // the page of others it is about
}

var plainWords = strings.Fields(`harbour morning letter engine paper window garden river market lantern bridge stone copper signal ledger candle
	northern orchard canvas ferry weather notebook railway kitchen island postcard machine timber summer valley compass library anchor ceramic
	meadow shadow printer gravel cotton village station mirror pocket velvet thunder barley saddle chimney marble pigeon tunnel walnut sailor
	button coffee`)

var vocabulary = append(strings.Fields(`"quiet" -- winter's & ...`), plainWords...)

var hanWords = strings.Fields(`春天 花园 火车 邮局 夜晚 海边 图书 机器 城市 天气 山路 早餐 旧信 河流 灯光 窗口 纸张 音乐 故事 电话 厨房 石桥 冬季 市场`)

// blogKind is a kind of blog: how it writes, and how it is shown at first.
type blogKind struct {
	name  string
	style style
	write func(r *rand.Rand, a *article)
}

// titled gives a title of letters and signs, and a text.
func titled(r *rand.Rand, a *article) {
	name := words(r, plainWords, 4)
	for i, w := range name {
		name[i] = strings.ToUpper(w[:1]) + w[1:]
	}
	a.title = fmt.Sprintf([]string{"%s %s %s %s", `The "%s" %s %s of %s`, "%s's %s & %s %s", "%s %s -- %s %s..."}[a.number%4],
		name[0], name[1], name[2], name[3])
	a.words = words(r, vocabulary, 90+r.IntN(200))
}

func words(r *rand.Rand, from []string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = from[r.IntN(len(from))]
	}
	return list
}

func pick(r *rand.Rand, from []string, n int) string { return strings.Join(words(r, from, n), " ") }

// opening are the words every letter of a series begins with.
var opening = strings.Fields(`This week in the harbour is our regular letter on what came in with the tide and what went out again. Write to us
	if something is missing here, and tell your friends about it. Here is what happened since the last one:`)

func kinds() []blogKind {
	https := style{scheme: "https", host: "www.blog.example", permalink: "/%Y/%M/%S/", guid: "p", format: "rss", body: "full", items: 10}
	with := func(change func(*style)) style { s := https; change(&s); return s }
	han := func(r *rand.Rand, a *article) {
		a.title = strings.Join(words(r, hanWords, 4), "")
		a.words = words(r, hanWords, 150)
		a.slug = a.title
	}
	return []blogKind{
		{"wordpress", https, titled},
		{"wordpress excerpts", with(func(s *style) { s.body = "start" }), titled},
		{"jekyll", with(func(s *style) {
			s.permalink, s.guid, s.format, s.host = "/%Y/%M/%D/%S.html", "url", "atom", "blog.example"
		}), titled},
		{"jekyll by day", with(func(s *style) { s.permalink, s.guid, s.dates = "/%Y/%M/%D/%S/", "url", "day" }), titled},
		{"blogger", with(func(s *style) { s.permalink, s.guid, s.format, s.items = "/%Y/%M/%S.html", "tag", "atom", 20 }), titled},
		{"ghost", with(func(s *style) { s.permalink, s.guid = "/%S/", "hex" }), titled},
		{"hugo", with(func(s *style) { s.permalink, s.guid, s.scheme = "/posts/%S/", "url", "http" }), titled},
		{"json", with(func(s *style) { s.permalink, s.guid, s.format = "/%S", "url", "json" }), titled},
		{"micro", with(func(s *style) { s.permalink, s.guid = "/%Y/%M/%D/%T.html", "url" }), func(r *rand.Rand, a *article) {
			a.words = words(r, vocabulary, 8+r.IntN(30))
		}},
		{"links", with(func(s *style) { s.permalink, s.guid = "outside", "tag" }), func(r *rand.Rand, a *article) {
			titled(r, a)
			a.words = words(r, vocabulary, 30)
			a.outside = fmt.Sprintf("https://%s.example/%s", plainWords[a.number%3], []string{"blog", "news/" + pick(r, plainWords[20:30], 1), "about"}[a.number%3])
		}},
		{"podcast", with(func(s *style) { s.permalink, s.guid = "/episodes/%N", "uuid" }), func(r *rand.Rand, a *article) {
			titled(r, a)
			a.title = fmt.Sprintf("Episode %d: %s", a.number, a.title)
			a.picture = "cover.jpg"
		}},
		{"photos", with(func(s *style) { s.permalink, s.guid = "/photo/%N/", "url" }), func(r *rand.Rand, a *article) {
			a.picture = fmt.Sprintf("%d/IMG_%04d.jpg", 2020+a.number%5, 3000+7*a.number)
		}},
		{"weeknotes", https, func(r *rand.Rand, a *article) {
			titled(r, a)
			a.title = []string{"Weekly links", fmt.Sprintf("Weeknotes %d", a.number), a.title}[a.number%3]
			if a.number%3 < 2 {
				a.words = append(append([]string{}, opening...), a.words...)
			}
		}},
		{"undated", with(func(s *style) { s.dates = "none" }), titled},
		{"no guids", with(func(s *style) { s.guid = "none" }), titled},
		{"front page guids", with(func(s *style) { s.guid = "front" }), titled},
		{"repeated guids", with(func(s *style) { s.guid = "few" }), titled},
		{"numbers", with(func(s *style) { s.guid = "number" }), titled},
		{"numbered links", with(func(s *style) { s.permalink = "/?p=%P" }), titled},
		{"one address", with(func(s *style) { s.permalink, s.guid = "/news", "front" }), titled},
		{"han", with(func(s *style) { s.permalink = "/%Y/%S/" }), han},
		{"hundred", with(func(s *style) { s.items = 100 }), titled},
	}
}

// archive are n posts of a kind of blog, the newest first, about two days apart;
// the newest stems from shortly before end.
func archive(k blogKind, n int, r *rand.Rand, end time.Time) []article {
	list := make([]article, n)
	for i := range list {
		list[i] = newArticle(k, n-i, r, end.Add(-time.Duration(i)*47*time.Hour-time.Duration(r.IntN(7000))*time.Second))
	}
	return list
}

func newArticle(k blogKind, number int, r *rand.Rand, date time.Time) article {
	a := article{token: fmt.Sprintf("writer%d", number), number: number, date: date.Truncate(time.Second)}
	k.write(r, &a)
	a.teaser = "In short: " + pick(r, plainWords, 16)
	if a.slug == "" {
		if a.slug = slugOf(a.title); a.slug == "" {
			a.slug = fmt.Sprint(number)
		}
		if a.title == "Weekly links" {
			a.slug = fmt.Sprintf("weekly-links-%d", number)
		}
	}
	return a
}

func slugOf(title string) string {
	return strings.Join(strings.FieldsFunc(strings.ToLower(title), func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') }), "-")
}
