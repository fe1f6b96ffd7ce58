package dial

import (
	"context"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// Target is where to dial, and how.
type Target struct {
	// Network is one of package net's: tcp, tcp4, tcp6, unix. The 4 or 6 is for
	// every address that is dialled, the proxy's too, and for what is resolved
	// here and then asked of a proxy.
	Network string
	// Address is HOST:PORT, HOST being an address or a name in ASCII, or a
	// path.
	Address string

	// From is the address, and the port or 0, to connect from; not valid: any.
	From netip.AddrPort

	// TCPFastOpen sends the first bytes along with the SYN (RFC 7413) where the
	// kernel has a cookie of the server's. The addresses are then tried in
	// order, and the next one until the first byte has come: see [Stream].
	TCPFastOpen bool

	// Proxy, where not nil, is asked to make the connection.
	Proxy *Proxy
	// ProxyTLS makes TLS as a client over conn, which leads to a proxy called
	// host: a name, or an address without its zone. It is needed for a proxy
	// whose Scheme is https. To close conn only ends what waits on it. What is
	// returned is never closed here. An error comes back in a *ProxyError, or
	// gives way to context.Cause(ctx).
	ProxyTLS func(ctx context.Context, conn net.Conn, host string) (net.Conn, error)

	// Dialed, where not nil, is told the address that has answered, the
	// proxy's where there is one: once, before Dial returns, or else from
	// within the first Read that gives a byte.
	Dialed func(address string)
}

// Stream is an open stream to the target.
type Stream struct {
	// Conn is what to speak to the target on. It is FD itself, but for two
	// cases, in which it must be used until the end. With TCPFastOpen and no
	// proxy it goes on to the next address by itself, as long as not one byte
	// has come, and says there again what was written; until then it is for
	// one goroutine. Through an https proxy it is what ProxyTLS returned.
	Conn net.Conn
	// FD is the socket, whichever address it leads to at the moment. It is the
	// caller's to close.
	FD *stream.FD
}

// dialer is what Dial stands on. Tests put in their own.
type dialer struct {
	// lookup is a resolver's LookupNetIP.
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
	// connect connects to one address.
	connect func(ctx context.Context, to netip.AddrPort, how socketOptions) (net.Conn, error)
	from    netip.AddrPort // where connect is to connect from
}

// socketOptions are for one TCP socket.
type socketOptions struct {
	fastOpen bool
	// soon gives the address up when a SYN and its repetition were not
	// answered.
	soon bool
	from netip.AddrPort // not valid: any address of ours
}

// stream makes a stream of a connection, which it takes.
func (t *Target) stream(conn net.Conn, address string) (*Stream, error) {
	fd, err := withoutNet(conn)
	if err != nil {
		return nil, err
	}
	t.dialed(address)
	return &Stream{Conn: fd, FD: fd}, nil
}

// withoutNet takes the socket of a connection out of package net, if it is one of
// its, which would go on to poll it.
func withoutNet(conn net.Conn) (*stream.FD, error) {
	if fd, is := conn.(*stream.FD); is {
		return fd, nil
	}
	defer conn.Close()
	n, err := stream.Duplicate(conn.(syscall.Conn), 3)
	if err != nil {
		return nil, err
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		unix.Close(n)
	}
	return fd, err
}

func (t *Target) dialed(address string) {
	if t.Dialed != nil {
		t.Dialed(address)
	}
}
