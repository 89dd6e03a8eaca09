package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"digest/database"
	"digest/digesttest"
	"digest/outbox"
)

// failed checks how a run ended that could not do its work: by its exit code,
// with one sentence that names what is concerned and one hint, and no mail out.
func (w *scene) failed(e ended, code int, names string) {
	w.Helper()
	lines := strings.Split(strings.TrimSpace(e.stderr), "\n")
	if e.code != code || e.stdout != "" || len(lines) != 2 ||
		!strings.HasPrefix(lines[0], "digest: ") || !strings.Contains(lines[0], names) || !strings.HasPrefix(lines[1], "hint: ") {
		w.Errorf("exit code %d and %q, want %d, a sentence with %q and a hint\n%s", e.code, e.stdout, code, names, e.stderr)
	}
	copies := w.sink.Copies()
	delete(copies, author)
	if len(copies) != 0 {
		w.Errorf("mails were sent: %v", copies)
	}
}

// mended checks that the next run completes by itself: one copy each.
func (w *scene) mended(env ...string) {
	w.Helper()
	if e := w.startWith(env, "run").end(w); e.code != 0 || e.stderr != "" {
		w.Errorf("after the fault: exit code %d\n%s%s", e.code, e.stdout, e.stderr)
	}
	w.each(1)
	w.settled(outbox.Ask, 1)
}

// TestServerFaults are a mail server that wants none of our mail.
func TestServerFaults(t *testing.T) {
	t.Run("login refused", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{approved: true, inDoubt: outbox.Ask, sink: digesttest.SinkConfig{User: "me", Password: "right"}})
		w.from.smtp = strings.Replace(w.sink.URL(), "smtp://", "smtp://me@", 1)
		w.configure()
		const wrong, right = "DIGEST_MAIL_PASSWORD=wr0ng-secret", "DIGEST_MAIL_PASSWORD=right"
		e := w.startWith([]string{wrong}, "run").end(t)
		w.failed(e, exitPerson, w.sink.Addr)
		if strings.Contains(e.stderr, "wr0ng") {
			t.Errorf("the password is told: %s", e.stderr)
		}
		w.mended(right)
	})
	t.Run("sender refused", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{approved: true, inDoubt: outbox.Ask, sink: digesttest.SinkConfig{RefuseFrom: 550}})
		w.failed(w.run("run"), exitPerson, "550")
		w.sink = digesttest.NewSink(t)
		w.configure()
		w.mended()
	})
	t.Run("nobody listens", func(t *testing.T) {
		t.Parallel()
		w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
		address := closedPort(t)
		w.from.smtp = "smtp://" + address
		w.configure()
		w.failed(w.run("run"), exitPartly, address)
		w.from.smtp = ""
		w.configure()
		w.mended()
	})
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	return l.Addr().String()
}

// TestFileFaults are a config or a database that is not what it should be.
// Nothing is made in its place, and every byte of it stays.
func TestFileFaults(t *testing.T) {
	for _, test := range []struct {
		name  string
		file  string
		spoil func(t *testing.T, path string)
		code  int
		names string
	}{
		{"missing config", "digest.toml", remove, exitUsage, "digest.toml"},
		{"unknown config key", "digest.toml", prepend("conections = 2\n"), exitUsage, "digest.toml:1: conections"},
		{"bad config value", "digest.toml", replace(`"unlimited"`, `"fast"`), exitUsage, "[mail] rate"},
		{"missing database", "digest.db", remove, exitUsage, "digest.db"},
		{"empty database", "digest.db", resize(0), exitUsage, "digest.db"},
		{"no database at all", "digest.db", overwrite(0, []byte("Dear diary, today")), exitUsage, "digest.db"},
		{"truncated database", "digest.db", resize(64 << 10), exitFailed, "digest.db"},
		{"damaged first pages", "digest.db", overwrite(4096, bytes.Repeat([]byte{0xa5}, 3*4096)), exitFailed, "digest.db"},
		{"damaged last page", "digest.db", overwrite(-4096, bytes.Repeat([]byte{0xa5}, 4096)), exitFailed, "digest.db"},
		{"another program's database", "digest.db", foreign, exitUsage, "digest.db"},
		{"newer database", "digest.db", newer, exitUsage, "digest.db"},
		{"read-only database", "digest.db", readOnly, exitFailed, "digest.db"},
		{"read-only folder", ".", readOnlyFolder, exitFailed, "read-only"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newScene(t, plot{approved: true, inDoubt: outbox.Ask})
			file := w.path(test.file)
			whole, err := os.ReadFile(file)
			test.spoil(t, file)
			spoilt, _ := os.ReadFile(file)
			w.failed(w.run("run"), test.code, test.names)
			if after, _ := os.ReadFile(file); !bytes.Equal(after, spoilt) {
				t.Errorf("%s was changed from %d bytes to %d", test.file, len(spoilt), len(after))
			}
			if err == nil {
				os.Chmod(file, 0o600)
				w.write(test.file, string(whole))
			} else {
				os.Chmod(file, 0o700)
			}
			w.mended()
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string)         { check(t, os.Remove(path)) }
func readOnly(t *testing.T, path string)       { check(t, os.Chmod(path, 0o400)) }
func readOnlyFolder(t *testing.T, path string) { check(t, os.Chmod(path, 0o500)) }

func resize(size int64) func(*testing.T, string) {
	return func(t *testing.T, path string) { check(t, os.Truncate(path, size)) }
}

func prepend(text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		whole, err := os.ReadFile(path)
		check(t, err)
		check(t, os.WriteFile(path, append([]byte(text), whole...), 0o600))
	}
}

func replace(old, text string) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		whole, err := os.ReadFile(path)
		check(t, err)
		check(t, os.WriteFile(path, bytes.Replace(whole, []byte(old), []byte(text), 1), 0o600))
	}
}

