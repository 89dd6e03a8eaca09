package newsletter_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/newsletter"
)

// closed is the address of a server that is not there.
func closed(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "smtp://" + l.Addr().String()
}

// An issue goes by the second server once the first has had its five tries, and
// what the author is told goes that way, too.
func TestIssueGoesByTheFallback(t *testing.T) {
	t.Parallel() // the tries take 15 s
	second := digesttest.NewSink(t)
	w := liveWorld(t, func(c *config.Config) { c.Mail.Fallback = second.URL() })
	w.join("ann", "weekly")
	w.Config.Mail.SMTP = closed(t)
	w.write()
	w.on(time.January, 12)
	passed := w.run()
	if passed.Sent.Sent != 2 || passed.Sent.Reason != "" || !strings.Contains(passed.Sent.Fallback, "5 connections in a row failed") {
		t.Errorf("%+v", passed.Sent)
	}
	readers := 0
	for _, r := range second.Accepted() {
		if r.To != w.Config.Author.Email {
			readers++
		}
	}
	if readers != 2 {
		t.Errorf("%d readers served by the second server", readers)
	}
	w.audited()
}

// A rate that is none is found before anything is read or sent.
func TestCheckOfRates(t *testing.T) {
	for _, bad := range []func(m *config.Mail){
		func(m *config.Mail) { m.Rate = "soon" },
		func(m *config.Mail) { m.Domains = map[string]string{"a.test": "soon"} },
		func(m *config.Mail) {
			m.Domains = map[string]string{"bücher.test": "1/m", "xn--bcher-kva.test": "2/m"}
		},
	} {
		w := newWorld(t, func(c *config.Config) { bad(&c.Mail) })
		if err := w.Check(); err == nil || !strings.Contains(err.Error(), "[mail") {
			t.Errorf("%+v: %v", w.Config.Mail, err)
		}
	}
}

// Going live logs in to both servers.
func TestProblemsOfBothServers(t *testing.T) {
	w := newWorld(t, func(c *config.Config) { c.Mail.Fallback = closed(t) })
	_, err := w.GoLive(w.ctx, newsletter.GoingLive{}, w.clock.Now())
	if err == nil || !strings.Contains(strings.Join(w.Problems(w.ctx), "\n"), "[mail] fallback: ") {
		t.Errorf("%v, %q", err, w.Problems(w.ctx))
	}
	w.Config.Mail.Fallback = w.sink.URL() + "?tls=none"
	if err := w.Check(); err == nil || !strings.Contains(err.Error(), "[mail] fallback: ") {
		t.Errorf("checked: %v", err)
	}
}
