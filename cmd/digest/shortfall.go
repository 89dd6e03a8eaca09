package main

import (
	"fmt"
	"strings"

	"digest/newsletter"
	"digest/outbox"
)

// shortOf says who an issue has not reached.
func shortOf(x newsletter.Shortfall) string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{x.Failed, "refused"}, {x.Expired, "not sent in time"}, {x.Doubt, "in doubt and left to you"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.word))
		}
	}
	return strings.Join(parts, ", ")
}

// completed is the advice on issues that by themselves never reach all of their
// readers; "" = nothing a person can do.
func (d *door) completed(s newsletter.Status) string {
	for _, x := range s.Shortfalls {
		if x.Doubt > 0 {
			return fmt.Sprintf("%s; %s in doubt, and that is left to you", d.typed("issue unknown %d", x.Issue.ID), isAre(x.Doubt, "mail"))
		}
	}
	for _, x := range s.Shortfalls {
		if x.Missing > 0 {
			return fmt.Sprintf("%s; %s left without it", d.typed("issue send-missing %d", x.Issue.ID), isAre(x.Missing, "reader"))
		}
	}
	return ""
}

// mend is the advice while a server's answer halts mail; "" = none does.
func (d *door) mend(s newsletter.Status) string {
	switch outbox.KindOf(s.Sending.Run.Ending) {
	case "sender_refused", "content_refused", "too_large":
	default:
		return ""
	}
	if len(s.Troubles) == 0 || s.Sending.Owed == 0 || s.Sending.Run.Working {
		return ""
	}
	if len(s.Halting) == 1 {
		return fmt.Sprintf("mend what the server's words name, then %s; if they are about that reader alone, %s", d.typed("run"),
			d.typed("subscribers unsubscribe %s", quoted(s.Halting[0].Address)))
	}
	return fmt.Sprintf("mend what the server's words name, then %s", d.typed("run"))
}

// tellHalting names the readers whose mail met the answers that halt all mail.
func (d *door) tellHalting(list []outbox.Delivery) {
	for _, x := range list {
		d.say("  the answer came to the mail of %s: %s", printable(x.Address), coded(x))
	}
	if len(list) > 0 {
		d.say("  the others' mail goes first in the next run; if it is about that reader alone: %s", d.typed("subscribers unsubscribe ADDRESS"))
	}
}

// coded is a server's answer as it gave it, or the sentence that stands for one.
func coded(x outbox.Delivery) string {
	if x.Code == 0 {
		return shown(printable(x.Reply))
	}
	return fmt.Sprintf("%d %s", x.Code, shown(printable(x.Reply)))
}

// isAre counts things that are: "1 mail is", "2 mails are".
func isAre(n int, thing string) string {
	if n == 1 {
		return "1 " + thing + " is"
	}
	return plural(n, thing) + " are"
}

// haltingView is a mail whose answer halts all, as --json prints it.
type haltingView struct {
	Address string `json:"address"`
	Code    int    `json:"code"`
	Reply   string `json:"reply"`
}

func viewHalting(list []outbox.Delivery) []haltingView {
	all := []haltingView{}
	for _, x := range list {
		all = append(all, haltingView{x.Address, x.Code, shown(x.Reply)})
	}
	return all
}

// shortfallView is an issue that has not reached all of its readers, as --json prints it.
type shortfallView struct {
	Issue   int64 `json:"issue"`
	Failed  int   `json:"failed"`
	Expired int   `json:"expired"`
	Doubt   int   `json:"doubt"`   // left to the author
	Missing int   `json:"missing"` // of those failed and expired, whose reader still wants it
}

func viewShortfalls(list []newsletter.Shortfall) []shortfallView {
	all := []shortfallView{}
	for _, x := range list {
		all = append(all, shortfallView{x.Issue.ID, x.Failed, x.Expired, x.Doubt, x.Missing})
	}
	return all
}
