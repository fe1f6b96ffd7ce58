package connection

import (
	"context"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/stream"
)

// network is the stream below TLS. Mostly conn is its one socket; it may be two
// descriptors, or something that stands on a socket.
type network struct {
	conn    net.Conn
	in, out *stream.FD
}

// newNetwork makes a network of one descriptor for both directions, or of one for
// each.
func newNetwork(in, out *stream.FD) *network {
	n := &network{conn: in, in: in, out: out}
	if out != in {
		n.conn = twoFDs{FD: in, out: out}
	}
	prompt(in, out)
	return n
}

// networkOn makes a network of a stream that was dialled.
func networkOn(s *dial.Stream) *network {
	prompt(s.FD, s.FD)
	return &network{conn: s.Conn, in: s.FD, out: s.FD}
}

// prompt sees to it that nobody waits for an acknowledgement on a TCP socket, of the
// network or the caller's. Nagle's algorithm is turned off: what is written is whole
// records, or what came in them, and the last of it is to go out at once. And a peer that
// has it on hears at once that its own have come. Where the descriptor is no TCP socket,
// this does nothing.
func prompt(in, out *stream.FD) {
	if unix.SetsockoptInt(out.Number(), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) == nil {
		in.AcknowledgeAtOnce()
	}
}

// twoFDs reads from one descriptor and writes to another.
type twoFDs struct {
	*stream.FD
	out *stream.FD
}

func (t twoFDs) Write(p []byte) (int, error)        { return t.out.Write(p) }
func (t twoFDs) SetWriteDeadline(d time.Time) error { return t.out.SetWriteDeadline(d) }
func (t twoFDs) SetDeadline(d time.Time) error {
	t.FD.SetReadDeadline(d)
	return t.out.SetWriteDeadline(d)
}

// Stop makes everything that waits on the network fail.
func (n *network) Stop() {
	n.in.Stop()
	n.out.Stop()
}

// OnPart has do called when bytes have come, or a part of ours has gone.
func (n *network) OnPart(do func()) {
	n.in.OnPart(do)
	n.out.OnPart(do)
}

// Stuck is how much the kernel has for the peer while we have more.
func (n *network) Stuck() int { return n.out.Stuck() }

// end ends our direction without a word of TLS.
func (n *network) end() error { return n.out.End() }

// Settle waits, at most until ctx is done, for bytes of ours that closing the socket
// would take back, or what a peer that has not ended says to that.
func (n *network) Settle(ctx context.Context, ended bool) { n.out.Settle(ctx, ended) }
