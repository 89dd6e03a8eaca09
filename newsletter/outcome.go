package newsletter

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"digest/issue"
	"digest/outbox"
	"digest/subscribers"
)

const haltedMail = "mail halted" // the name of a trouble

// wordsTold is how many different answers of servers a notice quotes.
const wordsTold = 3

// trouble is something about mail that lasts from one run to the next: the
// author is told when it begins, and when it is over.
type trouble struct {
	name          string // begins the keys of its notices
	on, over      bool   // by what the last run did; neither: it can't tell
	subject, text string // when it begins
	well, again   string // … and when it is over: subject and text
}

// troubles are those a courier's run can tell of.
func (n *Newsletter) troubles(s outbox.Summary, halting []outbox.Delivery, now time.Time) []trouble {
	took := s.Sent > 0
	well, again := "Mail leaves again to the readers of "+n.Config.Site.Name, fmt.Sprintf("Since %s the mail server takes mail to readers again. What was kept back goes out by itself.", n.day(now))
	if !took {
		well, again = "No more mail to the readers of "+n.Config.Site.Name+" is kept back", fmt.Sprintf("On %s nothing was owed any more of what the mail server's answers had halted.", n.day(now))
	}
	return []trouble{
		{
			name: haltedMail, on: s.Halted, over: !s.Halted && (took || s.Queued == 0),
			subject: "No more mail leaves to the readers of " + n.Config.Site.Name,
			text: fmt.Sprintf(`On %s the mail server's answers halted all mail to readers:

  %s

That is about the sender or the whole list, so no reader was marked as refused for it: %s, and every run tries again by itself. If the words above speak of a login, of the sender's address, of SPF, DKIM or reputation, ask your mail provider. If the mail is too large, write show = "excerpt" or "headline" for that digest: the next issue is smaller; this one is frozen, and waits for a server that takes it. If they say that readers are unknown, the list may be an old one: take those off that are wrong (digest subscribers unsubscribe ADDRESS), or let the server's word count (digest issue believe ID)

%sWhat waits: digest status`, n.day(now), plainLine(s.Reason, 500), owed(s.Queued), met(halting)),
			well:  well,
			again: again,
		},
		{
			name: "mail by the second relay", on: s.Fallback != "", over: took && s.Fallback == "",
			subject: "Mail goes out by the second relay",
			text: fmt.Sprintf(`Since %s mail goes out by [mail] fallback, since [mail] smtp could not be reached:

  %s

What was in doubt on the first way waits for it. Every run tries the first way first.`, n.day(now), plainLine(s.Fallback, 500)),
			well:  "Mail goes out by the first relay again",
			again: fmt.Sprintf("Since %s mail goes out by [mail] smtp again.", n.day(now)),
		},
	}
}

func owed(queued int) string {
	if queued == 1 {
		return "1 mail is still owed"
	}
	return fmt.Sprintf("%d mails are still owed", queued)
}

