package subscribers

import (
	"testing"
	"time"
)

func TestBounceOf(t *testing.T) {
	for _, c := range []struct {
		code    int
		reply   string
		refused bool
		want    Bounce
	}{
		{550, "5.1.1 No such user here", true, HardBounce},
		{550, "5.1.1", true, HardBounce},
		{550, "5.1.2 Bad destination system", true, HardBounce},
		{501, "5.1.3 Bad address syntax", true, HardBounce},
		{551, "5.1.6 Mailbox has moved", true, HardBounce},
		{556, "5.1.10 Null MX", true, HardBounce},
		{550, "5.1.11 is no such code", true, SoftBounce},
		{550, "5.1.0 Address rejected", true, SoftBounce},
		{550, "5.2.1 Mailbox disabled", true, SoftBounce},
		{550, "5.7.1 Mailbox takes no mail from outside", true, SoftBounce},
		{550, "No such user", true, SoftBounce},             // no code, no certainty
		{550, "says 5.1.1 somewhere", true, SoftBounce},     // not at its beginning
		{550, "4.1.1 Contradicts itself", true, SoftBounce}, // the basic code decides
		{450, "5.1.1 Contradicts itself", false, NoBounce},
		{553, "5.6.7 Non-ASCII address not permitted", true, NoBounce},
		{552, "5.2.2 Mailbox full", false, SoftBounce},
		{452, "4.2.2 Mailbox full", false, SoftBounce},
		{552, "Requested mail action aborted: exceeded storage allocation", false, SoftBounce},
		{452, "Insufficient system storage", false, NoBounce}, // the server's
		{552, "5.3.4 Message too big", false, NoBounce},
		{451, "4.7.1 Greylisted", false, NoBounce},
		{554, "5.6.0 Content refused", false, NoBounce},
		{550, "5.1.1 No such user", false, NoBounce},
		{0, "not sent in time", false, NoBounce},
		{0, "making the message failed", true, NoBounce},
		{0, "", true, NoBounce},
	} {
		if got := BounceOf(c.code, c.reply, c.refused); got != c.want {
			t.Errorf("%d %s, refused %t: %d, want %d", c.code, c.reply, c.refused, got, c.want)
		}
	}
}

func FuzzBounceOf(f *testing.F) {
	f.Add(550, "5.1.1 No such user", true)
	f.Add(552, "4.2.2", false)
	f.Fuzz(func(t *testing.T, code int, reply string, refused bool) {
		if b := BounceOf(code, reply, refused); b == HardBounce && (!refused || code/100 != 5) {
			t.Errorf("%d %q, refused %t, suppresses", code, reply, refused)
		}
	})
}

// Three issues in a row are as good as never, if it took them thirty days.
func TestBouncesAddUp(t *testing.T) {
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	day := func(n int) time.Time { return start.AddDate(0, 0, n) }
	for name, c := range map[string]struct {
		days []int
		well int // the bounce before which a mail arrived; 0 = none
		want bool
	}{
		"three in thirty days":         {days: []int{0, 15, 30}, want: true},
		"three in less":                {days: []int{0, 15, 29}},
		"two in a year":                {days: []int{0, 365}},
		"many in a week":               {days: []int{0, 1, 2, 3, 4, 5, 6}},
		"a good one in between":        {days: []int{0, 15, 30}, well: 2},
		"… begins the count anew":      {days: []int{0, 15, 30, 46}, well: 1, want: true},
		"weekly until the month is up": {days: []int{0, 7, 14, 21, 28, 35}, want: true},
	} {
		var b Bounces
		for i, n := range c.days {
			b = b.And(c.well > 0 && i == c.well, "full", day(n))
			if enough := b.Enough(); enough != (c.want && i == len(c.days)-1) {
				t.Errorf("%s: enough after bounce %d: %t", name, i+1, enough)
			}
		}
	}
}
