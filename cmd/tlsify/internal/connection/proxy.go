package connection

import (
	"context"
	"io"
	"net"

	"tlsify/engine"
	"tlsify/verify"
)

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
		_, err := policy.Check(EvidenceFrom(peer))
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
