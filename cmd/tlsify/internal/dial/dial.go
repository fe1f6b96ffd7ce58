// Package dial opens the network stream that a connection is made on.
//
// It knows addresses and time limits, and must not know TLS. What it opens is
// a [pump.FD], as what is inherited is, so that everything behind it deals
// with one kind of stream.
package dial

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"tlsify/pump"
)

// Target is where to dial.
type Target struct {
	// Network is one of package net's: tcp, tcp4, tcp6, unix.
	Network string
	// Address is HOST:PORT, HOST being an address or a name in ASCII, or a
	// path.
	Address string
}

// Open dials and returns the stream and the address that answered. It ends
// early with context.Cause(ctx). Where the name could not be resolved the
// error is a *net.DNSError.
func Open(ctx context.Context, t Target) (*pump.FD, string, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, t.Network, t.Address)
	if err != nil {
		if ctx.Err() != nil {
			return nil, "", context.Cause(ctx)
		}
		return nil, "", plain(err)
	}
	defer conn.Close()
	address := conn.RemoteAddr().String()
	if t.Network == "unix" {
		address = "unix:" + t.Address
	}
	n, err := duplicate(conn.(syscall.Conn))
	if err != nil {
		return nil, "", err
	}
	fd, err := pump.NewFD(n)
	return fd, address, err
}

// plain strips what package net puts around an error that matters.
func plain(err error) error {
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns
	}
	var op *net.OpError
	if errors.As(err, &op) {
		if op.Addr != nil {
			return &Error{op.Addr.String(), op.Err}
		}
		return op.Err
	}
	return err
}

// Error is a connection that could not be made.
type Error struct {
	Address string
	Err     error
}

func (e *Error) Error() string {
	err := e.Err
	var call *os.SyscallError
	if errors.As(err, &call) {
		err = call.Err
	}
	return e.Address + ": " + err.Error()
}
func (e *Error) Unwrap() error { return e.Err }

// duplicate takes the socket out of package net, which would go on to poll it.
func duplicate(conn syscall.Conn) (int, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return -1, err
	}
	n := -1
	var dupErr error
	err = raw.Control(func(fd uintptr) {
		n, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3)
	})
	return n, errors.Join(err, os.NewSyscallError("fcntl", dupErr))
}
