//go:build debian

package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"digest/demo"
	"digest/mailer"
	"digest/templates"
)

// spamLimit is the most points a mail of ours may get; 5 make it spam.
const spamLimit = 0.5

// TestSpamAssassin has SpamAssassin's local rules judge what the program mails:
// the sample issue with 1, 6 and 40 posts, an issue of the demo's blog, and the
// mail that asks for confirmation. Only the rules that count against a mail are
// summed up, none that speaks for it.
func TestSpamAssassin(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	mails := map[string][]byte{}
	for _, n := range []int{1, 6, 40} {
		mails[fmt.Sprintf("sample of %d posts", n)] = sampleMail(t, n, now)
	}
	blog := httptest.NewUnstartedServer(nil)
	b, err := demo.NewBlog("http://"+blog.Listener.Addr().String(), now)
	if err != nil {
		t.Fatal(err)
	}
	blog.Config.Handler = b
	blog.Start()
	defer blog.Close()
	w := newScene(t, plot{blank: true, feed: b.FeedURL()})
	w.at = now
	w.write("digest.toml", strings.Replace(configText(plot{feed: b.FeedURL(), smtp: w.sink.URL()}), `"headline"`, `"excerpt"`, 1))
	w.must(0, "subscribers", "add", reader(1), "--confirmed")
	w.must(0, "go-live", "--anyway")
	w.must(0, "issue", "draft", "monthly", now.AddDate(0, 0, -now.Day()).Format("2006-01"))
	w.must(0, "issue", "approve", "1")
	w.must(0, "subscribers", "add", reader(2))
	w.must(0, "run")
	for _, r := range w.sink.Accepted() {
		mails[map[string]string{reader(1): "issue of the demo's blog", reader(2): "confirmation"}[r.To]] = r.Data
	}
	if len(mails) != 5 {
		t.Fatalf("there are %d mails to judge, want 5", len(mails))
	}
	for name, raw := range mails {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			points, rules := spamPoints(t, raw)
			t.Logf("%.1f points: %s", points, strings.Join(rules, ", "))
			if points > spamLimit {
				t.Errorf("%.1f points, more than %.1f: %s", points, spamLimit, strings.Join(rules, ", "))
			}
		})
	}
}

func sampleMail(t *testing.T, n int, now time.Time) []byte {
	t.Helper()
	e := templates.Sample(now, n)
	m, err := templates.Render("letter", e)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := mailer.Letter{
		From: mailer.From{Name: e.Site.Name, Mailbox: "digest@boathouse.example"}, Subject: m.Subject, HTML: m.HTML, Text: m.Text,
		Mark: e.Mark, ListName: e.Site.Name, ListID: "weekly.boathouse.example",
	}.Message(mailer.Reader{
		Address: reader(1), MessageID: mailer.MessageID([]byte("k"), "1", "boathouse.example"), Date: now, Since: "2 January 2026",
		Leave:       "https://news.boathouse.example/leave/1.1.AAAAAAAAAAAAAAAAAAAAAA",
		Preferences: "https://news.boathouse.example/preferences/1.1.AAAAAAAAAAAAAAAAAAAAAA",
	})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

var spamRule = regexp.MustCompile(`(?m)^\s*\*?\s*(-?\d+\.\d+)\s+([A-Z][A-Z0-9_]+)`)

// spamPoints runs a mail through SpamAssassin as a reader's server gets it from
// the author's relay, and returns the points against it and all rules hit.
func spamPoints(t *testing.T, raw []byte) (points float64, rules []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "spamassassin", "--local", "--test-mode", "--nocreate-prefs",
		"--cf=use_bayes 0", "--cf=use_auto_welcomelist 0", "--cf=report_safe 0", "--cf=fold_headers 1")
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "LC_ALL=C")
	var in, said bytes.Buffer
	date := time.Now().Format(time.RFC1123Z)
	fmt.Fprintf(&in, "Received: from relay.boathouse.example (relay.boathouse.example [93.184.215.14])\r\n"+
		"\tby mx.readers.test (Postfix) with ESMTPS id 4BcD5e6F\r\n\tfor <r1@readers.test>; %s\r\n"+
		"Received: from news.boathouse.example (news.boathouse.example [93.184.215.15])\r\n"+
		"\tby relay.boathouse.example (Postfix) with ESMTPSA id 4BcD5e6E\r\n\tfor <r1@readers.test>; %[1]s\r\n", date)
	in.Write(raw)
	cmd.Stdin, cmd.Stderr = &in, &said
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("SpamAssassin: %v\n%s", err, said.String())
	}
	_, report, found := bytes.Cut(out, []byte("Content analysis details:"))
	if !found {
		t.Fatalf("SpamAssassin gave no report:\n%s", out)
	}
	for _, m := range spamRule.FindAllStringSubmatch(string(report), -1) {
		n, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			t.Fatal(err)
		}
		points += max(n, 0)
		rules = append(rules, m[2]+" "+m[1])
	}
	if len(rules) == 0 {
		t.Fatalf("SpamAssassin hit no rule, not even those of every mail:\n%s", report)
	}
	return points, rules
}
