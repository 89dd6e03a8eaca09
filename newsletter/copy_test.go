package newsletter_test

import (
	"os"
	"testing"

	"digest/newsletter"
)

// A lock file that moves on while it is looked at is a courier starting, not a
// copy put back; one that is behind says nothing.
func TestStandingBesideACourier(t *testing.T) {
	w := liveWorld(t)
	w.write()
	w.run()
	for text, want := range map[string]newsletter.Standing{
		"":                newsletter.Live,
		"no lock of ours": newsletter.Live,
		"99 1\n":          newsletter.Copied,
	} {
		w.must(os.WriteFile(w.Path+".lock", []byte(text), 0o600))
		got, err := w.Standing(w.ctx)
		w.must(err)
		if got != want {
			t.Errorf("with a lock file saying %q it stands at %d, want %d", text, got, want)
		}
	}
}
