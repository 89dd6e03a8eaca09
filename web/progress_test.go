package web

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"digest/issue"
	"digest/newsletter"
	"digest/outbox"
)

// sending is a run at work on an issue whose subject is hostile.
func sending() newsletter.Sending {
	now := time.Unix(1e9, 0)
	s := newsletter.Sending{Now: now, Owed: 412, Until: now.Add(7 * time.Minute), Issues: []issue.Issue{{ID: 3, Subject: "<b>News"}}}
	s.Run.Epoch, s.Run.Started, s.Run.Working = 4, now.Add(-time.Minute), true
	s.Run.Ending = `550 <a@b.test> says no`
	s.Run.Progress.Sent, s.Run.Progress.Retry, s.Run.Progress.Failed, s.Run.Progress.Rate = 120, 3, 1, 0.98
	return s
}

func TestProgressPanel(t *testing.T) {
	s := sending()
	var failing error
	h := Proof(func(context.Context) (newsletter.Preview, error) { return newsletter.Preview{}, nil },
		func(context.Context) (newsletter.Sending, error) { return s, failing })
	get := func(host string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/progress", nil)
		r.Host = host
		h.ServeHTTP(w, r)
		return w
	}
	has := func(page *httptest.ResponseRecorder, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(page.Body.String(), part) {
				t.Errorf("%q is missing in\n%s", part, page.Body)
			}
		}
	}
	page := get("127.0.0.1")
	has(page, "“&lt;b&gt;News”", "1.0 mails/s", "about 7 minutes to go", `max="533" value="121"`,
		"120 sent, 412 owed, 3 to be tried again, 1 refused, 0 in doubt, 0 skipped", `http-equiv="refresh" content="2"`)
	if policy := page.Header().Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "script") {
		t.Errorf("the policy is %q", policy)
	}
	if strings.Contains(page.Body.String(), "<script") || page.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("%v\n%s", page.Header(), page.Body)
	}
	if got := get("evil.example"); got.Code != http.StatusMisdirectedRequest {
		t.Errorf("another name is answered %d", got.Code)
	}

	s.Run.Working, s.Run.Ended = false, s.Now.Add(-90*time.Second)
	has(get("localhost"), "Nothing is being sent.", "412 owed.", "ended early 90 s ago: 550 &lt;a@b.test&gt; says no", `content="10"`)
	s.Run.Ended = time.Time{}
	has(get("localhost"), "Nothing is being sent.", "The last run died; the next one settles what it left.")
	s.Run.Ended, s.Run.Ending = s.Now.Add(-3*time.Hour), ""
	has(get("localhost"), "ended 3 hours ago, all done: 120 sent")
	failing = errors.New("locked")
	if got := get("localhost"); got.Code != 500 {
		t.Errorf("without a ledger: %d", got.Code)
	}
}

// Every line is in the text format, a name is told of once before its values, and no address is in any.
func TestMetrics(t *testing.T) {
	f := newsletter.Figures{Sending: sending(), Feeds: 2, FeedsFailed: 1, Failures: 5, Live: true}
	f.Mail = map[outbox.State]int{"sent": 1_000_122, "unknown": 2, "queued": 412}
	f.Said = 2
	var failing error
	h := Metrics(func(context.Context) (newsletter.Figures, error) { return f, failing })
	get := func(path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		return w
	}
	page := get("/metrics")
	if kind := page.Header().Get("Content-Type"); !strings.HasPrefix(kind, "text/plain; version=0.0.4; charset=utf-8") {
		t.Errorf("it is %q", kind)
	}
	line := regexp.MustCompile(`^(# HELP digest_[a-z_]+ .+|# TYPE digest_[a-z_]+ (gauge|counter)|digest_[a-z_]+(\{[a-z]+="[a-z_]+"\})? [0-9.e+]+)$`)
	typed := map[string]bool{}
	for text := range strings.Lines(page.Body.String()) {
		text = strings.TrimSuffix(text, "\n")
		if !line.MatchString(text) || strings.Contains(text, "@") {
			t.Errorf("bad line %q", text)
		}
		name := strings.FieldsFunc(strings.TrimPrefix(text, "# TYPE "), func(r rune) bool { return r == ' ' || r == '{' })[0]
		switch {
		case strings.HasPrefix(text, "# TYPE"):
			if typed[name] {
				t.Errorf("%s comes twice", name)
			}
			typed[name] = true
		case !strings.HasPrefix(text, "#") && !typed[name]:
			t.Errorf("%s has no type", name)
		}
	}
	for _, want := range []string{
		`digest_deliveries{state="queued"} 412`, "digest_mails_sent_total 1.00012e+06", "digest_mails_in_doubt 2", "digest_mails_owed 412",
		"digest_mails_sent_per_second 0.98", "digest_courier_working 1", `digest_last_run_info{ending="working"} 1`,
		"digest_last_run_start_timestamp_seconds 9.9999994e+08", "digest_mails_owed_until_timestamp_seconds 1.00000042e+09",
		"digest_feeds_failing 1", "digest_feed_failures 5", "digest_live 1",
	} {
		if !strings.Contains(page.Body.String(), "\n"+want+"\n") {
			t.Errorf("%q is missing in\n%s", want, page.Body)
		}
	}
	f.Sending.Run.Working = false
	if body := get("/metrics").Body.String(); !strings.Contains(body, "digest_mails_sent_per_second 0\n") || !strings.Contains(body, `ending="died"`) {
		t.Errorf("of a dead courier:\n%s", body)
	}
	if got := get("/"); got.Code != 404 {
		t.Errorf("another page is answered %d", got.Code)
	}
	failing = errors.New("secret")
	if got := get("/metrics"); got.Code != 503 || strings.Contains(got.Body.String(), "secret") {
		t.Errorf("without a ledger: %d %s", got.Code, got.Body)
	}
}
