package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/database"
	"digest/newsletter"
)

// initializing is what `digest init` was told.
type initializing struct {
	dir, every string
	feed       string // --feed; "" = it is found, or the address is one
	backfill   int    // months
	values     config.Values
}

func (what initializing) file() string { return filepath.Join(what.dir, "digest.toml") }

// errUnwritten says that init was stopped while it could still be taken back.
var errUnwritten = errors.New("stopped, and nothing was written")

func (d *door) initCommand() *cobra.Command {
	var what initializing
	cmd := &cobra.Command{
		Use:   "init URL_OR_FILE",
		Short: "find a blog's feed, write digest.toml and digest.db for it",
		Long: `init finds the feeds of a blog, of whose site, any page or feed the address is given, shows their newest posts and
which one it takes and why, and writes a commented digest.toml and an empty digest.db. It sends nothing.
On a terminal it asks for what it can't know; elsewhere it takes flags, and leaves example values to be edited.`,
		Example: `  digest init https://blog.example.com --dir news --every month
  digest init blog.example.com --feed https://blog.example.com/notes/feed/ --backfill 12`,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("backfill") && (what.backfill < 1 || what.backfill > 1200) {
				return wrong("write a number of months, such as --backfill 12", fmt.Errorf("--backfill cannot be %d", what.backfill))
			}
			err := d.initialize(cmd.Context(), args[0], what)
			if _, missing := os.Lstat(what.file()); errors.Is(err, context.Canceled) && missing != nil {
				return errUnwritten
			}
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&what.dir, "dir", ".", "the `folder` to write to")
	flags.StringVar(&what.every, "every", "week", "the rhythm: `week|month`")
	flags.StringVar(&what.feed, "feed", "", "the `address` of the feed to take, where the site has several")
	flags.IntVar(&what.backfill, "backfill", 0, "read the feed's older pages too, `MONTHS` back, for issues of the past")
	flags.StringVar(&what.values.Name, "name", "", "the blog's name (default: the feed's title)")
	flags.StringVar(&what.values.Author, "author", "", "your own mail `address`")
	flags.StringVar(&what.values.From, "from", "", "the sender, `\"Name <address>\"`")
	flags.StringVar(&what.values.PublicURL, "public-url", "", "the `address` where the pages are reached, https://…")
	flags.StringVar(&what.values.SMTP, "smtp", "", "the mail server, smtp://user@host:587")
	flags.StringVar(&what.values.Timezone, "timezone", "", "IANA name such as Europe/Berlin")
	return cmd
}

func (d *door) initialize(ctx context.Context, address string, what initializing) error {
	if what.every != "week" && what.every != "month" {
		return wrong("other rhythms are set in digest.toml afterwards", fmt.Errorf("--every %s is neither week nor month", what.every))
	}
	file := what.file()
	for _, path := range []string{file, filepath.Join(what.dir, "digest.db")} {
		if _, err := os.Lstat(path); err == nil {
			return wrong("choose another folder with --dir, or move it away", fmt.Errorf("%s is there already", path))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return wrong("choose a folder you may write to with --dir", err)
		}
	}
	from, err := d.findSource(ctx, address, what.feed)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(d.in)
	if !d.json {
		d.tellFound(from, zoneNamed(what.values.Timezone))
	}
	if err := d.choose(ctx, &from, lines); err != nil {
		return err
	}
	d.tellDamage(from.doc)
	what.values.Every, what.values.Feed = what.every, from.address
	what.values.Blog = cmp.Or(from.doc.Link, from.found.Site)
	if what.values.Name == "" {
		what.values.Name = from.doc.Title
	}
	if err := d.ask(ctx, &what.values, lines); err != nil {
		return err
	}
	told := map[string]any{"title": from.doc.Title, "posts": len(from.doc.Posts), "feed": shown(from.address)}
	if from.doc.Partial {
		told["damaged"] = true
	}
	if from.found.Why != "" {
		told["candidates"], told["why"] = viewCandidates(from), from.found.Why
	}
	if d.dryRun {
		return d.tellDryRun(told, string(config.Sample(what.values)))
	}
	c, err := d.writeHouse(ctx, what, file)
	if err != nil {
		return err
	}
	if !d.json {
		d.tellInit(from, address, file, c.Digests[0].Schedule.Location())
	}
	err = d.backfill(ctx, c, what.backfill, told)
	if d.json {
		told["config"], told["database"] = file, filepath.Join(what.dir, "digest.db")
		return errors.Join(d.printJSON(told), err)
	}
	d.sayNext(file)
	return err
}

// tellDryRun shows what would be written.
func (d *door) tellDryRun(told map[string]any, text string) error {
	if d.json {
		told["dry_run"], told["digest_toml"] = true, shown(text)
		return d.printJSON(told)
	}
	d.say("%s", shown(strings.TrimSuffix(text, "\n")))
	return nil
}

