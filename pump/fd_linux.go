package pump

import "golang.org/x/sys/unix"

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
