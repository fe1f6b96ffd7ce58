package pump

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// pollBriefly is poll(2) for at most a millisecond. The runtime does not get to
// know that the thread waits: for an answer that comes at once, telling it costs
// more than all the rest. Whatever wants the processor meanwhile, a collection of
// garbage included, can wait as long.
func pollBriefly(fds []unix.PollFd) (int, error) {
	limit := unix.NsecToTimespec(1e6)
	n, _, err := unix.RawSyscall6(unix.SYS_PPOLL, uintptr(unsafe.Pointer(&fds[0])), uintptr(len(fds)), uintptr(unsafe.Pointer(&limit)), 0, 0, 0)
	if err != 0 {
		return 0, err
	}
	return int(n), nil
}

func readv(n int, p [][]byte) (int, error)  { return unix.Readv(n, p) }
func writev(n int, p [][]byte) (int, error) { return unix.Writev(n, p) }

// unread is how many bytes wait in a socket to be read.
func unread(n int) (int, error) { return unix.IoctlGetInt(n, unix.SIOCINQ) }

// unsent is how many bytes of a TCP socket the peer has not acknowledged.
func unsent(n int) (int, error) { return unix.IoctlGetInt(n, unix.SIOCOUTQ) }

// isUnix tells whether a socket is a unix socket.
func isUnix(n int) bool {
	domain, err := unix.GetsockoptInt(n, unix.SOL_SOCKET, unix.SO_DOMAIN)
	return err == nil && domain == unix.AF_UNIX
}
