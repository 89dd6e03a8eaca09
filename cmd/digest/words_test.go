package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/feed"
	"digest/newsletter"
	"digest/outbox"
)

func TestDistance(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                               "now",
		-59 * time.Second:               "now",
		time.Minute:                     "in 1 minute",
		59*time.Minute + 40*time.Second: "in 1 hour",
		-90 * time.Minute:               "2 hours ago",
		6*24*time.Hour + 23*time.Hour + 55*time.Minute:    "in 7 days",
		47*time.Hour + 50*time.Minute:                     "in 2 days",
		-(10*24*time.Hour + 2*time.Hour + 20*time.Minute): "10 days ago",
	} {
		if got := distance(d); got != want {
			t.Errorf("distance(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestShown(t *testing.T) {
	for text, want := range map[string]string{
		"http://u:pw@host/feed":                            "http://u:xxxxx@host/feed",
		`Get "https://u:p@w@host:8080/x": refused`:         `Get "https://u:xxxxx@host:8080/x": refused`,
		"two: http://a:b@c and https://d:e@f/g":            "two: http://a:xxxxx@c and https://d:xxxxx@f/g",
		"https://host:8080/@name":                          "https://host:8080/@name",
		"http://host:80?to=a@b":                            "http://host:80?to=a@b",
		"https://blog.example.com/":                        "https://blog.example.com/",
		"smtp://me@example.com@smtp.example.com:587 is ok": "smtp://me@example.com@smtp.example.com:587 is ok",
	} {
		if got := shown(text); got != want {
			t.Errorf("shown(%q) = %q, want %q", text, got, want)
		}
	}
}

// Whatever an error repeats, no password of a feed gets out.
func TestExplainHides(t *testing.T) {
	var told bytes.Buffer
	d := &door{err: &told}
	if code := d.explain(fmt.Errorf("http://ann:secret@t.test/feed: %w", feed.ErrNotFeed)); code != exitFailed || strings.Contains(told.String(), "secret") {
		t.Errorf("code %d, %s", code, told.String())
	}
}

func TestTyped(t *testing.T) {
	d := &door{config: "/srv/my news/it's.toml"}
	if got := d.typed("stop"); got != "digest stop" {
		t.Errorf("without --config: %s", got)
	}
	d.named = true
	if got, want := d.typed("issue show %d", 3), `digest issue show 3 --config '/srv/my news/it'\''s.toml'`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Every mail is in one number of the summary.
func TestCountedOnce(t *testing.T) {
	for want, p := range map[string]newsletter.Passed{
		"4 mails sent, 2 in doubt":                                    {Sent: outbox.Summary{Sent: 4, Unknown: 2, Queued: 2}},
		"1 mail sent, 2 to be tried again, 1 in doubt, 3 still owed":  {Sent: outbox.Summary{Sent: 1, Retry: 2, Unknown: 1, Queued: 5}, Doubts: 1},
		"0 mails sent, 3 to be tried again, 2 in doubt, 1 still owed": {Sent: outbox.Summary{Retry: 3, Unknown: 2, Queued: 6}},
		"0 mails sent, 4 to be tried again":                           {Sent: outbox.Summary{Retry: 4, Queued: 2}}, // two of them twice
	} {
		if got := sentence(countedOnce(p)); got != want {
			t.Errorf("%+v: %q, want %q", p.Sent, got, want)
		}
	}
}

func TestRefused(t *testing.T) {
	for said, want := range map[string]struct {
		code int
		text string
	}{
		"451 4.3.0 come back": {exitPartly, "smtp.example.com:587 does not take the mail now: 451"},
		"550 5.1.1 nobody":    {exitPerson, "smtp.example.com:587 refused the mail: 550"},
	} {
		var told bytes.Buffer
		d := &door{err: &told}
		code := d.explain(&newsletter.RefusedError{Server: "smtp://me@example.com@smtp.example.com:587", Said: said})
		if code != want.code || !strings.Contains(told.String(), want.text) || strings.Contains(told.String(), "me@") {
			t.Errorf("%s: code %d, %s", said, code, told.String())
		}
	}
}

// Only what may mail anybody is refused at a made-up time.
func TestTimeTravel(t *testing.T) {
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := config.Config{Mail: config.Mail{SMTP: "smtp://smtp.example.com"}}
	d := &door{at: "2026-01-11", began: began, zero: began.AddDate(0, 0, 10)}
	if err := d.timeTravel(c); err != nil {
		t.Errorf("a command that mails nobody: %v", err)
	}
	d.mails = true
	if err := d.timeTravel(c); err == nil || !strings.Contains(err.Error(), "is 10 days away from now") {
		t.Errorf("one that may: %v", err)
	}
	c.Mail.SMTP = "smtp://127.0.0.1"
	if err := d.timeTravel(c); err != nil {
		t.Errorf("to this machine: %v", err)
	}
}
