package feed

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Found is what [Discover] found, with the candidate it proposes first.
type Found struct {
	Site       string      // the page that was given, as it is finally reached; of a feed that was given the root of its host
	Candidates []Candidate // each one read; the proposed one first, those of comments last
	Why        string      // why the first one is proposed: one clause that follows on "because"
	Tried      []string    // every address that was asked, in order
}

// NoFeedError says that a site answers, and that no feed was found on it.
type NoFeedError struct {
	Address string   // as given
	Tried   []string // every address that was asked, in order
	Guarded bool     // the page is one that keeps programs out, a captcha say
	Status  error    // the [*StatusError] that the page itself answered; nil = it was shown
}

func (e *NoFeedError) Error() string {
	switch {
	case e.Guarded:
		return e.Address + " shows programs a page to prove that they are people; what it has beyond that can't be seen"
	case e.Status != nil:
		return "no feed was found at " + e.Address + ": " + e.Status.Error()
	}
	return "no feed was found at " + e.Address
}

func (e *NoFeedError) Unwrap() error { return e.Status }

const (
	maxRequests = 12               // of one discovery, redirects not counted
	maxReads    = 7                // of them for what the page names
	maxBlind    = 4                // of them for usual places of a page that can't be seen
	findTime    = 60 * time.Second // for all of them
	askTime     = 15 * time.Second // for one, unless the Fetcher says otherwise
)

// Discover finds the feeds of a site: address is that of the site, of any page
// of it, or of a feed. It may lack its scheme: https is tried, and http where
// https gives no answer at all. Requests are made one after the other, at most
// 12, for at most a minute: what the page names is read first, then the site's
// front page, and known places only while no feed with posts was found.
//
// A page can't make it reach where the address given does not lead: another
// private host, or a port of its own choice.
//
// Errors: [*NoFeedError], also of a site that turns programs away (401, 403) and
// has no feed in the few places likeliest; those of [Fetcher.Get] when the page
// can't be read, or asks for a pause ([*StatusError] 429, 503).
func Discover(ctx context.Context, f Fetcher, address string, now time.Time) (Found, error) {
	ctx, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	if f.Timeout == 0 {
		f.Timeout = askTime
	}
	s := search{fetcher: f, now: now, given: address}
	front, err := s.open(ctx, webFeed(strings.TrimSpace(address)))
	if err != nil {
		return Found{Tried: s.tried}, err
	}
	switch root, err := s.site.Parse("/"); {
	case s.found == nil:
		s.follow(ctx, front)
	case err == nil:
		s.site = root // the address is the feed's, and no page
	}
	if len(s.found) == 0 {
		return Found{Tried: s.tried}, s.nothing(ctx)
	}
	list, why := propose(s.found, s.site)
	return Found{Site: webAddress(s.site), Candidates: list, Why: why, Tried: s.tried}, nil
}

// search is one discovery under way.
type search struct {
	fetcher Fetcher
	now     time.Time
	given   string
	origin  *url.URL // the address given, with its scheme
	site    *url.URL // where it led
	status  error    // the site answers, but with this
	halted  error    // the site asked to be left alone
	guarded bool
	found   []read
	tried   []string
}

// read is a candidate that is a feed, and the address it was finally read from.
type read struct {
	Candidate
	final string
	hash  string
}

// open asks for the address given. A feed there is all that is found; what
// follows is for a page, which is returned. An answer that only hides the page
// leaves what the address tells.
func (s *search) open(ctx context.Context, address string) ([]Candidate, error) {
	answer, err := s.first(ctx, address)
	var status *StatusError
	switch {
	case errors.As(err, &status):
		s.status, s.site = err, s.origin
		list := Candidates(nil, "", s.origin, nil)
		if status.Code != http.StatusNotFound && status.Code != http.StatusGone {
			list = likely(list)
		}
		return list, nil
	case err != nil:
		return nil, err
	}
	if s.site, err = url.Parse(answer.URL); err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	own := Candidate{URL: s.origin.String(), How: HowGiven, Kind: kindOf(s.origin, "")}
	if s.keep(own, answer) {
		return nil, nil
	}
	return s.candidates(ctx, answer), nil
}

