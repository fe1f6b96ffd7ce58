package main

import (
	"crypto/tls"
	"net"
	"slices"
	"time"
)

// serving are the arguments of a server that client trusts.
func (t *trial) serving(form string, options ...string) []string {
	return slices.Concat([]string{form}, t.showing("good"), options)
}

// showing are the options of one who has a certificate.
func (t *trial) showing(chain string) []string {
	c := t.authority.chains[chain]
	return []string{"--cert", t.file(".pem", c.pem()), "--key", t.file(".key", c.keyPEM())}
}

func (t *trial) clientConfig() *tls.Config {
	return &tls.Config{RootCAs: t.authority.pool(), ServerName: host, MinVersion: tls.VersionTLS12}
}

// clientOf is a client's settings for the version that a change gives a server.
func (t *trial) clientOf(version change) *tls.Config {
	config, settings := t.clientConfig(), &server{config: &tls.Config{}}
	version(settings)
	config.MinVersion, config.MaxVersion = max(config.MinVersion, settings.config.MinVersion), settings.config.MaxVersion
	return config
}

// join makes a client of a connection.
func (t *trial) join(conn net.Conn, config *tls.Config) (*end, error) {
	conn.SetDeadline(time.Now().Add(t.patience))
	t.cleanup(func() { conn.Close() })
	c := &end{wire: &wire{Conn: conn}}
	config = config.Clone()
	config.KeyLogWriter = &c.secrets
	c.Conn = tls.Client(c.wire, config)
	return c, c.Handshake()
}

// meets joins a client to one that was started. There is no verdict where that lacks any
// of these, and a fault where there is no connection.
func (r *run) meets(conn net.Conn, config *tls.Config, lacks ...string) *end {
	client, err := r.join(conn, config)
	if err != nil {
		for _, what := range lacks {
			r.orLacks(what)
		}
		r.fatal("the client has no connection: %v%s", err, r.report())
	}
	return client
}

func (t *trial) dial(address string, config *tls.Config) (*end, error) {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	return t.join(conn, config)
}
