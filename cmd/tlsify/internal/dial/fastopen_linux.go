package dial

import (
	"golang.org/x/sys/unix"
)

// sendSYN sends the SYN of a deferred connection without any bytes. On another
// it does nothing. What is wrong the next read says.
func sendSYN(fd int) {
	_, _ = unix.SendmsgN(fd, nil, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}
