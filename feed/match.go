package feed

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// evidence says what a document's post and a stored one have in common.
type evidence uint8

const (
	sameGUID evidence = 1 << iota
	sameLink
	samePath // of the link; the host is another
	sameTitle
	sameSlug
	sameText // how it begins
	samePicture
	sameMoment // the very second of publication, which no other post has

	sameAddress = sameLink | samePath
	sameName    = sameTitle | sameSlug
)

// lookalike is a stored post that a post of the document may be, and all that
// speaks for and against it.
type lookalike struct {
	post      int   // its place in the document
	id        int64 // the stored post
	by        evidence
	title     likeness
	words     likeness      // of the texts; different, too, for two pictures without any
	rehung    bool          // of GUID and link the one that is not in common differs
	nameless  bool          // the document's post has neither GUID nor link
	wordless  bool          // … neither title nor text
	dated     bool          // both have a date that means something
	later     time.Duration // the document's date less the stored one
	again     bool          // dated since the last good look, which did not show the stored one, nor was it missing there
	certainly bool          // GUID, link and one thing more agree; nothing else was looked at
}

// match says which stored post each of a document's posts is, by ID, 0 for a
// new one. Each stored post is at most one of them. Keys that turn out to stand
// for two posts are marked in keys as shared, so that they are stored as such.
func (k keeper) match(ctx context.Context, posts []Post, keys [][]string) ([]int64, error) {
	if len(k.owners) == 0 {
		return make([]int64, len(posts)), nil
	}
	common, err := k.common(ctx, posts, keys)
	if err != nil {
		return nil, err
	}
	shown, err := k.shown(ctx)
	if err != nil {
		return nil, err
	}
	var all []lookalike
	for i := 0; i < len(posts); i += keepAtOnce {
		some, err := k.lookalikes(ctx, posts, i, common[i:min(i+keepAtOnce, len(posts))], shown)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	ids := assign(len(posts), all)
	k.shareKeys(keys, ids)
	return ids, nil
}

// common is what each post has in common with stored ones, by their ID.
func (k keeper) common(ctx context.Context, posts []Post, keys [][]string) ([]map[int64]evidence, error) {
	dates := map[int64]int{} // how many of the document's posts have this date
	for _, p := range posts {
		dates[p.Published.Unix()]++
	}
	moments, err := k.moments(ctx, dates)
	if err != nil {
		return nil, err
	}
	all := make([]map[int64]evidence, len(posts))
	for i, p := range posts {
		common := map[int64]evidence{}
		for _, key := range keys[i] {
			if id := k.owner(key); id != 0 {
				common[id] |= evidenceOf(key, p)
			}
		}
		if id := moments[p.Published.Unix()]; id != 0 && isDated(p) {
			common[id] |= sameMoment
		}
		all[i] = common
	}
	return all, nil
}

// moments are the dates, as Unix seconds, that one post of the document and one
// stored post have, and whose the stored one is. A full or half hour is the date
// of posts that were planned, or of a blog that gives only the day.
func (k keeper) moments(ctx context.Context, dates map[int64]int) (map[int64]int64, error) {
	var ask []int64
	for at, n := range dates {
		if n == 1 && at%1800 != 0 {
			ask = append(ask, at)
		}
	}
	list, _ := json.Marshal(ask) // numbers always marshal
	rows, err := k.q.QueryContext(ctx, `
		SELECT published_at, min(id) FROM posts WHERE feed_id = $1 AND published_at <> first_seen
			AND published_at IN (SELECT value FROM json_each($2)) GROUP BY published_at HAVING count(*) = 1`, k.feed, string(list))
	if err != nil {
		return nil, fmt.Errorf("looking posts up by date: %w", err)
	}
	defer rows.Close()
	moments := map[int64]int64{}
	for rows.Next() {
		var at, id int64
		if err := rows.Scan(&at, &id); err != nil {
			return nil, fmt.Errorf("looking posts up by date: %w", err)
		}
		moments[at] = id
	}
	return moments, rows.Err()
}

// evidenceOf is what it says of p that this key of it is also another post's. The
// path of a GUID says no more than the GUID.
func evidenceOf(key string, p Post) evidence {
	kind, value, _ := strings.Cut(key, ":")
	switch kind {
	case "guid", "id":
		return sameGUID
	case "link":
		return sameLink
	case "path":
		if value == plainAddress(p.URL, false) {
			return samePath
		}
		return sameGUID
	case "title", "name":
		return sameTitle
	case "slug":
		return sameSlug
	case "text", "note":
		return sameText
	case "pic":
		return samePicture
	}
	return 0
}

// lookalikes compares the posts from the one at start on with the stored ones
// they have something in common with; shown is what the last whole document showed.
func (k keeper) lookalikes(ctx context.Context, posts []Post, start int, common []map[int64]evidence, shown []spot) ([]lookalike, error) {
	visible := make(map[int64]bool, len(shown))
	for _, old := range shown {
		visible[old.id] = true
	}
	var ids []int64
	for _, some := range common {
		for id := range some {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	stored, err := byID(ctx, k.q, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	var all []lookalike
	for i, some := range common {
		p := posts[start+i]
		for id, by := range some {
			c := confront(p, stored[id], by, len(some) == 1)
			c.post, c.id = start+i, id
			c.again = len(shown) > 0 && !visible[id] && stored[id].Missing == 0 && c.dated && !p.Published.Before(k.since.Add(-clockSlack))
			all = append(all, c)
		}
	}
	return all, nil
}

// confront is all that speaks for and against p being the stored post was. alone
// says that p has nothing in common with any other.
func confront(p, was Post, by evidence, alone bool) lookalike {
	c := lookalike{by: by}
	if c.dated = isDated(p) && isDated(was); c.dated {
		c.later = p.Published.Sub(was.Published)
	}
	if alone && by&sameGUID != 0 && by&sameAddress != 0 && by&(sameTitle|sameText|sameMoment) != 0 {
		c.certainly = true
		return c
	}
	c.title = compareTitles(p.Title, was.Title)
	if by&sameTitle != 0 {
		c.title = equal // as one of them was, if not as it is now
	}
	text := first(p.Content, p.Summary)
	c.words = compareTexts(text, first(was.Content, was.Summary))
	if c.words == untold && p.Image != "" && was.Image != "" && picture(p.Image) != picture(was.Image) {
		c.words = different
	}
	if c.words == different {
		c.by &^= sameText // alike are only the first words, as in every issue of a series
	}
	otherGUID := p.GUID != "" && was.GUID != "" && by&sameGUID == 0
	otherLink := p.URL != "" && was.URL != "" && by&sameAddress == 0
	c.rehung = otherGUID && by&sameAddress != 0 || otherLink && by&sameGUID != 0
	c.nameless = p.GUID == "" && p.URL == ""
	c.wordless = p.Title == "" && letters(textOf(text, 400)) == ""
	return c
}

// shareKeys makes shared the keys of each post that are also another's, and leaves
// out new keys of a post that has had very many.
func (k keeper) shareKeys(keys [][]string, ids []int64) {
	count := map[int64]int{}
	for _, id := range k.owners {
		count[id]++
	}
	for i, mine := range keys {
		full := ids[i] != 0 && count[ids[i]] >= maxKeys
		var kept []string
		for _, key := range mine {
			owner := k.owners[key]
			switch {
			case strings.HasPrefix(key, "shared:"):
				kept = append(kept, key)
			case owner != 0 && owner != ids[i]:
				kept = append(kept, "shared:"+key)
			case owner != 0 || !full:
				kept = append(kept, key)
			}
		}
		keys[i] = kept
	}
}

// maxKeys is how many keys a post gathers. Some sites give each post a new GUID
// or address at every look.
const maxKeys = 60

// assign gives each of n posts the lookalike that most speaks for, and each
// stored post to one of them only: what else looks like it is a new post.
func assign(n int, all []lookalike) []int64 {
	ids := make([]int64, n)
	taken := map[int64]bool{}
	w := weatherOf(n, all)
	type pair struct {
		lookalike
		rank int
	}
	var pairs []pair
	for _, c := range all {
		if w.same(c) {
			pairs = append(pairs, pair{c, w.rank(c)})
		}
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(a.post, b.post), cmp.Compare(a.id, b.id))
	})
	for _, p := range pairs {
		if ids[p.post] == 0 && !taken[p.id] {
			ids[p.post], taken[p.id] = p.id, true
		}
	}
	return ids
}
