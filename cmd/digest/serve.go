package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"digest/outbox"
	"digest/web"
)

func (d *door) serveCommand() *cobra.Command {
	var pagesOnly bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "the daemon: the pages, and every pass at its time",
		Long: `serve answers the pages that mails link to (subscribe, confirm, leave, preferences, view online) and does what
"run" does, once a minute where something is due and once an hour to read the feed.
With --pages it only answers pages, beside a "run" from cron. It ends on SIGTERM after the mail in hand.`,
		Example: "  digest serve --config /srv/news/digest.toml\n  digest serve --pages",
		Args:    usage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, args []string) error {
			if d.dryRun {
				return wrong("try `digest run --dry-run`", errors.New("serve has no dry run"))
			}
			h, err := d.open(cmd.Context())
			if err != nil {
				return err
			}
			defer h.close()
			return d.serve(cmd.Context(), h, pagesOnly)
		},
	}
	cmd.Flags().BoolVar(&pagesOnly, "pages", false, "only the pages; `digest run` from cron does the rest")
	return cmd
}

func (d *door) serve(ctx context.Context, h *house, pagesOnly bool) error {
	listener, err := net.Listen("tcp", h.Config.Web.Listen)
	if err != nil {
		return wrong("set [web] listen to a free address of this machine; perhaps another `digest serve` is running", fmt.Errorf("opening the pages: %w", err))
	}
	wake := make(chan struct{}, 1)
	site := &web.Site{Newsletter: h.Newsletter, Now: d.now, Log: h.Log, Wake: func() {
		select {
		case wake <- struct{}{}:
		default: // it is awake already
		}
	}}
	base, cancel := context.WithCancel(ctx)
	defer cancel()
	server := web.Server(site.Handler())
	server.BaseContext = func(net.Listener) context.Context { return base }
	fmt.Fprintf(d.err, "digest: pages on http://%s\n", listener.Addr())

	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	passes := make(chan struct{})
	go func() {
		defer close(passes)
		if !pagesOnly {
			d.passes(ctx, h, wake)
		}
	}()

	select {
	case <-ctx.Done():
	case err = <-failed:
	}
	cancel()
	<-passes // the mail in hand is finished
	shut, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	server.Shutdown(shut)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// passes makes a pass each time something may be due, and keeps the daemon
// alive through every failure: it is said once, and tried again.
func (d *door) passes(ctx context.Context, h *house, wake <-chan struct{}) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	var said string
	for {
		passed, err := h.Tick(ctx, d.now, d.at != "")
		if ctx.Err() != nil {
			return
		}
		if err != nil && !errors.Is(err, outbox.ErrHeld) {
			if err.Error() != said {
				d.explain(err)
			}
			said = err.Error()
		} else {
			said = ""
			d.tellPass(passed)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-wake:
		}
	}
}
