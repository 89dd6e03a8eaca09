package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"digest/config"
	"digest/newsletter"
	"digest/web"
)

func (d *door) previewCommand() *cobra.Command {
	var digest, period, out, listen string
	cmd := &cobra.Command{
		Use:   "preview",
		Short: "see the mail as it would go now",
		Long: `preview renders the issue that would go now, or with --period one of the posts published in it, and stores nothing.
Without --out it opens a page on this machine that renders anew at each reload; --out writes a file by its ending.`,
		Example: "  digest preview\n  digest preview --period 2010-02 --out issue.html",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if out == "" && d.json {
				return wrong("add --out FILE.html, .txt or .eml", errors.New("preview --json tells of the file it writes, and none is named"))
			}
			if out == "" {
				return d.showPreview(cmd.Context(), h, digest, period, listen)
			}
			p, err := h.Preview(cmd.Context(), digest, period, d.now())
			if err != nil {
				return err
			}
			return d.writePreview(p, out)
		},
	}
	cmd.Flags().StringVar(&digest, "digest", "", "which digest (`NAME`)")
	cmd.Flags().StringVar(&period, "period", "", "the posts published in this `PERIOD` (2010-02, 2010-W08, 2010-02-26)")
	cmd.Flags().StringVar(&out, "out", "", "write a `FILE` ending in .html, .txt or .eml")
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:0", "loopback `address` of the page")
	return cmd
}

func (d *door) writePreview(p newsletter.Preview, out string) error {
	var data []byte
	switch strings.ToLower(filepath.Ext(out)) {
	case ".html":
		data = []byte(p.HTML)
	case ".txt":
		data = []byte(p.Text)
	case ".eml":
		data = p.Message
	default:
		return wrong("name a file that ends in .html, .txt or .eml", fmt.Errorf("--out %s says no format", out))
	}
	if err := os.WriteFile(out, data, 0o644); err != nil {
		return fmt.Errorf("writing the preview: %w", err)
	}
	if d.json {
		return d.printJSON(struct {
			File    string `json:"file"`
			Subject string `json:"subject"`
			Posts   int    `json:"posts"`
			Note    string `json:"note"`
		}{out, p.Subject, p.Posts, p.Note})
	}
	d.say("%s: %q, %s. %s", out, printable(p.Subject), plural(p.Posts, "post"), p.Note)
	return nil
}

// showPreview serves the proof on loopback until it is interrupted. The config
// is read again for each reload, so that an edit shows at once.
func (d *door) showPreview(ctx context.Context, h *house, digest, period, listen string) error {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return wrong("the proof is for this machine: 127.0.0.1:8081, say", fmt.Errorf("--listen %s is not a loopback address", listen))
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		return wrong("choose another port with --listen", fmt.Errorf("opening the page: %w", err))
	}
	server := web.Server(web.Proof(func(ctx context.Context) (newsletter.Preview, error) {
		c, err := config.Load(d.config)
		if err != nil {
			return newsletter.Preview{}, err
		}
		n := *h.Newsletter
		n.Config = c
		p, err := n.Preview(ctx, digest, period, d.now())
		return p, hidden(err)
	}, func(ctx context.Context) (newsletter.Sending, error) {
		return h.Sending(ctx, d.now())
	}))
	d.say("the proof is on http://%s until Ctrl-C", listener.Addr())
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case <-ctx.Done():
		end, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return server.Shutdown(end)
	case err := <-done:
		if errors.Is(err, http.ErrServerClosed) {
			return nil
		}
		return err
	}
}

// testView is a proof that was mailed, as --json prints it.
type testView struct {
	DryRun  bool   `json:"dry_run,omitempty"`
	To      string `json:"to"`
	Subject string `json:"subject"`
	Posts   int    `json:"posts"`
	Note    string `json:"note,omitempty"`
}

func (d *door) testCommand() *cobra.Command {
	var digest string
	cmd := &cobra.Command{
		Use:   "test ADDRESS",
		Short: "a marked proof to any address",
		Long: `test mails what preview shows to one address, its subject marked [Test]. It may be sent before go-live, and stands
outside the ledger.`,
		Example: "  digest test me@example.com",
		Args:    usage(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := readAddress(args[0]); err != nil {
				return err
			}
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			if d.dryRun {
				p, err := h.Preview(cmd.Context(), digest, "", d.now())
				if err != nil {
					return err
				}
				if d.json {
					return d.printJSON(testView{DryRun: true, To: args[0], Subject: "[Test] " + p.Subject, Posts: p.Posts})
				}
				d.say("%q would be mailed to %s", "[Test] "+printable(p.Subject), args[0])
				return nil
			}
			p, err := h.Test(cmd.Context(), args[0], digest, d.now())
			if err != nil {
				return err
			}
			if d.json {
				return d.printJSON(testView{false, args[0], "[Test] " + p.Subject, p.Posts, p.Note})
			}
			d.say("sent to %s: %q, %s. %s", args[0], "[Test] "+printable(p.Subject), plural(p.Posts, "post"), p.Note)
			return nil
		},
	}
	cmd.Flags().StringVar(&digest, "digest", "", "which digest (`NAME`)")
	return cmd
}
