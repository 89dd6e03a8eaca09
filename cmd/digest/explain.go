package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"strings"

	"digest/config"
	"digest/database"
	"digest/feed"
	"digest/issue"
	"digest/mailer"
	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

// Exit codes, as cron and monitoring read them.
const (
	exitFailed = 1  // storage, a bug: look at it
	exitUsage  = 2  // command line or config, found before any I/O
	exitPartly = 10 // goes on with the next run
	exitPerson = 20 // a person is needed
	exitLocked = 75 // another courier holds the lock (EX_TEMPFAIL)
)

// exit is an outcome that is no error text but an exit code; the command has
// said what there is to say.
type exit int

func (e exit) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// hint is what a person can do about an error, and the exit code it ends with.
type hint struct {
	cause error
	code  int
	text  string
}

const roomNeeded = "free some space; the next run goes on by itself, nothing is lost"

// hints, most telling first.
var hints = []hint{
	{errUnwritten, exitPartly, ""},
	{database.ErrMissing, exitUsage, "`digest init URL` makes a new one; if there was one, restore it from a backup"},
	{database.ErrExists, exitUsage, "choose another folder with --dir, or move the old file away"},
	{database.ErrForeign, exitUsage, "move the file away, or set `database` in the config to the right one; nothing in it was changed"},
	{database.ErrNewer, exitUsage, "a newer digest has used this database: install that version again"},
	{database.ErrCorrupt, exitFailed, "stop everything that uses it and restore a backup; nothing was sent"},
	{database.ErrReadOnly, exitFailed, "make the file and its folder writable for this user; nothing was sent"},
	{database.ErrMode, exitUsage, "`chmod 600` the file, once you are sure that nobody else wrote to it"},
	{database.ErrBusy, exitPartly, "wait until the backup or other program has ended; the next run goes on"},
	{database.ErrIO, exitFailed, "look at the disk before anything else; `digest audit` proves what is on it"},
	{database.ErrFull, exitFailed, roomNeeded},
	{outbox.ErrFull, exitFailed, roomNeeded},
	{outbox.ErrDamaged, exitFailed, "stop everything that uses it and restore a backup; no mail has left since the damage was found"},
	{database.ErrNetworkFS, exitUsage, "keep the database on a disk of this machine: file locks are not safe on a network"},
	{newsletter.ErrNotLive, exitPerson, "`digest go-live` lets mail leave; a reader who has agreed is added with --confirmed"},
	{newsletter.ErrCopy, exitPerson, "if the original has sent what was due since the copy, say `digest go-live --already-sent`; if it has not and never will, `--send`"},
	{newsletter.ErrSinceTwice, exitUsage, "make an issue of older posts with `digest issue draft NAME PERIOD`"},
	{newsletter.ErrNoDigest, exitUsage, "the digests are the [[digest]] tables of the config"},
	{newsletter.ErrNoFeed, exitUsage, "the feeds are the [[feed]] tables of the config; give the address as it stands there"},
	{newsletter.ErrNotFrozen, exitUsage, "`digest issue list` shows which have been sent; `digest issue approve ID` sends a held one"},
	{newsletter.ErrNoPosts, exitUsage, "see `digest feed list` for what is known of the feed"},
	{issue.ErrNotFound, exitUsage, "`digest issue list` shows the issues there are"},
	{issue.ErrState, exitUsage, "`digest issue show ID` tells its state; only a held issue or a draft can still be changed"},
	{issue.ErrPeriod, exitUsage, "write a month as 2010-02, a week as 2010-W08 or a day as 2010-02-26"},
	{issue.ErrPeriodTaken, exitUsage, "`digest issue list` shows the issue of that period; cancel it with --keep to make it anew"},
	{subscribers.ErrAddress, exitUsage, "write one address like reader@example.com"},
	{outbox.ErrHeld, exitLocked, "another digest is delivering right now; wait for it, or see how far it is with `digest status`"},
	{feed.ErrNotFeed, exitFailed, "give the address of the feed itself, often /feed/, /index.xml or /feed.json; `digest init SITE` finds it"},
	{feed.ErrDamaged, exitFailed, "look at the address in a browser: it may be cut off on the way, or half written"},
	{feed.ErrEmpty, exitFailed, "look at the address in a browser; it should show the feed"},
	{feed.ErrTooDeep, exitFailed, "no feed is built like that; is it the right address?"},
	{feed.ErrTooBig, exitFailed, "ask the blog for a feed of its newest posts only"},
	{mailer.ErrAuth, exitPerson, "check the user in [mail] smtp, and password_file or DIGEST_MAIL_PASSWORD"},
	{mailer.ErrNoTLS, exitPerson, "use the port on which your provider offers STARTTLS (587), or smtps:// (465)"},
	{mailer.ErrTLS, exitPerson, "the certificate must be valid for the host in [mail] smtp; check its name and this machine's clock"},
	{mailer.ErrUnreachable, exitPartly, "check host and port in [mail] smtp, and whether the server is up"},
	{mailer.ErrBusy, exitPartly, "the server asks for a pause; the next run goes on"},
	{mailer.ErrTurnedAway, exitPerson, "the server's own words say why; ask your provider"},
	{mailer.ErrSpool, exitPerson, "the folder in [mail] smtp must exist and be writable for this user"},
	{fs.ErrNotExist, exitUsage, "check the path; nothing was changed"},
	{fs.ErrPermission, exitFailed, "check who owns the file and its folder"},
}

