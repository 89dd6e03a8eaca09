//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package mailer

import "net"

func readable(net.Conn) bool { return false }
