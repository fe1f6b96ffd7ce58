// Package adapter is for engines that are made of a library, crypto/tls or one like it.
// It gives them few system calls, the truth about how the stream ended, errors by blame,
// and a way to leave the library after the handshake.
//
// It must not know any particular library: what is special to one is in its engine. Start
// reading at [LibrarySession], then [RecordConn].
package adapter

import (
	"bytes"
	"net"
	"sync"
	"time"

	"tlsify/engine"
)

const (
	recordHeaderLen = 5
	// flightSize is room for BatchSize bytes in full records, of which each
	// may be 256 bytes longer than its plaintext (RFC 8446, section 5.2).
	flightSize = engine.BatchSize/16384*(recordHeaderLen+16384+256) + 4096
)

// RecordConn stands between a stream and a TLS library with a [net.Conn] to
// read and write, for what such libraries do not give:
//
//   - Few system calls. It reads as much as there is, but shows the library
//     one record at a time, so that the library never reads ahead; between
//     Hold and Release it collects what the library writes, and sends it with
//     one call.
//   - The truth about the end. Ended and Err tell what the stream itself said,
//     whatever the library makes of it.
//   - Reading without waiting, record by record: ReadBatch.
//   - Alerts that say why: InsteadOfAlert.
//   - The way out. After a handshake, TakeOver leaves the library behind.
//
// One goroutine may read while others write. Deadlines set by the library are
// ignored; time limits are the stream's owner's business.
type RecordConn struct {
	stream net.Conn

	// The receiving side; it belongs to the one goroutine that reads.
	in      []byte // in[r:w] is received and not yet handed out
	r, w    int
	left    int           // of in[r:] and of what is yet to come: the rest of the current record
	noWait  bool          // Read returns errNoRecord where it would have to wait
	ended   bool          // the stream has said io.EOF
	lastErr error         // what ReadBatch ended with
	alert   *engine.Alert // the last record, where it was an alert in clear
	shown   uint64        // records of application data, and what looks like them

	keepIn bool   // what is received is kept
	keptIn []byte // what has been received since KeepReceived, up to a limit

	// The sending side.
	mu       sync.Mutex
	flushed  sync.Cond // signalled when sending becomes false
	out      []byte    // to be sent
	spare    []byte    // the buffer that out is exchanged with
	held     bool      // between Hold and Release
	sending  bool      // a goroutine is in stream.Write, without mu
	closed   bool
	writeErr error
	// ReadBatch has been called: the handshake is over, and the library hears of no
	// write that fails.
	established bool
	readErr     error  // what the stream said other than io.EOF
	instead     []byte // of the alert that is the last record of the next write
	join        bool   // a change_cipher_spec by itself waits in out for the next write
	keep        bool   // what is sent is kept
	kept        []byte // what has been sent since KeepSent
}

// NewRecordConn puts a RecordConn on stream.
func NewRecordConn(stream net.Conn) *RecordConn {
	c := &RecordConn{stream: stream}
	c.flushed.L = &c.mu
	return c
}

func (c *RecordConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// TakeOver gives the stream away, with what has been read from it and not been
// handed out, which begins with a record. It is for the time after a handshake,
// when the library is neither reading nor writing, and is the end of c.
func (c *RecordConn) TakeOver() (stream net.Conn, received []byte) {
	received = bytes.Clone(c.in[c.r:c.w])
	c.in, c.out, c.spare = nil, nil, nil
	return c.stream, received
}

// Ended tells whether the stream has ended: where the library says io.EOF and
// this is false, it has read a close_notify.
func (c *RecordConn) Ended() bool { return c.ended }

// Err is the error of the stream other than io.EOF, if there was one.
func (c *RecordConn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.readErr != nil {
		return c.readErr
	}
	return c.writeErr
}

// Close makes every further call fail and wakes those that wait; libraries
// call it when a handshake's context ends. The stream stays open.
func (c *RecordConn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.stream.SetDeadline(time.Unix(1, 0))
}

func (c *RecordConn) LocalAddr() net.Addr              { return c.stream.LocalAddr() }
func (c *RecordConn) RemoteAddr() net.Addr             { return c.stream.RemoteAddr() }
func (c *RecordConn) SetDeadline(time.Time) error      { return nil }
func (c *RecordConn) SetReadDeadline(time.Time) error  { return nil }
func (c *RecordConn) SetWriteDeadline(time.Time) error { return nil }
