package listener

import (
	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// pollEnded is the event that the peer has ended its side.
const pollEnded = unix.POLLRDHUP

// acceptOn takes a connection, non-blocking and inherited by no child.
func acceptOn(socket int) (int, unix.Sockaddr, error) {
	return unix.Accept4(socket, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
}

// arrived is how many of the next most bytes on a socket are there already.
func arrived(socket, _ int) (int, error) { return stream.Unread(socket) }
