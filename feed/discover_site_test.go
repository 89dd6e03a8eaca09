package feed

import (
	"net/http"
	"testing"
)

// TestDiscoverTurnedAway: a site that shows programs no page may still show them
// its feed.
func TestDiscoverTurnedAway(t *testing.T) {
	for _, code := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError, 999} {
		s := newSite(t, map[string]string{"/feed.xml": blogRSS("Notes", 3, discoveryDay, true)})
		s.pages["/"] = func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(code) }
		found, err := Discover(t.Context(), Fetcher{}, s.URL, discoveryDay)
		if err != nil || found.Candidates[0].URL != s.URL+"/feed.xml" || len(s.asked) > 1+maxBlind {
			t.Errorf("%d: %+v, %v; asked %q", code, found, err, s.asked)
		}
	}
}

// TestProposeReason: what is said of the first is true of it and not of the next.
func TestProposeReason(t *testing.T) {
	for _, test := range []struct{ first, second, want string }{
		{HowLink, HowUsual, "the site names it and not the others"},
		{HowAnchor, HowPlace, "the site names it and not the others"},
		{HowLink, HowHeader, "it is the first that the site names"},
		{HowLink, HowAnchor, "it is the first that the site names"},
		{HowLink, HowLink, "it is the first that the site names"},
		{HowPlace, HowUsual, "it is the first found"},
		{HowUsual, HowUsual, "it is the first found"},
		{HowGiven, HowLink, "it is the address given"},
	} {
		at := func(path, how string) read {
			return read{Candidate: Candidate{URL: "https://blog.test" + path, How: how, Kind: KindPosts, Document: Document{Posts: make([]Post, 3)}}, final: path, hash: path}
		}
		if _, why := propose([]read{at("/a", test.first), at("/b", test.second)}, pageURL(t, "https://blog.test/")); why != test.want {
			t.Errorf("%s before %s: because %s, want %s", test.first, test.second, why, test.want)
		}
	}
}

// TestDiscoverSiteOfAFeed: of a feed's own address the site is its host, for the
// feed may name none.
func TestDiscoverSiteOfAFeed(t *testing.T) {
	s := newSite(t, map[string]string{"/blog/f.xml": `<rss><channel><title>B</title><item><title>One</title></item></channel></rss>`})
	found, err := Discover(t.Context(), Fetcher{}, s.URL+"/blog/f.xml", discoveryDay)
	if err != nil || found.Site != s.URL+"/" || found.Candidates[0].Document.Link != "" {
		t.Errorf("%+v, %v", found, err)
	}
}
