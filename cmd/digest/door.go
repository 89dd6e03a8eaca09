package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"digest/config"
	"digest/database"
	"digest/feed"
	"digest/newsletter"
)

// door is the front door: what every command shares.
type door struct {
	in       io.Reader
	out, err io.Writer

	config  string // path of digest.toml
	named   bool   // --config was given: what is said to type next carries it
	mails   bool   // this command may let mail leave
	at      string // --at
	dryRun  bool
	json    bool
	verbose bool

	began time.Time // of the process, by the machine's clock
	zero  time.Time // what --at makes of it; equal to began without --at

	file string // of the database, once it is open

	// hook is handed to the courier; tests set it to die at a crash point.
	hook func(point string)
}

func newDoor(in io.Reader, out, err io.Writer) *door {
	began := time.Now() // the first of the two places where the clock is read
	return &door{in: in, out: out, err: err, began: began, zero: began, hook: testHook}
}

// testHook is nil but in the test binary, which sets it to die at crash points.
var testHook func(point string)

// testGrace is 0 but in the test binary: what mail in flight gets once a run is told to end.
var testGrace time.Duration

// now is the time of decisions: the machine's, or --at and ticking on from there.
func (d *door) now() time.Time {
	return d.zero.Add(time.Since(d.began)).UTC() // … and this is the second
}

const longHelp = `digest sends your blog's new posts to its readers as a weekly or monthly mail.

Start:     digest demo                     see the whole thing on this machine
           digest init URL                 write digest.toml for your blog
           digest preview                  see the mail as it would go now
           digest test you@example.com     send yourself a marked proof
           digest go-live                  from now on mail may leave
Every day: digest status                   what happens next
           digest issue list               issues made, held and sent
           digest subscribers list         who gets it
cron:      */15 * * * *  digest run --config /path/to/digest.toml
The rest:  digest help all, digest COMMAND --help`

func (d *door) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "digest",
		Short:         "your blog, in their inbox",
		Long:          longHelp,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          usage(cobra.NoArgs),
		PersistentPreRunE: func(cmd *cobra.Command, args []string) error {
			d.named = cmd.Flags().Changed("config")
			switch cmd.CommandPath() {
			case "digest run", "digest serve", "digest test", "digest go-live", "digest issue approve", "digest issue send-missing":
				d.mails = true
			}
			if path := cmd.CommandPath(); d.json && (path == "digest demo" || path == "digest serve") {
				return wrong("leave --json out", fmt.Errorf("%s has nothing to print as JSON", path))
			}
			return d.setClock()
		},
		PersistentPostRun: func(cmd *cobra.Command, args []string) {
			if d.dryRun && !d.json {
				fmt.Fprintln(d.err, "dry run: nothing was sent or kept")
			}
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d.say("%s", longHelp)
			return nil
		},
	}
	root.SetIn(d.in)
	root.SetOut(d.out)
	root.SetErr(d.err)
	flags := root.PersistentFlags()
	flags.StringVar(&d.config, "config", defaultConfig(), "the config `file`")
	flags.StringVar(&d.at, "at", "", "let the clock say `TIME` (2026-03-30T09:00:00Z, or 2026-03-30 09:00 in this machine's zone)")
	flags.BoolVar(&d.dryRun, "dry-run", false, "show what would happen; send and keep nothing")
	flags.BoolVar(&d.json, "json", false, "print JSON")
	flags.BoolVarP(&d.verbose, "verbose", "v", false, "say every step")
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return wrong("`digest help` lists the commands, `digest COMMAND --help` its flags", plainFlag(err))
	})
	root.SetHelpCommand(helpCommand(root))
	root.AddCommand(
		d.demoCommand(), d.initCommand(), d.previewCommand(), d.runCommand(), d.serveCommand(),
		d.statusCommand(), d.testCommand(), d.goLiveCommand(), d.stopCommand(), d.issueCommand(),
		d.subscribersCommand(), d.auditCommand(), d.feedCommand(), d.dkimCommand(), d.versionCommand(),
	)
	return root
}

func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "how a command is used; `help all` lists every one",
		Example: "  digest help all\n  digest help issue draft",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "all" {
				return root.Help()
			}
			found, _, err := root.Find(args)
			if err != nil {
				return wrong("`digest help all` lists the commands", err)
			}
			if found == root && len(args) > 0 {
				return wrong("`digest help all` lists the commands", fmt.Errorf("digest has no command %q", args[0]))
			}
			if found == root {
				return root.RunE(root, nil)
			}
			return found.Help()
		},
	}
}

func defaultConfig() string {
	if path := os.Getenv("DIGEST_CONFIG"); path != "" {
		return path
	}
	return "digest.toml"
}

// setClock reads --at in the machine's zone when it names none.
func (d *door) setClock() error {
	if d.at == "" {
		return nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, d.at, time.Local); err == nil {
			d.zero = t
			return nil
		}
	}
	return wrong("write 2026-03-30T09:00:00Z or 2026-03-30 09:00", fmt.Errorf("--at %q is no time", d.at))
}

// house is an opened newsletter and how to leave it.
type house struct {
	*newsletter.Newsletter
	db   *sql.DB
	copy string // folder of the copy that a dry run works on; "" = this is the real one
}

func (h *house) close() {
	h.db.Close()
	if h.copy != "" {
		os.RemoveAll(h.copy)
	}
}

// open reads the config and opens the database beside it. Everything that can
// be wrong with either is found here, before anything else is touched.
func (d *door) open(ctx context.Context) (*house, error) {
	c, err := config.Load(d.config)
	if err != nil {
		return nil, err
	}
	if err := d.timeTravel(c); err != nil {
		return nil, err
	}
	if d.dryRun {
		return d.openCopy(ctx, c)
	}
	return d.openAt(ctx, c, c.Database)
}

