package main

import (
	"crypto"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/mailer"
)

func (d *door) dkimCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "dkim",
		Short: "the keys that sign your mail, and what DNS must say",
		Long: `dkim prints the DNS record for each key that [[mail.dkim]] names. Many providers sign what you send for your domain;
where yours does, you need none of this.`,
		Example: "  digest dkim new digest\n  digest dkim",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := config.Load(d.config)
			if err != nil {
				return err
			}
			records := []dnsRecord{}
			var keys []mailer.SigningKey
			for i, k := range c.Mail.DKIM {
				key, err := mailer.ParseSigningKey([]byte(k.Key.Reveal()))
				if err == nil {
					keys = append(keys, mailer.SigningKey{Domain: k.Domain, Selector: k.Selector, Key: key})
					_, err = mailer.NewSigner(keys...)
				}
				if err != nil {
					at := config.Line(c.Path, fmt.Sprintf("mail.dkim[%d].key_file", i))
					return wrong(fmt.Sprintf("put another key into %s, or have `digest dkim new SELECTOR` make one", k.KeyFile),
						fmt.Errorf("%s:%d: [[mail.dkim]] key_file: %s: %w", d.config, at, k.KeyFile, err))
				}
				record, err := recordOf(c, k, key)
				if err != nil {
					return err
				}
				records = append(records, record)
			}
			return d.tellRecords(records)
		},
	}
	cmd.AddCommand(d.dkimNewCommand())
	return cmd
}

// dnsRecord is a TXT record. Its strings, one after the other, are the value
// (RFC 6376 §3.6.2.2).
type dnsRecord struct {
	Name    string   `json:"name"`
	Type    string   `json:"type"`
	Value   string   `json:"value"`
	Strings []string `json:"strings"` // of 255 bytes at most
}

func recordOf(c config.Config, k config.DKIM, key crypto.Signer) (dnsRecord, error) {
	name, value, err := mailer.SigningKey{Domain: c.SigningDomain(k), Selector: k.Selector, Key: key}.Record()
	if err != nil {
		return dnsRecord{}, err
	}
	r := dnsRecord{Name: name, Type: "TXT", Value: value}
	for rest := value; rest != ""; {
		n := min(len(rest), 255)
		r.Strings, rest = append(r.Strings, rest[:n]), rest[n:]
	}
	return r, nil
}

func (d *door) tellRecords(records []dnsRecord) error {
	if d.json {
		return d.printJSON(records)
	}
	if len(records) == 0 {
		d.say("mail goes out as it is: no [[mail.dkim]] names a key")
		d.say("now: %s, unless your provider signs for your domain", d.typed("dkim new digest"))
	}
	for _, r := range records {
		d.say("%s", r)
	}
	return nil
}

// String is the record as it stands in a zone file.
func (r dnsRecord) String() string {
	return r.Name + ".  TXT\n  \"" + strings.Join(r.Strings, "\"\n  \"") + "\""
}

func (d *door) dkimNewCommand() *cobra.Command {
	var ed25519 bool
	cmd := &cobra.Command{
		Use:   "new SELECTOR",
		Short: "make a key that signs your mail",
		Long: `new makes a key, writes it beside the config for this user alone, and prints the DNS record to publish and the lines for
digest.toml. It changes no file that is there. Publish the record first, and wait until it can be looked up.
The key is RSA, which every receiver reads. An Ed25519 key can stand beside it, under a selector of its own.`,
		Example: "  digest dkim new digest\n  digest dkim new digest-ed --ed25519",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			selector := args[0]
			if !config.IsSelector(selector) {
				return wrong("use letters, digits, - and dots", fmt.Errorf("the selector %.80q is no DNS label", selector))
			}
			c, err := config.Load(d.config)
			if err != nil {
				return err
			}
			return d.newKey(c, selector, ed25519)
		},
	}
	cmd.Flags().BoolVar(&ed25519, "ed25519", false, "an Ed25519 key, to stand beside an RSA key")
	return cmd
}

func (d *door) newKey(c config.Config, selector string, ed25519 bool) error {
	kind := mailer.NewRSAKey
	if ed25519 {
		kind = mailer.NewEd25519Key
	}
	key, text, err := kind()
	if err != nil {
		return err
	}
	name := "dkim-" + selector + ".pem"
	path := filepath.Join(c.Dir, name)
	record, err := recordOf(c, config.DKIM{Selector: selector}, key)
	if err != nil {
		return err
	}
	if err := d.writeKey(path, text); err != nil || d.dryRun {
		return err
	}
	if d.json {
		return d.printJSON(struct {
			KeyFile string    `json:"key_file"`
			Record  dnsRecord `json:"record"`
		}{path, record})
	}
	d.say("written: %s, which nobody else may ever read", path)
	d.say("\npublish this:\n%s", record)
	d.say("\nthen add this to %s:\n[[mail.dkim]]\nselector = %q\nkey_file = %q", d.config, selector, name)
	return nil
}

// writeKey makes the file, and never writes to one that is there.
func (d *door) writeKey(path string, text []byte) error {
	if _, err := os.Lstat(path); err == nil {
		return wrong("choose another selector; a key in use must not be lost", fmt.Errorf("%s is there already", path))
	}
	if d.dryRun {
		d.say("it would write %s", path)
		return nil
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return wrong("choose another selector; a key in use must not be lost", fmt.Errorf("%s is there already", path))
	}
	if err != nil {
		return fmt.Errorf("writing the key: %w", err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(path)
		return fmt.Errorf("writing the key: %w", err)
	}
	return nil
}
