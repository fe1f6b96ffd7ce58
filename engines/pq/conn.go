package pq

import (
	"errors"
	"io"
	"net"

	"tlsify/engine"
	"tlsify/engine/record"
)

// conn is the record layer of one connection (RFC 8446, section 5): inbound
// and outbound, which share nothing but the stream and the news that one of
// them has failed.
type conn struct {
	stream net.Conn
	in     inbound
	out    outbound
}

func newConn(stream net.Conn, server bool) *conn {
	c := &conn{stream: stream}
	c.in.records, c.in.server = record.Reader{Stream: stream, Most: maxHandshakeRead}, server
	c.out.stream = stream
	c.out.limit = record.MaxPlaintext
	return c
}

// abort ends the connection with err: it tells the peer what err has for it
// and returns what err has for the caller.
func (c *conn) abort(err error) error {
	if f, ok := errors.AsType[*record.Fatal](err); ok {
		c.out.sendAlert(f.Alert)
		return f.Err
	}
	return err
}

// readMessage returns the next handshake message, header included, in memory
// of its own.
func (c *conn) readMessage() ([]byte, error) {
	for {
		if msg, err := c.in.nextMessage(); msg != nil || err != nil {
			return msg, err
		}
		content, err := c.in.pull()
		if err == io.EOF {
			return nil, &engine.AlertError{Alert: engine.AlertCloseNotify}
		}
		if err != nil {
			return nil, err
		}
		c.in.addHandshake(content)
	}
}

// setIn changes the key to read with. Messages must not span it (RFC 8446,
// section 5.1).
func (c *conn) setIn(suite *record.Suite, secret []byte) error {
	if len(c.in.hand) > 0 {
		return unexpected("a handshake message that spans a change of keys")
	}
	c.in.protect = record.New(suite, secret)
	return nil
}

// setOut changes the key to write with. What was queued goes under the old one.
func (c *conn) setOut(suite *record.Suite, secret []byte) {
	c.out.sealFlight()
	c.out.protect = record.New(suite, secret)
}

// transportError gives an error of the stream its type.
func transportError(err error) error { return &engine.TransportError{Err: err} }
