package web

import (
	"context"
	"strings"
	"testing"
	"time"

	"digest/subscribers"
)

func TestRhythm(t *testing.T) {
	for schedule, want := range map[string]string{
		"never":                               "never",
		"every Monday at 09:00 UTC":           "every Monday at 09:00 UTC",
		"every Monday at 09:00 Europe/Berlin": "every Monday at 09:00 (Berlin time)",
		"every month on the 1st at 09:00 America/New_York":           "every month on the 1st at 09:00 (New York time)",
		"every month on the 1st at 09:00 America/Argentina/San_Juan": "every month on the 1st at 09:00 (San Juan time)",
		"every month on the first Friday at 09:00 Etc/GMT+5":         "every month on the first Friday at 09:00 Etc/GMT+5",
		`cron "0 9 1,15 * *" Europe/Berlin`:                          "at set times",
	} {
		if got := english.rhythm(schedule); got != want {
			t.Errorf("%q: %q, want %q", schedule, got, want)
		}
	}
}

func TestMoment(t *testing.T) {
	for zone, want := range map[string]string{
		"UTC": "Monday 6 May, 09:00 UTC", "America/New_York": "Monday 6 May, 09:00 EDT", "America/Sao_Paulo": "Monday 6 May, 09:00 UTC-03",
	} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		if got := english.moment(time.Date(2024, 5, 6, 9, 0, 0, 0, loc)); got != want {
			t.Errorf("%s: %q, want %q", zone, got, want)
		}
	}
}

func TestDisplay(t *testing.T) {
	for address, want := range map[string]string{
		"a•••@example.com": "a•••@example.com", "b•••@xn--bcher-kva.example": "b•••@bücher.example",
		"c•••@xn--99999999.example": "c•••@xn--99999999.example", "•••": "•••", "": "",
	} {
		if got := display(address); got != want {
			t.Errorf("%q: %q, want %q", address, got, want)
		}
	}
}

// TestDomainInItsOwnLetters looks at each page that names a reader.
func TestDomainInItsOwnLetters(t *testing.T) {
	w := newWorld(t)
	address, err := subscribers.ParseAddress("ida@bücher.example")
	w.must(err)
	s, _, err := subscribers.Add(context.Background(), w.n.DB, w.n.Secret, subscribers.Joining{
		Address: address, Digest: "weekly", State: subscribers.Active, Source: "test",
	}, w.clock.Now())
	w.must(err)
	leave := "/leave/" + w.n.Link(subscribers.PurposeLeave, s.ID, s.TokenVersion)
	prefer := "/preferences/" + w.n.Link(subscribers.PurposePreferences, s.ID, s.TokenVersion)
	for _, c := range []struct{ path, body string }{{leave, ""}, {prefer, ""}, {leave, "do=leave"}, {leave, ""}, {prefer, ""}} {
		_, text := w.get(c.path)
		if c.body != "" {
			_, text = w.post(c.path, c.body)
		}
		if !strings.Contains(text, "i•••@bücher.example") || strings.Contains(text, "xn--") {
			t.Errorf("%s %q: %s", c.path, c.body, words(text))
		}
	}
}
