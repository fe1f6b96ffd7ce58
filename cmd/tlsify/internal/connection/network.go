package connection

import (
	"context"
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/dial"
	"tlsify/engine"
	"tlsify/stream"
	"tlsify/verify"
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
	n.setNoDelay()
	return n
}

// networkOn makes a network of a stream that was dialled.
func networkOn(s *dial.Stream) *network {
	n := &network{conn: s.Conn, in: s.FD, out: s.FD}
	n.setNoDelay()
	return n
}

// setNoDelay turns Nagle's algorithm off on a TCP socket: what is written is whole
// records, and the last of them must not wait for an acknowledgement. It fails
// where the descriptor is no TCP socket, and then does not matter.
func (n *network) setNoDelay() {
	unix.SetsockoptInt(n.out.Number(), unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
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

// end ends our direction without a word of TLS.
func (n *network) end() error { return n.out.End() }

// Settle waits, at most for limit, for bytes of ours that closing the socket
// would take back.
func (n *network) Settle(limit time.Duration) { n.out.Settle(limit) }

// tlsConn is the TLS to a proxy, as the stream below the TLS to the target.
type tlsConn struct {
	net.Conn // the proxy's: for addresses and deadlines
	session  engine.Session
}

func (t tlsConn) Read(p []byte) (int, error) {
	n, err := t.session.Read(p)
	if err == engine.ErrTruncated {
		err = io.EOF // how the target's stream ended is for its own TLS to say
	}
	return n, err
}

func (t tlsConn) Write(p []byte) (int, error) { return t.session.Write(p) }

// proxyTLS makes the function by which dial speaks TLS to a proxy: with the
// engine of the connection, and with a certificate for the proxy's name that
// --trust, or else the system's roots, vouch for.
func (c *connection) proxyTLS(ctx context.Context, conn net.Conn, host string) (net.Conn, error) {
	name, err := verify.ParseName(host)
	if err != nil {
		return nil, err
	}
	policy := &verify.Policy{Purpose: verify.ServerAuth, Names: []verify.Name{name}, Trust: c.inv.ProxyTrust, MTC: c.inv.Policy.MTC}
	config := &engine.ClientConfig{Config: engine.Config{Verify: func(peer *engine.Peer) error {
		_, err := policy.Check(verify.Evidence{Certificates: peer.Certificates, Staple: peer.Staple, SCTs: peer.SCTs})
		return err
	}}}
	if name.IsDNS() {
		config.ServerName = name.String()
	}
	session, err := c.inv.Engine.Client(ctx, conn, config)
	if err != nil {
		return nil, err
	}
	return tlsConn{conn, session}, nil
}
