//go:build !linux

package dial

import (
	"context"
	"net"
	"net/netip"
)

// connect is a dialer's connect. TCP Fast Open by connect(2) is Linux's: here the
// connection is made in the ordinary way.
func connect(ctx context.Context, to netip.AddrPort, how socketOptions) (net.Conn, error) {
	d := net.Dialer{}
	if how.from.IsValid() {
		d.LocalAddr = net.TCPAddrFromAddrPort(how.from)
	}
	return d.DialContext(ctx, "tcp", to.String())
}

// sendSYN has nothing to do: no SYN waits.
func sendSYN(int) {}
