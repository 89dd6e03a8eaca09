package newsletter_test

import (
	"bytes"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net/mail"
	"strings"
	"testing"
	"time"

	"digest/config"
	"digest/digesttest"
	"digest/newsletter"
)

// alarms are the mails the author got, oldest first.
func (w *world) alarms() (all []letter) {
	w.t.Helper()
	for _, r := range w.sink.Accepted() {
		if r.To != w.Config.Author.Email {
			continue
		}
		m, err := mail.ReadMessage(bytes.NewReader(r.Data))
		w.must(err)
		body := m.Body
		if m.Header.Get("Content-Transfer-Encoding") == "quoted-printable" {
			body = quotedprintable.NewReader(body)
		}
		text, err := io.ReadAll(body)
		w.must(err)
		all = append(all, letter{header: m.Header, text: strings.ReplaceAll(string(text), "\r\n", "\n")})
	}
	return all
}

// told fails unless the author's last mail is about this.
func (w *world) told(about string) letter {
	w.t.Helper()
	all := w.alarms()
	if len(all) == 0 || !strings.Contains(all[len(all)-1].subject(), about) {
		var subjects []string
		for _, l := range all {
			subjects = append(subjects, l.subject())
		}
		w.t.Fatalf("the author was not told %q: %q", about, subjects)
	}
	return all[len(all)-1]
}

func (w *world) alarmed(times int) {
	w.t.Helper()
	if n := len(w.alarms()); n != times {
		w.t.Errorf("the author got %d mails, want %d", n, times)
	}
}

// hours runs once an hour.
func (w *world) hours(n int) (notices []newsletter.Notice) {
	w.t.Helper()
	for range n {
		w.clock.Advance(time.Hour)
		notices = append(notices, w.run().Notices...)
	}
	return notices
}

// A feed that breaks is told once, and that it is well again; and so the next time.
func TestBrokenFeedIsToldOnce(t *testing.T) {
	w := liveWorld(t)
	for episode := range 2 {
		w.fails(5, digesttest.Status(500, ""))
		w.hours(2)
		w.alarmed(2 * episode) // two failures are nothing yet
		notices := w.hours(40)
		w.alarmed(2*episode + 2)
		if len(notices) != 2 {
			t.Errorf("the runs say %q", notices)
		}
		well := w.told("can be read again")
		broken := w.alarms()[2*episode]
		for _, words := range []string{w.blog.Feed, "the server answered 500 Internal Server Error", "It was read last on", "digest feed poll"} {
			if !strings.Contains(broken.text, words) {
				t.Errorf("%q is missing in: %s", words, broken.text)
			}
		}
		if !strings.Contains(well.text, w.blog.Feed) || broken.header.Get("List-Unsubscribe") != "" {
			t.Errorf("well again: %s", well.text)
		}
	}
	w.audited()
}

// A short failure is not worth a mail, nor that it is over; a missing feed is
// after three looks, whatever the time.
func TestWhatIsBroken(t *testing.T) {
	w := liveWorld(t)
	w.fails(3, digesttest.Status(500, ""))
	w.run()
	w.clock.Advance(5 * time.Minute)
	w.run()
	w.clock.Advance(15 * time.Minute)
	w.run()
	w.hours(2)
	w.alarmed(0)
	for _, code := range []int{401, 403, 404} {
		before := len(w.alarms())
		w.fails(3, digesttest.Status(code, ""))
		w.run()
		w.clock.Advance(5 * time.Minute)
		w.run()
		w.clock.Advance(15 * time.Minute)
		w.run()
		if n := len(w.alarms()) - before; n != 1 {
			t.Errorf("%d: %d mails", code, n)
		}
		w.hours(1)
	}
}

// An issue made of what is known, two days after the last good look, is told at once.
func TestStaleFeedAtIssueTime(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	w.on(time.January, 12)
	w.fails(1, digesttest.Status(500, ""))
	w.run()
	w.told("can't be read")
	w.clock.Advance(7 * time.Hour)
	w.fails(1, digesttest.Status(500, ""))
	if m := w.made(w.run()); m.Posts != 1 || m.Waiting {
		t.Errorf("made of what was known: %+v", m)
	}
	w.alarmed(1)
}

// A mail server that is down keeps a notice for later, and fails no pass; what
// is over before it was told is told no more.
func TestNoticesWaitForTheServer(t *testing.T) {
	w := liveWorld(t)
	up := w.Config.Mail.SMTP
	w.Config.Mail.SMTP = "smtp://127.0.0.1:1"
	w.fails(4, digesttest.Status(500, ""))
	w.hours(3)
	if p := w.run(); p.Unreached == nil {
		t.Error("nobody says that the mail did not leave")
	}
	w.Config.Mail.SMTP = up
	w.clock.Advance(time.Minute)
	w.run()
	w.told("can't be read")
	w.hours(3)
	w.told("can be read again")
	w.alarmed(2)

	w.Config.Mail.SMTP = "smtp://127.0.0.1:1"
	w.fails(4, digesttest.Status(500, ""))
	w.hours(10)
	w.Config.Mail.SMTP = up
	w.hours(1)
	w.alarmed(2)
	if n := w.count(`SELECT count(*) FROM notices WHERE told_at IS NULL`); n != 0 {
		t.Errorf("%d notices wait", n)
	}
}

