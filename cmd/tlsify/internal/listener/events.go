package listener

import "golang.org/x/sys/unix"

// eventsOf are those that there are at a descriptor now, of what is asked for, errors and
// its end.
func eventsOf(descriptor int, asked int16) int16 {
	fds := []unix.PollFd{{Fd: int32(descriptor), Events: asked}}
	unix.Poll(fds, 0)
	return fds[0].Revents
}
