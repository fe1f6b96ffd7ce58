package main

import (
	"crypto/tls"
	"net"
	"time"
)

// serving are the arguments of a server that client trusts.
func (t *trial) serving(form string, options ...string) []string {
	good := t.authority.chains["good"]
	return append([]string{form, "--cert", t.file(".pem", good.pem()), "--key", t.file(".key", good.keyPEM())}, options...)
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

func (t *trial) dial(address string, config *tls.Config) (*end, error) {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	return t.join(conn, config)
}
