package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"tlsify/cmd/tlsify/internal/acquire"
	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/invocation"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// helloTime is how long a client that connected to `fingerprint --listen` has
// for its ClientHello.
const helloTime = 10 * time.Second

// printFingerprint writes what a ClientHello is known by.
func printFingerprint(ctx context.Context, res *acquire.Resources) (int, error) {
	message := res.Hello
	if message == nil {
		var err error
		if message, err = listenForHello(ctx, res.Listen.Target); err != nil {
			return 0, err
		}
	}
	hello, err := fingerprint.Parse(message)
	if err != nil {
		return 0, status.Usagef("fingerprint: %v", err)
	}
	write := hello.WriteText
	if res.JSON {
		write = hello.WriteJSON
	}
	return printed(write(os.Stdout))
}

// listenForHello takes one connection, and no more of it than its ClientHello.
func listenForHello(ctx context.Context, target invocation.Target) ([]byte, error) {
	listener, err := net.Listen(target.Network, target.Address)
	if err != nil {
		return nil, status.Usagef("cannot listen: %v", err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	status.Write("tlsify: listening on " + listener.Addr().String())
	conn, err := listener.Accept()
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, status.Usagef("cannot accept a connection: %v", err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(helloTime))
	message, err := fingerprint.ReadHello(conn)
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, status.Usagef("fingerprint: the client sends no ClientHello")
	case err != nil:
		return nil, status.Usagef("fingerprint: %v", err)
	}
	// An alert, so that the client does not wait: handshake_failure.
	conn.Write([]byte{21, 3, 3, 0, 2, 2, byte(engine.AlertHandshakeFailure)})
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	io.Copy(io.Discard, io.LimitReader(conn, 1<<16)) // closing would reset what is unread
	return message, nil
}
