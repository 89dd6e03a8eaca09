package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// mutant names what a binary made by mutants does wrong; "" = nothing.
const mutant = "DIGEST_TEST_MUTANT"

// patch makes a room misbehave: what is found in its sources is replaced, and a
// file is added.
type patch struct {
	room, find, replace, add string
}

// patches are one line each of what holds the promises, taken out where the
// environment asks for it.
var patches = []patch{
	{"database", `\{"synchronous", "FULL", "2"\}`, `synchronous()`, `
		import "os"
		func synchronous() pragma {
			if os.Getenv("DIGEST_TEST_MUTANT") == "normal" {
				return pragma{"synchronous", "NORMAL", "1"}
			}
			return pragma{"synchronous", "FULL", "2"}
		}`},
	{"outbox", `func \(c \*committer\) mark\(`, `func (c *committer) durably(`, `
		import ("os"; "time")
		func (c *committer) mark(d Delivery, at time.Time) (bool, error) {
			if os.Getenv("DIGEST_TEST_MUTANT") == "dot" {
				go c.durably(d, at)
				return true, nil
			}
			return c.durably(d, at)
		}`},
	{"newsletter", `func \(l \*line\) (Dot|Offer)\(`, `func (l *line) true$1(`, `
		import ("context"; "os"; "sync"; "digest/outbox")
		var dots sync.Map
		func (l *line) Dot(ctx context.Context, next *outbox.Mail) (outbox.Reply, error) {
			if os.Getenv("DIGEST_TEST_MUTANT") != "sent" {
				return l.trueDot(ctx, next)
			}
			answered := make(chan struct{})
			dots.Store(l, answered)
			go func() { defer close(answered); l.trueDot(ctx, next) }()
			return outbox.Reply{Verdict: outbox.Accepted, Code: 250}, nil
		}
		func (l *line) Offer(ctx context.Context, m outbox.Mail) (outbox.Reply, error) {
			if answered, ok := dots.LoadAndDelete(l); ok {
				<-answered.(chan struct{})
			}
			return l.trueOffer(ctx, m)
		}`},
}

// forgetful is a courier that asks for no epoch: in its statements, and where
// it claims.
var forgetful = []patch{
	{"outbox", `(AND|WHERE) epoch = (\$\d+)`, `$1 $2 = $2`, ""},
	{"outbox", `newest != [a-z.]*epoch`, `newest < 0`, ""},
}

var mutated = sync.OnceValues(func() (string, error) { return build("mutants", patches) })

// mutants is this test's binary, which misbehaves as its environment asks.
func mutants(t *testing.T) string {
	t.Helper()
	binary, err := mutated()
	check(t, err)
	return binary
}

// build makes this test's binary anew, with patches, and from nothing but the
// sources of today.
func build(name string, patches []patch) (binary string, err error) {
	dir, err := os.MkdirTemp(os.Getenv(builtIn), name+"-")
	if err != nil {
		return "", err
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for i, p := range patches {
		if err := p.lay(root, dir, i, replace); err != nil {
			return "", err
		}
	}
	overlay := filepath.Join(dir, "overlay.json")
	text, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return "", err
	}
	binary = filepath.Join(dir, "digest.test")
	out, err := exec.Command("go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building %s: %w\n%s", name, err, out)
	}
	return binary, nil
}

// lay writes the patched sources to dir and enters them into the overlay.
func (p patch) lay(root, dir string, number int, replace map[string]string) error {
	sources, err := filepath.Glob(filepath.Join(root, p.room, "*.go"))
	if err != nil {
		return err
	}
	lay := func(source string, text []byte) error {
		file := filepath.Join(dir, fmt.Sprintf("%s-%s", p.room, filepath.Base(source)))
		replace[source] = file
		return os.WriteFile(file, text, 0o600)
	}
	pattern, hits := regexp.MustCompile(p.find), 0
	for _, source := range sources {
		if strings.HasSuffix(source, "_test.go") {
			continue
		}
		now := source
		if before, ok := replace[source]; ok {
			now = before
		}
		text, err := os.ReadFile(now)
		if err != nil {
			return err
		}
		if !pattern.Match(text) {
			continue
		}
		hits++
		if err := lay(source, pattern.ReplaceAll(text, []byte(p.replace))); err != nil {
			return err
		}
	}
	if hits == 0 {
		return fmt.Errorf("nothing like %s is in %s: the mutant has to follow the code", p.find, p.room)
	}
	if p.add == "" {
		return nil
	}
	return lay(filepath.Join(root, p.room, fmt.Sprintf("mutant%d.go", number)), []byte("package "+p.room+"\n"+p.add))
}

// TestMutants breaks the courier on purpose, in each of the ways that lose or
// repeat mail, and expects the tests to see it; and to see nothing where
// nothing is broken.
func TestMutants(t *testing.T) {
	t.Parallel()
	without, err := build("forgetful", forgetful)
	check(t, err)
	for _, m := range []struct{ name, binary, tests string }{
		{"dot", mutants(t), "^TestKilledAtRandom$/^ask$"},
		{"sent", mutants(t), "^TestAnswerAwaited$"},
		{"epoch", without, "^TestTakenOver$"},
	} {
		if m.binary != without {
			if out, err := judged(t, m.binary, "", m.tests); err != nil {
				t.Errorf("%s, with nothing broken: %v\n%s", m.tests, err, out)
			}
		}
		out, err := judged(t, m.binary, m.name, m.tests)
		if err == nil || !strings.Contains(out, "--- FAIL") {
			t.Errorf("%s does not see the mutant %s: %v\n%s", m.tests, m.name, err, out)
		}
		t.Logf("%s: %s", m.name, firstComplaint(out))
	}
}

// judged runs some tests of a binary.
func judged(t *testing.T, binary, name, tests string) (string, error) {
	cmd := exec.CommandContext(t.Context(), binary, "-test.run", tests)
	cmd.Env = append(os.Environ(), mutant+"="+name, "DIGEST_TEST_KILLS=60")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var complaint = regexp.MustCompile(`(?m)^ +\w+_test\.go:\d+: .*$`)

func firstComplaint(out string) string {
	for _, line := range complaint.FindAllString(out, -1) {
		if !strings.Contains(line, "DIGEST_TEST_SEED") {
			return strings.TrimSpace(line)
		}
	}
	return ""
}