// first makes the first request: with a scheme put before an address without
// one, and http in place of https that can't be had.
func (s *search) first(ctx context.Context, address string) (Answer, error) {
	bare := !isWeb(address)
	if bare {
		address = "https://" + address
	}
	answer, err := s.ask(ctx, address, s.fetcher)
	var status *StatusError
	var failed *url.Error
	if bare && errors.As(err, &failed) && !errors.As(err, &status) && ctx.Err() == nil {
		plain := "http://" + strings.TrimPrefix(address, "https://")
		if other, errPlain := s.ask(ctx, plain, s.fetcher); errPlain == nil || errors.As(errPlain, &status) {
			address, answer, err = plain, other, errPlain
		}
	}
	if s.origin, _ = url.Parse(address); s.origin == nil {
		return answer, fmt.Errorf("reading the address: %w", err)
	}
	return answer, err
}

// ask makes one request. An answer that asks for a pause is the last one.
func (s *search) ask(ctx context.Context, address string, f Fetcher) (Answer, error) {
	s.tried = append(s.tried, address)
	answer, err := f.Get(ctx, address, "", "")
	var status *StatusError
	if errors.As(err, &status) && (status.Code == http.StatusTooManyRequests || status.Code == http.StatusServiceUnavailable) {
		s.halted = err
	}
	return answer, err
}

// candidates are those of a page. One that only sends its visitors on is
// followed, once.
func (s *search) candidates(ctx context.Context, a Answer) []Candidate {
	base, err := url.Parse(a.URL)
	if err != nil {
		return nil
	}
	p := scanPage(a.Body, a.ContentType, base)
	list := p.candidates(base, http.Header{"Link": a.Links})
	if len(list) > 0 && isNamed(list[0]) {
		return list
	}
	if to, err := url.Parse(p.refresh); err == nil && p.refresh != "" && p.refresh != a.URL && s.allowed(to) && len(s.tried) < 3 {
		if next, err := s.ask(ctx, p.refresh, s.fetcherFor(to)); err == nil {
			s.site, _ = url.Parse(next.URL)
			return s.candidates(ctx, next)
		}
	}
	if challenge.Match(p.text) {
		s.guarded = true
		return likely(list)
	}
	return list
}

// challenge are the marks of pages that stand between a program and a site.
var challenge = regexp.MustCompile(`(?i)<title>\s*(?:just a moment|attention required|access denied|ddos-guard|security check|are you (?:a )?(?:human|robot)|verify(?:ing)? you are)|id="?challenge-(?:form|running|error)|_incapsula_resource|px-captcha|\.well-known/sgcaptcha|/cdn-cgi/challenge-platform/h/`)

// isNamed: by the page itself.
func isNamed(c Candidate) bool {
	return c.How == HowLink || c.How == HowHeader || c.How == HowAnchor
}

// likely are the places worth asking for where the page can't be seen: those that
// follow from the address or the software, and the commonest of the usual ones.
func likely(list []Candidate) []Candidate {
	var out []Candidate
	common := 0
	for _, c := range list {
		if c.How == HowUsual {
			common++
		}
		if c.How == HowPlace || c.How == HowUsual && common <= maxBlind {
			out = append(out, c)
		}
	}
	return out
}

// follow reads what the page names, and looks further while that is no feed
// with posts of the blog: on the front page, then in known places.
func (s *search) follow(ctx context.Context, list []Candidate) {
	named, rest := split(list)
	s.readAll(ctx, named, maxReads, false)
	if s.satisfied() {
		return
	}
	if root, err := s.site.Parse("/"); err == nil && s.site.Path != "/" && s.site.Path != "" && !s.guarded && s.more(ctx) && s.wanted(rest) {
		if answer, err := s.ask(ctx, root.String(), s.fetcherFor(root)); err == nil {
			front, _ := split(s.candidates(ctx, answer))
			s.readAll(ctx, front, maxReads, false)
		}
	}
	s.readAll(ctx, rest, maxRequests, true)
}

