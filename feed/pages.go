package feed

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// maxPages is how many older pages one walk reads: two thousand posts of a
// usual blog, and an end for a server that makes pages up.
const maxPages = 200

// Page is one document of a feed that stands in several, and how it came.
type Page struct {
	Document Document
	Answer   Answer // of an older page without the body
}

// Before says that the page lies before t: most of its dated posts do. A single
// old one may be pinned, or edited yesterday in a feed ordered by edits.
func (p Page) Before(t time.Time) bool {
	older, dated := 0, 0
	for _, post := range p.Document.Posts {
		if isDated(post) {
			dated++
			if post.Published.Before(t) {
				older++
			}
		}
	}
	return 2*older > dated
}

// Oldest is when the page's oldest dated post was published; zero = none is dated.
func (p Page) Oldest() (at time.Time) {
	for _, post := range p.Document.Posts {
		if isDated(post) && (at.IsZero() || post.Published.Before(at)) {
			at = post.Published
		}
	}
	return at
}

// Older are the pages after first, the newest one, one fetch at a time: along
// the links of RFC 5005 where first has one, else as WordPress counts them,
// ?paged=2 and on. It ends at a page that lies before until (zero = at none), at
// the last one, at one that repeats what was seen, and after 200.
//
// An error is the last thing it yields: a page that can't be read, or may not
// be. A server that asks to be left alone is not asked again.
//
// A feed served by a mirror or on this machine names the pages of the blog
// proper: what is on the feed's own host by its words is asked for where first
// came from. now is for [Parse].
func Older(ctx context.Context, f Fetcher, first Page, until, now time.Time) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		w, err := newWalk(f, first, now)
		if err != nil {
			yield(Page{}, err)
			return
		}
		page := first
		for n := 2; !page.Before(until); n++ {
			address, err := w.after(page, n)
			if err == nil && address == "" {
				return
			}
			if err == nil && n > maxPages+1 {
				err = fmt.Errorf("there are more than %d older pages", maxPages)
			}
			if err == nil {
				page, err = w.read(ctx, address)
			}
			if w.ended(err) {
				return
			}
			if err != nil {
				yield(Page{}, err)
				return
			}
			if w.repeats(page) {
				return
			}
			page.Answer.Body = nil
			if !yield(page, nil) {
				return
			}
		}
	}
}

// walk is one walk along a feed's older pages.
type walk struct {
	fetch   Fetcher
	now     time.Time
	home    *url.URL        // where the first page came from; of a file, its path
	file    bool            // home is one
	named   bool            // the pages name each other; otherwise they are counted
	guess   bool            // the next one is the first that is counted: it may well not exist
	visited map[string]bool // addresses
	bodies  map[string]bool // hashes
	posts   map[string]bool // see token
}

func newWalk(f Fetcher, first Page, now time.Time) (*walk, error) {
	w := &walk{
		fetch: f, now: now, file: !isWeb(first.Answer.URL), named: first.Document.Next != "", guess: true,
		visited: map[string]bool{first.Answer.URL: true}, bodies: map[string]bool{}, posts: map[string]bool{},
	}
	var err error
	if w.home, err = url.Parse(first.Answer.URL); err != nil {
		return nil, fmt.Errorf("finding the older pages: %w", err)
	}
	w.repeats(first)
	return w, nil
}

// after is the address of page n, which follows page; "" = there is none.
func (w *walk) after(page Page, n int) (string, error) {
	next := page.Document.Next
	if next == "" && w.named && page.Document.Partial {
		return "", errors.New("an older page is damaged and does not name the one after it")
	}
	address := ""
	var err error
	switch {
	case next != "" && w.file:
		address, err = w.sibling(next)
	case next != "":
		address, err = w.follow(next, page.Document)
	case !w.file && !w.named:
		address = counted(w.home, n)
	}
	if err != nil || address == "" || w.visited[address] {
		return "", err
	}
	w.visited[address] = true
	return address, nil
}

// counted is how WordPress names page n of a feed.
func counted(home *url.URL, n int) string {
	u := *home
	q := u.Query()
	q.Set("paged", strconv.Itoa(n))
	u.RawQuery = q.Encode()
	return u.String()
}

