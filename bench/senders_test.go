package bench_test

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wneessen/go-mail"

	"digest/mailer"
	"digest/templates"
)

// letter is an issue of 18 posts, as newsletter makes it.
var letter = sync.OnceValue(func() mailer.Letter {
	e := templates.Sample(time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC), 18)
	m, err := templates.Render("letter", e)
	if err != nil {
		panic(err)
	}
	l := mailer.Letter{
		From: mailer.From{Name: "Notes", Mailbox: "digest@blog.test"}, Subject: m.Subject, HTML: m.HTML, Text: m.Text, Mark: e.Mark,
		ListName: "Notes", ListID: "weekly.blog.test",
	}
	words, err := json.Marshal(l)
	if err == nil {
		err = json.Unmarshal(words, &l)
	}
	if err != nil {
		panic(err)
	}
	return l
})

// used is the CPU this process has used, user and system.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spread has every connection take numbers from 1 to n until they are used up.
func spread(connections, n int, work func(next func() (int, bool)) error) (spent, error) {
	var count atomic.Int64
	next := func() (int, bool) {
		i := int(count.Add(1))
		return i, i <= n
	}
	var all sync.WaitGroup
	errs := make(chan error, connections)
	cpu, began := used(), time.Now()
	for range connections {
		all.Go(func() {
			if err := work(next); err != nil {
				errs <- err
			}
		})
	}
	all.Wait()
	took := spent{wall: time.Since(began), cpu: used() - cpu}
	select {
	case err := <-errs:
		return spent{}, err
	default:
		return took, nil
	}
}

// withoutLedger sends the same kind of letter by digest's own sessions, with
// personal words for every reader, and keeps no account of it.
func withoutLedger(b *testing.B, to sink, connections int) spent {
	stencil, err := letter().Stencil()
	check(b, err)
	server, err := mailer.ParseServer("smtp://" + to.addr)
	check(b, err)
	took, err := spread(connections, readers, func(next func() (int, bool)) error {
		session, err := server.Dial(b.Context())
		if err != nil {
			return err
		}
		defer session.Close()
		fill := func(i int) (*mailer.Envelope, error) {
			link := "https://news.test/leave/" + strconv.Itoa(i) + ".1.AAAAAAAAAAAAAAAAAAAAAA"
			var m mailer.Message
			err := stencil.Fill(&m, mailer.Reader{
				Address: "reader" + strconv.Itoa(i) + "@readers.test", MessageID: mailer.MessageID([]byte("k"), strconv.Itoa(i), "blog.test"),
				Date: time.Unix(1770000000, 0), Since: "2 January 2026", Leave: link, Preferences: link,
			})
			return &mailer.Envelope{From: "digest@blog.test", To: "reader" + strconv.Itoa(i) + "@readers.test", Message: &m}, err
		}
		var ahead *mailer.Envelope
		if i, ok := next(); ok {
			if ahead, err = fill(i); err != nil {
				return err
			}
		}
		for ahead != nil {
			if a, err := session.Offer(b.Context(), *ahead); err != nil || a.Class != mailer.Ready {
				return fmt.Errorf("offering: %v %w", a, err)
			}
			ahead = nil
			if i, ok := next(); ok {
				if ahead, err = fill(i); err != nil {
					return err
				}
			}
			if a, err := session.Dot(b.Context(), ahead); err != nil || a.Class != mailer.Accepted {
				return fmt.Errorf("dot: %v %w", a, err)
			}
		}
		return nil
	})
	check(b, err)
	return took
}

// goMail sends by Client.Send, one mail a call and no database: each mail is
// built by go-mail from the same words, with nothing personal in the body.
func goMail(n int) func(b *testing.B, to sink, connections int) spent {
	return func(b *testing.B, to sink, connections int) spent {
		host, port, _ := strings.Cut(to.addr, ":")
		number, err := strconv.Atoi(port)
		check(b, err)
		l := letter()
		took, err := spread(connections, n, func(next func() (int, bool)) error {
			client, err := mail.NewClient(host, mail.WithPort(number), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("blog.test"))
			if err == nil {
				err = client.DialWithContext(b.Context())
			}
			if err != nil {
				return err
			}
			defer client.Close()
			for i, ok := next(); ok; i, ok = next() {
				m := mail.NewMsg()
				m.From(l.From.Mailbox)
				m.To(fmt.Sprintf("reader%d@readers.test", i))
				m.Subject(l.Subject)
				m.SetDate()
				m.SetMessageID()
				m.SetBodyString(mail.TypeTextPlain, l.Text)
				m.AddAlternativeString(mail.TypeTextHTML, l.HTML)
				if err := client.Send(m); err != nil {
					return err
				}
			}
			return nil
		})
		check(b, err)
		return took
	}
}

// smtpSource has Postfix's load generator send one body of the given size.
func smtpSource(path string, n, size int) func(b *testing.B, to sink, connections int) spent {
	return func(b *testing.B, to sink, connections int) spent {
		cmd := exec.CommandContext(b.Context(), path, "-s", strconv.Itoa(connections), "-m", strconv.Itoa(n), "-l", strconv.Itoa(size),
			"-f", "digest@blog.test", "-t", "reader@readers.test", "-d", to.addr)
		began := time.Now()
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("smtp-source: %v\n%s", err, out)
		}
		return spent{wall: time.Since(began), cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(),
			rss: cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss << 10}
	}
}
