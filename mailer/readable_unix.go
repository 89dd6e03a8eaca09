//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mailer

import (
	"errors"
	"net"
	"syscall"
)

// readable reports that a socket has something to read, if only its end, without reading it.
func readable(conn net.Conn) bool {
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return false
	}
	control, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	found := false
	err = control.Read(func(fd uintptr) bool {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		found = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
		return true
	})
	return found || err != nil
}
