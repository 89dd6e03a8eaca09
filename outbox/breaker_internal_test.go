package outbox

import "testing"

// What a server says of two readers is one text, however it names them.
func TestPlain(t *testing.T) {
	for _, test := range []struct{ said, address, want string }{
		{"<anna.berg@x.test>: unknown", "anna.berg@x.test", "5.1.1 unknown"},
		{"user anna.berg is unknown", "anna.berg@x.test", "5.1.1 user is unknown"},
		{"user Berg is unknown", "anna.berg@x.test", "5.1.1 user is unknown"},
		{"no mailbox (anna) here Q17x", "anna@x.test", "5.1.1 no mailbox here"},
		{"relay denied", "", "5.1.1 relay denied"},
	} {
		if got := plain(Reply{Enhanced: "5.1.1", Text: test.said}, test.address); got != test.want {
			t.Errorf("%q to %s: %q", test.said, test.address, got)
		}
	}
}