// explain prints an error as a sentence and a hint, and returns the exit code.
func (d *door) explain(err error) int {
	var code exit
	var usage usageError
	var suppressed subscribers.ErrSuppressed
	var status *feed.StatusError
	var refused *newsletter.RefusedError
	var bad *config.Errors
	var changed *newsletter.ChangedError
	var notReady *newsletter.NotReadyError
	var fetch *url.Error
	switch {
	case errors.As(err, &code):
		return int(code)
	case errors.As(err, &bad):
		for _, e := range *bad {
			d.complain(e.Sentence(), e.Advice())
		}
		return exitUsage
	case errors.As(err, &usage):
		d.complain(err.Error(), usage.hint)
		return exitUsage
	case errors.As(err, &suppressed):
		d.complain(err.Error(), "they can come back themselves, by the subscribe page and its confirmation mail")
		return exitPerson
	case errors.As(err, &status):
		d.complain(err.Error(), "open the address in a browser; if it shows the feed there, the site may be turning programs away")
		return exitFailed
	case errors.As(err, &refused):
		return d.refused(refused)
	case errors.As(err, &fetch) && !errors.Is(err, context.Canceled):
		d.complain(sentenceOf(err), adviceOn(fetch))
		return exitFailed
	case errors.As(err, &changed):
		fmt.Fprint(d.err, changed.Diff)
		d.complain(err.Error()+", so nothing was approved", fmt.Sprintf("read the difference above; `digest issue approve %d` approves the new look", changed.ID))
		return exitPerson
	case errors.As(err, &notReady):
		for _, p := range notReady.Problems {
			fmt.Fprintln(d.err, "fix:", shown(p))
		}
		d.complain("not live: mail stays where it is", "mend the above, or override it with --anyway")
		return exitPerson
	case errors.Is(err, context.Canceled):
		d.complain("stopped by a signal", d.unsent())
		return exitPartly
	}
	// A statement's own error names no file; what it means is asked last.
	for _, cause := range []error{err, database.Cause(err)} {
		for _, h := range hints {
			if errors.Is(cause, h.cause) {
				d.complain(d.filed(err), h.text)
				return h.code
			}
		}
	}
	d.complain(err.Error(), "run it again with -v to see every step; nothing that was stored is lost")
	return exitFailed
}

// filed names the database in what SQLite says, which names no file.
func (d *door) filed(err error) string {
	said := err.Error()
	var coded interface{ Code() int }
	if d.file == "" || database.Cause(err) == nil || !errors.As(err, &coded) || strings.Contains(said, d.file) {
		return said
	}
	return d.file + ": " + said
}

// unsent is what becomes of mail when a command is stopped.
func (d *door) unsent() string {
	if !d.mails {
		return ""
	}
	return "what was not sent goes out with the next run"
}

// refused tells what a server said to a mail for the author.
func (d *door) refused(r *newsletter.RefusedError) int {
	server, place := "the mail server", ""
	if s, err := mailer.ParseServer(r.Server); err == nil {
		server, place = s.Address(), " of "+s.Host
	}
	if strings.HasPrefix(r.Said, "4") {
		d.complain(server+" does not take the mail now: "+r.Said, "nothing was sent; try again in a few minutes")
		return exitPartly
	}
	d.complain(server+" refused the mail: "+r.Said, "the words"+place+" say why; nothing was sent")
	return exitPerson
}

func (d *door) complain(sentence, hint string) {
	fmt.Fprintln(d.err, "digest: "+strings.ReplaceAll(shown(sentence), "\n", "; ")) // joined errors are told as one sentence
	if hint != "" {
		fmt.Fprintln(d.err, "hint: "+shown(hint))
	}
}