// Before go-live the author is told, too; without an address the run says it.
func TestWhoIsTold(t *testing.T) {
	w := newWorld(t)
	w.fails(4, digesttest.Status(500, ""))
	if notices := w.hours(3); len(notices) != 1 {
		t.Errorf("the runs say %q", notices)
	}
	w.alarmed(1)

	quiet := newWorld(t, func(c *config.Config) { c.Author.Email = "" })
	quiet.fails(4, digesttest.Status(500, ""))
	if notices := quiet.hours(3); len(notices) != 1 {
		t.Errorf("without an address the runs say %q", notices)
	}
	if n := len(quiet.sink.Accepted()); n != 0 {
		t.Errorf("%d mails", n)
	}

	// A pass without the mail, as a dry run makes it, tells nobody.
	dry := newWorld(t)
	dry.fails(4, digesttest.Status(500, ""))
	for range 3 {
		dry.clock.Advance(time.Hour)
		dry.publish()
	}
	dry.alarmed(0)
}

// A new address is told after a week of permanent redirects, once, and not stored.
func TestMovedFeedIsProposed(t *testing.T) {
	w := liveWorld(t)
	to := strings.Replace(w.blog.Feed, "/feed.xml", "/feed.xml?new", 1)
	for day := range 9 {
		w.blog.Answer(digesttest.Redirect(301, to))
		notices := w.hours(1)
		if day < 7 && len(notices) > 0 || day == 7 && len(notices) != 1 || day > 7 && len(notices) > 0 {
			t.Errorf("day %d: %q", day, notices)
		}
		w.clock.Advance(23 * time.Hour)
	}
	if l := w.told("new address"); !strings.Contains(l.text, to) || !strings.Contains(l.text, ", at 8 looks since Wednesday 7 January 2026") {
		t.Errorf("the mail does not name it: %s", l.text)
	}
	equal(t, "feeds", w.column(`SELECT url FROM feeds`), []string{w.blog.Feed})
}

// What a stranger calls a post can't add a header, a line or a command.
func TestNoticesOfAFlood(t *testing.T) {
	w := liveWorld(t)
	w.run()
	var entries []digesttest.Entry
	for i := range 40 {
		entries = append(entries, digesttest.Entry{
			Title: fmt.Sprintf("Evil %d\r\nBcc: eve@evil.test\u202e", i), Link: fmt.Sprintf("%s/flood/%d", w.blog.URL, i), Date: w.clock.Now().AddDate(0, -3, -i),
		})
	}
	w.blog.Add(entries...)
	notices := w.hours(1)
	if len(notices) != 1 {
		t.Fatalf("the run says %q", notices)
	}
	l := w.told("40 posts set aside")
	for _, words := range []string{"Evil", "and 37 more", "digest feed release --all", "digest feed dismiss --all"} {
		if !strings.Contains(l.text, words) {
			t.Errorf("%q is missing in: %s", words, l.text)
		}
	}
	if strings.Contains(l.text, "\nBcc") || strings.Contains(l.text, "\u202e") || l.header.Get("Bcc") != "" {
		t.Errorf("a title is more than a title: %s", l.text)
	}
	if again := w.hours(3); len(again) != 0 {
		t.Errorf("told again: %q", again)
	}
}

func TestNoticeOfAGap(t *testing.T) {
	w := liveWorld(t)
	w.run()
	w.clock.Advance(4 * 24 * time.Hour)
	var entries []digesttest.Entry
	for i := range 5 {
		entries = append(entries, digesttest.Entry{Title: fmt.Sprintf("New %d", i), Link: fmt.Sprintf("%s/new/%d", w.blog.URL, i), Date: w.clock.Now().Add(-time.Duration(i+1) * 7 * time.Hour)})
	}
	w.blog.Set(entries...)
	w.hours(1)
	w.told("may have been missed")
	w.hours(3)
	w.alarmed(1)
}

// What init writes as an example carries no mail, and is not tried to.
func TestNoticesWaitForTheConfig(t *testing.T) {
	for name, example := range map[string]func(*config.Config){
		"author": func(c *config.Config) { c.Author.Email = "me@example.com" },
		"from":   func(c *config.Config) { c.Mail.From = "A Blog <digest@example.com>" },
		"smtp":   func(c *config.Config) { c.Mail.SMTP = "smtp://me@example.com@smtp.example.com:587" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			_, err := w.DB.Exec(`INSERT INTO notices (key, subject, text, made_at) VALUES ('a', 'Something', 'Words', 0)`)
			w.must(err)
			whole := w.Config
			example(&w.Config)
			if p := w.run(); p.Unreached != nil || p.Told || len(w.sink.Accepted()) != 0 {
				t.Errorf("with the example: %v, told %v, %d mails", p.Unreached, p.Told, len(w.sink.Accepted()))
			}
			w.Config = whole
			if p := w.run(); !p.Told {
				t.Error("not told with the config complete")
			}
			w.told("Something")
		})
	}
}

// A clock that can't be right dates no mail: what the author is to hear waits.
func TestNoticesWaitForTheClock(t *testing.T) {
	w := liveWorld(t)
	_, err := w.DB.Exec(`INSERT INTO notices (key, subject, text, made_at) VALUES ('a', 'Something', 'Words', 0)`)
	w.must(err)
	w.clock.Set(time.Now().Add(50 * 24 * time.Hour))
	_, err = w.Pass(w.ctx, w.clock.Now, false)
	w.must(err)
	_, _, err = w.Watch(w.ctx, w.clock.Now(), false)
	w.must(err)
	w.alarmed(0)
	w.clock.Set(time.Now())
	_, err = w.Pass(w.ctx, w.clock.Now, false)
	w.must(err)
	w.told("Something")
}
