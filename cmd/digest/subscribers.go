package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/newsletter"
	"digest/outbox"
	"digest/subscribers"
)

func (d *door) subscribersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "subscribers",
		Short:   "who gets it",
		Long:    "subscribers lists, adds, imports, exports, unsubscribes and erases readers.",
		Example: "  digest subscribers add reader@example.com --confirmed\n  digest subscribers list",
		Args:    usage(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(d.subscribersListCommand(), d.subscribersAddCommand(), d.subscribersImportCommand(), d.subscribersExportCommand(),
		d.subscribersLeaveCommand(), d.subscribersEraseCommand(), d.subscribersShowCommand())
	return cmd
}

type subscriberView struct {
	ID        int64             `json:"id"`
	Address   string            `json:"address"`
	Name      string            `json:"name,omitempty"`
	State     subscribers.State `json:"state"`
	Digests   []string          `json:"digests"`
	Created   time.Time         `json:"created"`
	Confirmed *time.Time        `json:"confirmed,omitempty"`
	Left      *time.Time        `json:"left,omitempty"`
}

func viewSubscriber(s subscribers.Subscriber) subscriberView {
	digests := s.Digests
	if digests == nil {
		digests = []string{}
	}
	return subscriberView{s.ID, s.Address, s.Name, s.State, digests, s.Created, optional(s.Confirmed), optional(s.Left)}
}

func (d *door) subscribersListCommand() *cobra.Command {
	var state string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "every subscriber with state and digests",
		Example: "  digest subscribers list --json\n  digest subscribers list --state bounced",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if state != "" && !slices.Contains(subscribers.States(), subscribers.State(state)) {
				return wrong(fmt.Sprintf("the states are %s", strings.Trim(fmt.Sprint(subscribers.States()), "[]")), fmt.Errorf("--state %q is none", state))
			}
			return d.listSubscribers(cmd, h, subscribers.State(state))
		},
	}
	cmd.Flags().StringVar(&state, "state", "", "only those in this `STATE`, as bounced or pending")
	return cmd
}

// listSubscribers streams: the list may be longer than the memory.
func (d *door) listSubscribers(cmd *cobra.Command, h *house, only subscribers.State) error {
	out := newStream(d.out, d.json)
	var after int64
	for {
		page, err := subscribers.List(cmd.Context(), h.db, after, 500)
		if err != nil {
			return err
		}
		for _, s := range page {
			after = s.ID
			if only != "" && s.State != only {
				continue
			}
			v := viewSubscriber(s)
			out.item(v, fmt.Sprintf("%-8d %-12s %-40s %s", v.ID, v.State, v.Address, strings.Join(v.Digests, ", ")))
		}
		if len(page) == 0 {
			break
		}
	}
	if out.count == 0 && only != "" && !d.json {
		d.say("nobody is %s", only)
	} else if out.count == 0 && !d.json {
		d.say("no subscribers yet; `digest subscribers add ADDRESS --confirmed` adds one")
	}
	return out.end()
}

func (d *door) subscribersAddCommand() *cobra.Command {
	var joining newsletter.Joining
	cmd := &cobra.Command{
		Use:   "add ADDRESS",
		Short: "add a reader who agreed",
		Long: `add takes one address. With --confirmed you say that they agreed, and the next issue goes to them; without it they
are mailed a confirmation link first, which needs a live newsletter.
They belong to the only digest, else to the one marked default = true, else to the first, unless --digest says otherwise.`,
		Example: "  digest subscribers add reader@example.com --confirmed --digest weekly",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			joining.Address = args[0]
			joining.Source = "command"
			if joining.Name != "" && !joining.Confirmed {
				return wrong("add them with --confirmed, or let them say it themselves", errors.New("--name needs --confirmed: whoever is asked first has no name yet"))
			}
			before, known, err := d.lookUp(cmd.Context(), h, args[0])
			if err != nil {
				return err
			}
			joined, err := h.Join(cmd.Context(), joining, d.now())
			if err != nil {
				return err
			}
			if d.json && joining.Confirmed {
				return d.printJSON(viewSubscriber(joined.Subscriber))
			}
			if d.json {
				return d.printJSON(map[string]string{"address": args[0], "digest": joined.Digest, "state": "asked to confirm"})
			}
			d.tellJoined(joined, joining, before, known)
			return nil
		},
	}
	cmd.Flags().BoolVar(&joining.Confirmed, "confirmed", false, "they agreed: no confirmation mail")
	cmd.Flags().StringVar(&joining.Digest, "digest", "", "the digest they get (`NAME`)")
	cmd.Flags().StringVar(&joining.Name, "name", "", "their `name`")
	return cmd
}

