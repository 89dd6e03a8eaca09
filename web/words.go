package web

import (
	"fmt"
	"strings"
	"time"
)

// language is every word the pages say, and how they tell time. Another
// language is another table with the same keys, and names for its days.
type language struct {
	words map[string]string // "%s" stands for what say is given, in order
}

// say finds a sentence and fills it in. The templates escape what comes out.
func (l language) say(key string, args ...any) (string, error) {
	sentence, ok := l.words[key]
	if !ok {
		return "", fmt.Errorf("no words for %q", key)
	}
	if len(args) == 0 {
		return sentence, nil
	}
	return fmt.Sprintf(sentence, args...), nil
}

// moment is a time to come, with its zone: "Monday 6 May, 09:00 CEST", or
// "… 09:00 UTC-03" where the zone has no letters.
func (l language) moment(t time.Time) string {
	zone := t.Format("MST")
	if strings.ContainsAny(zone, "+-") {
		zone = "UTC" + zone
	}
	return t.Format("Monday 2 January, 15:04 ") + zone
}

// rhythm tells a schedule to a reader: the zone by its city, "every Monday at
// 09:00 (Berlin time)", and a cron expression as no more than it tells them.
// The confirmation mail says the same (templates, rhythmOf).
func (l language) rhythm(schedule string) string {
	if strings.HasPrefix(schedule, "cron ") {
		return "at set times"
	}
	at := strings.LastIndexByte(schedule, ' ')
	area, city, named := strings.Cut(schedule[at+1:], "/")
	if at < 0 || !named || area == "Etc" {
		return schedule
	}
	city = city[strings.LastIndexByte(city, '/')+1:]
	return schedule[:at] + " (" + strings.ReplaceAll(city, "_", " ") + " time)"
}

var english = language{words: map[string]string{
	"lang": "en",

	"nav":           "More pages",
	"nav.subscribe": "Subscribe",
	"nav.issues":    "Past issues",
	"nav.blog":      "The blog",

	"subscribe.title":  "Subscribe to %s",
	"subscribe.head":   "New posts, by mail",
	"subscribe.lead":   "What is new, gathered into one mail %s. Nothing else, and gone the moment you say so.",
	"subscribe.leads":  "What is new, gathered into one mail at the rhythm you choose. Nothing else, and gone the moment you say so.",
	"subscribe.rhythm": "How often?",
	"subscribe.label":  "Your email address",
	"subscribe.wrong":  "This is not an email address we can write to. It should look like name@example.com.",
	"subscribe.trap":   "Leave this empty",
	"subscribe.button": "Subscribe",
	"subscribe.after":  "You get one mail with a button first, to make sure that the address is yours.",

	"sent.title": "Check your mail",
	"sent.text":  "If mail from us can reach that address, a message with a button is on its way. Press the button within 48 hours and you're in.",
	"sent.wait":  "Nothing there after a few minutes? Look among the spam, and see that the address is spelt right. Who is subscribed already gets no message: there is nothing left to do. We write to an address once a day at most.",

	"confirm.title":  "One press and you're in",
	"confirm.text":   "You get new posts of %s, gathered into one mail, %s.",
	"confirm.button": "Yes, subscribe me",
	"confirm.not":    "Not you? Close this page. Without the button nothing happens.",

	"welcome.title":  "You're in.",
	"welcome.first":  "First mail: %s.",
	"welcome.latest": "Read the latest now.",
	"welcome.leave":  "Every mail has a link at its foot that stops the next one.",

	"leave.title":  "Stop mail to %s?",
	"leave.text":   "No more issues of %s go to this address. It takes effect at once.",
	"leave.button": "Yes, stop the mail",
	"leave.not":    "Changed your mind? Close this page. Without the button nothing happens.",

	"left.title": "You've left",
	"left.text":  "No more issues of %s go to %s.",
	"left.back":  "Was it a slip? Subscribe again",

	"preferences.title": "Your mail from %s",
	"preferences.head":  "Your mail",
	"preferences.who":   "These are the choices of %s.",
	"preferences.which": "What would you like to get?",
	"preferences.none":  "With nothing ticked, the mail stops.",
	"preferences.save":  "Save",
	"preferences.saved": "Saved. The next mail follows this choice.",
	"preferences.leave": "Stop all mail",
	"preferences.or":    "Had enough?",

	"issues.title": "Past issues",
	"issues.lead":  "Everything that went out by mail, newest first.",
	"issues.none":  "Nothing has gone out yet. Subscribe, and the first issue comes to you.",

	"lost.title":    "There is no such page",
	"lost.text":     "The address may have lost a piece on its way here. If it came out of a mail, open the mail again and press the link itself.",
	"issue.title":   "There is no such issue",
	"issue.text":    "It may not be out yet. What has gone out is listed under the past issues.",
	"method.title":  "This page can't do that",
	"method.text":   "Open the page itself and use the button on it.",
	"stale.title":   "This link has had its time",
	"stale.text":    "A link to confirm works for 48 hours, and until you leave. If you pressed its button before and get mail from us, there is nothing left to do. If not, subscribe again and a new link comes; we write to an address once a day at most.",
	"link.title":    "This link doesn't work",
	"link.text":     "It may have been cut short on its way. Open the newest mail you have and press the link at its foot; links in later mails stand for the same address. Nothing has been changed.",
	"button.title":  "Nothing has happened yet",
	"button.text":   "Open this page again and press its button. We ask so that a program which only looks at links decides nothing for you.",
	"form.title":    "We can't read that form",
	"form.text":     "Go back, load the page again and send it once more. Nothing has been changed.",
	"digest.title":  "There is no such mail to choose",
	"digest.text":   "Go back, load the page again and choose from what it offers. Nothing has been changed.",
	"large.title":   "That is too much",
	"large.text":    "A form of ours takes a few words. Go back and send less. Nothing has been changed.",
	"foreign.title": "This came from another site",
	"foreign.text":  "We take a form from our own pages only. Open the page here and send it again. Nothing has been changed.",
	"closed.title":  "Not open yet",
	"closed.text":   "This newsletter takes no subscriptions at the moment. Come back later; the blog is open all the while.",
	"down.title":    "Back in a moment",
	"down.text":     "We can't reach our records just now. Try again in a minute; doing the same thing twice does no harm.",
	"bug.title":     "Something broke on our side",
	"bug.text":      "The author's log says what. Try again in a minute; doing the same thing twice does no harm.",
}}
