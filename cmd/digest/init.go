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
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/database"
	"digest/feed"
)

// initializing is what `digest init` was told.
type initializing struct {
	dir, every string
	values     config.Values
}

func (d *door) initCommand() *cobra.Command {
	var what initializing
	cmd := &cobra.Command{
		Use:   "init URL_OR_FILE",
		Short: "write digest.toml and digest.db for a blog's feed",
		Long: `init reads the feed, shows its newest posts, and writes a commented digest.toml and an empty digest.db. It sends nothing.
On a terminal it asks for what it can't know; elsewhere it takes flags, and leaves example values to be edited.`,
		Example: "  digest init https://blog.example.com/feed/ --dir news --every month",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return d.initialize(cmd.Context(), args[0], what)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&what.dir, "dir", ".", "the `folder` to write to")
	flags.StringVar(&what.every, "every", "week", "the rhythm: `week|month`")
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
	file := filepath.Join(what.dir, "digest.toml")
	for _, path := range []string{file, filepath.Join(what.dir, "digest.db")} {
		if _, err := os.Lstat(path); err == nil {
			return wrong("choose another folder with --dir, or move it away", fmt.Errorf("%s is there already", path))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return wrong("choose a folder you may write to with --dir", err)
		}
	}
	doc, err := d.readFeed(ctx, address)
	if err != nil {
		return err
	}
	address = feedAddress(address)
	what.values.Every, what.values.Feed = what.every, address
	what.values.Blog = doc.Link
	if what.values.Name == "" {
		what.values.Name = doc.Title
	}
	d.ask(&what.values)
	if d.dryRun {
		d.say("%s", shown(strings.TrimSuffix(string(config.Sample(what.values)), "\n")))
		return nil
	}
	c, err := d.writeHouse(ctx, what, file)
	if err != nil {
		return err
	}
	if d.json {
		return d.printJSON(map[string]any{"config": file, "database": filepath.Join(what.dir, "digest.db"), "title": doc.Title, "posts": len(doc.Posts)})
	}
	d.tellInit(doc, file, c.Digests[0].Schedule.Location())
	return nil
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

func (d *door) tellInit(doc feed.Document, file string, loc *time.Location) {
	d.say("%s: %s", printable(doc.Title), plural(len(doc.Posts), "post"))
	newest := slices.SortedStableFunc(slices.Values(doc.Posts), func(a, b feed.Post) int { return b.Published.Compare(a.Published) })
	for _, p := range newest[:min(3, len(newest))] {
		d.say("  %s  %s", p.Published.In(loc).Format("2 Jan 2006"), printable(p.Heading()))
	}
	d.say("written: %s and digest.db beside it; nothing was sent", file)
	config := ""
	if file != "digest.toml" {
		config = " --config " + quoted(file)
	}
	d.say("now: edit %s, then digest preview%s", file, config)
}

// ask fills what only the author knows, on a terminal only.
func (d *door) ask(v *config.Values) {
	if !terminal(d.in) || !terminal(d.out) {
		return
	}
	lines := bufio.NewScanner(d.in)
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
		fmt.Fprintf(d.out, "%s [later]: ", q.text)
		if !lines.Scan() {
			return
		}
		*q.value = strings.TrimSpace(lines.Text())
	}
}
