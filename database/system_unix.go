//go:build unix

package database

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mayWrite asks the system, which knows of mounts and of other users.
func mayWrite(path string) error { return unix.Access(path, unix.W_OK) }

func inode(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", nil
	}
	return fmt.Sprintf("%d", s.Ino), nil
}
