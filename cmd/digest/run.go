package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/feed"
	"digest/newsletter"
	"digest/outbox"
)

func (d *door) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "the line for cron: poll, publish what is due, deliver what is owed",
		Long: `run makes one safe pass and ends: it reads the feed, makes the issues that are due and delivers what is owed.
Call it at any time, twice, late or after a crash. It is quiet when all is well. For a mail that is to be tried again,
or a rate that is used up, it waits if that takes no more than 15 minutes; beyond, the next run goes on.

Exit codes: 0 done, or nothing to do; 1 failed; 2 usage or config; 10 goes on next time; 20 a person is needed; 75 another one delivers.`,
		Example: "  */15 * * * *  digest run --config /srv/news/digest.toml\n  digest run --dry-run --at '2026-03-30 09:00'",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if d.dryRun {
				return d.dryPass(cmd.Context(), h)
			}
			hide := d.showBar(h)
			passed, err := h.Pass(cmd.Context(), d.now, d.at != "")
			hide()
			failed := err != nil && !errors.Is(err, outbox.ErrHeld)
			if failed {
				passed.Sent.Reason = "" // the error says it
			}
			// What it did before an error is told too: a doubt is told once or never.
			if d.json {
				if err := d.printJSON(passedView(passed)); err != nil {
					return err
				}
			} else {
				d.tellPass(passed)
			}
			if failed {
				return err
			}
			return passCode(passed, err)
		},
	}
}

// dryPass makes the pass on the copy, up to the point where mail would leave:
// nothing it says can differ from what a real run would do.
func (d *door) dryPass(ctx context.Context, h *house) error {
	passed, err := h.PollAndPublish(ctx, d.now(), d.at != "")
	if err != nil {
		return err
	}
	owed := 0
	if passed.Standing == newsletter.Live && passed.ClockOff == 0 {
		if owed, err = outbox.DueNow(ctx, h.db, d.now()); err != nil {
			return err
		}
	}
	if d.json {
		view := passedView(passed)
		view.DryRun, view.WouldSend = true, &owed
		return d.printJSON(view)
	}
	d.tellPass(passed)
	d.say("%s would be sent now", plural(owed, "mail"))
	return nil
}

// passCode turns a pass into the exit code that cron sees.
func passCode(p newsletter.Passed, err error) error {
	switch {
	case errors.Is(err, outbox.ErrHeld):
		return exit(exitLocked)
	case p.ClockOff != 0, p.FeedGone(), len(p.Orphans) > 0, len(p.Ahead) > 0, p.Sent.Halted, p.Overdue, p.Doubts > 0, p.Standing == newsletter.Copied:
		return exit(exitPerson)
	case p.Sent.Taken:
		return exit(exitLocked)
	case p.Sent.Queued > 0, p.FeedFailed(), p.Waiting():
		return exit(exitPartly)
	}
	return nil
}

// tellPass says what a pass did: problems always, the rest to a person or with -v.
func (d *door) tellPass(p newsletter.Passed) {
	chatty := d.verbose || d.dryRun || terminal(d.out)
	for _, f := range p.Polled {
		d.tellPolled(f, p, chatty)
	}
	d.tellNotices(p, chatty)
	for _, m := range p.Made {
		if !m.Waiting || chatty || !p.FeedFailed() {
			d.tellMade(m, chatty)
		}
	}
	for _, a := range p.Ahead {
		d.complain(fmt.Sprintf("the %s digest is answered for until %s, which is later than now", a.Digest, a.Until.Format("2 January 2006 15:04 MST")),
			"a pass was made under a wrong clock, or this one is wrong; nothing of it is due before then")
	}
	for _, o := range p.Orphans {
		d.complain(o.String(), "a digest's name in the config is what its readers belong to; change it back, or they get no mail")
	}
	if p.ClockOff != 0 {
		d.complain(fmt.Sprintf("this machine's clock is %s away from the feed server's", p.ClockOff.Round(time.Minute)),
			"set the clock; until then nothing is made or sent")
	}
	if p.Sent.Reason != "" && (chatty || !p.Sent.Held) { // cron need not hear that another one delivers
		d.complain(p.Sent.Reason, onLedger(p.Sent.Reason))
	}
	if chatty {
		d.tellHalting(p.Halting)
	}
	if p.Doubts > 0 {
		d.complain(plural(p.Doubts, "mail")+" may or may not have arrived, and in_doubt = \"ask\" leaves that to you",
			fmt.Sprintf("`%s` lists them by name", d.typed("issue unknown %s", p.InDoubt())))
	}
	if chatty && (p.Sent.Sent+p.Sent.Retry+p.Sent.Failed+p.Sent.Unknown+p.Sent.Queued > 0) {
		d.say("%s", sentence(countedOnce(p)))
	}
	switch p.Standing {
	case newsletter.Copied:
		d.explain(newsletter.ErrCopy)
	case newsletter.NeverLive, newsletter.Stopped:
		if chatty {
			d.say("not live: no mail leaves before `digest go-live`")
		}
	}
}

