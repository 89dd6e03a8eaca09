package subscribers

import (
	"strings"
	"testing"
)

func TestToken(t *testing.T) {
	secret := []byte("0123456789abcdef0123456789abcdef")
	other := []byte("fedcba9876543210fedcba9876543210")
	token := Token(secret, PurposeLeave, 7, 1)
	if len(token) != 22 {
		t.Errorf("%q has %d characters", token, len(token))
	}
	if want := "MdEDC6rbrpH5x18gv5N_yg"; token != want {
		t.Errorf("%q, but links in mails sent have %q", token, want)
	}
	signer := NewSigner(secret)
	signer.AppendToken(nil, PurposePreferences, 8, 2)
	if again := string(signer.AppendToken([]byte("7."), PurposeLeave, 7, 1)); again != "7."+token {
		t.Errorf("%q from a signer used before", again)
	}
	if !Check(secret, PurposeLeave, 7, 1, token) {
		t.Error("its own token fails")
	}
	for name, ok := range map[string]bool{
		"another purpose": Check(secret, PurposePreferences, 7, 1, token),
		"another reader":  Check(secret, PurposeLeave, 8, 1, token),
		"a later version": Check(secret, PurposeLeave, 7, 2, token),
		"another secret":  Check(other, PurposeLeave, 7, 1, token),
		"nothing":         Check(secret, PurposeLeave, 7, 1, ""),
		"cut":             Check(secret, PurposeLeave, 7, 1, token[:20]),
		"longer":          Check(secret, PurposeLeave, 7, 1, token+"AA"),
		"padded":          Check(secret, PurposeLeave, 7, 1, token+"=="),
		"spaced":          Check(secret, PurposeLeave, 7, 1, token+" "),
		"with a line end": Check(secret, PurposeLeave, 7, 1, token+"\n"),
	} {
		if ok {
			t.Errorf("%s passes", name)
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range token {
		for _, c := range alphabet {
			changed := token[:i] + string(c) + token[i+1:]
			if changed != token && Check(secret, PurposeLeave, 7, 1, changed) {
				t.Errorf("%q passes for %q", changed, token)
			}
		}
	}
	if strings.ContainsAny(token, "+/=") {
		t.Errorf("%q does not fit into a URL", token)
	}
}
