package stream

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// Duplicate gives a descriptor of its own, from least on, for what package net or os
// has opened, which would go on to poll it. No child inherits it; c is still to be
// closed.
func Duplicate(c syscall.Conn, least int) (n int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return -1, err
	}
	controlErr := raw.Control(func(fd uintptr) { n, err = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, least) })
	return n, errors.Join(controlErr, os.NewSyscallError("fcntl", err))
}
