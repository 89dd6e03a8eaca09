package main

import (
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScript runs the sessions in testdata/script: the command's specification,
// as a person at a terminal would see it.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv(asCommand, "1")
			env.Setenv("DIGEST_INSTANCE", "test")
			env.Setenv("HOME", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){"digest": digestCmd, "site": siteCmd},
	})
}

// digestCmd runs the command: "digest ARG…", and "digest CODE: ARG…" where
// another exit code than 0 is expected.
func digestCmd(ts *testscript.TestScript, neg bool, args []string) {
	want := 0
	if len(args) > 0 {
		if code, err := strconv.Atoi(args[0]); err == nil {
			want, args = code, args[1:]
		}
	}
	self, err := os.Executable()
	ts.Check(err)
	err = ts.Exec(self, args...)
	got := 0
	if exitErr, ok := err.(*exec.ExitError); ok {
		got = exitErr.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("digest %q ended with exit code %d, want %d", args, got, want)
	}
}
