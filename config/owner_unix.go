//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// ours says whether a file is this user's, or the machine's own.
func ours(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return !ok || int(stat.Uid) == os.Geteuid() || stat.Uid == 0
}
