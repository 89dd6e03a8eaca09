package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// openTerminal is a terminal: person is the side of the keyboard and the
// screen, program the side that a command reads and writes.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { person.Close() })
	check(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	check(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	check(t, err)
	t.Cleanup(func() { program.Close() })
	return person, program
}

// TestInitInterrupted stops init while it waits for an answer: it ends at once,
// and leaves nothing behind.
func TestInitInterrupted(t *testing.T) {
	t.Parallel()
	person, program := openTerminal(t)
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "feed.xml"), []byte(rss(january...)), 0o600))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var told bytes.Buffer
	done := make(chan int, 1)
	house := filepath.Join(dir, "house")
	go func() {
		defer program.Close() // so that nobody waits for what it will not say
		done <- Main(ctx, []string{"init", filepath.Join(dir, "feed.xml"), "--dir", house}, program, program, &told)
	}()
	screen := bufio.NewReader(person)
	for text := ""; !strings.Contains(text, "Your own mail address"); {
		c, err := screen.ReadByte()
		check(t, err)
		text += string(c)
	}
	stop()
	select {
	case code := <-done:
		if code != exitPartly || told.String() != "digest: stopped, and nothing was written\n" {
			t.Errorf("exit code %d: %s", code, told.String())
		}
	case <-time.After(time.Minute):
		t.Fatal("a minute went by before it ended")
	}
	if _, err := os.Stat(house); err == nil {
		t.Error("something was written")
	}
}
