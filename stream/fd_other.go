//go:build !linux

package stream

import "golang.org/x/sys/unix"

// Not every system's package unix has readv and writev. These do no more in
// one call than the first piece, which is allowed.
func readv(n int, p [][]byte) (int, error)  { return unix.Read(n, p[0]) }
func writev(n int, p [][]byte) (int, error) { return unix.Write(n, p[0]) }

// Nor is there a way to move bytes on a pipe without waiting.
const pipesNeedNotWait = false

func notThere(error) bool                  { return false }
func readvNow(int, [][]byte) (int, error)  { return 0, unix.ENOTSUP }
func writevNow(int, [][]byte) (int, error) { return 0, unix.ENOTSUP }

// Unread would be what waits in a socket. That, and what the peer has not acknowledged, is not
// known: FD.Settle does nothing, and a reset may overtake the last bytes where a
// connection is closed with bytes of the peer's unread, or still to come.
func Unread(int) (int, error) { return 0, unix.ENOTSUP }
func unsent(int) (int, error) { return 0, unix.ENOTSUP }

// peerEnded: not every system has an event for it, but that nothing at all will
// move any more is always told.
const peerEnded = 0

// pollBriefly does not wait: the poll that follows will.
func pollBriefly([]unix.PollFd) (int, error) { return 0, nil }

// isUnix tells whether a socket is a unix socket.
func isUnix(n int) bool {
	name, err := unix.Getsockname(n)
	_, ok := name.(*unix.SockaddrUnix)
	return err == nil && ok
}

// recv is what there is to read on a socket.
func recv(n int, p []byte) (int, error) {
	got, _, err := unix.Recvfrom(n, p, unix.MSG_DONTWAIT)
	return got, err
}

// send sends what there is room for.
func send(n int, p []byte) (int, error) {
	return unix.SendmsgN(n, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// recvv is recv into, and sendv send of, the first of several pieces of memory.
func recvv(n int, p [][]byte) (int, error) {
	got, _, _, _, err := unix.RecvmsgBuffers(n, p, nil, unix.MSG_DONTWAIT)
	return got, err
}

func sendv(n int, p [][]byte) (int, error) {
	return unix.SendmsgBuffers(n, p, nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// acknowledge cannot be asked for.
func acknowledge(int) {}
