package subscribers

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	tests := []struct{ in, mailbox, key string }{
		{"ann@example.com", "ann@example.com", "ann@example.com"},
		{"Ann.B@Example.COM", "Ann.B@example.com", "ann.b@example.com"},
		{"a+b_c-d@sub.example.co.uk", "a+b_c-d@sub.example.co.uk", "a+b_c-d@sub.example.co.uk"},
		{"o'hara@example.ie", "o'hara@example.ie", "o'hara@example.ie"},
		{"-a=b@example.com", "-a=b@example.com", "-a=b@example.com"},
		{"ann@bücher.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"ann@BÜCHER.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"ann@bu\u0308cher.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"ann@XN--bcher-KVA.example", "ann@xn--bcher-kva.example", "ann@xn--bcher-kva.example"},
		{"ann@straße.example", "ann@xn--strae-oqa.example", "ann@xn--strae-oqa.example"},
		{"Zoë@example.com", "Zoë@example.com", "zoë@example.com"},
		{"zoe\u0308@example.com", "zoë@example.com", "zoë@example.com"},
		{"ИВАН@пример.рф", "ИВАН@xn--e1afmkfd.xn--p1ai", "иван@xn--e1afmkfd.xn--p1ai"},
		{"用户@例子.中国", "用户@xn--fsqu00a.xn--fiqs8s", "用户@xn--fsqu00a.xn--fiqs8s"},
		{"a@1.example", "a@1.example", "a@1.example"},
		{strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com", strings.Repeat("a", 64) + "@example.com"},
		// A look-alike is another address, with a key of its own.
		{"аnn@example.com", "аnn@example.com", "аnn@example.com"},
		{"ann@exаmple.com", "ann@xn--exmple-4nf.com", "ann@xn--exmple-4nf.com"},
	}
	for _, tt := range tests {
		a, err := ParseAddress(tt.in)
		if err != nil || a.Mailbox != tt.mailbox || a.Key != tt.key {
			t.Errorf("ParseAddress(%q) = %+v, %v; want %q, %q", tt.in, a, err, tt.mailbox, tt.key)
		}
	}
}

// nasty returns addresses that must be refused: every odd character in every
// place of an address that is good without it, and the forms in which one
// parser sees another mailbox than the next.
func nasty() []string {
	list := []string{
		"", "@", "a", "a@", "@b.com", "a@b", "a@localhost", "a.@b.com", ".a@b.com", "a..b@b.com", "a@b..com", "a@.b.com",
		"a@b.com.", "a@-b.com", "a@b-.com", "a@b.com-", "a@b_c.com", "a@1.2.3.4", "a@b.123", "a@[127.0.0.1]", "a@[IPv6:::1]",
		`"a"@b.com`, `"a b"@b.com`, `"x@evil.com y"@good.com`, `"a\"b"@b.com`, `""@b.com`, `a."b"@b.com`, `a\@b@b.com`,
		"Ann <a@b.com>", "<a@b.com>", "<a@b.com", "a@b.com>", "a@b.com> SIZE=1", "a@b.com>\r\nRCPT TO:<c@d.com",
		"a@b.com, c@d.com", "a@b.com;c@d.com", "a@b.com c@d.com", "group:a@b.com;", "group:;", "a:b@c.com",
		"a(comment)@b.com", "(c)a@b.com", "a@b.com(c)", "a@(c)b.com", "a@b.com@c.com", "a@b@c.com", "@a.com:b@c.com", "@a.com,@b.com:c@d.com",
		"a%0d%0ab@c.com", "a%c.com@b.com", "host!a@b.com", "|prog@b.com", "a@b.com\x00@evil.com", "a\x00@b.com", "a@good.com\x00.evil.com",
		"mailto:a@b.com", "a@b.com?subject=x", "a@b.com/x", "a@b.com#x", "a＠b.com", "a@b。com", "a@b．com", "a@b｡com", "a@ｂ.com",
		"a@℀.com", "a@b\u00ad.com", "a@b\u200b.com", "a@b\u2060.com", "a\u200bb@c.com", "a\u200db@c.com", "a\u202eb@c.com", "a@\u202eb.com",
		"a\ufeff@b.com", "\ufeffa@b.com", "a\u2028@b.com", "a@b.com\u2029", "a\u0085@b.com", "a\u00a0@b.com", "\u0301a@b.com", "a.\u0301b@c.com",
		"a@\u0301b.com", "a@xn--.com", "a@xn--a.com", "a@xn--zzzzzzzzz99999.com", "a@א1a.com", "😀@b.com", "a@😀.com", "a@☃.net", "\xff@b.com", "a@\xff.com",
		strings.Repeat("a", 65) + "@b.com", strings.Repeat("é", 33) + "@b.com", "a@" + strings.Repeat("b", 64) + ".com",
		"a@" + strings.Repeat("b.", 130) + "com", "a@" + strings.Repeat("ü", 60) + ".com", strings.Repeat("a", 1<<20) + "@b.com",
		strings.Repeat("a", 60) + "@" + strings.Repeat("abcdefgh.", 22) + "com",
	}
	odd := []rune("\"(),:;<>[]\\ \t\r\n\x00\x01\x1b\x7f%!|\u0080\u0085\u00a0\u00ad\u200b\u200e\u2028\u2029\u202e\u2066\u3000\ufeff\ufffd\uff0e\U000e0041")
	for _, r := range odd {
		for _, form := range []string{"%sann@example.com", "an%sn@example.com", "ann%s@example.com", "ann@%sexample.com",
			"ann@exam%sple.com", "ann@example%s.com", "ann@example.%scom", "ann@example.com%s"} {
			list = append(list, fmt.Sprintf(form, string(r)))
		}
	}
	return list
}

func TestParseAddressRefuses(t *testing.T) {
	list := nasty()
	if len(list) < 300 {
		t.Fatalf("only %d cases", len(list))
	}
	for _, in := range list {
		if a, err := ParseAddress(in); !errors.Is(err, ErrAddress) {
			t.Errorf("ParseAddress(%.80q) = %+v, %v; want ErrAddress", in, a, err)
		} else if strings.ContainsAny(err.Error(), "\r\n\x00\x1b\u202e") {
			t.Errorf("ParseAddress(%.80q): the error carries what it refuses: %q", in, err)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, in := range []string{"ann@example.com", "Zoë@bücher.example", "ann@XN--bcher-KVA.example", "a%0d%0ab@c.com", `"a b"@c.d`} {
		f.Add(in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		a, err := ParseAddress(in)
		if err != nil {
			return
		}
		got, err := mail.ParseAddress(a.Mailbox)
		if err != nil || got.Address != a.Mailbox || got.Name != "" {
			t.Errorf("net/mail reads %q as %+v, %v", a.Mailbox, got, err)
		}
		if list, err := mail.ParseAddressList(a.Mailbox); err != nil || len(list) != 1 {
			t.Errorf("net/mail reads %q as the list %v, %v", a.Mailbox, list, err)
		}
		for _, form := range []string{a.Mailbox, a.Key} {
			if again, err := ParseAddress(form); err != nil || again.Key != a.Key {
				t.Errorf("%q became %+v, %v; want the key %q", form, again, err, a.Key)
			}
		}
	})
}
