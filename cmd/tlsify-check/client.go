package main

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"time"
)

// serving are the arguments of a server that client trusts.
func (t *trial) serving(form string, options ...string) []string {
	good := t.authority.chains["good"]
	return append([]string{form, "--cert", t.file(".pem", good.pem()), "--key", t.file(".key", good.keyPEM())}, options...)
}

// client is a TLS client of PROGRAM's.
type client struct {
	*tls.Conn
	wire *finNoter
}

func (t *trial) clientConfig() *tls.Config {
	return &tls.Config{RootCAs: t.authority.pool(), ServerName: host, MinVersion: tls.VersionTLS12}
}

// join makes a client of a connection.
func (t *trial) join(conn net.Conn, config *tls.Config) (*client, error) {
	conn.SetDeadline(time.Now().Add(t.patience))
	t.cleanup(func() { conn.Close() })
	c := &client{wire: &finNoter{Conn: conn}}
	c.Conn = tls.Client(c.wire, config)
	return c, c.Handshake()
}

func (t *trial) dial(address string, config *tls.Config) (*client, error) {
	conn, err := net.Dial("tcp4", address)
	if err != nil {
		return nil, err
	}
	return t.join(conn, config)
}

// hear reads to the end, and tells how that came.
func (c *client) hear() (got, ended string) {
	all, err := io.ReadAll(c.Conn)
	switch {
	case err == nil && !c.wire.ended.Load():
		return string(all), "close_notify"
	case err == nil, errors.Is(err, io.ErrUnexpectedEOF):
		return string(all), "fin"
	}
	return string(all), err.Error()
}

// ask sends something, ends its half, and hears the answer.
func (c *client) ask(text string) (got, ended string) {
	io.WriteString(c.Conn, text)
	c.CloseWrite()
	return c.hear()
}
