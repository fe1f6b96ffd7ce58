//go:build !linux

package listener

import (
	"syscall"

	"golang.org/x/sys/unix"
)

const pollEnded = unix.POLLHUP

func acceptOn(socket int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	n, from, err := unix.Accept(socket)
	if err == nil {
		unix.CloseOnExec(n)
		err = unix.SetNonblock(n, true)
	}
	return n, from, err
}

func arrived(socket, most int) (int, error) {
	n, _, err := unix.Recvfrom(socket, make([]byte, most), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n, err
}
