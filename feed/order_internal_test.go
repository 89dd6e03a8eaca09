package feed

import (
	"testing"
	"time"
)

// A feed without dates shows ten posts: the letters are known ones, a to j as
// they stood last time, and the signs are new. "a" and "b" were found after the others.
func TestGateByPlace(t *testing.T) {
	tests := map[string]struct{ shown, now, want string }{
		"on top":                               {"abcdefghij", "+abcdefghi", "n"},
		"two on top":                           {"abcdefghij", "++abcdefgh", "nn"},
		"below, one is gone":                   {"abcdefghij", "abdefghij+", "b gone [3]"},
		"below a short one, none gone":         {"abcde", "abcde+", "n"},
		"below, a new one above":               {"abcdefghij", "+abdefghij+", "nb gone [3]"},
		"in its place":                         {"abcdefghij", "abc+efghij", "r gone [4]"},
		"in its place, nobody knows the order": {"cdefghij", "cde+ghij", "n gone [6]"},
		"below, one gone, nobody knows":        {"cdefghij", "cdfghij+", "r gone [5]"},
		"many below":                           {"abcdefghij", "abcdefghij++++++++", "bbbbbbbb"},
		"many below, a new one above":          {"abcdefghij", "+abcdefghij++++++++", "nbbbbbbbb"},
		"oldest first":                         {"jihgfedcba", "ihgfedcba+", "n"},
		"oldest first, one gone, one moves up": {"jihgfedcba", "+jihgfdcba", "b gone [5]"},
		"mixed, one for one":                   {"cdaefgbhij", "cda+fgbhij", "n"},
		"mixed, at the end":                    {"cdaefgbhij", "cdafgbhij+", "n"},
		"mixed for the first time, one new":    {"abcdefghij", "jcaebhdgf+", "n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := sighting{now: gateNow, last: gateNow.Add(-time.Hour)}
			for _, r := range test.shown {
				at := gateNow.AddDate(0, 0, -30)
				if r < 'c' {
					at = at.AddDate(0, 0, 2*int('c'-r))
				}
				s.dates = append(s.dates, at)
				s.shown = append(s.shown, spot{id: int64(r - 'a' + 1), at: at})
			}
			for _, r := range test.now {
				p := Post{Published: gateNow, FirstSeen: gateNow}
				if r != '+' {
					p.ID = int64(r - 'a' + 1)
				}
				s.posts = append(s.posts, p)
			}
			if got := s.told(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
