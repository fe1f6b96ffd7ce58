package main

import (
	"errors"
	"net"

	"golang.org/x/sys/unix"

	"tlsify/cmd/tlsify/internal/descriptor"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
	"tlsify/pump"
	"tlsify/stream"
)

// The kinds of --handoff.
const (
	handPair   = "socketpair" // an end of one, while the pump goes on
	handKernel = "ktls"       // the network's socket, whose TLS is the kernel's
	handAuto   = "auto"       // the latter where --pump auto would have the kernel's, else the former
)

// handoff reads --handoff.
func (p *parser) handoff(kind string) error {
	w := p.words
	switch {
	case kind != handPair && kind != handKernel && kind != handAuto:
		return status.Usagef("--handoff: %q is none of socketpair, ktls, auto", status.Cut(kind))
	case p.inv.prog != nil:
		return status.Usagef("--handoff and a program exclude each other: the program has the plaintext")
	case !p.inv.control.CanHandOver():
		return status.Usagef("--handoff needs a --control-fd that is a unix socket")
	case kind != handPair && w.Has("pump"):
		return status.Usagef("--pump is for a stream that tlsify carries; with it, --handoff socketpair")
	}
	if kind == handKernel {
		for _, name := range []string{"idle-timeout", "linger", "eof", "tolerate-truncation"} {
			if w.Has(name) {
				return status.Usagef("--%s is for a stream that tlsify carries, not for --handoff ktls", name)
			}
		}
	}
	p.inv.handoff = kind
	return nil
}

// stepwise is the network as the engine gets it: read record by record where
// the socket may be handed over with nothing of the peer's missing.
func (c *connection) stepwise() net.Conn {
	fd, isFD := c.network.conn.(*stream.FD)
	if isFD && (c.inv.handoff == handKernel || c.inv.handoff == handAuto) {
		c.exact = &pump.Exact{FD: fd}
		return c.exact
	}
	return c.network.conn
}

// kind is what is to carry the bytes.
func (c *connection) kind() pump.Kind {
	if c.inv.handoff == handKernel {
		return pump.Kernel
	}
	return c.inv.pump
}

// chooseCarrier decides what carries the bytes, once the engine has done its
// part.
func (c *connection) chooseCarrier() (err error) {
	if c.exact != nil {
		c.exact.Loosen()
	}
	c.carrier, err = pump.Choose(c.kind(), c.session)
	return c.refusal(err)
}

// refusal gives an error of pump's its CODE where --handoff is what cannot be.
func (c *connection) refusal(err error) error {
	unsupported := errors.As(err, new(*engine.UnsupportedError)) || errors.As(err, new(*pump.KernelError))
	if unsupported && c.inv.handoff == handKernel {
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
	case c.inv.handoff == handKernel && socket == nil:
		return unavailable("the peer has sent something before its socket could be handed over")
	case c.inv.handoff == handKernel, c.inv.handoff == handAuto && c.exact != nil && socket != nil:
		return c.handSocket(socket)
	}
	c.say.Say("pump", string(c.carrier.Name()))
	if c.inv.handoff == "" {
		return nil
	}
	return c.handPair()
}

// handSocket hands the network's socket over. One that we have dialled is made
// to block, as a socket does by default; a caller's is left as it is.
func (c *connection) handSocket(socket *stream.FD) error {
	if c.inv.network == nil {
		if err := unix.SetNonblock(socket.Number(), false); err != nil {
			return err
		}
	}
	n, err := unix.FcntlInt(uintptr(socket.Number()), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return err
	}
	c.away = true
	return c.handed(n, handKernel)
}

// preparePair makes the socketpair that may be handed over, as long as this
// process can make one.
func (c *connection) preparePair() (err error) {
	if c.inv.handoff == handPair || c.inv.handoff == handAuto {
		c.ends, err = descriptor.SocketPair()
	}
	return err
}

// handPair hands one end of the socketpair over and keeps the other.
func (c *connection) handPair() (err error) {
	if err := unix.SetNonblock(c.ends[0], true); err != nil {
		return err
	}
	if c.pair, err = stream.NewFD(c.ends[0]); err != nil {
		return err
	}
	return c.handed(c.ends[1], handPair)
}

func (c *connection) handed(n int, kind string) error {
	if err := c.say.HandOver(n, "handoff", kind); err != nil {
		return &pump.LocalError{Err: err}
	}
	return nil
}