// openCopy is how every command has a dry run: it really does what it does, to
// a copy of the database that is thrown away. What sends mail looks at dryRun
// itself.
func (d *door) openCopy(ctx context.Context, c config.Config) (*house, error) {
	h, err := d.openAt(ctx, c, c.Database)
	if err != nil {
		return nil, err
	}
	defer h.close()
	dir, err := os.MkdirTemp("", "digest-dry-run-")
	if err != nil {
		return nil, fmt.Errorf("making a place for the dry run: %w", err)
	}
	path := filepath.Join(dir, "digest.db")
	if err := database.Backup(ctx, h.db, path); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	copied, err := d.openAt(ctx, c, path)
	if err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	copied.Instance = h.Instance // for once, the copy may think it is the original
	copied.copy = dir
	return copied, nil
}

// look is open for a command that only reads: it needs no lock, so a long write
// elsewhere does not hold it up.
func (d *door) look(ctx context.Context) (*house, error) {
	if d.dryRun {
		return d.open(ctx)
	}
	c, err := config.Load(d.config)
	if err != nil {
		return nil, err
	}
	db, err := database.OpenReadOnly(ctx, c.Database)
	if errors.Is(err, database.ErrOlder) {
		return d.openAt(ctx, c, c.Database) // which brings it up to date
	}
	if err != nil {
		return nil, err
	}
	return d.settle(ctx, db, c, c.Database)
}

func (d *door) openAt(ctx context.Context, c config.Config, path string) (*house, error) {
	db, err := database.Open(ctx, path)
	if err != nil {
		return nil, err
	}
	return d.settle(ctx, db, c, path)
}

// settle is furnish for a database that nobody else closes.
func (d *door) settle(ctx context.Context, db *sql.DB, c config.Config, path string) (*house, error) {
	h, err := d.furnish(ctx, db, c, path)
	if err != nil {
		db.Close()
		return nil, err
	}
	return h, nil
}

func (d *door) furnish(ctx context.Context, db *sql.DB, c config.Config, path string) (*house, error) {
	secret, err := database.Secret(ctx, db)
	if err != nil {
		return nil, err
	}
	// One file, one lock, by whatever name it is called.
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return nil, fmt.Errorf("finding the database: %w", err)
	}
	instance, err := database.Instance(os.Getenv("DIGEST_INSTANCE"), path)
	if err != nil {
		return nil, err
	}
	d.file = path
	n := &newsletter.Newsletter{
		DB: db, Path: path, Config: c, Secret: secret, Instance: instance,
		Settings: database.Settings{DB: db},
		Log:      d.logger(), Hook: d.hook, Grace: testGrace,
	}
	d.equip(n)
	if err := n.Check(); err != nil {
		return nil, wrong("mend that line; nothing was sent", d.subjectLine(c, err))
	}
	return &house{Newsletter: n, db: db}, nil
}

// subjectLine says where a subject stands that is none; other errors stay as they are.
func (d *door) subjectLine(c config.Config, err error) error {
	var bad *newsletter.SubjectError
	if !errors.As(err, &bad) {
		return err
	}
	i := slices.IndexFunc(c.Digests, func(g config.Digest) bool { return g.Name == bad.Digest })
	at := config.Line(c.Path, fmt.Sprintf("digest[%d].subject", i))
	return fmt.Errorf("%s:%d: [[digest]] subject: %s", d.config, at, strings.TrimPrefix(err.Error(), "subject: "))
}

// equip gives a newsletter what it reads feeds with.
func (d *door) equip(n *newsletter.Newsletter) {
	n.Fetch.UserAgent = feed.UserAgent(version(), n.Config.Site.Blog)
	n.Source.URL, n.Source.ContentType = os.Getenv("FEED_URL"), os.Getenv("FEED_CONTENT_TYPE")
}

// timeTravel refuses to mail real people at a made-up time.
func (d *door) timeTravel(c config.Config) error {
	away := d.zero.Sub(d.began).Abs()
	if d.dryRun || !d.mails || away <= time.Hour || c.Mail.SMTP == "" {
		return nil
	}
	for _, host := range c.Mail.Hosts() {
		if ip := net.ParseIP(host); host == "localhost" || ip != nil && ip.IsLoopback() {
			continue
		}
		return wrong("add --dry-run to see what would happen then",
			fmt.Errorf("--at %s is %s away from now, and %s, which mail goes to, is not on this machine", d.at, span(away), host))
	}
	return nil
}

func (d *door) logger() *slog.Logger {
	level := slog.LevelError // what a person has to know is said as a sentence
	if d.verbose {
		level = slog.LevelDebug
	}
	if terminal(d.err) {
		return slog.New(tint.NewHandler(d.err, &tint.Options{Level: level, TimeFormat: time.TimeOnly}))
	}
	return slog.New(slog.NewTextHandler(d.err, &slog.HandlerOptions{Level: level}))
}

// terminal reports whether a person is looking at (or typing into) f.
func terminal(f any) bool {
	file, ok := f.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// say prints a line of the answer.
func (d *door) say(format string, args ...any) {
	fmt.Fprintf(d.out, format+"\n", args...)
}

func (d *door) printJSON(v any) error {
	enc := json.NewEncoder(d.out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(v)
}

// usageError is a mistake on the command line or in the config, with what to
// do about it.
type usageError struct {
	error
	hint string
}

func (e usageError) Unwrap() error { return e.error }

func wrong(hint string, err error) error { return usageError{err, hint} }

// abs makes a path of the command line independent of where it is read again.
func abs(path string) string {
	full, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	return full
}
