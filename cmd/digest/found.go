package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"digest/feed"
)

// source is the feed that init takes, and what else was found beside it.
type source struct {
	address string
	doc     feed.Document
	found   feed.Found // zero for a file, and for a feed that was named with --feed
}

// findSource finds the feed that address, or named, stands for.
func (d *door) findSource(ctx context.Context, address, named string) (source, error) {
	switch {
	case named != "":
		from, err := d.readFeed(ctx, named)
		from.found.Site = pageOf(address)
		return from, err
	case !isSite(address):
		return d.readFeed(ctx, address)
	}
	if strings.Contains(address, "://") {
		if err := checkSource(strings.TrimPrefix(address, "feed:")); err != nil && !strings.HasPrefix(address, "feed:") {
			return source{}, err
		}
	}
	found, err := feed.Discover(ctx, d.reader().Fetch, address, d.now())
	var none *feed.NoFeedError
	if errors.As(err, &none) {
		return source{}, wrong("asked "+asked(none.Tried)+"; if the blog has a feed, name it: digest init URL_OF_FEED", errors.New(printable(shown(none.Error()))))
	}
	if err != nil {
		return source{}, err
	}
	best := found.Candidates[0]
	return source{best.URL, best.Document, found}, nil
}

// isSite: an address of the web, with or without its scheme, and no file's name.
func isSite(address string) bool {
	scheme, _, ok := strings.Cut(address, ":")
	switch scheme = strings.ToLower(scheme); {
	case ok && (scheme == "http" || scheme == "https" || scheme == "feed"):
		return true
	case strings.Contains(address, "://"):
		return false
	}
	if _, err := os.Stat(address); err == nil {
		return false
	}
	return (hostForm.MatchString(address) || localForm.MatchString(address)) && !fileForm.MatchString(address)
}

// pageOf is a site's address as the config holds it; "" for a file.
func pageOf(address string) string {
	switch {
	case !isSite(address):
		return ""
	case strings.Contains(address, "://"):
		return address
	}
	return "https://" + address
}

// asked lists addresses, those of one host by what differs.
func asked(tried []string) string {
	var list []string
	host := ""
	for _, t := range tried {
		u, err := url.Parse(t)
		if err == nil && u.Host == host {
			t = u.RequestURI()
		} else if err == nil {
			host = u.Host
		}
		list = append(list, printable(shown(t)))
	}
	return strings.Join(list, " ")
}

// tellFound lists what was found where there is a choice.
func (d *door) tellFound(from source, loc *time.Location) {
	list := from.found.Candidates
	switch {
	case len(list) == 0 || len(list) == 1 && list[0].How == feed.HowGiven && list[0].Kind != feed.KindComments:
		return
	case len(list) == 1:
		d.say("found: %s, because %s", printable(shown(list[0].URL)), from.found.Why)
		return
	}
	d.say("%s has %s", printable(shown(from.found.Site)), plural(len(list), "feed"))
	for i, c := range list {
		d.say("%3d  %s", i+1, printable(titleOf(c)))
		d.say("     %s", printable(shown(c.URL)))
		d.say("     %s", about(c))
		if c.Same > 0 {
			continue
		}
		for _, line := range newestLines(c.Document.Posts, loc) {
			d.say("       %s", line)
		}
	}
	d.say("proposed: 1, because %s", from.found.Why)
}

func titleOf(c feed.Candidate) string {
	for _, t := range []string{c.Document.Title, c.Title} {
		if strings.TrimSpace(t) != "" {
			return t
		}
	}
	return "(no title)"
}

// about says in one line what a feed holds.
func about(c feed.Candidate) string {
	text := plural(len(c.Document.Posts), "post")
	switch {
	case c.Kind == feed.KindComments:
		text = plural(len(c.Document.Posts), "comment")
	case c.Full:
		text += " in full"
	case len(c.Document.Posts) > 0:
		text += ", excerpts"
	}
	if c.Kind == feed.KindPart {
		text += ", a part of the blog's"
	}
	if c.Same > 0 {
		text += fmt.Sprintf(", the same as those of %d", c.Same)
	}
	return text
}

