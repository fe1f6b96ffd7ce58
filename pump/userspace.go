package pump

import (
	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/stream"
)

// sessionCarrier goes through the engine's own session.
type sessionCarrier struct {
	session engine.Session
	toPeer  batch
	toOut   batch
}

// batch is memory for one step, and what is in it.
type batch struct {
	buf  []byte
	full []byte
}

// room is the memory, made when it is needed.
func (b *batch) room() []byte {
	if b.buf == nil {
		b.buf = make([]byte, engine.BatchSize)
	}
	return b.buf
}

func (c *sessionCarrier) Name() Kind   { return Session }
func (c *sessionCarrier) halves() bool { return c.session.State().Version >= engine.TLS13 }

func (c *sessionCarrier) take(in *stream.FD) (int, error) {
	n, err := in.Read(c.toPeer.room())
	c.toPeer.full = c.toPeer.buf[:n]
	return n, err
}

func (c *sessionCarrier) send() error {
	_, err := c.session.Write(c.toPeer.full)
	return err
}

func (c *sessionCarrier) closeWrite() error { return c.session.CloseWrite() }

func (c *sessionCarrier) receive() error {
	n, err := c.session.Read(c.toOut.room())
	c.toOut.full = c.toOut.buf[:n]
	return err
}

func (c *sessionCarrier) holds() bool { return len(c.toOut.full) > 0 }

func (c *sessionCarrier) deliver(out *stream.FD) error {
	_, err := out.Write(c.toOut.full)
	return err
}

func (c *sessionCarrier) drop() error { return nil }

// rekey is for an engine whose session is our own records.
func (c *sessionCarrier) rekey() error {
	if keyed, ok := c.session.(interface{ Rekey() error }); ok {
		return keyed.Rekey()
	}
	return errNoKeys
}

// recordCarrier holds the keys. The caller's bytes land where their records are
// sealed, and the peer's are opened where they landed.
type recordCarrier struct {
	conn     *record.Conn
	network  *stream.FD // what conn stands on; nil: not a descriptor
	early    bool       // something has been received already
	taken    int
	pieces   [][]byte
	received int // bytes in pieces
}

func (c *recordCarrier) Name() Kind   { return Record }
func (c *recordCarrier) halves() bool { return true }

func (c *recordCarrier) take(in *stream.FD) (n int, err error) {
	c.taken, err = in.Readv(c.conn.Slots())
	return c.taken, err
}

func (c *recordCarrier) send() error       { return c.conn.Send(c.taken) }
func (c *recordCarrier) closeWrite() error { return c.conn.CloseWrite() }
func (c *recordCarrier) rekey() error      { return c.conn.Rekey() }

func (c *recordCarrier) receive() (err error) {
	c.pieces, err = c.conn.Pieces()
	c.received = 0
	for _, p := range c.pieces {
		c.received += len(p)
	}
	return err
}

func (c *recordCarrier) holds() bool { return c.received > 0 }

func (c *recordCarrier) deliver(out *stream.FD) error { return out.Writev(c.pieces) }

func (c *recordCarrier) drop() error { return nil }
