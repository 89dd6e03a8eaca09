package templates

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// friday is the day of every sample in these tests.
var friday = time.Date(2010, 2, 26, 9, 0, 0, 0, time.UTC)

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (run with -update to accept; -want +got):\n%s", name, diff)
	}
}

// editions are the samples the goldens and the tests of every page look at.
func editions() map[string]Edition {
	out := make(map[string]Edition)
	for _, n := range []int{0, 1, 6, 40} {
		out[fmt.Sprintf("issue-%d", n)] = Sample(friday, n)
	}
	for _, show := range []string{ShowFull, ShowHeadline} {
		e := Sample(friday, 6)
		e.Show = show
		out["issue-6-"+show] = e
	}
	return out
}

func TestGolden(t *testing.T) {
	for name, e := range editions() {
		m, err := Render("letter", e)
		if err != nil {
			t.Fatal(name, err)
		}
		golden(t, name+".html", m.HTML)
		golden(t, name+".txt", m.Text)
	}
	page, err := Page(Sample(friday, 6))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "page-6.html", page)
	m, err := Confirm(Sample(friday, 0).Site, "weekly", "every Monday at 09:00 Europe/Berlin", "https://news.boathouse.example/confirm/x1")
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "confirm.html", m.HTML)
	golden(t, "confirm.txt", m.Text)
}