// overwrite puts bytes at an offset; a negative one counts from the end.
func overwrite(at int64, b []byte) func(*testing.T, string) {
	return func(t *testing.T, path string) {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		check(t, err)
		defer f.Close()
		info, err := f.Stat()
		check(t, err)
		if at < 0 {
			at += info.Size()
		}
		_, err = f.WriteAt(b, at)
		check(t, err)
	}
}

// foreign makes an SQLite database of another program.
func foreign(t *testing.T, path string) {
	change(t, path, `PRAGMA application_id = 7`)
}

// newer makes a database of a later version of this program.
func newer(t *testing.T, path string) {
	change(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, 1)`)
}

func change(t *testing.T, path, statement string) {
	t.Helper()
	db, err := database.Open(context.Background(), path)
	check(t, err)
	_, err = db.Exec(statement)
	check(t, err)
	check(t, db.Close())
}

// TestFeedFaults are a blog that answers no feed when an issue is due: nothing
// is sent and no period is given up, and the next run makes the issue.
func TestFeedFaults(t *testing.T) {
	for name, reply := range map[string]digesttest.Reply{
		"500": digesttest.Status(http.StatusInternalServerError, ""), "HTML": digesttest.HTMLPage(), "empty": digesttest.Empty(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := digesttest.Entry{Title: "Old", Link: "https://blog.test/old", GUID: "old", Summary: "Old.", Date: epoch.AddDate(0, 0, -9)}
			blog := digesttest.Blog(t, old)
			w := newScene(t, plot{feed: blog.Feed, inDoubt: outbox.Ask})
			w.must(0, "run") // the baseline
			blog.Add(digesttest.Entry{Title: "News", Link: "https://blog.test/news", GUID: "news", Summary: "New.", Date: epoch.AddDate(0, 0, 9)})
			w.at = time.Date(2026, 3, 1, 9, 5, 0, 0, time.UTC)
			blog.Answer(reply)
			w.failed(w.run("run"), exitPartly, blog.Feed)
			if list := w.must(0, "issue", "list", "--json").stdout; strings.TrimSpace(list) != "[]" {
				t.Errorf("issues: %s", list)
			}
			w.at = w.at.Add(15 * time.Minute)
			w.mended()
			for _, r := range w.sink.Accepted() {
				if r.To != author && !strings.Contains(string(r.Data), "\r\nSubject: News\r\n") {
					t.Errorf("%s", r.Data)
				}
			}
		})
	}
}

// TestSeed is the first hour of a newsletter: a feed of six posts of one past
// month, two without a title, from a file and from a server, to one mail each.
func TestSeed(t *testing.T) {
	for _, from := range []string{"file", "HTTP"} {
		t.Run(from, func(t *testing.T) {
			t.Parallel()
			w := &scene{T: t, dir: t.TempDir(), from: plot{readers: 3}, sink: digesttest.NewSink(t)}
			var six []item
			var entries []digesttest.Entry
			for i := range 6 {
				p := item{fmt.Sprintf("Headline %d", i+1), fmt.Sprintf("Words of number %d.", i+1),
					time.Date(2010, 2, 26-4*i, 9, 0, 0, 0, time.UTC)}
				if i == 1 || i == 4 {
					p.title = ""
				}
				six = append(six, p)
				entries = append(entries, digesttest.Entry{Title: p.title, Link: fmt.Sprintf("https://blog.test/%d", p.date.Unix()),
					GUID: fmt.Sprint(i), Summary: p.body, Date: p.date})
			}
			w.write("feed.xml", rss(six...))
			address := w.path("feed.xml")
			if from == "HTTP" {
				address = digesttest.Blog(t, entries...).Feed
			}
			config := w.dir + "/news/digest.toml"
			w.must(0, "init", address, "--dir", w.dir+"/news", "--every", "month", "--smtp", w.sink.URL(), "--from", "A Blog <digest@blog.test>")
			replace(`"1/s, 200/h"`, `"unlimited"`)(t, config)
			w.must(0, "subscribers", "add", reader(1), "--confirmed", "--config", config)
			w.must(0, "subscribers", "add", reader(2), "--confirmed", "--config", config)
			w.must(0, "subscribers", "add", reader(3), "--confirmed", "--config", config)
			w.must(0, "go-live", "--anyway", "--config", config)
			w.must(0, "issue", "draft", "monthly", "2010-02", "--config", config)
			w.must(0, "issue", "approve", "1", "--config", config)
			w.must(0, "run", "--config", config)
			w.must(0, "run", "--config", config)
			w.each(1)
			for _, r := range w.sink.Accepted() {
				text := textOf(t, r.Data)
				for _, p := range six {
					want := p.title
					if want == "" {
						want = p.body
					}
					if !strings.Contains(text, want) {
						t.Errorf("%s: %q is missing in:\n%s", r.To, want, text)
					}
				}
			}
		})
	}
}
