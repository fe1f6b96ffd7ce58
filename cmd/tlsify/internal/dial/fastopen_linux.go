package dial

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// set is a net.Dialer's Control. What a kernel does not have it goes without:
// the connection is then made in the ordinary way, and later.
func (o socketOptions) set(_, _ string, raw syscall.RawConn) error {
	return raw.Control(func(fd uintptr) {
		if o.fastOpen {
			// With a cookie of the server's, connect(2) succeeds at once and
			// the SYN waits for the first bytes to send (tcp(7)). Without one
			// it asks for a cookie in an ordinary SYN.
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
		}
		if o.soon {
			_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1)
		}
	})
}

// sendSYN sends the SYN of a deferred connection without any bytes. On another
// it does nothing. What is wrong the next read says.
func sendSYN(fd int) {
	_, _ = unix.SendmsgN(fd, nil, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}
