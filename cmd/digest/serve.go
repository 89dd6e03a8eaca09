package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"digest/newsletter"
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
	cmd.Flags().BoolVar(&pagesOnly, "pages", false, "only the pages; a run from cron does the rest")
	return cmd
}

func (d *door) serve(ctx context.Context, h *house, pagesOnly bool) error {
	listener, err := net.Listen("tcp", h.Config.Web.Listen)
	if err != nil {
		return wrong("set [web] listen to a free address of this machine; perhaps another `digest serve` is running", fmt.Errorf("opening the pages: %w", err))
	}
	work, end := context.WithCancel(ctx)
	defer end()
	m := newDaemon(d, h)
	site := &web.Site{Newsletter: h.Newsletter, Now: d.now, Log: h.Log, Wake: m.rouse}
	server := web.Server(site.Handler())
	fmt.Fprintf(d.err, "digest: pages on http://%s\n", listener.Addr())
	go func() { m.failed <- server.Serve(listener) }()
	metrics, err := d.serveMetrics(h, m.failed)
	if err != nil {
		server.Close()
		return err
	}
	defer metrics.Close()
	var loops sync.WaitGroup
	if !pagesOnly {
		loops.Go(func() { m.watch(work) })
		loops.Go(func() { m.carry(work) })
	}
	select {
	case <-ctx.Done():
	case err = <-m.failed:
	}
	end()
	shut, done := context.WithTimeout(context.Background(), 10*time.Second)
	defer done()
	if server.Shutdown(shut) != nil {
		server.Close() // whoever is still reading has had ten seconds
	}
	loops.Wait() // the mail in hand is finished
	return err
}

// serveMetrics serves the figures for Prometheus where the config asks for them.
func (d *door) serveMetrics(h *house, failed chan<- error) (*http.Server, error) {
	server := web.Server(web.Metrics(func(ctx context.Context) (newsletter.Figures, error) {
		return h.Figures(ctx, d.now())
	}))
	if h.Config.Web.Metrics == "" {
		return server, nil
	}
	listener, err := net.Listen("tcp", h.Config.Web.Metrics)
	if err != nil {
		return nil, wrong("set [web] metrics to a free address of this machine", fmt.Errorf("opening the metrics: %w", err))
	}
	fmt.Fprintf(d.err, "digest: metrics on http://%s/metrics\n", listener.Addr())
	go func() { failed <- server.Serve(listener) }()
	return server, nil
}
