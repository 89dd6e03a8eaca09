package mailer

import (
	"strings"
	"testing"
)

func TestMailbox(t *testing.T) {
	for in, want := range map[string]string{
		"ann@example.net":       "ann@example.net",
		"Ann.B+tag@Example.NET": "Ann.B+tag@Example.NET",
		"o'neil@example.net":    "o'neil@example.net",
		"a@localhost":           "a@localhost",
		"jürgen@example.net":    "jürgen@example.net",
		"用户@example.net":        "用户@example.net",
		"ann@bücher.example":    "ann@xn--bcher-kva.example",
		"ann@BÜCHER.example":    "ann@xn--bcher-kva.example",
	} {
		if got, err := mailbox(in); err != nil || got != want {
			t.Errorf("%q: %q, %v", in, got, err)
		}
	}
}

// hostileAddresses gives what address parsers elsewhere took for something it is not (A2, A4).
func hostileAddresses() []string {
	all := []string{
		"", "@", "a@", "@b", "a", "a@b@c", `"a b"@example.net`, `"x@evil.example> SIZE=1"@example.net`, "a@[127.0.0.1]", "a@[IPv6:::1]",
		"<a@example.net>", "Ann <a@example.net>", "group:a@example.net;", "a@example.net (comment)", "a(comment)@example.net",
		"@relay.example:a@example.net", "a%b@c@d", ".a@example.net", "a.@example.net", "a..b@example.net", "a@.example.net",
		"a@example..net", "a@example.net.", "a@-example.net", "a@example-.net", "a@exa_mple.net", "a@example.net:25",
		strings.Repeat("a", 65) + "@example.net", "a@" + strings.Repeat("b", 64) + ".net", "a@" + strings.Repeat("bcd.", 70) + "net",
		"a@xn--.example\x00", "a@example.net\uff20evil.example", "a\u202e@example.net", "a\u00a0b@example.net", "a\u200b@example.net",
		"a@exam\u2028ple.net", "\xffa@example.net", "a@ex\xffample.net",
	}
	for _, bad := range []string{"\r", "\n", "\r\n", "\x00", " ", "\t", ">", "<", ",", ";", ":", `"`, `\`, "(", ")", "[", "]", "\x7f", "\u0085", "\u2028", "\u2029",
		"> SIZE=9999", ">\r\nRCPT TO:<evil@example.org", "\r\nRSET\r\nMAIL FROM:<evil@example.org>", "\nDATA", "@evil.example,b", "\x00@evil.example"} {
		all = append(all, "a"+bad+"b@example.net", bad+"a@example.net", "a"+bad+"@example.net", "a@"+bad+"example.net", "a@exam"+bad+"ple.net", "a@example.net"+bad,
			"ü"+bad+"b@example.net", "a@büch"+bad+"er.example", "a@good.example"+bad+"@evil.example", "a."+bad+".b@example.net")
	}
	return all
}

func TestMailboxRefuses(t *testing.T) {
	all := hostileAddresses()
	if len(all) < 300 {
		t.Errorf("only %d addresses", len(all))
	}
	for _, in := range all {
		if got, err := mailbox(in); err == nil {
			t.Errorf("%q became %q", in, got)
		}
	}
}

// The last look at the command line does not rely on the grammar before it.
func TestIsCommand(t *testing.T) {
	for _, good := range []string{"MAIL FROM:<>", "MAIL FROM:<a@b> SIZE=12 BODY=8BITMIME SMTPUTF8", "RCPT TO:<ü@example.net>"} {
		if !isCommand(good) {
			t.Errorf("%q refused", good)
		}
	}
	for _, bad := range []string{"RCPT TO:a@b", "RCPT TO:<a@b", "RCPT TO:<a b@c>", "RCPT TO:<a@b>\r\nDATA", "RCPT TO:<a@b\n>", "RCPT TO:<<a@b>",
		"RCPT TO:<a@b>> x", "RCPT TO:<a@b> <c@d>", `RCPT TO:<"a"@b>`, "RCPT TO:<a@b\x00>", "RCPT TO:<" + strings.Repeat("a", 1000) + ">"} {
		if isCommand(bad) {
			t.Errorf("%q passed", bad)
		}
	}
}
