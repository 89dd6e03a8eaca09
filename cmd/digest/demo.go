package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/database"
	"digest/demo"
	"digest/issue"
	"digest/newsletter"
	"digest/outbox"
	"digest/web"
)

const demoWeeks = 5

func (d *door) demoCommand() *cobra.Command {
	var once bool
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "the whole thing on this machine; nothing leaves it",
		Long: `demo builds a throw-away world: a sample blog, a mail catcher and three subscribers on loopback. It lives through five
weeks of the blog in a moment (poll, publish, deliver, for real), then shows every caught mail and the public pages
until Ctrl-C. With --once it ends after the summary.`,
		Example: "  digest demo\n  digest demo --once",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.demo(cmd.Context(), once)
		},
	}
	cmd.Flags().BoolVar(&once, "once", false, "end after the summary")
	return cmd
}

// world is the demo's stage: every part of it real, all of it on loopback.
type world struct {
	*house
	dir     string
	blog    *demo.Blog
	catcher *demo.Catcher
	blogURL string
	pages   string // base address of the public pages
	inbox   string // … and of the inbox
	offset  atomic.Int64
	daemon  *daemon // what goes on once the past is played
	closers []func()
	lived   tally
}

// tally counts what the demo saw happen, to be held against the ledger.
type tally struct{ issues, empty, mails, confirmations int }

// now is the demo's clock: the machine's, moved back while the past is played.
func (w *world) now(d *door) time.Time { return d.now().Add(time.Duration(w.offset.Load())) }

func (w *world) close() {
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i]()
	}
}

func (d *door) demo(ctx context.Context, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w, err := d.build(ctx)
	if w != nil {
		defer w.close()
	}
	if err != nil {
		return fmt.Errorf("building the demo: %w", err)
	}
	if err := d.play(ctx, w); err != nil {
		return err
	}
	if err := d.sumUp(ctx, w); err != nil || once {
		return err
	}
	d.say("\nevery mail:   %s\npublic pages: %s\nthe blog:     %s\nCtrl-C ends it; nothing stays.", w.inbox, w.pages, w.blogURL)
	go w.daemon.watch(ctx)
	w.daemon.carry(ctx)
	return nil
}

// build starts the blog, the catcher and the pages, and makes a newsletter of them.
func (d *door) build(ctx context.Context) (*world, error) {
	w := &world{}
	var err error
	if w.dir, err = os.MkdirTemp("", "digest-demo-"); err != nil {
		return nil, err
	}
	w.closers = append(w.closers, func() { os.RemoveAll(w.dir) })
	w.offset.Store(int64(-(demoWeeks*7 + 1) * 24 * time.Hour))

	blogAt, err := listen(&w.blogURL)
	if err != nil {
		return w, err
	}
	if w.blog, err = demo.NewBlog(w.blogURL, d.now()); err != nil {
		return w, err
	}
	w.host(ctx, blogAt, w.blog)
	if w.catcher, err = demo.Catch(ctx, demo.CatcherConfig{Now: func() time.Time { return w.now(d) }}); err != nil {
		return w, err
	}
	w.closers = append(w.closers, func() { w.catcher.Close() })
	pagesAt, err := listen(&w.pages)
	if err != nil {
		return w, err
	}
	inboxAt, err := listen(&w.inbox)
	if err != nil {
		return w, err
	}
	if err := d.found(ctx, w); err != nil {
		return w, err
	}
	site := &web.Site{Newsletter: w.Newsletter, Now: func() time.Time { return w.now(d) }, Wake: w.daemon.rouse}
	w.host(ctx, pagesAt, site.Handler())
	w.host(ctx, inboxAt, demo.NewInbox(demo.InboxConfig{Mails: w.catcher.Mails, Location: w.Zone(), Links: []demo.Link{
		{Label: "The blog", URL: w.blogURL}, {Label: "Subscribe", URL: w.pages}, {Label: "Issues online", URL: w.pages + "/issues"},
	}}))
	return w, nil
}

// listen opens a free loopback port and tells its address.
func listen(base *string) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		*base = "http://" + l.Addr().String()
	}
	return l, err
}

func (w *world) host(ctx context.Context, l net.Listener, h http.Handler) {
	server := web.Server(h)
	server.BaseContext = func(net.Listener) context.Context { return ctx }
	go server.Serve(l)
	w.closers = append(w.closers, func() { server.Close() })
}

// found writes the demo's config and database as an author would have them.
func (d *door) found(ctx context.Context, w *world) error {
	file := filepath.Join(w.dir, "digest.toml")
	if err := os.WriteFile(file, demoConfig(w), 0o600); err != nil {
		return err
	}
	c, err := config.Load(file)
	if err != nil {
		return err
	}
	db, err := database.Create(ctx, c.Database)
	if err != nil {
		return err
	}
	n, err := d.furnish(ctx, db, c, c.Database)
	if err != nil {
		db.Close()
		return err
	}
	w.house, w.daemon = n, newDaemon(d, n)
	w.closers = append(w.closers, func() { n.close() })
	return nil
}

