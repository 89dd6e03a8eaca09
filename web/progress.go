package web

import (
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"time"

	"digest/newsletter"
)

//go:embed progress.html
var progressPage string

// panel is a Sending as the author's page shows it.
type panel struct {
	Working   bool
	Subject   string // of the issue being sent; "" = what is sent belongs to none
	Rate      string // mails a second; "" = not known
	Left      string // a span in words; "" = not known
	Done, All int
	Owed      int
	Last      string // how the last run ended, as the end of a sentence; "" = there was none
	P         struct{ Sent, Owed, Retry, Failed, Unknown, Skipped int }
}

// showProgress is the panel. It runs no script: its page tells the browser to ask again.
func showProgress(read func(context.Context) (newsletter.Sending, error)) http.HandlerFunc {
	page := template.Must(template.New("progress.html").Parse(progressPage))
	return func(w http.ResponseWriter, r *http.Request) {
		s, err := read(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		private(w.Header())
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'")
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		page.Execute(w, panelOf(s))
	}
}

func panelOf(s newsletter.Sending) panel {
	at, now := s.Run.Progress, s.Now
	p := panel{Working: s.Run.Working, Owed: s.Owed}
	p.P.Sent, p.P.Owed, p.P.Retry, p.P.Failed, p.P.Unknown, p.P.Skipped = at.Sent, s.Owed, at.Retry, at.Failed, at.Unknown, at.Skipped
	p.Done = at.Sent + at.Failed + at.Skipped + at.Expired
	p.All = max(1, p.Done+s.Owed)
	if at.Rate > 0 {
		p.Rate = fmt.Sprintf("%.1f", at.Rate)
	}
	if left := s.Until.Sub(now).Round(time.Second); left > 0 {
		p.Left = shortly(left)
	}
	var subjects []string
	for _, i := range s.Issues {
		subjects = append(subjects, i.Subject)
	}
	p.Subject = strings.Join(subjects, "” and “")
	switch kind := s.Run.Kind(); {
	case s.Run.Epoch == 0 || s.Run.Working:
	case kind == "done":
		p.Last = fmt.Sprintf("ended %s, all done: %d sent", ago(s.Run.Ended, now), at.Sent)
	case kind == "died":
		p.Last = "died; the next one settles what it left"
	default:
		p.Last = fmt.Sprintf("ended early %s: %s", ago(s.Run.Ended, now), s.Run.Ending)
	}
	return p
}

// shortly is a span as a person says it.
func shortly(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d/time.Second))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute)/time.Minute))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Round(time.Hour)/time.Hour))
	}
	return fmt.Sprintf("%d days", int(d.Round(24*time.Hour)/(24*time.Hour)))
}

func ago(t, now time.Time) string {
	if d := now.Sub(t).Round(time.Second); d > 0 {
		return shortly(d) + " ago"
	}
	return "now"
}
