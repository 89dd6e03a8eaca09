package config

import (
	"fmt"
	"io"
	"os"
)

const maxPrivate = 16 << 10 // bytes

// private reads a file that holds a secret: nobody but this user may read it, and
// it is nobody else's. What is wrong with it is recorded; hint is for one that
// can't be read.
func (r *reader) private(key, path, hint string) (text string, ok bool) {
	// Asked before it is opened, too: to open a pipe is to wait for its writer.
	if info, err := os.Stat(path); err == nil && !info.Mode().IsRegular() {
		r.bad(key, path+" is no file", "")
		return "", false
	}
	f, err := os.Open(path)
	if err != nil {
		r.bad(key, path+" cannot be read", hint)
		return "", false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		r.bad(key, path+" is no file", "")
		return "", false
	}
	if info.Mode().Perm()&0o077 != 0 {
		r.bad(key, fmt.Sprintf("%s is open to others (mode %04o)", path, info.Mode().Perm()), "chmod 600 "+path)
		return "", false
	}
	if !ours(info) {
		r.bad(key, path+" belongs to another user", "make a copy that is this user's own")
		return "", false
	}
	all, err := io.ReadAll(io.LimitReader(f, maxPrivate+1))
	if err != nil || len(all) > maxPrivate {
		r.bad(key, path+" cannot be read", hint)
		return "", false
	}
	return string(all), true
}
