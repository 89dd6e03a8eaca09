package database

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

func mountOf(path string) (mount, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(path, &s); err != nil {
		return mount{}, &fs.PathError{Op: "statfs", Path: path, Err: err}
	}
	m := mount{magic: uint32(s.Type)}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return mount{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	info, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return m, nil // no /proc: the magic number alone decides
	}
	device := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
	m.kind, m.options = findMount(string(info), device)
	return m, nil
}

// born is the file's number and, where the file system keeps it, the time it
// was made: numbers are used again after a file is removed.
func born(path string) (string, error) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, 0, unix.STATX_INO|unix.STATX_BTIME, &s)
	if errors.Is(err, unix.ENOSYS) {
		return inode(path)
	}
	if err != nil {
		return "", &fs.PathError{Op: "statx", Path: path, Err: err}
	}
	if s.Mask&unix.STATX_BTIME == 0 {
		return fmt.Sprintf("%d", s.Ino), nil
	}
	return fmt.Sprintf("%d %d.%09d", s.Ino, s.Btime.Sec, s.Btime.Nsec), nil
}
