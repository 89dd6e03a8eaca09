package config

import (
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDomains(t *testing.T) {
	text := strings.Replace(whole, "[web]", "[mail.domains]\n\"gmail.com, googlemail.com\" = \"20/m\"\n\"*\" = \"1/s, 60/m\"\n\n[web]\nmetrics = \"127.0.0.1:9090\"", 1)
	c, err := load(write(t, text), []string{"DIGEST_MAIL_RATE=2/s"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"gmail.com, googlemail.com": "20/m", "*": "1/s, 60/m"}, c.Mail.Domains); diff != "" {
		t.Error(diff)
	}
	if c.Web.Metrics != "127.0.0.1:9090" || c.Mail.Rate != "2/s" {
		t.Errorf("metrics at %q, rate %q", c.Web.Metrics, c.Mail.Rate)
	}
}

func TestDomainsRefused(t *testing.T) {
	for line, want := range map[string]string{
		`"gmail.com" = "soon"`:              `[mail.domains] "gmail.com": "soon": `,
		`"gmail.com" = 20`:                  `[mail.domains]: this is the wrong kind of value; write a domain and its rate in quotes`,
		`gmail.com = "20/m"`:                `[mail.domains]: this is the wrong kind of value; write a domain and its rate in quotes`,
		`"me@gmail.com" = "20/m"`:           `[mail.domains] "me@gmail.com": "me@gmail.com" is no domain; name one, or "*"`,
		`"a.test, b.test, A.test" = "20/m"`: `[mail.domains] "a.test, b.test, A.test": "a.test" is named twice`,
		"\"bücher.test\" = \"20/m\"\n\"XN--bcher-kva.test\" = \"1/m\"": `[mail.domains] "bücher.test": "bücher.test" is named twice`,
		`"" = "20/m"`: `[mail.domains] "": "" is no domain`,
	} {
		text := strings.Replace(whole, "[web]", "[mail.domains]\n"+line+"\n\n[web]", 1)
		at := strings.Count(text[:strings.Index(text, line)], "\n") + 1
		_, err := load(write(t, text), nil)
		if err == nil {
			t.Errorf("%s is taken", line)
			continue
		}
		_, said, _ := strings.Cut(err.Error(), "digest.toml:")
		if number, rest, _ := strings.Cut(said, ": "); number != strconv.Itoa(at) || !strings.HasPrefix(rest, want) {
			t.Errorf("%s, line %d: %v", line, at, err)
		}
	}
	for line, want := range map[string]string{
		`metrics = "9090"`:           `[web] metrics: "9090": an address like`,
		`metrics = "127.0.0.1:8080"`: `[web] metrics: the pages are at this address`,
	} {
		_, err := load(write(t, strings.Replace(whole, "[web]", "[web]\n"+line, 1)), nil)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
	inline := strings.Replace(whole, "[web]", "domains = { \"gmail.com\" = 20 }\n[web]", 1)
	if _, err := load(write(t, inline), nil); err == nil || !strings.Contains(err.Error(), `in quotes, both text: "gmail.com" = "20/m"`) {
		t.Error(err)
	}
	if _, err := load(write(t, strings.Replace(whole, "[web]", "domains = \"20/m\"\n[web]", 1)), nil); err == nil ||
		!strings.Contains(err.Error(), "a table [mail.domains] is allowed") {
		t.Error(err)
	}
}
