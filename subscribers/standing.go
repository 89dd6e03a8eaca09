package subscribers

import "strings"

// standing is what a cell of a file says about a reader.
type standing int

const (
	present standing = iota
	unconfirmed
	gone
)

// reader returns how to read a column that says whether somebody is still a
// reader, by its folded header; nil for any other column. It knows the exports
// of Mailchimp, Substack, Ghost, Buttondown, Kit, listmonk, FeedBurner,
// MailPoet, Brevo and ActiveCampaign.
func reader(header string) func(cell string) standing {
	switch header {
	case "unsubtime", "cleantime", "unsubscribedat", "unsubscribetime", "unsubscribedate",
		"unsubscriptiondate", "dateunsubscribed", "optouttime", "optoutdate", "leftat", "deletedat", "bouncedat":
		return goneIfSet
	case "emaildisabled", "emailblacklisted", "blacklisted", "blocklisted", "blocked", "unsubscribed",
		"optedout", "optout", "bounced", "complained", "suppressed", "disabled":
		return goneIfTrue
	case "subscribedtoemails", "subscribed", "emailsubscribed", "acceptsmarketing", "optin", "optedin":
		return goneIfFalse
	case "confirmed", "verified", "emailconfirmed", "emailverified":
		return unconfirmedIfFalse
	case "status", "state", "liststatus", "globalstatus", "emailstatus", "subscriptionstatus",
		"subscriberstatus", "memberstatus", "contactstatus", "subscribertype":
		return byStatus
	}
	return nil
}

func goneIfSet(cell string) standing {
	if cell == "" || falsy(cell) || strings.HasPrefix(cell, "0000-00-00") {
		return present
	}
	return gone
}

// goneIfTrue takes anything but a plain no for a yes: a date or a reason in such
// a column means the same, and a mail too few does less harm than one too many.
func goneIfTrue(cell string) standing { return goneIfSet(cell) }

func goneIfFalse(cell string) standing {
	if falsy(cell) {
		return gone
	}
	return present
}

func unconfirmedIfFalse(cell string) standing {
	if falsy(cell) {
		return unconfirmed
	}
	return present
}

func falsy(cell string) bool {
	switch fold(cell) {
	case "0", "false", "f", "no", "n", "never", "null", "none", "nil", "na":
		return true
	}
	return cell == "-"
}

func byStatus(cell string) standing {
	switch fold(cell) {
	case "unsubscribed", "unsubscribe", "cancelled", "canceled", "cleaned", "bounced", "bounce", "hardbounced",
		"hardbounce", "softbounced", "complained", "complaint", "spam", "spammy", "abuse", "blocklisted", "blacklisted", "blocked",
		"disabled", "inactive", "removed", "deleted", "erased", "archived", "suppressed", "undeliverable",
		"invalid", "optedout", "optout", "left", "nonsubscribed":
		return gone
	case "pending", "pendingverification", "pendingconfirmation", "unconfirmed", "notconfirmed", "unactivated",
		"unverified", "waiting", "awaitingconfirmation":
		return unconfirmed
	}
	return present
}
