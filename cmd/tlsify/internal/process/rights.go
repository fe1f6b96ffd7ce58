package process

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// Give sends descriptor n, with one byte, on a unix socket, and does not wait. The
// receiver has one of its own; n stays ours.
func Give(socket, n int) error { return GiveAll(socket, 1, n) }

// GiveAll is Give for several, or none, and a word to go with them.
func GiveAll(socket int, word byte, n ...int) error {
	var rights []byte
	if len(n) > 0 {
		rights = unix.UnixRights(n...)
	}
	return unix.Sendmsg(socket, []byte{word}, rights, nil, unix.MSG_NOSIGNAL|unix.MSG_DONTWAIT)
}

var errNoDescriptor = errors.New("there is no descriptor")

// TakeGiven waits for the next descriptor that [Give] has sent, and takes it,
// closed on exec. The error is io.EOF when there will be none; after another one
// there may be more.
func TakeGiven(socket *stream.FD) (int, error) {
	_, fds, err := TakeAllGiven(socket, 1)
	switch {
	case err != nil:
		return -1, err
	case len(fds) != 1:
		return -1, errNoDescriptor
	}
	return fds[0], nil
}

// TakeAllGiven is TakeGiven for what [GiveAll] has sent, which is no more than most.
func TakeAllGiven(socket *stream.FD, most int) (word byte, fds []int, err error) {
	if err := socket.WaitReadable(); err != nil {
		return 0, nil, io.EOF
	}
	var data [1]byte
	rights := make([]byte, unix.CmsgSpace(4*most))
	n, rightsLen, err := receiveRights(socket.Number(), data[:], rights)
	switch {
	case err == unix.EINTR || err == unix.EAGAIN:
		return 0, nil, err
	case err != nil || n == 0:
		return 0, nil, io.EOF
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	switch {
	case err != nil || len(messages) > 1:
		return 0, nil, errNoDescriptor
	case len(messages) == 1:
		fds, err = unix.ParseUnixRights(&messages[0])
	}
	return data[0], fds, err
}
