package fingerprint

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

// helloTime is how long a client that has connected has for its ClientHello.
const helloTime = 10 * time.Second

// refusal is a fatal alert, handshake_failure (RFC 8446, section 6).
var refusal = []byte{21, 3, 3, 0, 2, 2, 40}

// Listen takes one connection, and no more of it than its ClientHello, which it
// returns as ReadHello does. It says at which address it listens, and, before it reads
// anything, that somebody has come, from when on it opens nothing. Where ctx has
// ended the error is its cause.
func Listen(ctx context.Context, network, address string, listening func(address string), come func() error) (message []byte, err error) {
	defer func() {
		if err != nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
	}()
	listener, err := (&net.ListenConfig{}).Listen(ctx, network, address)
	if err != nil {
		return nil, err
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	listening(listener.Addr().String())
	conn, err := listener.Accept()
	if err != nil {
		return nil, fmt.Errorf("cannot accept a connection: %w", err)
	}
	defer conn.Close()
	listener.Close() // which may have a file to remove
	if err := come(); err != nil {
		return nil, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	conn.SetDeadline(time.Now().Add(helloTime))
	message, err = ReadHello(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil, errors.New("the client sends no ClientHello")
	} else if err != nil {
		return nil, err
	}
	conn.Write(refusal) // so that the client does not wait
	conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
	io.Copy(io.Discard, io.LimitReader(conn, 1<<16)) // closing would reset what is unread
	return message, nil
}
