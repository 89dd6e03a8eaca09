package feed

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"path"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Keys are the keys post p is known by, the strongest first. Each begins with
// its kind:
//
//	guid:   the GUID verbatim
//	id:     the GUID as an address: without scheme, www, trailing slash, tracking
//	link:   the link, likewise
//	path:   path and query of link or GUID, which outlive a move of the domain
//	title:  title and day; without the day where the feed gives none
//	name:   the letters of the title, without their accents
//	slug:   the last part of the link's path
//	text:   a hash of how the text begins
//	note:   a hash of a short text without a title
//	pic:    the last parts of the lead image's path, without its size
//
// The first four are strong: one in common makes two posts the same, unless all
// else is against it. Of the others it takes two that have nothing to do with
// each other, or one for posts with neither GUID nor link. A post is stored
// under "shared:" and a key when the key was found to be another post's too; it
// is nobody's from then on.
func Keys(p Post) []string {
	var keys []string
	add := func(kind, value string) {
		// An escaped address may hold bytes that are no text once it is read.
		value = strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "")
		if len(value) > longKey {
			sum := sha256.Sum256([]byte(value))
			value = hex.EncodeToString(sum[:])
		}
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
	add("name:", letters(p.Title))
	add("slug:", slug(p.URL))
	add("text:", beginning(p))
	add("note:", note(p))
	add("pic:", picture(p.Image))
	return unique(keys)
}

// longKey is how many bytes a key has at most; of a longer value it is a hash.
const longKey = 2000

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
	return plainHost(u) + rest
}

// plainHost is an address's host without what a site may be reached with or without.
func plainHost(u *url.URL) string {
	name := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	name = strings.TrimPrefix(strings.TrimPrefix(name, "www."), "m.")
	if port := u.Port(); port != "" && port != "80" && port != "443" {
		name += ":" + port
	}
	return name
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

// Dated says that the feed gives the post a date; else the moment of the first
// read stands in for it.
func (p Post) Dated() bool { return isDated(p) }

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

// note is a hash of the text of a post that has no title, and too few words for
// [beginning].
func note(p Post) string {
	if p.Title != "" {
		return ""
	}
	text := letters(cut(textOf(first(p.Content, p.Summary), 2000), 400))
	if n := utf8.RuneCountInString(text); n < shortNote || n >= shortText {
		return ""
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:12])
}

// picture is the last two parts of an image's path, without the size that
// WordPress adds and without the ending: what a change of the image host leaves.
func picture(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Path == "" {
		return ""
	}
	folder, file := path.Split(strings.ToLower(u.Path))
	file = imageSize.ReplaceAllString(strings.TrimSuffix(file, path.Ext(file)), "")
	if file == "" {
		return ""
	}
	return path.Join(path.Base(folder), file)
}

var imageSize = regexp.MustCompile(`-\d{2,5}x\d{2,5}$`)

// letters are the letters and digits of s in small, however they are written:
// one with its accent or two, with or without it.
func letters(s string) string { return foldForComparison(norm.NFKD.String(s)) }

func foldForComparison(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// distinct sorts a document's posts into those that are different from each
// other, with the keys that tell them apart. The same post twice, which isTwin
// tells, is one. A key that two different posts claim says nothing about either,
// then and later: it stands among their keys as shared. A post that is left
// without any other can't be known again, and is left out.
func distinct(posts []Post) ([]Post, [][]string) {
	seen := map[string]bool{}
	claims := map[string]int{}
	var kept []Post
	var keys [][]string
	for _, p := range posts {
		mine := Keys(p)
		if isTwin(p, mine, seen) {
			continue
		}
		for _, k := range mine {
			claims[k]++
		}
		kept, keys = append(kept, p), append(keys, mine)
	}
	var told []Post
	var sure [][]string
	for i, mine := range keys {
		own := 0
		for j, k := range mine {
			if claims[k] > 1 {
				mine[j] = "shared:" + k
			} else {
				own++
			}
		}
		if own > 0 {
			told, sure = append(told, kept[i]), append(sure, mine)
		}
	}
	return told, sure
}

// isTwin says whether p was seen before in the document, and remembers it: one
// place, which is GUID and link, or the link alone for posts with a title, and
// nothing that tells the two apart there. A titled post is told by its day and
// its text together, any other by all that is left.
func isTwin(p Post, keys []string, seen map[string]bool) bool {
	link, title := plainAddress(p.URL, true), letters(p.Title)
	var weak, text []string
	for _, k := range keys {
		if !isStrong(k) {
			weak = append(weak, k)
		}
		if strings.HasPrefix(k, "text:") || strings.HasPrefix(k, "note:") {
			text = append(text, k)
		}
	}
	names := []string{strings.Join(append([]string{p.GUID, first(link, p.URL)}, weak...), "\n")}
	if link != "" && title != "" {
		names = append(names, link+"\n\n"+titleDay(p), link+"\n\n\n"+title+strings.Join(text, "\n"))
	}
	twin := false
	for _, name := range names {
		twin = twin || seen[name]
		seen[name] = true
	}
	return twin
}
