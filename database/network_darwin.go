package database

import (
	"io/fs"

	"golang.org/x/sys/unix"
)

func mountOf(path string) (mount, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return mount{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	return mount{kind: unix.ByteSliceToString(s.Fstypename[:])}, nil
}

func born(path string) (string, error) { return inode(path) }
