package process

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// Give sends descriptor n, with one byte, on a unix socket, and does not wait. The
// receiver has one of its own; n stays ours.
func Give(socket, n int) error {
	return unix.Sendmsg(socket, []byte{1}, unix.UnixRights(n), nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

var errNoDescriptor = errors.New("there is no descriptor")

// TakeGiven waits for the next descriptor that [Give] has sent, and takes it,
// closed on exec. The error is io.EOF when there will be none; after another one
// there may be more.
func TakeGiven(socket *stream.FD) (int, error) {
	if err := socket.WaitReadable(); err != nil {
		return -1, io.EOF
	}
	var word [1]byte
	rights := make([]byte, unix.CmsgSpace(4))
	n, rightsLen, err := ReceiveRights(socket.Number(), word[:], rights)
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return -1, err
	case err != nil || n == 0:
		return -1, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	if err != nil || len(messages) != 1 {
		return -1, errNoDescriptor
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errNoDescriptor
	}
	return fds[0], nil
}
