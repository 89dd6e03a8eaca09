package web

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestScripts runs testdata/*.txt, each in a world of its own. A request line
// is followed by what it sends:
//
//	reqheader NAME VALUE
//	send BODY              (urlencoded unless a Content-Type was given; \r\n is a line end)
//	after DURATION         (the clock moves first)
//
// and by what must hold, "code == 200" unless another code is named:
//
//	code == N
//	header NAME == TEXT | header NAME contains TEXT | header NAME absent
//	body contains TEXT | body !contains TEXT | body == TEXT
//	reader NAME == STATE DIGESTS
//	owed == N | wakes == N
//
// "$ada.leave" is the last part of Ada's leave link; see world for the others.
// Beside that, each answer must keep the rules of check.
func TestScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no scripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t)
			for _, step := range steps(string(text)) {
				w.play(file, step)
			}
		})
	}
}

// step is one request of a script with the lines that belong to it.
type step struct {
	line         int
	method, path string
	header       http.Header
	body         string
	wants        []string
	code         int
	after        time.Duration
}

var requestLine = regexp.MustCompile(`^[A-Z]+ (/|\*)`)

func steps(text string) (all []step) {
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if requestLine.MatchString(line) {
			method, path, _ := strings.Cut(line, " ")
			all = append(all, step{line: i + 1, method: method, path: path, header: http.Header{}, code: 200})
			continue
		}
		s := &all[len(all)-1]
		word, rest, _ := strings.Cut(line, " ")
		switch word {
		case "reqheader":
			name, value, _ := strings.Cut(rest, " ")
			s.header.Add(name, value)
		case "send":
			s.body = strings.ReplaceAll(rest, `\r\n`, "\r\n")
		case "after":
			s.after, _ = time.ParseDuration(rest)
		case "code":
			fmt.Sscanf(rest, "== %d", &s.code)
		default:
			s.wants = append(s.wants, line)
		}
	}
	return all
}

func (w *world) play(file string, s step) {
	w.t.Helper()
	where := fmt.Sprintf("%s:%d: %s %s", file, s.line, s.method, s.path)
	w.clock.Advance(s.after)
	before := w.hash()
	r := httptest.NewRequest(s.method, w.expand(s.path), strings.NewReader(w.expand(s.body)))
	r.Host = "news.example.com"
	r.Header = s.header
	if s.method == http.MethodPost && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res := w.ask(r)
	text, err := io.ReadAll(res.Body)
	w.must(err)
	if res.StatusCode != s.code {
		w.t.Errorf("%s: code is %d, want %d\n%s", where, res.StatusCode, s.code, words(string(text)))
	}
	w.check(where, res, string(text))
	if changed := w.hash() != before; changed && (s.method != http.MethodPost || res.StatusCode >= 300) {
		w.t.Errorf("%s: answered %d and changed the database", where, res.StatusCode)
	}
	for _, want := range s.wants {
		if !w.holds(want, res, string(text)) {
			w.t.Errorf("%s: not so: %s\n%s", where, want, words(string(text)))
		}
	}
}

// words is the part of a page worth reading in a failure.
func words(page string) string {
	if _, main, ok := strings.Cut(page, "<main>"); ok {
		page, _, _ = strings.Cut(main, "</main>")
	}
	return page
}

// holds decides one line of a script.
func (w *world) holds(line string, res *http.Response, text string) bool {
	word, rest, _ := strings.Cut(w.expand(line), " ")
	switch word {
	case "body":
		return compare(rest, text)
	case "header":
		name, rest, _ := strings.Cut(rest, " ")
		if rest == "absent" {
			return res.Header.Values(name) == nil
		}
		return compare(rest, res.Header.Get(name))
	case "reader":
		name, rest, _ := strings.Cut(rest, " ")
		return compare(rest, w.state(name))
	case "owed":
		return compare(rest, fmt.Sprint(w.owed()))
	case "wakes":
		return compare(rest, fmt.Sprint(w.wakes))
	}
	return false
}

func compare(rest, text string) bool {
	operator, want, _ := strings.Cut(rest, " ")
	switch operator {
	case "==":
		return strings.TrimSpace(text) == want
	case "contains":
		return strings.Contains(text, want)
	case "!contains":
		return !strings.Contains(text, want)
	}
	return false
}

// check holds for every answer there is.
func (w *world) check(where string, res *http.Response, text string) {
	w.t.Helper()
	for name, want := range map[string]string{
		"Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY",
	} {
		if got := res.Header.Get(name); got != want {
			w.t.Errorf("%s: %s is %q, want %q", where, name, got, want)
		}
	}
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "form-action '", "frame-ancestors 'none'", "base-uri 'none'"} {
		if !strings.Contains(policy, want) {
			w.t.Errorf("%s: policy %q lacks %s", where, policy, want)
		}
	}
	for _, name := range []string{"Set-Cookie", "Location"} {
		if res.Header.Get(name) != "" {
			w.t.Errorf("%s: sets %s", where, name)
		}
	}
	if len(text) > 20<<10 {
		w.t.Errorf("%s: page of %d bytes", where, len(text))
	}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
		if n := strings.Count(text, "<h1"); n != 1 {
			w.t.Errorf("%s: %d h1\n%s", where, n, text)
		}
		for _, bad := range []string{"<script", "ZgotmplZ", "%!", "<nil>", "javascript:", "http-equiv"} {
			if strings.Contains(text, bad) {
				w.t.Errorf("%s: page holds %q", where, bad)
			}
		}
	}
}
