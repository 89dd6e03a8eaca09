package mailer

import (
	"strings"
	"testing"
)

// A finished header is read once more before it is everybody's: what go-mail made of the letter has to be what was asked
// for.
func TestStencilReadsItsHeaderAgain(t *testing.T) {
	sound, expect := "From: <a@example.com>\r\nTo: <stand.in@stand.in>\r\n", func() fields { return fields{"From": 1, "To": 1} }
	if err := new(Stencil).take([]byte(sound+"\r\nstand.in"), expect()); err != nil {
		t.Fatal(err)
	}
	for what, head := range map[string]string{
		"a field nobody asked for": sound + "Bcc: <b@example.com>\r\n",
		"a field twice":            sound + "From: <b@example.com>\r\n",
		"a field too few":          "To: <stand.in@stand.in>\r\n",
		"a lone LF":                strings.Replace(sound, "\r\nTo", "\nTo", 1),
		"a line too long":          strings.Replace(sound, "<a@", strings.Repeat("x", 999)+" <a@", 1),
		"bytes outside ASCII":      strings.Replace(sound, "<a@", "é <a@", 1),
		"another recipient":        strings.Replace(sound, "<stand.in@", "<b@example.com>, <stand.in@", 1),
	} {
		if err := new(Stencil).take([]byte(head+"\r\nstand.in"), expect()); err == nil {
			t.Errorf("%s passes", what)
		}
	}
}
