package bench_test

import (
	"context"
	"database/sql"
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

	"digest/config"
	"digest/database"
	"digest/digesttest"
	"digest/issue"
	"digest/mailer"
	"digest/newsletter"
	"digest/outbox"
	"digest/templates"
)

const (
	readers = 20_000
	posts   = 18
)

// figure is what one sender did.
type figure struct {
	sink, sender string
	connections  int
	rate, cpu    float64 // mails a second; µs of the sender's CPU a mail
}

type sender struct {
	name string
	// send puts n mails on the wire. It returns the CPU it took outside this
	// process, less what it took to prepare.
	send func(b *testing.B, to sink, connections, n int) time.Duration
}

// BenchmarkDelivery sends an issue of 18 posts to 20,000 readers, over 4 and 16
// connections, by each sender to each server. Run it with -benchtime 1x; its
// table puts the senders side by side. The server has the same CPUs to share.
func BenchmarkDelivery(b *testing.B) {
	senders := []sender{
		{"digest", sendLedger},
		{"go-mail Send", goMail()},
		{"go-mail Send, no NOOP/RSET", goMail(mail.WithoutNoop(), mail.WithoutRset())},
	}
	if path := tool("smtp-source"); path != "" {
		senders = append(senders, sender{"smtp-source", smtpSource(path)})
	}
	var figures []figure
	for _, to := range sinks(b) {
		for _, connections := range []int{4, 16} {
			for _, s := range senders {
				b.Run(fmt.Sprintf("sink=%s/connections=%d/%s", to.name, connections, s.name), func(b *testing.B) {
					f := figure{sink: to.name, sender: s.name, connections: connections}
					var cpu, other time.Duration
					for b.Loop() {
						cpu = used()
						other = s.send(b, to, connections, readers)
					}
					f.rate = readers / b.Elapsed().Seconds()
					f.cpu = float64((used() - cpu + other).Microseconds()) / readers
					b.ReportMetric(f.rate, "mails/s")
					b.ReportMetric(f.cpu, "cpu-µs/mail")
					figures = append(figures, f)
				})
			}
		}
	}
	b.Log(table(figures))
}

// table shows the figures; "digest is" compares the rates of the same run.
func table(figures []figure) string {
	var t strings.Builder
	fmt.Fprintf(&t, "%d mails of %d posts, %d bytes each\n", readers, posts, len(sample()))
	fmt.Fprintf(&t, "%-10s %5s  %-27s %9s %8s %12s\n", "server", "conns", "sender", "mails/s", "CPU µs", "digest is")
	var ours figure
	for _, f := range figures {
		if f.sender == "digest" {
			ours = f
		}
		fmt.Fprintf(&t, "%-10s %5d  %-27s %9.0f %8.0f", f.sink, f.connections, f.sender, f.rate, f.cpu)
		if ours.sink == f.sink && ours.connections == f.connections && f.sender != ours.sender {
			fmt.Fprintf(&t, " %9.2f x", ours.rate/f.rate)
		}
		t.WriteByte('\n')
	}
	return t.String()
}

// used is the CPU this process has used, user and system.
func used() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// letter is the issue, as newsletter makes it.
var letter = sync.OnceValue(func() mailer.Letter {
	e := templates.Sample(time.Date(2026, 2, 2, 9, 0, 0, 0, time.UTC), posts)
	m, err := templates.Render("letter", e)
	if err != nil {
		panic(err)
	}
	return mailer.Letter{
		From: mailer.From{Name: "Notes", Mailbox: "digest@blog.test"}, Subject: m.Subject, HTML: m.HTML, Text: m.Text, Mark: e.Mark,
		ListName: "Notes", ListID: "weekly.blog.test",
	}
})

// sample is one finished mail.
var sample = sync.OnceValue(func() []byte {
	link := "https://news.test/leave/123456.1.AAAAAAAAAAAAAAAAAAAAAA"
	raw, err := letter().Message(mailer.Reader{
		Address: "reader12345@readers.test", MessageID: mailer.MessageID([]byte("k"), "1", "blog.test"), Date: time.Unix(1770000000, 0),
		Since: "2 January 2026", Leave: link, Preferences: link,
	})
	if err != nil {
		panic(err)
	}
	return raw
})

// settings keeps newsletter's facts where the command keeps them.
type settings struct{ db *sql.DB }

func (s settings) Get(ctx context.Context, key string) (string, bool, error) {
	return database.Setting(ctx, s.db, key)
}