// follow is where a link to an older page leads. A machine that is addressed by
// number, or is this one, is asked only when it is the one the feed is on.
func (w *walk) follow(next string, doc Document) (string, error) {
	u, err := url.Parse(next)
	if err != nil || !isWeb(next) || u.Host == "" {
		return "", fmt.Errorf("the older page %q has no address to fetch", cut(next, 200))
	}
	ours := sameHost(next, w.home.String()) || sameHost(next, doc.Self)
	if isNumbered(w.home) {
		ours = ours || sameHost(next, doc.Link)
	}
	switch {
	case ours:
		u.Scheme, u.Host, u.User = w.home.Scheme, w.home.Host, w.home.User
	case (isNumbered(u) || isNumbered(w.home) || u.Port() != "") && w.fetch.Private != PrivateAllowed:
		return "", fmt.Errorf("the older page is said to be on %s, which is not followed from here", cut(u.Host, 200))
	case w.home.Scheme == "https" && u.Scheme != "https":
		return "", fmt.Errorf("the older page is said to be on %s without https, which is not followed from here", cut(u.Host, 200))
	}
	u.Fragment = ""
	return u.String(), nil
}

func sameHost(a, b string) bool {
	return hostOf(a) != "" && hostOf(a) == hostOf(b)
}

// hostOf is the host of a web address without "www.", its port left out.
func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(u.Hostname()), "."), "www.")
}

// isNumbered: the address names a machine by its number, or this machine, and
// so may lead to where the public can't.
func isNumbered(u *url.URL) bool {
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	_, err := netip.ParseAddr(host)
	return err == nil || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// sibling is the path of the older page of a feed that is a file: another file
// in its folder.
func (w *walk) sibling(next string) (string, error) {
	if isWeb(next) {
		return "", fmt.Errorf("the older page is at %s, and the feed itself is a file", cut(next, 200))
	}
	dir, name := filepath.Split(w.path())
	u, err := url.Parse(next)
	stranger := fmt.Errorf("the older page %q is no file beside %s", cut(next, 200), name)
	if err != nil || u.Host != "" {
		return "", stranger
	}
	beside := filepath.Clean(u.Path)
	if u.Scheme == "file" && filepath.Dir(beside) == filepath.Clean(dir) {
		beside, u.Scheme = filepath.Base(beside), ""
	}
	if u.Scheme != "" || beside != filepath.Base(beside) || strings.HasPrefix(beside, ".") {
		return "", stranger
	}
	path := filepath.Join(dir, beside)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		return "", stranger
	}
	return path, nil
}

// path is the feed's, when it is a file.
func (w *walk) path() string {
	if w.home.Scheme == "file" {
		return w.home.Path
	}
	return w.home.String()
}

func (w *walk) read(ctx context.Context, address string) (Page, error) {
	a, err := w.fetch.Get(ctx, address, "", "")
	if err != nil {
		return Page{}, fmt.Errorf("reading an older page: %w", err)
	}
	var base *url.URL
	if isWeb(a.URL) {
		if base, err = url.Parse(a.URL); err != nil {
			return Page{}, fmt.Errorf("reading an older page: %w", err)
		}
	}
	doc, err := Parse(a.Body, base, a.ContentType, w.now)
	if err != nil {
		return Page{}, fmt.Errorf("reading the older page %s: %w", address, err)
	}
	return Page{Document: doc, Answer: a}, nil
}

// ended says that err is how a blog ends whose pages are counted, and not told.
// Nobody has promised that there is a second one, so any refusal of it is such
// an end.
func (w *walk) ended(err error) bool {
	guess := w.guess
	w.guess = false
	if err == nil || w.named || w.file {
		return false
	}
	if status := (*StatusError)(nil); errors.As(err, &status) {
		missing := status.Code == http.StatusNotFound || status.Code == http.StatusGone
		return missing || guess && status.Code >= 400 && status.Code < 500 && status.Code != http.StatusTooManyRequests
	}
	return guess && (errors.Is(err, ErrNotFeed) || errors.Is(err, ErrEmpty))
}

// repeats notes what page holds, and says that none of it is new: a server that
// does not count pages gives the same one whatever it is asked for.
func (w *walk) repeats(page Page) bool {
	body := Hash(page.Answer.Body)
	seen := w.bodies[body]
	w.bodies[body] = true
	fresh := false
	for _, p := range page.Document.Posts {
		t := token(p)
		fresh = fresh || !w.posts[t]
		w.posts[t] = true
	}
	return seen || !fresh
}

// token tells the posts of one walk apart.
func token(p Post) string {
	t := p.GUID + "\n" + first(plainAddress(p.URL, true), p.URL)
	if t == "\n" {
		t = strings.Join(Keys(p), "\n")
	}
	return t
}