// choose asks on a terminal which of several feeds it shall be.
func (d *door) choose(ctx context.Context, from *source, lines *bufio.Scanner) error {
	list := from.found.Candidates
	if len(list) < 2 || !d.asks() {
		return nil
	}
	for {
		answer, more, err := d.answer(ctx, fmt.Sprintf("Which one? 1 to %d [1]: ", len(list)), lines)
		if err != nil || !more || answer == "" {
			return err
		}
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(list) {
			from.address, from.doc = list[n-1].URL, list[n-1].Document
			return nil
		}
	}
}

// asks says that a person is there to answer.
func (d *door) asks() bool { return terminal(d.in) && terminal(d.out) }

// answer is the line that follows a question; more is false where the input
// ends. It does not wait for the line once ctx is over.
func (d *door) answer(ctx context.Context, question string, lines *bufio.Scanner) (line string, more bool, err error) {
	fmt.Fprint(d.out, question)
	read := make(chan bool, 1)
	go func() { read <- lines.Scan() }()
	select {
	case <-ctx.Done():
		fmt.Fprintln(d.out)
		return "", false, ctx.Err()
	case more = <-read:
		return strings.TrimSpace(lines.Text()), more, nil
	}
}

// newest are the newest three; those without a date come last.
func newest(posts []feed.Post) []feed.Post {
	date := func(p feed.Post) time.Time {
		if !p.Dated() {
			return time.Time{}
		}
		return p.Published
	}
	sorted := slices.SortedStableFunc(slices.Values(posts), func(a, b feed.Post) int { return date(b).Compare(date(a)) })
	return sorted[:min(3, len(sorted))]
}

func newestLines(posts []feed.Post, loc *time.Location) []string {
	var list []string
	for _, p := range newest(posts) {
		date := p.Published.In(loc).Format("2 Jan 2006")
		if !p.Dated() {
			date = "undated"
		}
		list = append(list, date+"  "+printable(p.Heading()))
	}
	return list
}

// zoneNamed is a zone of --timezone; one that is none is told when the config is read.
func zoneNamed(name string) *time.Location {
	if loc, err := time.LoadLocation(name); err == nil {
		return loc
	}
	return time.UTC
}

// candidateView is a candidate as --json prints it.
type candidateView struct {
	URL      string     `json:"url"`
	Title    string     `json:"title"`
	How      string     `json:"how"`
	Kind     string     `json:"kind"`
	Posts    int        `json:"posts"`
	Full     bool       `json:"full_text"`
	SameAs   string     `json:"same_as"` // address of one with the same posts; "" = none
	Newest   []headline `json:"newest"`
	Proposed bool       `json:"proposed"`
	Chosen   bool       `json:"chosen"`
}

type headline struct {
	Title     string     `json:"title"`
	URL       string     `json:"url"`
	Published *time.Time `json:"published"` // null = the feed gives no date
}

func viewCandidates(from source) []candidateView {
	views := []candidateView{}
	for i, c := range from.found.Candidates {
		v := candidateView{URL: shown(c.URL), Title: titleOf(c), How: c.How, Kind: c.Kind, Posts: len(c.Document.Posts), Full: c.Full,
			Newest: []headline{}, Proposed: i == 0, Chosen: c.URL == from.address}
		if c.Same > 0 {
			v.SameAs = shown(from.found.Candidates[c.Same-1].URL)
		}
		for _, p := range newest(c.Document.Posts) {
			h := headline{Title: p.Heading(), URL: p.URL}
			if published := p.Published.UTC(); p.Dated() {
				h.Published = &published
			}
			v.Newest = append(v.Newest, h)
		}
		views = append(views, v)
	}
	return views
}
