package mailer

import (
	"html"
	"strings"
	"testing"
)

// naive fills a part in the plainest way there is.
func naive(part, mark string, r Reader, escape func(string) string) string {
	values := r.values()
	var pairs []string
	for i, name := range slots {
		pairs = append(pairs, mark+name, escape(plainValue(values[i])))
	}
	if mark != "" {
		part = strings.NewReplacer(pairs...).Replace(part)
	}
	return bodyText(part)
}

// FuzzFill holds the letter cut in advance against the plain way, for a letter
// made by hand and one read from storage.
func FuzzFill(f *testing.F) {
	f.Add("<p>MKname, MKaddress</p>MKleave", "MK", "A <b>\x00B", "https://x.test/?a=1&b=2")
	f.Add("MMKname MKMKname MKnameMKnameMK", "MK", "", "MKname")
	f.Add("aaaname aaname aname", "aa", "a", "aa")
	f.Add("no slot \xff\x01 at all", "", "n", "l")
	f.Add("MKnam MK", "MK", "e", "e")
	f.Add("MKname", "MK", "\xff\xfe", "\u2028")
	f.Fuzz(func(t *testing.T, text, mark, name, leave string) {
		r := Reader{Address: "r@readers.test", Name: name, Leave: leave, Preferences: "p", Since: "today"}
		if mark != plainValue(mark) || bodyText(text) != text {
			return // nobody marks a letter with controls, and what they would break up is cut after them
		}
		l := Letter{HTML: text, Text: text, Mark: mark}
		want := [2]string{naive(text, mark, r, html.EscapeString), naive(text, mark, r, func(s string) string { return s })}
		bad := mark != "" && (strings.Contains(want[0], mark) || strings.Contains(want[1], mark))
		stored := l
		stored.ready = makeWords(l)
		for _, l := range []Letter{l, stored} {
			inHTML, inText, err := l.Fill(r)
			if (err != nil) != bad {
				t.Fatalf("%+v: %v, want an error: %v", l, err, bad)
			}
			if err == nil && (inHTML != want[0] || inText != want[1]) {
				t.Errorf("got  %q %q\nwant %q", inHTML, inText, want)
			}
		}
	})
}

// A letter changed after it was read is filled as it is now.
func TestFillAfterChange(t *testing.T) {
	stored, err := Letter{Text: "Dear MKname", Mark: "MK"}.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	l, err := Unmarshal(stored)
	if err != nil {
		t.Fatal(err)
	}
	l.Text = "Hello MKname"
	if _, text, err := l.Fill(Reader{Name: "Ada"}); err != nil || text != "Hello Ada" {
		t.Errorf("got %q, %v", text, err)
	}
}
