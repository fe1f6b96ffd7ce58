package pump

import (
	"sync/atomic"

	"tlsify/engine/record"
	"tlsify/stream"
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
	return c, ok && c.network != nil && c.network.IsSocket() && r.In.IsSocket() && r.Out.IsSocket()
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
	for _, fd := range []*stream.FD{r.In, r.Out, c.network} {
		fd.BeforeWait(part)
	}
	for early := c.early; ; early = false {
		fromIn, fromNetwork := false, early
		if !early {
			fromIn, fromNetwork = stream.EitherReadable(r.In, c.network)
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
