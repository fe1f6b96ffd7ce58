package engine

import "net"

// A KeyedSession is a Session that can give its keys away, so that somebody
// else moves the bytes: the pump, or the kernel.
type KeyedSession interface {
	Session
	// TakeOver gives away the connection's keys and everything that has been
	// read and not yet used. It must come before the first Read, Write and
	// CloseWrite, none of which may be called after it; State and Export may.
	// Where the session cannot do it, the error is a *UnsupportedError that
	// says why, and the session goes on as if nothing had been asked.
	//
	// The taker owes the peer from then on what RFC 8446 has for the time after
	// a handshake: the reading of NewSessionTicket and KeyUpdate messages, an
	// answer to the KeyUpdates that ask for one (section 4.6.3), a new key
	// before the old one has protected too much (section 5.5), an alert for
	// what breaks the protocol, and close_notify (section 6.1).
	// Package record's Conn does all that.
	TakeOver() (*Keys, error)
}

// Keys are an established TLS 1.3 connection in the hands of whoever holds
// them.
type Keys struct {
	Stream net.Conn
	// In opens what the peer sends, Out protects what we send.
	In, Out TrafficKey
	// Received is what has been read from Stream and not opened: whole records
	// and perhaps the beginning of one more.
	Received []byte
	// RecordLimit is the most content, in bytes, of a record that the peer
	// takes (RFC 8449); 16384 where it has not said.
	RecordLimit int
	// Ticket takes a NewSessionTicket message, header included. On a server it
	// is nil: such a message is then an error of the peer's.
	Ticket func(msg []byte) error
	// Request takes a CertificateRequest message that comes after the handshake,
	// header included. It returns what makes the answer, all its messages, out of
	// the traffic secret that it is sent under. Nil: such a message is an error of
	// the peer's.
	Request func(msg []byte) (answer func(secret []byte) ([]byte, error), err error)
}

// TrafficKey is one direction's key, from which the AEAD's key and nonces
// follow (RFC 8446, section 7.3).
type TrafficKey struct {
	Cipher   Cipher
	Secret   []byte // the traffic secret
	Sequence uint64 // of the next record
}