// tellJoined offers to undo only what was done: unsubscribe stops all mail, so
// it is nothing for a reader who was there before.
func (d *door) tellJoined(joined newsletter.Joined, joining newsletter.Joining, before subscribers.Subscriber, known bool) {
	address := joining.Address
	switch gets := before.State == subscribers.Active && slices.Contains(before.Digests, joined.Digest); {
	case gets:
		d.say("%s gets %s already; nothing was changed", before.Address, joined.Digest)
	case !joining.Confirmed:
		d.say("%s is asked to confirm %s; the mail goes out with the next `%s`", address, joined.Digest, d.typed("run"))
	default:
		d.say("%s gets %s from its next issue on", joined.Subscriber.Address, joined.Digest)
		if known && before.State == subscribers.Active {
			d.say("they got %s before; the preferences link in each mail lets them change it", strings.Join(before.Digests, ", "))
		}
	}
	if !known {
		d.say("undo: %s", d.typed("subscribers unsubscribe %s", quoted(address)))
	}
}

// lookUp finds a reader by what was typed; a wrong address is an error that names it.
func (d *door) lookUp(ctx context.Context, h *house, typed string) (subscribers.Subscriber, bool, error) {
	addr, err := readAddress(typed)
	if err != nil {
		return subscribers.Subscriber{}, false, err
	}
	return subscribers.Find(ctx, h.db, addr)
}

func readAddress(typed string) (subscribers.Address, error) {
	addr, err := subscribers.ParseAddress(typed)
	if err != nil {
		return addr, fmt.Errorf("%.80q is %w", typed, err)
	}
	return addr, nil
}

func (d *door) subscribersImportCommand() *cobra.Command {
	var confirmed bool
	var digest string
	cmd := &cobra.Command{
		Use:   "import FILE.csv",
		Short: "add many readers from a CSV file or a list of addresses",
		Long: `import reads a CSV file (with or without a header line) or one address a line; - is standard input.
Without --confirmed it only tells what it would do. Nobody who left, bounced or complained is ever brought back.`,
		Example: "  digest subscribers import readers.csv\n  digest subscribers import readers.csv --confirmed",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			d.dryRun = d.dryRun || !confirmed
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			var r io.Reader = d.in
			if args[0] != "-" {
				file, err := os.Open(args[0])
				if err != nil {
					return wrong("name a CSV file, or a list with an address a line", fmt.Errorf("reading the import: %w", err))
				}
				defer file.Close()
				r = file
			}
			counted, err := h.Import(cmd.Context(), r, digest, "import "+args[0], d.now())
			if err != nil {
				return fmt.Errorf("importing %s: %w", args[0], err)
			}
			if err := noReader(args[0], counted); err != nil {
				return err
			}
			return d.tellImport(args[0], counted, !confirmed)
		},
	}
	cmd.Flags().BoolVar(&confirmed, "confirmed", false, "they agreed to get mail: add them")
	cmd.Flags().StringVar(&digest, "digest", "", "the digest they get (`NAME`)")
	return cmd
}

// noReader is the error of a list of which no line could be used.
func noReader(file string, c newsletter.Imported) error {
	if c.New+c.Known+c.KeptOut+c.Unconfirmed > 0 {
		return nil
	}
	const hint = "nothing was changed; a CSV file needs a column called email, a list one address a line"
	if len(c.Invalid) == 0 {
		return wrong(hint, fmt.Errorf("%s names no reader", file))
	}
	return wrong(hint, fmt.Errorf("no line of %s can be used: %s", file, printable(c.Invalid[0])))
}

