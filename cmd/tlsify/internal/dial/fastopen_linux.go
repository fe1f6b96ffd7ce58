package dial

import (
	"os"

	"golang.org/x/sys/unix"
)

// sendSYN sends the SYN of a deferred connection without any bytes. On another
// it does nothing. What is wrong the next read says.
func sendSYN(fd int) {
	_, _ = unix.SendmsgN(fd, nil, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// replace makes the descriptor old another one for what n is. No child inherits
// it.
func replace(old, n int) error {
	return os.NewSyscallError("dup3", unix.Dup3(n, old, unix.O_CLOEXEC))
}
