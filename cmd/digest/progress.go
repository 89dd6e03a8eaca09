package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"digest/config"
	"digest/newsletter"
	"digest/outbox"
)

// tellSending says how far the mail is, and how long what is owed will take.
func (d *door) tellSending(ctx context.Context, h *house, s newsletter.Sending, now time.Time) {
	switch {
	case s.Run.Working:
		d.say("sending%s: %s", issuesNamed(s), outcomes(s.Run.Progress))
	case s.Run.Ending != "":
		d.say("the last run of the courier, of %s, ended early: %s", local(s.Run.Started, now, h.Zone()), shown(printable(s.Run.Ending)))
	case s.Run.Epoch > 0 && s.Run.Ended.IsZero():
		d.say("the last run of the courier, of %s, died; the next settles what it left", local(s.Run.Started, now, h.Zone()))
	}
	if s.Owed > 0 {
		d.say("%s", takes(h.Config.Mail, s, now, h.Zone()))
		d.tellLate(ctx, h, s, now)
	}
}

// tellLate warns of what can't be sent before it is too old.
func (d *door) tellLate(ctx context.Context, h *house, s newsletter.Sending, now time.Time) {
	n, err := outbox.Late(ctx, h.DB, s.Until, now)
	if err != nil {
		d.complain(fmt.Sprintf("what will be late can't be told: %v", err), "")
	} else if n > 0 {
		d.complain(late(h.Config.Mail, n))
	}
}

// late words it. Where domains have limits of their own, the number of mails isn't known.
func late(m config.Mail, n int) (sentence, hint string) {
	whole := span(outbox.ExpireAfter)
	switch {
	case len(m.Domains) > 0:
		return "some of them will not be sent in time: those that wait for more than " + whole + " expire", "raise [mail] rate or the limits of [mail.domains]"
	case m.Rate == "unlimited":
		hint = "raise [mail] connections"
	default:
		hint = "raise [mail] rate"
	}
	return fmt.Sprintf("about %d of them will not be sent in time: those that wait for more than %s expire", n, whole), hint
}

// tellTakes says how long what is owed will take, where that is worth a word. What the command was to do is done: that
// it can't be told fails nothing.
func (d *door) tellTakes(ctx context.Context, h *house) {
	now := d.now()
	s, err := h.Sending(ctx, now)
	switch {
	case err != nil:
		d.complain(fmt.Sprintf("how long it will take can't be told: %v", err), "")
	case s.Owed > 0 && s.Until.Sub(now) >= time.Minute:
		d.say("%s", takes(h.Config.Mail, s, now, h.Zone()))
		d.tellLate(ctx, h, s, now)
	}
}

func issuesNamed(s newsletter.Sending) string {
	var names []string
	for _, i := range s.Issues {
		names = append(names, fmt.Sprintf("issue %d, %q", i.ID, printable(i.Subject)))
	}
	if len(names) == 0 {
		return ""
	}
	return " " + strings.Join(names, " and ")
}

// outcomes are those of a run at work, in one line.
func outcomes(p outbox.Progress) string {
	line := fmt.Sprintf("%d sent", p.Sent)
	if p.Rate > 0 {
		line += fmt.Sprintf(", %s mails/s", perSecond(p.Rate))
	}
	for _, part := range []struct {
		n    int
		word string
	}{{p.Retry, "to be tried again"}, {p.Failed, "refused"}, {p.Unknown, "in doubt"}, {p.Skipped, "skipped"}, {p.Expired, "expired"}} {
		if part.n > 0 {
			line += fmt.Sprintf(", %d %s", part.n, part.word)
		}
	}
	return line
}

func perSecond(rate float64) string {
	if rate < 10 {
		return fmt.Sprintf("%.1f", rate)
	}
	return fmt.Sprintf("%.0f", rate)
}

// takes says how long what is owed will take: "412 mails are owed; at 1/s, 200/h they take about 2 hours (until …)".
func takes(m config.Mail, s newsletter.Sending, now time.Time, loc *time.Location) string {
	line, they, them := plural(s.Owed, "mail")+" are owed", "they take", "them up"
	if s.Owed == 1 {
		line, they, them = "1 mail is owed", "it takes", "it up"
	}
	if m.Rate == "unlimited" && len(m.Domains) == 0 && !s.Until.After(now) {
		return line + ", and no rate holds " + them
	}
	if s.Until.Sub(now) < time.Minute {
		return line + "; " + they + " less than a minute"
	}
	var at []string
	if m.Rate != "unlimited" {
		at = append(at, m.Rate)
	}
	if len(m.Domains) > 0 {
		at = append(at, "the limits of [mail.domains]")
	}
	if len(at) > 0 {
		they = "at " + strings.Join(at, " and ") + " " + they
	}
	return line + "; " + they + fmt.Sprintf(" about %s (until %s)", span(s.Until.Sub(now)), s.Until.In(loc).Format("Monday 2 January 15:04 MST"))
}

// sendingView is how far the mail is as `status --json` prints it.
type sendingView struct {
	Working bool             `json:"working"` // a courier is at work
	Owed    int              `json:"owed"`
	Until   *time.Time       `json:"until,omitempty"` // about when what is owed will have been sent
	Rate    string           `json:"rate"`            // as the config says it
	Issues  []int64          `json:"issues"`          // being sent
	Run     *outbox.Progress `json:"run,omitempty"`   // of the courier at work, or of the last one
	Started *time.Time       `json:"started,omitempty"`
	Ended   *time.Time       `json:"ended,omitempty"`
	Ending  string           `json:"ending,omitempty"` // why it ended early
}

func viewSending(m config.Mail, s newsletter.Sending) sendingView {
	v := sendingView{Working: s.Run.Working, Owed: s.Owed, Until: optional(s.Until), Rate: m.Rate, Issues: []int64{},
		Started: optional(s.Run.Started), Ended: optional(s.Run.Ended), Ending: shown(s.Run.Ending)}
	if !s.Run.At.IsZero() {
		v.Run = &s.Run.Progress
	}
	for _, i := range s.Issues {
		v.Issues = append(v.Issues, i.ID)
	}
	return v
}