// outcomes leaves the notices a run gives rise to.
func (n *Newsletter) outcomes(ctx context.Context, s outbox.Summary, halting []outbox.Delivery, now time.Time) error {
	for _, t := range n.troubles(s, halting, now) {
		if !t.on && !t.over {
			continue
		}
		err := n.write(ctx, func(tx *sql.Tx) error {
			since, begun, err := open(ctx, tx, t.name)
			switch {
			case err != nil || begun == t.on:
				return err
			case t.on:
				_, err = note(ctx, tx, Notice{fmt.Sprintf("%s since %d", t.name, now.Unix()), t.subject, t.text}, now)
				return err
			}
			// Told also where the beginning could not be, for the server that refused the readers' mail refused the
			// author's: both arrive together.
			_, err = note(ctx, tx, Notice{fmt.Sprintf("%s over since %s", t.name, since), t.well, t.again}, now)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// open tells whether a trouble has begun and is not over, and since when, as
// the keys of its notices write it.
func open(ctx context.Context, q Querier, name string) (since string, begun bool, err error) {
	err = q.QueryRowContext(ctx, `
		SELECT substr(key, length($1) + 1) FROM notices AS n WHERE substr(key, 1, length($1)) = $1
			AND NOT EXISTS (SELECT 1 FROM notices WHERE key = $2 || substr(n.key, length($1) + 1))
		ORDER BY id DESC LIMIT 1`, name+" since ", name+" over since ").Scan(&since)
	if errors.Is(err, sql.ErrNoRows) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("finding a notice: %w", err)
	}
	return since, true, nil
}

// Troubles are the subjects of what keeps mail from leaving as it should and is
// not over: halted by the server, on the second relay. What is owed to nobody, or
// leaves while one looks, is halted no more, whatever the next run will say.
func (n *Newsletter) Troubles(ctx context.Context) (list []string, err error) {
	owed, err := outbox.CountOwed(ctx, n.DB)
	if err != nil {
		return nil, err
	}
	last, _, err := outbox.LastRun(ctx, n.DB, n.Path)
	if err != nil {
		return nil, err
	}
	leaves := owed == 0 || last.Working && last.Progress.Sent > 0
	for _, t := range n.troubles(outbox.Summary{}, nil, time.Time{}) {
		_, begun, err := open(ctx, n.DB, t.name)
		if err != nil {
			return nil, err
		}
		if begun && !(leaves && t.name == haltedMail) {
			list = append(list, t.subject)
		}
	}
	return list, nil
}

// doneNotice tells of an issue that is done what a person may want to do
// something about: mail in doubt for good, refused, expired, and addresses that
// get no more mail. It names no reader, for a notice outlives an erasure. What
// was told when the issue was done before is not told again.
func (n *Newsletter) doneNotice(ctx context.Context, tx *sql.Tx, i issue.Issue, now time.Time) error {
	prefix := fmt.Sprintf("issue %d done ", i.ID)
	since, err := lastNoted(ctx, tx, prefix, now)
	if err != nil {
		return err
	}
	var told, subject []string
	tell := func(state outbox.State, short string, long func(int) string) error {
		list, all, err := outbox.Ended(ctx, tx, mailingOf(i), state, since, 1000)
		if err == nil && all > 0 {
			subject = append(subject, fmt.Sprintf("%d %s", all, short))
			told = append(told, long(all)+quotes(list))
		}
		return err
	}
	bounced, err := subscribers.BouncedBy(ctx, tx, mailingOf(i), since)
	if err != nil {
		return err
	}
	err = errors.Join(
		tell(outbox.Unknown, "in doubt", func(k int) string {
			return fmt.Sprintf("%s left in doubt, for the last byte was out, and no answer was kept: nobody can know whether it arrived. Who: digest issue unknown %d", mails(k), i.ID)
		}),
		tell(outbox.Failed, "refused", func(k int) string { return mails(k) + " refused for their reader" + suppressed(bounced) }),
		tell(outbox.Expired, "not sent in time", func(k int) string {
			return fmt.Sprintf("%s not taken within %s, and given up", mails(k), span(outbox.ExpireAfter))
		}))
	if err != nil || len(told) == 0 {
		return err
	}
	text := fmt.Sprintf("Issue %d, %q, is done; this is what did not go well:\n\n%s\n\nAll of it: digest issue show %[1]d\nMail who was left without and still wants it: digest issue send-missing %[1]d",
		i.ID, plainLine(i.Subject, 150), strings.Join(told, "\n\n"))
	_, err = note(ctx, tx, Notice{prefix + fmt.Sprint(now.Unix()), fmt.Sprintf("Issue %d: %s", i.ID, strings.Join(subject, ", ")), text}, now)
	return err
}

func mails(n int) string {
	if n == 1 {
		return "1 mail was"
	}
	return fmt.Sprintf("%d mails were", n)
}

// suppressed tells of the addresses that get no more mail.
func suppressed(n int) string {
	switch n {
	case 0:
		return ""
	case 1:
		return "; 1 address will never take any and gets no more mail (digest subscribers list --state bounced)"
	}
	return fmt.Sprintf("; %d addresses will never take any and get no more mail (digest subscribers list --state bounced)", n)
}

// someone is an address in a server's words.
var someone = regexp.MustCompile(`[^\s<>]*@[^\s<>]*`)

// quotes are the first different words of servers, without their readers.
func quotes(list []outbox.Delivery) string {
	var text strings.Builder
	seen := map[string]bool{}
	for _, d := range list {
		words := someone.ReplaceAllString(plainLine(d.Reply, 200), "…")
		if d.Code > 0 {
			words = fmt.Sprintf("%d %s", d.Code, words)
		}
		if words == "" || seen[words] {
			continue
		}
		if seen[words] = true; len(seen) > wordsTold {
			text.WriteString("\n  and other answers")
			break
		}
		text.WriteString("\n  " + words)
	}
	if len(seen) == 0 {
		return ""
	}
	return ":\n" + text.String()
}
