// Package dial opens the network connection: to the address that answers first
// (happy_eyeballs.go), with the first bytes in the SYN (fastopen.go), or through a proxy
// (proxy.go). Where a protocol starts in clear, it then asks the server for TLS
// (starttls.go).
//
// It knows names, addresses, proxies, the protocols of STARTTLS and time limits. It must
// not know TLS or options: for a proxy that speaks TLS the caller passes in a function.
// What it opens is a [stream.FD], as an inherited descriptor is, so that all other code
// has one kind of stream.
//
// Start reading at [Dial], then [Starttls].
package dial

import (
	"context"
	"net"
	"net/netip"
)

// Dial opens a stream. It ends early with context.Cause(ctx), which the error wraps
// that says what let the deadline pass. Other errors are a *NameError where the name
// could not be resolved, an *Error where no address could be connected to, and
// a *ProxyError for whatever fails on the way to a proxy, in it, or behind it.
func Dial(ctx context.Context, t Target) (*Stream, error) {
	d := newDialer()
	d.from = t.From
	return d.dial(ctx, t)
}

func (d *dialer) dial(ctx context.Context, t Target) (*Stream, error) {
	if t.Proxy != nil {
		return d.viaProxy(ctx, t)
	}
	return d.direct(ctx, t)
}

// direct opens a stream to the target itself.
func (d *dialer) direct(ctx context.Context, t Target) (*Stream, error) {
	s, err := d.socket(ctx, t)
	if err != nil && expired(ctx) && !isLate(err) {
		return nil, context.Cause(ctx)
	}
	return s, err
}

func (d *dialer) socket(ctx context.Context, t Target) (*Stream, error) {
	if t.Network == "unix" {
		conn, err := (&net.Dialer{}).DialContext(ctx, t.Network, t.Address)
		if err != nil {
			return nil, plain(err, "unix:"+t.Address)
		}
		return t.stream(conn, "unix:"+t.Address)
	}
	host, port, err := split(t.Address)
	if err != nil {
		return nil, err
	}
	if t.TCPFastOpen {
		return d.fastOpen(ctx, t, host, port)
	}
	won, err := d.race(ctx, t.Network, host, port)
	if err != nil {
		return nil, err
	}
	to := won.to
	if !to.Addr().IsLinkLocalUnicast() {
		to = netip.AddrPortFrom(to.Addr().WithZone(""), port) // which has no sense
	}
	return t.stream(won.conn, to.String())
}

func newDialer() *dialer {
	return &dialer{lookup: lookup, connect: connect}
}

// connect is a dialer's connect.
func connect(ctx context.Context, to netip.AddrPort, how socketOptions) (net.Conn, error) {
	if err := zoneFault(to.Addr()); err != nil {
		return nil, err
	}
	d := net.Dialer{}
	if how.from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(how.from)
	}
	if how.fastOpen || how.soon {
		d.Control = how.set
	}
	return d.DialContext(ctx, "tcp", to.String())
}
