package feed

import (
	"cmp"
	"math/bits"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// propose orders what was read, the best first, and tells why that one: posts
// before comments and parts, the site's own host, a living feed before a dead
// one, clearly more posts, whole texts, and last the order the site itself
// gives them. An address that gave the very bytes of another is left out.
func propose(found []read, site *url.URL) (list []Candidate, why string) {
	var once []read
	for _, r := range found {
		if !slices.ContainsFunc(once, func(o read) bool { return o.final == r.final || o.hash == r.hash }) {
			once = append(once, r)
		}
	}
	living := newest(once)
	rank := func(r read) []int { return ranks(r, site, living) }
	slices.SortStableFunc(once, func(a, b read) int { return slices.Compare(rank(a), rank(b)) })
	for i, r := range once {
		for j, earlier := range list {
			if earlier.Same == 0 && r.Kind == earlier.Kind && areTwins(r.Document, earlier.Document) {
				once[i].Same = j + 1
				break
			}
		}
		list = append(list, once[i].Candidate)
	}
	if len(once) == 1 {
		return list, only(list[0])
	}
	return list, reason(once[0].Candidate, once[1].Candidate, rank(once[0]), rank(once[1]))
}

// ranks are the criteria in order, each the lower the better.
func ranks(r read, site *url.URL, living time.Time) []int {
	yes := func(b bool) int {
		if b {
			return 0
		}
		return 1
	}
	own := false
	if u, err := url.Parse(r.final); err == nil {
		own = sameSite(u, site)
	}
	return []int{
		yes(r.Kind != KindComments),
		yes(len(r.Document.Posts) > 0),
		kindRank(r.Kind),
		yes(own),
		yes(!newestOf(r.Document.Posts).Before(living.AddDate(0, -6, 0))),
		-bits.Len(uint(len(r.Document.Posts))),
		yes(r.Full),
		slices.Index([]string{HowGiven, HowLink, HowHeader, HowAnchor, HowPlace, HowUsual}, r.How),
	}
}

// reason names the first criterion by which the best differs from the next.
func reason(first, second Candidate, best, next []int) string {
	sentences := []string{
		"the others hold readers' comments",
		"it is the one with posts",
		"it holds all of the blog's posts, the others a part of them",
		"it stands on the site itself",
		"it is kept up, and its newest post is newer",
		"it holds more posts",
		"it holds the posts in full",
	}
	for i, s := range sentences {
		if best[i] != next[i] {
			return s
		}
	}
	switch {
	case first.How == HowGiven:
		return only(first)
	case !isNamed(first):
		return "it is the first found"
	case !isNamed(second):
		return "the site names it and not the others"
	}
	return "it is the first that the site names"
}

func only(c Candidate) string {
	why := "it is the only feed found, and " + c.How
	if c.How == HowGiven {
		why = "it is the address given"
	}
	if c.Kind == KindComments {
		why += ", though this looks like a comments feed"
	}
	return why
}

// areTwins: most posts of the shorter one stand in the other, as in the RSS and
// the Atom feed of one blog.
func areTwins(a, b Document) bool {
	if len(a.Posts) > len(b.Posts) {
		a, b = b, a
	}
	have := map[string]bool{}
	for _, p := range b.Posts {
		have[twinKey(p)] = true
	}
	both := 0
	for _, p := range a.Posts {
		if key := twinKey(p); key != "" && have[key] {
			both++
		}
	}
	return both > 0 && 2*both > len(a.Posts)
}

func twinKey(p Post) string { return cmp.Or(plainAddress(p.URL, true), p.Title) }

// newest is the date of the newest post of all that are no comments.
func newest(found []read) time.Time {
	var latest time.Time
	for _, r := range found {
		if t := newestOf(r.Document.Posts); r.Kind != KindComments && t.After(latest) {
			latest = t
		}
	}
	return latest
}

// newestOf is the date of the newest post; zero = none has a date of its own.
func newestOf(posts []Post) time.Time {
	var latest time.Time
	for _, p := range posts {
		if isDated(p) && p.Published.After(latest) {
			latest = p.Published
		}
	}
	return latest
}

var readOn = []string{"…", "...", "[…]", "[...]", "[&hellip;]", "read more", "continue reading", "weiterlesen", "lire la suite", "leer más", "→", "»"}

// isFull: most posts don't end in the marks of a cut, and say more than their
// summary or much by themselves.
func isFull(posts []Post) bool {
	full := 0
	for _, p := range posts {
		text := strings.ToLower(textOf(p.Content, 1<<16))
		cut := slices.ContainsFunc(readOn, func(mark string) bool { return strings.HasSuffix(text, mark) })
		if !cut && (p.Content != p.Summary || utf8.RuneCountInString(text) >= 600) {
			full++
		}
	}
	return 2*full > len(posts)
}

// kindRead judges again once the feed is read: by where its posts lead, and by
// the name that blog software gives a feed of comments.
func kindRead(c Candidate) string {
	comments := 0
	for _, p := range c.Document.Posts {
		if u, err := url.Parse(p.URL); err == nil && (strings.HasPrefix(u.Fragment, "comment") || u.Query().Has("showComment")) {
			comments++
		}
	}
	at := commentsWord.FindStringIndex(c.Document.Title)
	if 2*comments > len(c.Document.Posts) || at != nil && at[0] == 0 && len(c.Document.Posts) == 0 {
		return KindComments
	}
	return c.Kind
}