// onLedger is what becomes of the mails that a run did not send, for a reason.
func onLedger(reason string) string {
	if outbox.KindOf(reason) == "too_large" {
		return "`show = \"excerpt\"` or `\"headline\"` makes the next issue smaller; this one is frozen, and waits for a server that takes it"
	}
	return "what was not sent stays on the ledger; `digest status` shows it"
}

// tellPolled says what the look at a feed brought, or why there was none: that
// to a person only, unless an issue waits.
func (d *door) tellPolled(f newsletter.Polled, p newsletter.Passed, chatty bool) {
	switch {
	case f.Err != nil:
		d.complain(sentenceOf(f.Err), d.again(f.Feed, p.Made))
	case f.Rest.Why != "" && (chatty || p.Waiting()):
		d.say("%s", d.resting(f))
	case f.Rest.Why != "":
	case chatty && f.Baseline:
		d.say("feed %s: %s known from now on, none of them will be mailed by itself", shown(f.Feed.URL), plural(len(f.New), "post"))
	case chatty:
		line := fmt.Sprintf("feed %s: %s new", shown(f.Feed.URL), plural(len(f.New), "post"))
		if n := len(f.Aside); n > 0 {
			line += fmt.Sprintf(", %d of them set aside", n)
		}
		d.say("%s", line)
	}
	if f.Partial && chatty {
		d.say("feed %s: damaged: some posts may be missing", shown(f.Feed.URL))
	}
}

// resting says when a feed is asked again, and why not now.
func (d *door) resting(f newsletter.Polled) string {
	when := "any more"
	if !f.Rest.Until.IsZero() {
		when = "before " + f.Rest.Until.In(time.Local).Format("Monday 2 January 15:04 MST")
	}
	return fmt.Sprintf("feed %s: not asked %s, because %s; `digest feed poll` asks now", shown(f.Feed.URL), when, f.Rest.Why)
}

// tellNotices says what the author is told by mail: to a person, and to cron
// when that mail did not go, for cron would mail it a second time.
func (d *door) tellNotices(p newsletter.Passed, chatty bool) {
	for _, n := range p.Notices {
		if p.Told && !chatty {
			break
		}
		d.say("%s", shown(printable(n.Subject)))
		if chatty {
			d.say("%s", indented(shown(n.Text)))
		}
	}
	if p.Unreached != nil && (chatty || len(p.Notices) > 0) {
		d.complain(p.Unreached.Error(), "the next run tries again")
	}
}

// indented sets a notice off from the lines around it.
func indented(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = "  " + printable(line)
		}
	}
	return strings.Join(lines, "\n")
}

// again is what a feed that can't be read leads to, and when it is asked next.
func (d *door) again(f feed.Feed, made []newsletter.Made) string {
	waiting := slices.IndexFunc(made, func(m newsletter.Made) bool { return m.Waiting })
	when := "it is asked again " + nextLook(f, waiting >= 0, d.now())
	if f.Stopped {
		when = fmt.Sprintf("it is not asked any more: write its new address into %s, or ask once with `%s`", d.config, d.typed("feed poll"))
	}
	if waiting >= 0 {
		when = fmt.Sprintf("the %s issue that is due waits for it; ", made[waiting].Issue.Digest) + when
	}
	return "nothing that is stored has changed; " + when
}

// nextLook says when a feed that is not stopped is asked again: for an issue
// that waits, all that counts is what its server has asked for.
func nextLook(f feed.Feed, urgent bool, now time.Time) string {
	if !f.Next.After(now) || urgent && !f.Told {
		return "with the next run"
	}
	return "with the first run after " + f.Next.In(time.Local).Format("Monday 2 January 15:04 MST")
}

