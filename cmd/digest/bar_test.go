package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"digest/config"
	"digest/newsletter"
	"digest/outbox"
)

func TestBarText(t *testing.T) {
	now := time.Unix(1e9, 0)
	p := outbox.Progress{Sent: 150, Retry: 2, Failed: 1, Unknown: 1, Skipped: 4, Owed: 155, Rate: 12.4, Until: now.Add(125 * time.Second)}
	for columns, want := range map[int]string{
		120: "150 sent, 12 mails/s, 2 to be tried again, 1 refused, 1 in doubt, 4 skipped, 155 owed, 2:05 to go",
		80:  "150 sent, 12 mails/s, 2 to be tried again, 1 refused, 1 in doubt, 4 ",
		30:  "150 sent, 12 mails",
		5:   "",
	} {
		if got := barText(p, columns, now); got != want {
			t.Errorf("%d: %q, want %q", columns, got, want)
		}
	}
	if got := barText(outbox.Progress{Owed: 3}, 80, now); got != "0 sent, 3 owed" {
		t.Errorf("at the start: %q", got)
	}
}

// Each picture is one line, shorter than its columns, and at the end there is none. More mail may come to be owed.
func TestBar(t *testing.T) {
	var screen bytes.Buffer
	b := &bar{out: &screen, now: time.Now}
	synctest.Test(t, func(t *testing.T) {
		b.start()
		for _, p := range []outbox.Progress{{Owed: 4}, {Sent: 1, Owed: 3}, {Sent: 4}, {Sent: 4, Owed: 4}, {Sent: 6, Failed: 1, Owed: 1}} {
			b.tell(p)
			time.Sleep(2 * drawEvery)
		}
		b.stop()
	})
	shows := screen.String()
	for _, want := range []string{"  0% [", " 25% [=========>", " 50% [=", "]  4 sent, 4 owed", " 87% [=", "]  6 sent, 1 refused, 1 owed"} {
		if !strings.Contains(shows, want) {
			t.Errorf("%q is missing in %q", want, shows)
		}
	}
	for _, picture := range strings.Split(shows, "\r") {
		if strings.Contains(picture, "\n") || len(strings.TrimSuffix(picture, "\x1b[0K")) >= 80 {
			t.Errorf("%q is more than a line", picture)
		}
	}
	if !strings.HasSuffix(shows, "\x1b[2K\r") {
		t.Errorf("it ends with %q", shows[len(shows)-20:])
	}
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		1500 * time.Millisecond: "0:02", 65 * time.Second: "1:05", 2*time.Hour + 10*time.Minute: "2:10:00", 72 * time.Hour: "3 days",
	} {
		if got := clock(d); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
}

func TestLate(t *testing.T) {
	for _, c := range []struct {
		mail       config.Mail
		said, hint string
	}{
		{config.Mail{Rate: "1/m"}, "about 7 of them will not be sent in time: those that wait for more than 3 days expire", "raise [mail] rate"},
		{config.Mail{Rate: "unlimited"}, "about 7 of them will not be sent in time: those that wait for more than 3 days expire", "raise [mail] connections"},
		{config.Mail{Rate: "1/m", Domains: map[string]string{"a.test": "1/h"}},
			"some of them will not be sent in time: those that wait for more than 3 days expire", "raise [mail] rate or the limits of [mail.domains]"},
	} {
		if said, hint := late(c.mail, 7); said != c.said || hint != c.hint {
			t.Errorf("%v: %q, %q", c.mail, said, hint)
		}
	}
}

func TestTakes(t *testing.T) {
	now := time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC)
	limited := config.Mail{Rate: "1/s, 200/h"}
	both := config.Mail{Rate: "1/s", Domains: map[string]string{"a.test": "1/m"}}
	for _, c := range []struct {
		mail config.Mail
		owed int
		took time.Duration
		want string
	}{
		{limited, 412, 2*time.Hour + 3*time.Second, "412 mails are owed; at 1/s, 200/h they take about 2 hours (until Monday 2 February 11:00 UTC)"},
		{limited, 1, 5 * time.Minute, "1 mail is owed; at 1/s, 200/h it takes about 5 minutes (until Monday 2 February 09:05 UTC)"},
		{both, 9, 9 * time.Minute, "9 mails are owed; at 1/s and the limits of [mail.domains] they take about 9 minutes (until Monday 2 February 09:09 UTC)"},
		{limited, 30, 30 * time.Second, "30 mails are owed; they take less than a minute"},
		{config.Mail{Rate: "unlimited"}, 9000, 3 * time.Minute, "9000 mails are owed; they take about 3 minutes (until Monday 2 February 09:03 UTC)"},
		{config.Mail{Rate: "unlimited"}, 9000, 0, "9000 mails are owed, and no rate holds them up"},
	} {
		if got := takes(c.mail, newsletter.Sending{Owed: c.owed, Until: now.Add(c.took)}, now, time.UTC); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}
