// Command digest sends a blog's new posts to its readers as a weekly or monthly
// mail. This package is wiring: it reads flags, opens the file, calls the rooms
// and says what they did. Every rule lives in a room.
package main

import (
	"context"
	"io"
	"os"
)

func main() {
	ctx, stop := untilSignal(context.Background(), sameSignal)
	code := Main(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Main runs one command line and returns its exit code. It is main without the
// process, so that tests can be the process.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	d := newDoor(stdin, stdout, stderr)
	root := d.root()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err != nil {
		return d.explain(err)
	}
	return 0
}
