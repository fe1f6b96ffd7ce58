package main

import (
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/pump"
)

// network is the stream below TLS: one socket, or two descriptors.
type network struct{ in, out *pump.FD }

// newNetwork makes a network of the two; a nil out means that in is both. On a
// TCP socket it turns Nagle's algorithm off: what is written is whole records,
// and the last of them must not wait for an acknowledgement.
func newNetwork(in, out *pump.FD) *network {
	if out == nil {
		out = in
	}
	// It fails where the descriptor is no TCP socket, and then does not matter.
	unix.SetsockoptInt(out.Number(), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	return &network{in, out}
}

func (n *network) numbers() []int { return []int{n.in.Number(), n.out.Number()} }

func (n *network) Read(p []byte) (int, error)         { return n.in.Read(p) }
func (n *network) Write(p []byte) (int, error)        { return n.out.Write(p) }
func (n *network) LocalAddr() net.Addr                { return n.in.LocalAddr() }
func (n *network) RemoteAddr() net.Addr               { return n.in.RemoteAddr() }
func (n *network) SetReadDeadline(t time.Time) error  { return n.in.SetReadDeadline(t) }
func (n *network) SetWriteDeadline(t time.Time) error { return n.out.SetWriteDeadline(t) }

func (n *network) SetDeadline(t time.Time) error {
	n.in.SetReadDeadline(t)
	return n.out.SetWriteDeadline(t)
}

// Stop makes everything that waits on the network fail.
func (n *network) Stop() {
	n.in.Stop()
	n.out.Stop()
}

// Close closes it, which sends what is still queued; limit is for bytes that
// a reset would overtake.
func (n *network) settle(limit time.Duration) {
	n.out.Settle(limit)
}

func (n *network) Close() error {
	err := n.in.Close()
	if n.out != n.in {
		err = n.out.Close()
	}
	return err
}
