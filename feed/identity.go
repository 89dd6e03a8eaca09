package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Keys are the keys post p is known by, the strongest first. Each begins with
// its kind:
//
//	guid:   the GUID verbatim
//	id:     the GUID as an address: without scheme, www, trailing slash, tracking
//	link:   the link, likewise
//	path:   path and query of link or GUID, which outlive a move of the domain
//	title:  title and day; without the day where the feed gives none
//	slug:   the last part of the link's path
//	text:   a hash of how the text begins
//
// The first four are strong: one in common makes two posts the same. The others
// are weak: it takes two, or one for posts with neither GUID nor link.
func Keys(p Post) []string {
	var keys []string
	add := func(kind, value string) {
		// An escaped address may hold bytes that are no text once it is read.
		value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "")
		if value != "" {
			keys = append(keys, kind+value)
		}
	}
	guid := strings.TrimSpace(p.GUID)
	add("guid:", guid)
	if isWeb(guid) {
		add("id:", plainAddress(guid, true))
	}
	add("link:", plainAddress(p.URL, true))
	add("path:", plainAddress(p.URL, false))
	if isWeb(guid) {
		add("path:", plainAddress(guid, false))
	}
	add("title:", titleDay(p))
	add("slug:", slug(p.URL))
	add("text:", beginning(p))
	return unique(keys)
}

// isStrong: one such key in common makes two posts the same.
func isStrong(key string) bool {
	kind, _, _ := strings.Cut(key, ":")
	return kind == "guid" || kind == "id" || kind == "link" || kind == "path"
}

// plainAddress is an address without what changes when a site moves or a
// newsletter tool decorates it; without the host too unless host is set. It is
// "" for an address that names a whole site, or a page that tells no posts apart.
func plainAddress(address string, host bool) string {
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || u.Host == "" {
		return ""
	}
	where := strings.TrimSuffix(u.EscapedPath(), "/")
	for _, index := range []string{"/index.html", "/index.htm", "/index.php"} {
		where = strings.TrimSuffix(where, index)
	}
	query := plainQuery(u)
	fragment := ""
	if strings.HasPrefix(u.Fragment, "!") || query == "" && u.Fragment != "" && !strings.Contains(u.Fragment, "utm_") {
		fragment = "#" + u.Fragment
	}
	if where == "" && query == "" && fragment == "" {
		return ""
	}
	rest := where + query + fragment
	if !host {
		return rest
	}
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "www."), "m.")
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		name += ":" + port
	}
	return name + rest
}

// plainQuery is the query in a fixed order, without the parameters that say
// where a reader came from.
func plainQuery(u *url.URL) string {
	values := u.Query()
	for name := range values {
		if isTracking(name) {
			values.Del(name)
		}
	}
	if len(values) == 0 {
		return ""
	}
	return "?" + values.Encode()
}

func isTracking(name string) bool {
	name = strings.ToLower(name)
	for _, prefix := range []string{"utm_", "mc_", "pk_", "mtm_", "hsa_", "_hs", "at_", "wt."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	switch name {
	case "fbclid", "gclid", "dclid", "msclkid", "igshid", "yclid", "ref", "source", "src", "cmp", "cmpid", "ncid", "rss", "feed", "from", "partner", "xtor", "s_cid", "trk", "spm", "guccounter":
		return true
	}
	return false
}

// isDated: the feed gave the post a date. [Parse] dates the others with the
// moment of the read, which is when they were first seen.
func isDated(p Post) bool { return !p.Published.IsZero() && !p.Published.Equal(p.FirstSeen) }

func titleDay(p Post) string {
	title := foldForComparison(p.Title)
	if title == "" {
		return ""
	}
	if !isDated(p) {
		return title
	}
	return title + "|" + p.Published.UTC().Format("2006-01-02")
}

// slug is the last part of the address's path if it is long enough to tell
// posts apart.
func slug(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	last := strings.ToLower(path.Base(u.Path))
	last = strings.TrimSuffix(last, path.Ext(last))
	if len(last) < 8 || !strings.ContainsAny(last, "-_") {
		return ""
	}
	return last
}

// beginning is a hash of the first 200 letters and digits of the text, "" for a
// text too short to be told from others, unless there is little else to go by.
func beginning(p Post) string {
	text := foldForComparison(cut(textOf(first(p.Content, p.Summary), 2000), 400))
	if n := utf8.RuneCountInString(text); n == 0 || n < 60 && (p.GUID != "" || p.URL != "") {
		return ""
	}
	sum := sha256.Sum256([]byte(cut(text, 200)))
	return hex.EncodeToString(sum[:12])
}

func foldForComparison(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// known is the post, by ID, that keys belong to, or 0 for a new post. owner
// tells whose a key is. Where strong keys disagree the most of them decide, and
// between equals the link: GUIDs are the ones that blogs give twice.
func known(keys []string, owner func(key string) int64) int64 {
	strong, weak := map[int64]int{}, map[int64]int{}
	named := false
	for _, key := range keys {
		id := owner(key)
		if isStrong(key) {
			named = true
		}
		switch {
		case id == 0:
		case strings.HasPrefix(key, "link:"):
			strong[id] += 3
		case isStrong(key):
			strong[id] += 2
		default:
			weak[id]++
		}
	}
	if id, _ := most(strong); id != 0 {
		return id
	}
	if id, n := most(weak); n >= 2 || n == 1 && !named {
		return id
	}
	return 0
}

// most is the ID with the highest count, the lowest ID of several.
func most(counts map[int64]int) (id int64, n int) {
	for candidate, count := range counts {
		if count > n || count == n && candidate < id {
			id, n = candidate, count
		}
	}
	return id, n
}

// distinct sorts a document's posts into those that are different from each
// other, with the keys that tell them apart. The same post twice (one GUID and
// link) is one. A key that two different posts claim says nothing about either;
// a post that is left without any cannot be known again, and is left out.
func distinct(posts []Post) ([]Post, [][]string) {
	seen := map[string]bool{}
	claims := map[string]int{}
	var kept []Post
	var keys [][]string
	for _, p := range posts {
		mine := Keys(p)
		twin := p.GUID + "\n" + first(plainAddress(p.URL, true), p.URL)
		if twin == "\n" {
			twin = strings.Join(mine, "\n")
		}
		if seen[twin] {
			continue
		}
		seen[twin] = true
		for _, k := range mine {
			claims[k]++
		}
		kept, keys = append(kept, p), append(keys, mine)
	}
	var told []Post
	var sure [][]string
	for i, mine := range keys {
		mine = slices.DeleteFunc(mine, func(k string) bool { return claims[k] > 1 })
		if len(mine) > 0 {
			told, sure = append(told, kept[i]), append(sure, mine)
		}
	}
	return told, sure
}