// wanted: the front page belongs to the same blog, and not to the service that
// many blogs share.
func (s *search) wanted(places []Candidate) bool {
	return len(places) == 0 || places[len(places)-1].How == HowUsual
}

func split(list []Candidate) (named, places []Candidate) {
	for _, c := range list {
		if isNamed(c) {
			named = append(named, c)
		} else {
			places = append(places, c)
		}
	}
	return named, places
}

// satisfied: a feed with posts of the blog was found.
func (s *search) satisfied() bool {
	for _, r := range s.found {
		if r.Kind != KindComments && len(r.Document.Posts) > 0 {
			return true
		}
	}
	return false
}

func (s *search) more(ctx context.Context) bool {
	return len(s.tried) < maxRequests && s.halted == nil && ctx.Err() == nil
}

// readAll reads candidates in order, limit requests in all at most; enough ends
// it with the first feed with posts.
func (s *search) readAll(ctx context.Context, list []Candidate, limit int, enough bool) {
	for _, c := range list {
		u, err := url.Parse(c.URL)
		if !s.more(ctx) || len(s.tried) > limit || enough && s.satisfied() {
			return
		}
		if err != nil || !s.allowed(u) || s.asked(c.URL) {
			continue
		}
		if answer, err := s.ask(ctx, c.URL, s.fetcherFor(u)); err == nil {
			s.keep(c, answer)
		}
	}
}

func (s *search) asked(address string) bool {
	for _, t := range s.tried {
		if t == address {
			return true
		}
	}
	return false
}

// allowed: what a page names is read from the host and port that was given, and
// from the web's own ports elsewhere.
func (s *search) allowed(u *url.URL) bool {
	return s.isOrigin(u) || !isNumbered(u) && (u.Port() == "" || u.Port() == "80" || u.Port() == "443")
}

func (s *search) isOrigin(u *url.URL) bool {
	return strings.EqualFold(u.Hostname(), s.origin.Hostname()) && portOf(u) == portOf(s.origin)
}

// fetcherFor keeps out of private networks but for the one host the person named.
func (s *search) fetcherFor(u *url.URL) Fetcher {
	f := s.fetcher
	if !s.isOrigin(u) && f.Private == PrivateLiteral {
		f.Private = PrivateNever
	}
	return f
}

// keep adds c if the answer is a feed.
func (s *search) keep(c Candidate, a Answer) bool {
	base, err := url.Parse(a.URL)
	if err != nil {
		return false
	}
	doc, err := Parse(a.Body, base, a.ContentType, s.now)
	if err != nil || len(doc.Posts) == 0 && doc.Title == "" && doc.Link == "" {
		return false
	}
	if c.How == HowAnchor && !sameSite(base, s.site) && !isFor(doc, s.site) {
		return false // another blog's, in a list of friends
	}
	if a.Permanent != "" {
		c.URL = a.Permanent
	}
	c.Document, c.Full = doc, isFull(doc.Posts)
	c.Kind = kindRead(c)
	s.found = append(s.found, read{Candidate: c, final: a.URL, hash: Hash(a.Body)})
	return true
}

func isFor(doc Document, site *url.URL) bool {
	u, err := url.Parse(doc.Link)
	return err == nil && sameSite(u, site)
}

// nothing is why no feed was found.
func (s *search) nothing(ctx context.Context) error {
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("looking for feeds at %s: %w", s.given, ctx.Err())
	case s.halted != nil:
		return s.halted
	case s.status != nil:
		return &NoFeedError{Address: s.given, Tried: s.tried, Status: s.status}
	}
	return &NoFeedError{Address: s.given, Tried: s.tried, Guarded: s.guarded}
}
