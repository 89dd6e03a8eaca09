package web

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"digest/newsletter"
)

// Metrics serves figures for Prometheus at GET /metrics. They name no reader
// and no address.
//
// It has a listener of its own, and none by default: behind a proxy every
// visitor of the pages comes from loopback, so no look at a peer's address could
// tell the author's Prometheus from a stranger.
func Metrics(read func(context.Context) (newsletter.Figures, error)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, r *http.Request) {
		registry := prometheus.NewRegistry()
		registry.MustRegister(collector{r.Context(), read})
		families, err := registry.Gather()
		if err != nil { // its words are the ledger's
			http.Error(w, "the ledger does not answer", http.StatusServiceUnavailable)
			return
		}
		private(w.Header())
		gathered := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) { return families, nil })
		promhttp.HandlerFor(gathered, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
	return mux
}

// collector reads the figures from the ledger when it is asked, whichever
// process did the work: there is nothing to count in this one.
type collector struct {
	ctx  context.Context // of the request
	read func(context.Context) (newsletter.Figures, error)
}

// Describe names no metric: some are absent at times.
func (collector) Describe(chan<- *prometheus.Desc) {}

func (c collector) Collect(out chan<- prometheus.Metric) {
	f, err := c.read(c.ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(prometheus.NewInvalidDesc(err), err)
		return
	}
	e := exposition(out)
	e.mail(f)
	e.courier(f.Sending)
	e.gauge("digest_feeds", "Feeds of the config.", float64(f.Feeds))
	e.gauge("digest_feeds_failing", "Feeds whose last look failed.", float64(f.FeedsFailed))
	e.gauge("digest_feed_failures", "Looks that failed since the last good one, of all feeds together.", float64(f.Failures))
}

// exposition takes what is shown.
type exposition chan<- prometheus.Metric

func (e exposition) mail(f newsletter.Figures) {
	e.gauge("digest_live", "Whether mail may leave.", truth(f.Live))
	deliveries := prometheus.NewDesc("digest_deliveries", "Mails on the ledger, by state.", []string{"state"}, nil)
	for state, n := range f.Mail {
		e <- prometheus.MustNewConstMetric(deliveries, prometheus.GaugeValue, float64(n), string(state))
	}
	sent := prometheus.NewDesc("digest_mails_sent_total", "Mails that a server has accepted, since the ledger began.", nil, nil)
	e <- prometheus.MustNewConstMetric(sent, prometheus.CounterValue, float64(f.Mail["sent"]-f.Said))
	e.gauge("digest_mails_in_doubt", "Mails of which nobody can know whether they arrived.", float64(f.Mail["unknown"]))
	e.gauge("digest_mails_owed", "Mails still to be sent.", float64(f.Sending.Owed))
	e.moment("digest_mails_owed_until_timestamp_seconds", "About when what is owed will have been sent.", f.Sending.Until)
}

func (e exposition) courier(s newsletter.Sending) {
	r := s.Run
	e.gauge("digest_courier_working", "Whether a courier is at work.", truth(r.Working))
	rate := 0.0
	if r.Working {
		rate = r.Progress.Rate
	}
	e.gauge("digest_mails_sent_per_second", "Rate of the courier at work, over ten seconds.", rate)
	if r.Epoch == 0 {
		return
	}
	e.moment("digest_last_run_start_timestamp_seconds", "When the newest courier began.", r.Started)
	e.moment("digest_last_run_end_timestamp_seconds", "When it ended; absent while it works, and if it died.", r.Ended)
	info := prometheus.NewDesc("digest_last_run_info", "How it stands or ended: working, done, died, or why it ended early.", []string{"ending"}, nil)
	e <- prometheus.MustNewConstMetric(info, prometheus.GaugeValue, 1, r.Kind())
}

// gauge is a metric with one value.
func (e exposition) gauge(name, help string, value float64) {
	e <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, nil), prometheus.GaugeValue, value)
}

// moment is a time, shown unless it is zero.
func (e exposition) moment(name, help string, t time.Time) {
	if !t.IsZero() {
		e.gauge(name, help, float64(t.Unix()))
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