// backfill reads the feed for the first time, and its older pages months back.
func (d *door) backfill(ctx context.Context, c config.Config, months int, told map[string]any) error {
	if months == 0 {
		return nil
	}
	h, err := d.openAt(ctx, c, c.Database)
	if err != nil {
		return err
	}
	defer h.close()
	now := d.now()
	back, err := h.Backfill(ctx, c.Feeds[0].URL, now.AddDate(0, -months, 0), now)
	if err != nil {
		return fmt.Errorf("reading the feed's past: %w", err)
	}
	told["backfill"] = map[string]any{"pages": back.Pages, "posts": back.Posts, "oldest": back.Oldest, "reached": back.Reached, "why": back.Why}
	if d.json {
		return nil
	}
	d.say("%s", pastLine(back, h.Zone()))
	if !back.Reached && back.Why != "" {
		d.say("  and no further: %s", printable(shown(back.Why))+beside(c.Feeds[0].URL))
	}
	return nil
}

// pastLine says what reading the past brought.
func pastLine(back newsletter.Backfilled, loc *time.Location) string {
	reach := ""
	if !back.Oldest.IsZero() {
		reach = ", back to " + back.Oldest.In(loc).Format("2 January 2006")
	}
	switch {
	case back.Pages == 0 && back.Oldest.IsZero():
		return "the past: no page but the feed itself"
	case back.Pages == 0:
		return "the past: no page but the feed itself" + reach
	case back.Posts == 0:
		return fmt.Sprintf("the past: %s%s, with nothing that the feed itself does not show", plural(back.Pages, "older page"), reach)
	}
	return fmt.Sprintf("the past: %s with %s not in the feed itself%s; none of it is mailed by itself", plural(back.Pages, "older page"), plural(back.Posts, "post"), reach)
}

// beside says of a feed in a file what its older pages would be.
func beside(address string) string {
	if isSite(address) {
		return ""
	}
	return `; the older pages of a file are files beside it that its link rel="next" names`
}

// feedAddress makes a file's path independent of the folder it is read from.
func feedAddress(address string) string {
	if u, err := url.Parse(address); err == nil && len(u.Scheme) > 1 {
		return address
	}
	return abs(address)
}

// writeHouse makes the config and the database, both or neither.
func (d *door) writeHouse(ctx context.Context, what initializing, file string) (c config.Config, err error) {
	if err := os.MkdirAll(what.dir, 0o755); err != nil {
		return c, wrong("choose a folder you may write to with --dir", fmt.Errorf("making the folder: %w", err))
	}
	path := filepath.Join(what.dir, "digest.db")
	db, err := database.Create(ctx, path)
	if err != nil {
		return c, err
	}
	if err := db.Close(); err != nil {
		return c, err
	}
	if err := os.WriteFile(file, config.Sample(what.values), 0o600); err != nil {
		os.Remove(file)
		os.Remove(path)
		return c, fmt.Errorf("writing the config: %w", err)
	}
	if c, err = config.Load(file); err != nil {
		os.Remove(file)
		os.Remove(path)
		return c, valueError(err)
	}
	return c, nil
}

// valueError names what was typed: the file that the error is about is gone.
func valueError(err error) error {
	var bad *config.Errors
	if !errors.As(err, &bad) {
		return err
	}
	flags := map[string]string{"[site] name": "--name", "[author] email": "--author", "[mail] from": "--from",
		"[site] public_url": "--public-url", "[mail] smtp": "--smtp", "[[digest]] timezone": "--timezone"}
	var told config.Errors
	for _, e := range *bad {
		if e.File == "environment" {
			told = append(told, e)
			continue
		}
		place := &config.Error{File: "the new config", Key: e.Key, Problem: e.Problem, Hint: cmp.Or(e.Hint, "nothing was written")}
		if flag, ok := flags[e.Key]; ok {
			place.File, place.Key = flag, ""
		}
		told = append(told, place)
	}
	return &told
}

func (d *door) tellInit(from source, address, file string, loc *time.Location) {
	if len(from.found.Candidates) < 2 {
		d.say("%s: %s", printable(from.doc.Title), plural(len(from.doc.Posts), "post"))
		for _, line := range newestLines(from.doc.Posts, loc) {
			d.say("  %s", line)
		}
	}
	d.say("written: %s and digest.db beside it; nothing was sent", file)
	if len(from.found.Candidates) > 1 && !d.asks() {
		d.say("another one: write its address into %s, or digest init %s --feed ADDRESS --dir ELSEWHERE", file, shown(quoted(address)))
	}
}

func (d *door) sayNext(file string) {
	config := ""
	if file != "digest.toml" {
		config = " --config " + quoted(file)
	}
	d.say("now: edit %s, then digest preview%s", file, config)
}

// ask fills what only the author knows, on a terminal only.
func (d *door) ask(ctx context.Context, v *config.Values, lines *bufio.Scanner) error {
	if !d.asks() {
		return nil
	}
	for _, q := range []struct {
		text  string
		value *string
	}{
		{"Your own mail address (proofs and alarms go there)", &v.Author},
		{"The sender, as Name <address>", &v.From},
		{"Where the pages will be reached, https://…", &v.PublicURL},
		{"The mail server, smtp://user@host:587", &v.SMTP},
	} {
		if *q.value != "" {
			continue
		}
		answer, more, err := d.answer(ctx, q.text+" [later]: ", lines)
		if err != nil || !more {
			return err
		}
		*q.value = answer
	}
	return nil
}
