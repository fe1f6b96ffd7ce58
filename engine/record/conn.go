package record

import (
	"bytes"

	"tlsify/engine"
)

// batch is how many records go to the stream, or come from it, with one call.
const batch = engine.BatchSize / MaxPlaintext

// Conn is an established connection: what RFC 8446 has for the time after a
// handshake, on traffic secrets that somebody has negotiated. One goroutine may
// use Read while another uses Slots, Send, Write and CloseWrite.
//
// The two sides share nothing but the stream and the news that one of them has
// failed: receive.go is the one, send.go the other.
type Conn struct {
	receiver
	sender
	request func([]byte) (func([]byte) ([]byte, error), error) // of the keys
}

// takeRequest has a request for a certificate answered. The reading side goes on
// meanwhile: the peer may not read before it has been read from.
func (c *Conn) takeRequest(msg []byte) error {
	answer, err := c.request(bytes.Clone(msg))
	if err != nil {
		return err
	}
	go func() {
		if err := c.answer(answer); err != nil {
			internal := engine.AlertInternalError
			c.Abort(&internal, err)
		}
	}()
	return nil
}

// NewConn makes a connection of keys, which become its own, with all the memory
// that they refer to.
func NewConn(keys *engine.Keys) *Conn {
	c := &Conn{}
	c.records = Reader{Stream: keys.Stream, Most: batch * SlotLen, raw: keys.Received, end: len(keys.Received)}
	c.opener = Resume(keys.In)
	c.control = Control{Ticket: keys.Ticket, KeyUpdate: c.keyUpdate}
	if c.request = keys.Request; c.request != nil {
		c.control.Request = c.takeRequest
	}
	c.stream = keys.Stream
	c.sealer = Resume(keys.Out)
	c.limit = keys.RecordLimit
	c.turn.Alert = c.sendFatal
	c.receiver.peer = &c.turn
	return c
}

// Keys gives the connection away. It must come before the first Read, Slots,
// Write and CloseWrite, none of which may be called after it.
func (c *Conn) Keys() *engine.Keys {
	return &engine.Keys{
		Stream:      c.stream,
		In:          c.opener.TrafficKey(),
		Out:         c.sealer.TrafficKey(),
		Received:    c.records.Rest(),
		RecordLimit: c.limit,
		Ticket:      c.control.Ticket,
		Request:     c.request,
	}
}