func (d *door) tellImport(file string, c newsletter.Imported, unsure bool) error {
	if d.json {
		return d.printJSON(c)
	}
	d.say("%s: %d new, %d known already, %d kept out because they left, %d never confirmed, %d invalid", c.Digest, c.New, c.Known, c.KeptOut, c.Unconfirmed, len(c.Invalid)+c.MoreInvalid)
	for _, e := range c.Invalid {
		fmt.Fprintf(d.err, "%s, %s\n", file, printable(e))
	}
	if c.MoreInvalid > 0 {
		fmt.Fprintf(d.err, "… and %d more invalid lines\n", c.MoreInvalid)
	}
	if unsure {
		d.say("nothing was changed; add --confirmed if they agreed to get this mail")
	}
	return nil
}

func (d *door) subscribersExportCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "export",
		Short:   "every subscriber as CSV, safe to open in a spreadsheet",
		Example: "  digest subscribers export > readers.csv",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if d.json {
				return d.listSubscribers(cmd, h, "")
			}
			return subscribers.ExportCSV(cmd.Context(), h.db, d.out)
		},
	}
}

func (d *door) subscribersLeaveCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "unsubscribe ADDRESS",
		Aliases: []string{"remove"},
		Short:   "stop all mail to a reader",
		Long:    "unsubscribe stops all mail to an address, also what is owed to it now. You can't take it\nback: neither add nor import brings it back; only its owner can, by confirming anew.",
		Example: "  digest subscribers unsubscribe reader@example.com",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    d.goodbye("gets no more mail", (*newsletter.Newsletter).UnsubscribeByAuthor),
	}
}

func (d *door) subscribersEraseCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "erase ADDRESS",
		Short:   "forget a reader: address, name, and what is owed",
		Long:    "erase deletes an address and a name from every table. It can't be taken back. A keyed hash stays, so that no import brings\nthem back; only its owner can, by confirming anew.",
		Example: "  digest subscribers erase reader@example.com",
		Args:    usage(cobra.ExactArgs(1)),
		RunE:    d.goodbye("is forgotten", (*newsletter.Newsletter).Erase),
	}
}

func (d *door) subscribersShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "show ADDRESS",
		Short:   "one reader: state, digests, mail",
		Example: "  digest subscribers show reader@example.com",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.look(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			s, found, err := d.lookUp(cmd.Context(), h, args[0])
			if err != nil {
				return err
			}
			if !found {
				return wrong("`digest subscribers list` shows them all", fmt.Errorf("%s is no subscriber", printable(args[0])))
			}
			if d.json {
				return d.printJSON(viewSubscriber(s))
			}
			gets := "nothing"
			if len(s.Digests) > 0 {
				gets = strings.Join(s.Digests, ", ")
			}
			d.say("%s: %s, gets %s", s.Address, s.State, gets)
			if s.State == subscribers.Bounced {
				d.say("the address takes no mail; if it does again: %s", d.typed("subscribers add %s --confirmed", quoted(s.Address)))
			}
			d.say("since %s", local(s.Created, d.now(), h.Zone()))
			mails, err := outbox.Of(cmd.Context(), h.db, s.ID, 10)
			for _, m := range mails {
				line := fmt.Sprintf("  %s: %s, %s", m.Mailing, m.State, local(m.Changed, d.now(), h.Zone()))
				if m.State != outbox.Sent && m.Reply != "" {
					line += ": " + coded(m)
				}
				d.say("%s", line)
			}
			return err
		},
	}
}

// goodbye runs what the author does to one address, and says whether it was there.
func (d *door) goodbye(what string, f func(*newsletter.Newsletter, context.Context, string, time.Time) (bool, error)) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		h, err := d.open(cmd.Context())
		if err != nil {
			return err
		}
		defer h.close()
		if _, err := readAddress(args[0]); err != nil {
			return err
		}
		found, err := f(h.Newsletter, cmd.Context(), args[0], d.now())
		if err != nil {
			return err
		}
		if !found {
			return wrong("`digest subscribers list` shows them all", fmt.Errorf("%s is no subscriber", printable(args[0])))
		}
		if d.json {
			return d.printJSON(struct {
				DryRun  bool   `json:"dry_run,omitempty"`
				Address string `json:"address"`
				Done    string `json:"done"`
			}{d.dryRun, args[0], what})
		}
		d.say("%s %s", args[0], what)
		d.say("you can't take this back; only they can come back, by confirming anew on the subscribe page")
		return nil
	}
}