func (s settings) Set(ctx context.Context, key, value string) error {
	return database.SetSetting(ctx, s.db, key, value)
}

func (s settings) Drop(ctx context.Context, key string) error {
	return database.DropSetting(ctx, s.db, key)
}

// sendLedger delivers by newsletter.Deliver, every state of every mail on disk.
func sendLedger(b *testing.B, to sink, connections, n int) time.Duration {
	b.StopTimer()
	began := used()
	ctx := b.Context()
	db, path := digesttest.NewDBPath(b)
	schedule, err := issue.ParseSchedule(issue.Spec{Every: "week", On: "monday", At: "09:00", Timezone: "UTC"})
	check(b, err)
	news := &newsletter.Newsletter{
		DB: db, Path: path, Secret: []byte(strings.Repeat("k", 32)), Settings: settings{db}, Instance: "here",
		Config: config.Config{
			Site:    config.Site{Name: "Notes", Blog: "https://blog.test", PublicURL: "https://news.test"},
			Digests: []config.Digest{{Name: "weekly", Schedule: schedule}},
			Mail:    config.Mail{From: "Notes <digest@blog.test>", SMTP: "smtp://" + to.addr, Connections: connections, Rate: "unlimited"},
		},
	}
	check(b, news.Settings.Set(ctx, "live", "here"))
	words, err := json.Marshal(map[string]any{"Letter": letter(), "PublicURL": "https://news.test", "Zone": "UTC"}) // as newsletter freezes it
	check(b, err)
	now := time.Now()
	check(b, database.Write(ctx, db, func(tx *sql.Tx) error {
		id, err := outbox.AddLetter(ctx, tx, "issue/1", words, now)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `
			WITH RECURSIVE reader(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM reader WHERE id < $1)
			INSERT INTO deliveries (mailing, subscriber_id, letter_id, address, name, token_version, since, state, due_at, owed_at, changed_at)
			SELECT 'issue/1', id, $2, 'reader' || id || '@readers.test', '', 1, $3, 'queued', $3, $3, $3 FROM reader`, n, id, now.Unix())
		return err
	}))
	preparing := used() - began
	b.StartTimer()
	sum, err := news.Deliver(ctx, time.Now)
	b.StopTimer()
	if err != nil || sum.Sent != n {
		b.Fatalf("%+v, %v", sum, err)
	}
	b.StartTimer()
	return -preparing
}

// goMail sends by Client.Send, one mail a call and no database: each mail is
// built by go-mail from the same words, with nothing personal in the body.
func goMail(options ...mail.Option) func(b *testing.B, to sink, connections, n int) time.Duration {
	return func(b *testing.B, to sink, connections, n int) time.Duration {
		host, port, _ := strings.Cut(to.addr, ":")
		number, err := strconv.Atoi(port)
		check(b, err)
		l := letter()
		var next atomic.Int64
		var all sync.WaitGroup
		for range connections {
			all.Go(func() {
				client, err := mail.NewClient(host, append([]mail.Option{mail.WithPort(number), mail.WithTLSPolicy(mail.NoTLS), mail.WithHELO("blog.test")}, options...)...)
				if err == nil {
					err = client.DialWithContext(b.Context())
				}
				for i := next.Add(1); err == nil && i <= int64(n); i = next.Add(1) {
					m := mail.NewMsg()
					m.From(l.From.Mailbox)
					m.To(fmt.Sprintf("reader%d@readers.test", i))
					m.Subject(l.Subject)
					m.SetDate()
					m.SetMessageID()
					m.SetBodyString(mail.TypeTextPlain, l.Text)
					m.AddAlternativeString(mail.TypeTextHTML, l.HTML)
					err = client.Send(m)
				}
				if err != nil {
					b.Error(err)
					return
				}
				client.Close()
			})
		}
		all.Wait()
		return 0
	}
}

// smtpSource has Postfix's load generator send one body of the same size.
func smtpSource(path string) func(b *testing.B, to sink, connections, n int) time.Duration {
	return func(b *testing.B, to sink, connections, n int) time.Duration {
		cmd := exec.CommandContext(b.Context(), path, "-s", strconv.Itoa(connections), "-m", strconv.Itoa(n), "-l", strconv.Itoa(len(sample())),
			"-f", "digest@blog.test", "-t", "reader@readers.test", "-d", to.addr)
		if out, err := cmd.CombinedOutput(); err != nil {
			b.Fatalf("smtp-source: %v\n%s", err, out)
		}
		return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
}
