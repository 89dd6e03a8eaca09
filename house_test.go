// Package house_test holds the floor plan against the code.
package house_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// plan lists the rooms and, for each, the rooms and libraries it may import
// (docs/design.md, "The rooms"). A room that is not here may not be.
var plan = map[string]struct {
	rooms []string
	alone []string // libraries that live in this room and in no other
}{
	"cmd/digest":  {rooms: []string{"config", "database", "demo", "feed", "issue", "mailer", "newsletter", "outbox", "subscribers", "web"}, alone: []string{"github.com/spf13/cobra", "github.com/schollz/progressbar/v3"}},
	"web":         {rooms: []string{"newsletter", "subscribers"}, alone: []string{"github.com/prometheus/client_golang"}},
	"newsletter":  {rooms: []string{"config", "feed", "issue", "mailer", "outbox", "subscribers", "templates"}},
	"config":      {rooms: []string{"issue"}, alone: []string{"github.com/pelletier/go-toml/v2", "github.com/caarlos0/env/v11"}},
	"templates":   {rooms: []string{"feed", "issue"}},
	"issue":       {rooms: []string{"feed"}, alone: []string{"github.com/robfig/cron/v3"}},
	"feed":        {alone: []string{"github.com/mmcdole/gofeed", "code.dny.dev/ssrf"}},
	"outbox":      {},
	"subscribers": {},
	"mailer":      {alone: []string{"github.com/wneessen/go-mail"}},
	"demo":        {alone: []string{"github.com/emersion/go-smtp"}},
	"database":    {alone: []string{"modernc.org/sqlite", "github.com/pressly/goose/v3"}},
	"bench":       {},
	"digesttest":  {rooms: []string{"database"}},
}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

// TestFloorPlan fails when an import runs the wrong way, and when a library
// that belongs to one room turns up in another. Tests may look anywhere.
func TestFloorPlan(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		room := strings.TrimPrefix(p.ImportPath, "digest/")
		if p.ImportPath == "digest" {
			continue // this test
		}
		allowed, ok := plan[room]
		if !ok {
			t.Errorf("room %s is not on the plan", room)
			continue
		}
		seen++
		for _, path := range p.Imports {
			if other, ours := strings.CutPrefix(path, "digest/"); ours {
				if !slices.Contains(allowed.rooms, other) {
					t.Errorf("%s imports %s, which the plan does not allow", room, other)
				}
				continue
			}
			if owner := ownerOf(path); owner != "" && owner != room && room != "digesttest" {
				t.Errorf("%s imports %s, which lives in %s alone", room, path, owner)
			}
		}
	}
	if seen != len(plan) {
		t.Errorf("%d of the plan's %d rooms stand", seen, len(plan))
	}
}

// TestNobodyImportsTheStandIns keeps what tests share out of the program.
func TestNobodyImportsTheStandIns(t *testing.T) {
	for _, p := range packages(t) {
		if slices.Contains(p.Imports, "digest/digesttest") {
			t.Errorf("%s imports digesttest outside its tests", p.ImportPath)
		}
	}
}

func ownerOf(path string) string {
	for room, p := range plan {
		for _, lib := range p.alone {
			if path == lib || strings.HasPrefix(path, lib+"/") {
				return room
			}
		}
	}
	return ""
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports,TestImports,XTestImports", "./...").Output()
	if err != nil {
		t.Fatalf("listing packages: %v", err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}
