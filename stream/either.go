package stream

import "golang.org/x/sys/unix"

// EitherReadable waits for bytes on one of two descriptors, and tells on which.
// It is neither where one of them has been stopped or has got a deadline: whoever
// reads then will see; nor where Gone would tell that nobody reads what is written
// to out, which may be a.
func EitherReadable(a, b, out *FD) (fromA, fromB bool) {
	a.acks.beforeWait(a.n)
	b.acks.beforeWait(b.n)
	for {
		limitA, bellA, errA := a.rd.prepare()
		limitB, bellB, errB := b.rd.prepare()
		if errA != nil || errB != nil || limitA >= 0 || limitB >= 0 {
			return false, false
		}
		fds := [...]unix.PollFd{
			{Fd: int32(a.n), Events: unix.POLLIN}, {Fd: int32(bellA.fd()), Events: unix.POLLIN},
			{Fd: int32(b.n), Events: unix.POLLIN}, {Fd: int32(bellB.fd()), Events: unix.POLLIN},
			{Fd: -1}, // poll(2) passes over -1
		}
		if out != a { // else a's events tell
			fds[4].Fd = int32(out.n)
		}
		n, err := pollBriefly(fds[:])
		if n == 0 && err == nil {
			a.acks.waits()
			b.acks.waits()
			_, err = unix.Poll(fds[:], -1)
		}
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return false, false
		case fds[1].Revents != 0:
			a.rd.answer(bellA)
		case fds[3].Revents != 0:
			b.rd.answer(bellB)
		}
		a.expected, b.expected = fds[0].Revents != 0, fds[2].Revents != 0
		if a.expected {
			a.acks.afterWait()
		}
		if b.expected {
			b.acks.afterWait()
		}
		if a.expected || b.expected || fds[4].Revents != 0 {
			return a.expected, b.expected
		}
	}
}
