package config

import (
	"fmt"
	"testing"
)

// A feed that says nothing of private networks is told from one that says no.
func TestAllowPrivate(t *testing.T) {
	for said, want := range map[string]string{"": "<nil>", "allow_private = true": "true", "allow_private = false": "false"} {
		path := write(t, "[site]\nname='N'\npublic_url='https://n.test'\n[[feed]]\nurl='https://n.test/feed'\n"+said+
			"\n[[digest]]\nname='w'\nevery='week'\n[mail]\nfrom='n@n.test'\nsmtp='smtp://localhost:25'\n")
		c, err := load(path, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := "<nil>"
		if yes := c.Feeds[0].AllowPrivate; yes != nil {
			got = fmt.Sprint(*yes)
		}
		if got != want {
			t.Errorf("%q is read as %s", said, got)
		}
	}
}
