package dial

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"tlsify/stream"
)

// connect is a dialer's connect. Package net would bring its poller for a socket
// that is taken away from it as soon as it is connected.
func connect(ctx context.Context, to netip.AddrPort, how socketOptions) (net.Conn, error) {
	// A port of ours that the system chooses may be the very one that we want
	// to reach, and then the connection is one to ourselves; or all may be in
	// use for a moment.
	const tries = 3
	for i := 1; ; i++ {
		fd, err := connectOnce(ctx, to, how)
		switch {
		case err == nil && how.from.Port() == 0 && i < tries && toItself(fd.Number()):
			fd.Close()
		case errors.Is(err, unix.EADDRNOTAVAIL) && how.from.Port() == 0 && i < tries:
		case err != nil:
			return nil, err
		default:
			return fd, nil
		}
	}
}

func connectOnce(ctx context.Context, to netip.AddrPort, how socketOptions) (*stream.FD, error) {
	family := unix.AF_INET6
	if to.Addr().Is4() {
		family = unix.AF_INET
	}
	if how.from.IsValid() && how.from.Addr().Is4() != to.Addr().Is4() {
		return nil, errors.New("the address to connect from is of the other family")
	}
	n, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	fd, err := stream.NewFD(n)
	if err != nil {
		unix.Close(n)
		return nil, err
	}
	how.set(n)
	if how.from.IsValid() {
		err = os.NewSyscallError("bind", unix.Bind(n, socketAddress(how.from)))
	}
	if err == nil {
		err = os.NewSyscallError("connect", connectWithin(ctx, fd, to))
	}
	if err != nil {
		fd.Close()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return nil, err
	}
	return fd, nil
}

// connectWithin connects a socket, and waits for that no longer than ctx.
func connectWithin(ctx context.Context, fd *stream.FD, to netip.AddrPort) error {
	err := unix.Connect(fd.Number(), socketAddress(to))
	if err != unix.EINPROGRESS && err != unix.EINTR {
		return err
	}
	release := endWith(ctx, fd)
	defer release()
	for {
		if err := fd.WaitWritable(); err != nil {
			return err
		}
		failure, err := unix.GetsockoptInt(fd.Number(), unix.SOL_SOCKET, unix.SO_ERROR)
		if err == nil && failure != 0 {
			err = unix.Errno(failure)
		}
		if err != nil {
			return err
		}
		if _, err := unix.Getpeername(fd.Number()); err == nil {
			return nil
		}
	}
}

// set makes a socket what it is to be. What a kernel does not have it goes
// without: a connection by fast open is then made in the ordinary way, and later.
func (o socketOptions) set(n int) {
	_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	// A peer that has vanished is noticed in time.
	const seconds, probes = 15, 9
	_ = unix.SetsockoptInt(n, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds)
	_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_KEEPCNT, probes)
	if o.fastOpen {
		// With a cookie of the server's, connect(2) succeeds at once and
		// the SYN waits for the first bytes to send (tcp(7)). Without one
		// it asks for a cookie in an ordinary SYN.
		_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_FASTOPEN_CONNECT, 1)
	}
	if o.soon {
		_ = unix.SetsockoptInt(n, unix.IPPROTO_TCP, unix.TCP_SYNCNT, 1)
	}
}

// toItself tells whether a connected socket is connected to itself.
func toItself(n int) bool {
	here, err1 := unix.Getsockname(n)
	there, err2 := unix.Getpeername(n)
	if err1 != nil || err2 != nil {
		return false
	}
	switch here := here.(type) {
	case *unix.SockaddrInet4:
		there, ok := there.(*unix.SockaddrInet4)
		return ok && here.Port == there.Port && here.Addr == there.Addr
	case *unix.SockaddrInet6:
		there, ok := there.(*unix.SockaddrInet6)
		return ok && here.Port == there.Port && here.Addr == there.Addr
	}
	return false
}

func socketAddress(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
	}
	address := &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	if zone := a.Addr().Zone(); zone != "" {
		if number, err := strconv.ParseUint(zone, 10, 32); err == nil {
			address.ZoneId = uint32(number)
		} else if i, err := net.InterfaceByName(zone); err == nil {
			address.ZoneId = uint32(i.Index)
		}
	}
	return address
}
