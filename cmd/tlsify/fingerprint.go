package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"time"

	"tlsify/cmd/tlsify/internal/fingerprint"
	"tlsify/cmd/tlsify/internal/notices"
	"tlsify/cmd/tlsify/internal/source"
	"tlsify/cmd/tlsify/internal/status"
	"tlsify/engine"
)

// helloTime is how long a client that connected to `fingerprint --listen` has
// for its ClientHello.
const helloTime = 10 * time.Second

// A fingerprinter is an engine that can imitate the ClientHello of others.
type fingerprinter interface {
	engine.Engine
	// Fingerprints lists the names that there are.
	Fingerprints() []string
	// ResolveFingerprint gives a name in full: chrome-133 for chrome, and a
	// seed for random.
	ResolveFingerprint(name string) (string, error)
}

// fingerprint reads --fingerprint: a name that the engine knows, or else the
// file of a capture.
func (p *parser) fingerprint(c *engine.ClientConfig) error {
	value, ok := p.words.Value("fingerprint")
	if !ok {
		return nil
	}
	imitator, ok := p.inv.engine.(fingerprinter)
	if !ok {
		return p.elsewhere(&engine.UnsupportedError{Engine: p.inv.engine.Name(), What: "--fingerprint"}, imitates)
	}
	full, unknown := imitator.ResolveFingerprint(value)
	if unknown == nil {
		c.Fingerprint = full
		p.inv.note("the ClientHello is " + full)
		return nil
	}
	_, isDescriptor := source.Descriptor(value)
	if _, err := os.Stat(value); errors.Is(err, fs.ErrNotExist) && !isDescriptor && !strings.Contains(value, "/") {
		return unknown
	}
	content, err := p.files.Load("fingerprint", value)
	if err != nil {
		return err
	}
	c.Hello, err = fingerprint.Capture(bytes.NewReader(content))
	if err != nil {
		return status.Usagef("--fingerprint: %s: %v", status.Cut(value), err)
	}
	return nil
}

// capture reads what `tlsify fingerprint` is to look at.
func (p *parser) capture() error {
	value, listens := p.words.Value("listen")
	p.inv.json = p.words.Has("json")
	switch {
	case len(p.words.Rest) > 1 || listens && len(p.words.Rest) > 0 || p.words.Prog != nil:
		return status.Usagef("fingerprint: a capture, or --listen ADDR, and nothing else")
	case listens:
		return p.listenAddress(value)
	}
	var err error
	if len(p.words.Rest) == 0 {
		p.inv.capture, err = fingerprint.Capture(os.Stdin)
	} else {
		var content []byte
		if content, err = p.files.Load("fingerprint", p.words.Rest[0]); err != nil {
			return err
		}
		p.inv.capture, err = fingerprint.Capture(bytes.NewReader(content))
	}
	if err != nil {
		return status.Usagef("fingerprint: %v", err)
	}
	return nil
}

// printFingerprint writes what a ClientHello is known by.
func printFingerprint(ctx context.Context, inv *invocation) (int, error) {
	message := inv.capture
	if message == nil {
		var err error
		if message, err = listenForHello(ctx, inv.listen); err != nil {
			return 0, err
		}
	}
	hello, err := fingerprint.Parse(message)
	if err != nil {
		return 0, status.Usagef("fingerprint: %v", err)
	}
	write := hello.WriteText
	if inv.json {
		write = hello.WriteJSON
	}
	return printed(write(os.Stdout))
}

// listenForHello takes one connection, and no more of it than its ClientHello.
func listenForHello(ctx context.Context, target listenTarget) ([]byte, error) {
	listener, err := net.Listen(target.network, target.address)
	if err != nil {
		return nil, status.Usagef("cannot listen: %v", err)
	}
	defer listener.Close()
	defer context.AfterFunc(ctx, func() { listener.Close() })()
	notices.Write("tlsify: listening on " + listener.Addr().String())
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
