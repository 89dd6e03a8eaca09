package config

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

func TestSampleLoads(t *testing.T) {
	for every, rhythm := range map[string]string{
		"": "every Monday at 09:00 UTC", "week": "every Monday at 09:00 UTC", "month": "every month on the 1st at 09:00 UTC",
	} {
		c, err := load(write(t, string(Sample(Values{Every: every}))), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Digests[0].Schedule.String(); got != rhythm {
			t.Errorf("%q: %s", every, got)
		}
		want := []string{"[site] name", "[site] blog", "[site] public_url", "[site] address", "[author] email", "[[feed]] url", "[mail] from", "[mail] smtp"}
		if diff := cmp.Diff(want, c.ExampleValues()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestSampleKeepsValues(t *testing.T) {
	v := Values{
		Name: `Ann "A" O'Neil's \ notes, ü 日`, Blog: "https://notes.test", Feed: "https://notes.test/feed", PublicURL: "http://127.0.0.1:8080",
		Address: "Road 1\nTown", Author: "me@notes.test", Every: "month", Timezone: "Asia/Kathmandu", SMTP: "smtp://127.0.0.1:2525",
		Rate: "unlimited", Listen: "127.0.0.1:9", From: "Notes <n@notes.test>",
	}
	c, err := load(write(t, string(Sample(v))), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := Values{
		Name: c.Site.Name, Blog: c.Site.Blog, Feed: c.Feeds[0].URL, PublicURL: c.Site.PublicURL, Address: c.Site.Address, Author: c.Author.Email,
		Every: c.Digests[0].Every, Timezone: c.Digests[0].Timezone, From: c.Mail.From, SMTP: c.Mail.SMTP, Rate: c.Mail.Rate, Listen: c.Web.Listen,
	}
	if diff := cmp.Diff(v, got); diff != "" {
		t.Error(diff)
	}
	if found := c.ExampleValues(); len(found) > 0 || c.Digests[0].Name != "monthly" {
		t.Errorf("example values %v in %s", found, c.Digests[0].Name)
	}
}

// Every key stands on a line of its own, so that a script can edit it.
func TestSampleLines(t *testing.T) {
	lines := lineIndex(Sample(Values{}))
	seen := map[int]string{}
	for path, line := range lines {
		if !strings.Contains(path, ".") {
			continue
		}
		if other, ok := seen[line]; ok {
			t.Errorf("%s and %s share line %d", path, other, line)
		}
		seen[line] = path
	}
	for _, path := range []string{"site.public_url", "author.email", "mail.from", "mail.smtp", "mail.rate", "mail.connections", "mail.in_doubt", "web.listen", "digest[0].theme", "digest[0].show", "digest[0].approval", "feed[0].url"} {
		if lines[path] == 0 {
			t.Errorf("%s is missing", path)
		}
	}
}

func TestExampleHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"example.com": true, "News.Example.ORG.": true, "blog.example": true,
		"myexample.com": false, "example.com.evil.net": false, "": false, "localhost": false,
	} {
		if isExample(host) != want {
			t.Errorf("%q: %v", host, !want)
		}
	}
}

// What a stranger's feed is called must never become a key of the file, or a
// line of it.
func FuzzSample(f *testing.F) {
	for _, s := range []string{"", "a\"\nsmtp = \"x", "'''", "\\", "\u2028[mail]\u202e", "\x00\x1b\r", "\xff\xfe", `"""` + "\n[web]\nlisten = 1", strings.Repeat("ü", 300)} {
		f.Add(s)
	}
	plain := keyPaths(f, Sample(Values{}))
	f.Fuzz(func(t *testing.T, s string) {
		b := Sample(Values{Name: s, Blog: s, Feed: s, PublicURL: s, Address: s, Author: s, Every: s, Timezone: s, From: s, SMTP: s, Rate: s, Listen: s})
		if diff := cmp.Diff(plain, keyPaths(t, b)); diff != "" {
			t.Fatal(diff)
		}
		if bytes.Count(b, []byte("\n")) != bytes.Count(Sample(Values{}), []byte("\n")) {
			t.Fatal("a value added a line")
		}
		var c file
		if err := toml.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		if want := strings.ToValidUTF8(s, "\ufffd"); s != "" && c.Author.Email != want {
			t.Fatalf("got %q, want %q", c.Author.Email, want)
		}
		path := filepath.Join(t.TempDir(), "digest.toml")
		if err := os.WriteFile(path, Sample(Values{Name: s}), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := load(path, nil); err != nil {
			t.Fatal(err)
		}
	})
}

func keyPaths(t testing.TB, b []byte) []string {
	var tree map[string]any
	if err := toml.Unmarshal(b, &tree); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for path := range lineIndex(b) {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	return paths
}

// A file of any bytes loads or is refused with lines that are in it.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(whole))
	f.Add(Sample(Values{}))
	f.Add([]byte("a.b.c = {d = [{e = 1}]}\n[[x.y]]\n"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, b []byte) {
		path := filepath.Join(dir, "digest.toml")
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := load(path, nil)
		all, ok := err.(*Errors)
		if err != nil && (!ok || len(*all) == 0) {
			t.Fatalf("%T", err)
		}
		if all == nil {
			return
		}
		for _, e := range *all {
			if e.Line > 1+bytes.Count(b, []byte("\n")) || strings.Contains(e.Problem, "\n") {
				t.Fatalf("%+v", e)
			}
		}
	})
}