func (d *door) tellMade(m newsletter.Made, chatty bool) {
	what := fmt.Sprintf("%s %s", m.Issue.Digest, m.Issue.Period.Key)
	switch {
	case m.Waiting:
		d.complain(what+": "+m.Note, "")
	case m.Note != "" || chatty:
		line := fmt.Sprintf("issue %d, %s: %s", m.Issue.ID, what, m.Issue.State)
		if m.Posts > 0 {
			line += ", " + plural(m.Posts, "post")
		}
		if m.Readers > 0 {
			line += ", owed to " + plural(m.Readers, "reader")
		}
		if note := cmp.Or(m.Note, m.Issue.Reason); note != "" {
			line += "; " + note
		}
		d.say("%s", line)
	}
}

// countedOnce leaves out of what is still owed the mails that are told as to be
// tried again or in doubt: each mail is in one number. Those in doubt are owed
// unless they are left to the author.
func countedOnce(p newsletter.Passed) outbox.Summary {
	s := p.Sent
	s.Queued = max(0, s.Queued-s.Retry-(s.Unknown-p.Doubts))
	return s
}

// sentence tells a courier's summary.
func sentence(s outbox.Summary) string {
	line := plural(s.Sent, "mail") + " sent"
	for _, part := range []struct {
		n    int
		word string
	}{{s.Retry, "to be tried again"}, {s.Failed, "refused"}, {s.Unknown, "in doubt"}, {s.Skipped, "skipped"}, {s.Expired, "expired"}, {s.Queued, "still owed"}} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	return line
}

// passView is a pass as --json prints it.
type passView struct {
	DryRun    bool           `json:"dry_run,omitempty"`
	WouldSend *int           `json:"would_send,omitempty"` // of a dry run: mails that would leave now
	Feeds     []feedView     `json:"feeds"`
	Issues    []madeView     `json:"issues"`
	Notices   []noticeView   `json:"notices"` // what the author is told because of this pass
	Mail      map[string]int `json:"mail"`
	Live      bool           `json:"live"`
	Reason    string         `json:"reason,omitempty"`
}

type feedView struct {
	URL     string     `json:"url"`
	New     int        `json:"new"`
	Aside   int        `json:"aside,omitempty"`   // of the new ones
	Damaged bool       `json:"damaged,omitempty"` // some posts may be missing
	Error   string     `json:"error,omitempty"`
	Resting string     `json:"resting,omitempty"` // why it was not asked
	Until   *time.Time `json:"until,omitempty"`   // when it is asked again
}

type noticeView struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

type madeView struct {
	ID      int64  `json:"id"`
	Digest  string `json:"digest"`
	Period  string `json:"period"`
	State   string `json:"state"`
	Posts   int    `json:"posts"`
	Readers int    `json:"readers"`
	Note    string `json:"note,omitempty"`
}

func passedView(p newsletter.Passed) passView {
	view := passView{Feeds: []feedView{}, Issues: []madeView{}, Notices: []noticeView{}, Live: p.Standing == newsletter.Live, Reason: p.Sent.Reason}
	for _, f := range p.Polled {
		v := feedView{URL: shown(f.Feed.URL), New: len(f.New), Aside: len(f.Aside), Damaged: f.Partial, Resting: f.Rest.Why, Until: optional(f.Rest.Until)}
		if f.Err != nil {
			v.Error = sentenceOf(f.Err)
		}
		view.Feeds = append(view.Feeds, v)
	}
	for _, n := range p.Notices {
		view.Notices = append(view.Notices, noticeView{shown(n.Subject), shown(n.Text)})
	}
	for _, m := range p.Made {
		view.Issues = append(view.Issues, madeView{m.Issue.ID, m.Issue.Digest, m.Issue.Period.Key, string(m.Issue.State), m.Posts, m.Readers, m.Note})
	}
	s := p.Sent
	view.Mail = map[string]int{"sent": s.Sent, "retry": s.Retry, "failed": s.Failed, "unknown": s.Unknown, "skipped": s.Skipped, "expired": s.Expired, "left": s.Queued}
	return view
}
