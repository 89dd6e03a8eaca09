//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package mailer

import (
	"errors"
	"net"
	"syscall"
)

// look tells whether a socket has something to read, if only its end, without reading it.
type look struct {
	control syscall.RawConn // nil: nobody can tell
	peek    func(fd uintptr)
	found   bool
}

func newLook(conn net.Conn) *look {
	l := &look{}
	if socket, ok := conn.(syscall.Conn); ok {
		l.control, _ = socket.SyscallConn()
	}
	l.peek = func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		l.found = !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EINTR)
	}
	return l
}

func (l *look) readable() bool {
	if l.control == nil {
		return false
	}
	err := l.control.Control(l.peek)
	return err != nil || l.found
}
