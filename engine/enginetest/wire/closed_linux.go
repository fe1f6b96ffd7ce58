package wire

import (
	"net"

	"golang.org/x/sys/unix"
)

// isClosed tells whether the kernel has closed c's connection.
func isClosed(c *net.TCPConn) bool {
	const tcpClose = 7
	closed := true // so it is, where the other direction has closed it by now
	if raw, err := c.SyscallConn(); err == nil {
		raw.Control(func(fd uintptr) {
			info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
			closed = err == nil && info.State == tcpClose
		})
	}
	return closed
}
