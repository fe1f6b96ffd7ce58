package connection

import (
	"net"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/process"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/stream"
)

// engineStream is the network as the engine gets it: read record by record where
// the socket may be handed over with nothing of the peer's missing.
func (c *connection) engineStream() net.Conn {
	fd, isFD := c.network.conn.(*stream.FD)
	if isFD && (c.inv.Stream.Handoff == invocation.HandKernel || c.inv.Stream.Handoff == invocation.HandAuto) {
		c.oneByOne = &pump.OneByOne{FD: fd}
		return c.oneByOne
	}
	return c.network.conn
}

// kind is what is to carry the bytes.
func (c *connection) kind() pump.Kind {
	if c.inv.Stream.Handoff == invocation.HandKernel {
		return pump.Kernel
	}
	return c.inv.Stream.Pump
}

// chooseCarrier decides what carries the bytes, once the engine has done its
// part.
func (c *connection) chooseCarrier() (err error) {
	if c.oneByOne != nil {
		c.oneByOne.ReadAhead()
	}
	c.carrier, err = pump.Choose(c.kind(), c.session)
	return c.refusal(err)
}

// refusal gives an error of pump's its CODE where --handoff is what cannot be.
func (c *connection) refusal(err error) error {
	unsupported := is[*engine.UnsupportedError](err) || is[*pump.KernelError](err)
	if unsupported && c.inv.Stream.Handoff == invocation.HandKernel {
		return unavailable(err.Error())
	}
	return err
}

func unavailable(text string) error {
	return &status.Failure{Status: status.Usage, Code: "handoff-unavailable", Text: text}
}

// handOver says what carries the bytes, and hands the caller the descriptor
// that it asked for.
func (c *connection) handOver() error {
	socket := pump.Socket(c.carrier)
	switch {
	case c.inv.Stream.Handoff == invocation.HandKernel && socket == nil:
		return unavailable("the peer has sent something before its socket could be handed over")
	case c.inv.Stream.Handoff == invocation.HandKernel, c.inv.Stream.Handoff == invocation.HandAuto && c.oneByOne != nil && socket != nil:
		return c.handSocket(socket)
	}
	c.say.Say("pump", string(c.carrier.Name()))
	if c.inv.Stream.Handoff == "" {
		return nil
	}
	return c.handPair()
}

// handSocket hands the network's socket over. One that we have dialled is made
// to block, as a socket does by default; a caller's is left as it is.
func (c *connection) handSocket(socket *stream.FD) error {
	if c.inv.In == nil {
		if err := unix.SetNonblock(socket.Number(), false); err != nil {
			return err
		}
	}
	n, err := unix.FcntlInt(uintptr(socket.Number()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.handedAway = true
	return c.handed(n, invocation.HandKernel)
}

// preparePair makes the socketpair that may be handed over, as long as this
// process can make one.
func (c *connection) preparePair() (err error) {
	if c.inv.Stream.Handoff == invocation.HandPair || c.inv.Stream.Handoff == invocation.HandAuto {
		if c.ends, err = process.SocketPair(); err == nil {
			stream.KeepUrgent(c.ends[0])
			err = unix.SetNonblock(c.ends[0], true)
		}
	}
	return err
}

// handPair hands one end of the socketpair over and keeps the other.
func (c *connection) handPair() (err error) {
	if c.pair, err = stream.NewFD(c.ends[0]); err != nil {
		return err
	}
	return c.handed(c.ends[1], invocation.HandPair)
}

func (c *connection) handed(n int, kind string) error {
	if err := c.say.HandOver(n, "handoff", kind); err != nil {
		return &pump.LocalError{Err: err}
	}
	return nil
}
