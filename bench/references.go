package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// PassThrough is the helper that does nothing: it splices between the socket on
// descriptor 0 and a plain connection, without the bytes ever being in its
// memory. What it costs is what any helper must.
func PassThrough(addr string) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	file, err := conn.(*net.TCPConn).File()
	if err != nil {
		return err
	}
	conn.Close()
	network := int(file.Fd()) // which makes it a blocking one
	toPeer := make(chan error, 1)
	go func() { toPeer <- spliceAll(0, network) }()
	err = spliceAll(network, 0)
	return errors.Join(err, <-toPeer)
}

// spliceAll moves everything from one socket to another and ends the latter's
// stream.
func spliceAll(from, to int) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var pipe [2]int
	if err := unix.Pipe2(pipe[:], unix.O_CLOEXEC); err != nil {
		return os.NewSyscallError("pipe2", err)
	}
	unix.FcntlInt(uintptr(pipe[1]), unix.F_SETPIPE_SZ, mib)
	for {
		n, err := unix.Splice(from, nil, pipe[1], nil, mib, unix.SPLICE_F_MOVE)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			unix.Shutdown(to, unix.SHUT_WR)
			return os.NewSyscallError("splice", err)
		}
		for n > 0 {
			moved, err := unix.Splice(pipe[0], nil, to, nil, int(n), unix.SPLICE_F_MOVE)
			if err == unix.EINTR {
				continue
			}
			if err != nil {
				return os.NewSyscallError("splice", err)
			}
			n -= moved
		}
	}
}

// dialTLS connects with crypto/tls as it comes.
func dialTLS(ctx context.Context, addr, name, caFile string) (*tls.Conn, error) {
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s: no certificate", caFile)
	}
	dialer := tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: name}}
	conn, err := dialer.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn.(*tls.Conn), nil
}

// Copy is the helper that anyone would write in Go first: crypto/tls and two
// times io.Copy.
func Copy(ctx context.Context, addr, name, caFile string) error {
	conn, err := dialTLS(ctx, addr, name, caFile)
	if err != nil {
		return err
	}
	defer conn.Close()
	go func() {
		if _, err := io.Copy(conn, os.Stdin); err == nil {
			conn.CloseWrite()
		}
	}()
	_, err = io.Copy(os.Stdout, conn)
	return err
}

// Direct is a program that needs no helper: it carries out itself, by
// crypto/tls in its own process, the order that comes on its standard input.
func Direct(ctx context.Context, addr, name, caFile string) error {
	conn, err := dialTLS(ctx, addr, name, caFile)
	if err != nil {
		return err
	}
	defer conn.Close()
	fromServer := bufio.NewReaderSize(conn, burst)
	greeting, err := fromServer.ReadString('\n')
	if err != nil {
		return err
	}
	if _, err := io.WriteString(os.Stdout, greeting); err != nil {
		return err
	}
	orders := bufio.NewReader(os.Stdin)
	for {
		line, err := orders.ReadString('\n')
		if err != nil {
			return nil // the caller has left
		}
		o, err := parseOrder(line)
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conn, o.String()); err != nil || o.verb == "quit" {
			return err
		}
		if err := carryOutDirectly(o, conn, fromServer); err != nil {
			return err
		}
		if _, err := os.Stdout.Write([]byte{done}); err != nil {
			return err
		}
	}
}

func carryOutDirectly(o order, conn *tls.Conn, fromServer *bufio.Reader) error {
	client := session{Conn: conn}
	var err error
	switch o.verb {
	case "up":
		err = client.send(o.count, burst)
	case "down":
		err = discard(fromServer, o.count)
	case "both":
		sent := make(chan error, 1)
		go func() { sent <- client.send(o.count, burst) }()
		err = errors.Join(discard(fromServer, o.count), <-sent)
	default:
		err = fmt.Errorf("%q is not for a program without a helper", o.verb)
	}
	if err != nil {
		return err
	}
	_, err = fromServer.ReadByte() // the server's confirmation
	return err
}
