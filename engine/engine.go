// Package engine is the seam between tlsify's front end and the TLS
// implementations that can stand behind it.
//
// An [Engine] is given a connected stream and a configuration, performs one
// handshake, and returns a [Session]; or it returns an error that says who is
// to blame (errors.go). It must not know what an invocation, a control channel
// or an exit status is, and it decides nothing about trust: that is the
// configuration's Verify, which every engine must call on every handshake,
// resumed ones included.
//
// Start reading at [Engine], then [ClientConfig], then [Session]. An engine
// whose library is crypto/tls or like it stands on package adapter.
package engine

import (
	"context"
	"crypto/x509"
	"net"
)

// An Engine is one TLS implementation, as a client. One that has a server's
// side too implements [ServerEngine].
type Engine interface {
	// Name is the word for --engine and for the control channel's first line.
	Name() string
	// Library says, for people, which library this is, and its version.
	Library() string
	// Groups lists the key exchange groups that can be asked for by name, in
	// the engine's order of preference. Those after the first defaults are
	// used only when they are named.
	Groups() (names []string, defaults int)
	// CheckClient reports, before there is any network traffic, whether the
	// engine can do all that c asks for. The error is a *UnsupportedError
	// that names what it can't do.
	CheckClient(c *ClientConfig) error
	// Client performs a client's handshake over stream. It ends early, with
	// context.Cause(ctx), when ctx does; after it has returned, ctx means
	// nothing. The stream stays the caller's to close, but it is of no more
	// use after an error.
	Client(ctx context.Context, stream net.Conn, c *ClientConfig) (Session, error)
}

// A ServerEngine has a server's side as well.
type ServerEngine interface {
	Engine
	// CheckServer is CheckClient for a server's configuration.
	CheckServer(c *ServerConfig) error
	// Server performs a server's handshake over stream, as Client does a
	// client's.
	Server(ctx context.Context, stream net.Conn, c *ServerConfig) (Session, error)
}

// BatchSize is how many bytes of plaintext a Session moves best with one call:
// sixteen full records. Less costs more system calls and wake-ups for each
// byte; more gains nothing, and leaves the processor's second-level cache.
const BatchSize = 16 * 16384

// A Session is an established TLS connection. One goroutine may use Read while
// another uses Write and CloseWrite; State and Export may be called by either.
type Session interface {
	// Read waits for application data and returns at least one byte of it.
	// Where further whole records have already been received it goes on
	// filling p, but once it has something it never waits for more.
	//
	// The peer's close_notify is io.EOF. An end of the stream without one is
	// [ErrTruncated]. Every error is final, and comes after all the data that
	// was received before it.
	Read(p []byte) (int, error)
	// Write protects and sends all of p, in as few system calls as it can.
	// When it returns nil the kernel has taken all of it.
	Write(p []byte) (int, error)
	// CloseWrite sends close_notify. Reading goes on. It does not touch the
	// stream's own write side.
	CloseWrite() error
	// State is what was negotiated. It does not change.
	State() *State
	// Export derives keying material: RFC 8446, section 7.5, and RFC 5705
	// under TLS 1.2. A nil context is an absent one.
	Export(label string, context []byte, length int) ([]byte, error)
}

// State is what a handshake has negotiated. A field that the engine cannot
// know is left at its zero value.
type State struct {
	Version   Version
	Cipher    Cipher
	Group     string // as in RFC 8446, section 4.2.7 and its registry; "" where there was no key exchange
	Signature string // the peer's, in CertificateVerify or ServerKeyExchange
	ALPN      string
	// ServerName is, on a server, the name that the client asked for, if that
	// can be a host's name: see HostName.
	ServerName string
	// Shown is which of its certificates this end has shown: none where the
	// connection is resumed, and on a client, where it has none of use.
	Shown   *x509.Certificate
	Resumed bool
	ECH     bool // an Encrypted Client Hello was accepted
	// ClientCertRequested tells a client that the server asked for a
	// certificate, whether or not one was sent.
	ClientCertRequested bool
}
