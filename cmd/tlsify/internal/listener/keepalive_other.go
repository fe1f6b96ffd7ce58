//go:build !linux

package listener

import "golang.org/x/sys/unix"

// noticeVanished has the kernel notice clients that vanish on the connections of a TCP
// socket that listens, after as long as it does by itself.
func noticeVanished(socket int) {
	unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
}
