package pump

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"tlsify/engine/record"
)

// Two directions need two goroutines only where one has to wait and the other
// may go on. Small messages to and fro never do, and with two goroutines each
// of them wakes a thread and the runtime's scheduler. So a stream begins with
// one, which waits for both directions at a time, and gets its second when
// anything else is waited for, when a direction ends, or when there is enough to
// move for two processors.

// enough is how many bytes that is, with one call.
const enough = record.MaxPlaintext

// mayGoTogether tells whether nothing that the two directions do can make them
// wait behind the descriptors' backs.
func (r *run) mayGoTogether() (*recordCarrier, bool) {
	c, ok := r.Carrier.(*recordCarrier)
	return c, ok && c.network != nil && c.network.isSocket && r.In.isSocket && r.Out.isSocket
}

// together is toPeer and fromPeer in one goroutine, for as long as that will do,
// and then one of them.
func (r *run) together(c *recordCarrier) {
	var apart atomic.Bool
	var other func() // the direction that is not at work
	part := func() {
		if apart.CompareAndSwap(false, true) {
			go other()
		}
	}
	toPeer := func() { r.toDone <- r.toPeer(c.take(r.In)) }
	fromPeer := func() { r.fromDone <- r.fromPeer(c.receive()) }
	for _, fd := range []*FD{r.In, r.Out, c.network} {
		fd.beforeWait = part
	}
	for early := c.early; ; early = false {
		fromIn, fromNetwork := false, early
		if !early {
			fromIn, fromNetwork = eitherReadable(r.In, c.network)
		}
		if fromIn {
			other = fromPeer
			n, err := c.take(r.In)
			if err != nil || n >= enough {
				part()
			}
			if apart.Load() {
				r.toDone <- r.toPeer(n, err)
				return
			}
			if err := r.send(); err != nil {
				part()
				r.toDone <- err
				return
			}
			if apart.Load() {
				toPeer()
				return
			}
		}
		if fromNetwork {
			other = toPeer
			err := c.receive()
			if err != nil || c.received >= enough || c.conn.Ended() {
				part()
			}
			if apart.Load() {
				r.fromDone <- r.fromPeer(err)
				return
			}
			if err := r.deliver(); err != nil {
				part()
				r.fromDone <- err
				return
			}
			if apart.Load() {
				fromPeer()
				return
			}
		}
		if !fromIn && !fromNetwork {
			other = fromPeer
			part()
			toPeer()
			return
		}
	}
}

// eitherReadable waits for bytes on one of two descriptors, and tells on which.
// It is neither where one of them has been stopped or has got a deadline: whoever
// reads then will see.
func eitherReadable(a, b *FD) (fromA, fromB bool) {
	for {
		limitA, bellA, errA := a.rd.prepare()
		limitB, bellB, errB := b.rd.prepare()
		if errA != nil || errB != nil || limitA >= 0 || limitB >= 0 {
			return false, false
		}
		fds := [...]unix.PollFd{
			{Fd: int32(a.n), Events: unix.POLLIN}, {Fd: int32(bellA.fd()), Events: unix.POLLIN},
			{Fd: int32(b.n), Events: unix.POLLIN}, {Fd: int32(bellB.fd()), Events: unix.POLLIN},
		}
		n, err := pollBriefly(fds[:])
		if n == 0 && err == nil {
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
		if a.expected || b.expected {
			return a.expected, b.expected
		}
	}
}
