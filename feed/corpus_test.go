//go:build corpus

// This measures the reader on a folder of real feeds, which are not ours to
// give away: `make corpus FEEDS=folder`. The folder holds a MANIFEST.tsv with at
// least the columns file, entries, first and last (dates of the earliest and the
// latest post, "" where unknown).
package feed

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"
)

type listed struct {
	file        string
	entries     int
	first, last string
}

func manifest(t *testing.T, dir string) []listed {
	t.Helper()
	f, err := os.Open(filepath.Join(dir, "MANIFEST.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := csv.NewReader(f)
	r.Comma, r.LazyQuotes, r.FieldsPerRecord = '\t', true, -1
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[name] = i
	}
	var list []listed
	for _, row := range rows[1:] {
		n, _ := strconv.Atoi(row[column["entries"]])
		list = append(list, listed{row[column["file"]], n, row[column["first"]], row[column["last"]]})
	}
	return list
}

func folder(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("FEEDS")
	if dir == "" {
		t.Fatal("FEEDS names no folder")
	}
	return dir
}

// TestCorpus holds counts and dates against the manifest, and time and memory
// of each file against a second and 64 MiB.
func TestCorpus(t *testing.T) {
	dir := folder(t)
	list := manifest(t, dir)
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	counts, dates := 0, 0
	var slowest time.Duration
	var largest uint64
	for _, l := range list {
		body, err := os.ReadFile(filepath.Join(dir, l.file))
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began := time.Now()
		doc, err := Parse(body, nil, "", now)
		took := time.Since(began)
		runtime.ReadMemStats(&after)
		slowest, largest = max(slowest, took), max(largest, after.TotalAlloc-before.TotalAlloc)
		if err != nil {
			t.Errorf("%s: %v", l.file, err)
			continue
		}
		if len(doc.Posts) == l.entries {
			counts++
		} else {
			t.Logf("%s: %d posts, the manifest says %d", l.file, len(doc.Posts), l.entries)
		}
		first, last := firstAndLast(doc.Posts)
		if first == l.first && last == l.last {
			dates++
		} else {
			t.Logf("%s: dated %s to %s, the manifest says %s to %s", l.file, first, last, l.first, l.last)
		}
	}
	t.Logf("%d files: %d counts and %d dates as listed; the slowest took %v, the largest allocated %d KiB in all",
		len(list), counts, dates, slowest, largest>>10)
	if counts*100 < 97*len(list) || dates*100 < 97*len(list) {
		t.Error("fewer than 97 % are read as listed")
	}
}

// firstAndLast is the earliest and the latest date of dated posts.
func firstAndLast(posts []Post) (first, last string) {
	for _, p := range posts {
		if !isDated(p) {
			continue
		}
		day := p.Published.Format(time.DateOnly)
		if first == "" || day < first {
			first = day
		}
		last = max(last, day)
	}
	return first, last
}

var wholeItem = regexp.MustCompile(`(?is)<(?:[a-z]+:)?(item|entry)[\s>].*?</(?:[a-z]+:)?(?:item|entry)\s*>`)

// TestCorpusCut cuts every file at seven places: what stands whole before the
// cut must be found.
func TestCorpusCut(t *testing.T) {
	dir := folder(t)
	want, got := 0, 0
	for _, l := range manifest(t, dir) {
		body, err := os.ReadFile(filepath.Join(dir, l.file))
		if err != nil {
			t.Fatal(err)
		}
		for eighth := 1; eighth < 8; eighth++ {
			half := body[:len(body)*eighth/8]
			whole := min(len(wholeItem.FindAll(half, -1)), l.entries)
			doc, err := Parse(half, nil, "", time.Now())
			if err != nil && !errors.Is(err, ErrNotFeed) && !errors.Is(err, ErrEmpty) {
				t.Errorf("%s cut at %d/8: %v", l.file, eighth, err)
			}
			want, got = want+whole, got+min(len(doc.Posts), whole)
		}
	}
	t.Logf("%d of %d whole posts found in files cut short", got, want)
	if got*100 < 95*want {
		t.Error("fewer than 95 % are found")
	}
}