func demoConfig(w *world) []byte {
	return fmt.Appendf(nil, `[site]
name       = %q
blog       = %q
public_url = %q
address    = "A demo on your own machine"

[author]
email = "author@demo.invalid"

[[feed]]
url = %q

[[digest]]
name    = "weekly"
every   = "week"
on      = "monday"
at      = "09:00"
default = true

[[digest]]
name  = "monthly"
every = "month"
on    = "1"
at    = "09:00"

[mail]
from = %q
smtp = %q
rate = "unlimited"
`, w.blog.Title(), w.blogURL, w.pages, w.blog.FeedURL(), w.blog.Title()+" <digest@demo.invalid>", "smtp://"+w.catcher.Addr())
}

// play lives through the weeks: the start, a reader who subscribes by the page,
// then a pass on each day of the weeks up to now, as cron would make it.
func (d *door) play(ctx context.Context, w *world) error {
	now := func() time.Time { return w.now(d) }
	w.blog.Set(now())
	d.say("%d weeks ago", demoWeeks)
	if _, err := w.GoLive(ctx, newsletter.GoingLive{}, now()); err != nil {
		return err
	}
	d.say("  poll:      %s stand in the feed; they are the baseline and mail nobody", plural(len(w.blog.Visible(now())), "post"))
	for _, reader := range []newsletter.Joining{
		{Address: "ada@demo.invalid", Digest: "weekly"}, {Address: "ben@demo.invalid", Digest: "monthly"},
	} {
		reader.Confirmed, reader.Source = true, "demo"
		if _, err := w.Join(ctx, reader, now()); err != nil {
			return err
		}
		d.say("  added:     %s, %s", reader.Address, reader.Digest)
	}
	if err := d.subscribeByPage(ctx, w, "cleo@demo.invalid"); err != nil {
		return fmt.Errorf("subscribing by the page: %w", err)
	}
	const day = 24 * time.Hour
	for w.offset.Load() < 0 {
		w.offset.Store(min(0, w.offset.Load()+int64(day)))
		w.blog.Set(now())
		passed, err := w.Pass(ctx, now, true)
		if err != nil {
			return err
		}
		for _, p := range passed.Polled {
			if p.Err != nil {
				return p.Err
			}
		}
		if len(passed.Made) > 0 {
			d.say("%s", now().In(w.Zone()).Format("Monday 2 January"))
		}
		for _, m := range passed.Made {
			if m.Issue.State == issue.Empty {
				w.lived.empty++
				d.say("  publish:   %s: %s, so no mail", m.Issue.Digest, m.Issue.Reason)
				continue
			}
			w.lived.issues++
			w.lived.mails += m.Readers
			d.say("  publish:   %s issue %d, %q, %s, owed to %s", m.Issue.Digest, m.Issue.Number, m.Issue.Subject,
				plural(m.Posts, "post"), plural(m.Readers, "reader"))
		}
		if passed.Sent.Sent > 0 {
			d.say("  deliver:   %s", sentence(passed.Sent))
		}
	}
	return nil
}

var confirmLink = regexp.MustCompile(`http://[^\s]+/confirm/[A-Za-z0-9_-]+`)

// subscribeByPage is a stranger: the form, the confirmation mail, its button.
func (d *door) subscribeByPage(ctx context.Context, w *world, address string) error {
	if err := post(ctx, w.pages+"/subscribe", url.Values{"address": {address}, "digest": {"weekly"}}); err != nil {
		return err
	}
	if _, err := w.Deliver(ctx, func() time.Time { return w.now(d) }); err != nil {
		return err
	}
	for _, m := range w.catcher.Mails() {
		if link := confirmLink.FindString(m.Text()); link != "" {
			w.lived.confirmations++
			d.say("  subscribe: %s by the page; the confirmation mail was sent, and its button pressed", address)
			return post(ctx, link, url.Values{"do": {"confirm"}})
		}
	}
	return fmt.Errorf("no confirmation mail reached %s", address)
}

func post(ctx context.Context, address string, form url.Values) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", req.URL.Path, resp.Status)
	}
	return nil
}

// sumUp proves what happened.
func (d *door) sumUp(ctx context.Context, w *world) error {
	audited, err := w.Audit(ctx)
	if err != nil {
		return err
	}
	lived, sent, caught := w.lived, audited.States[outbox.Sent], len(w.catcher.Mails())
	d.say("summary")
	d.say("  %s, %s; %s and %s", plural(lived.issues, "issue"), plural(lived.empty, "empty period"),
		plural(lived.mails, "issue mail"), plural(lived.confirmations, "confirmation"))
	d.say("  %s owed, %d sent, %d caught", plural(audited.Owed, "mail"), sent, caught)
	if len(audited.Broken) > 0 || sent != caught || audited.Owed != lived.mails+lived.confirmations || audited.Issues != lived.issues+lived.empty {
		return fmt.Errorf("the ledger does not add up: %v", audited.Broken)
	}
	d.say("  audit: ok")
	return nil
}
