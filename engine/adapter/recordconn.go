// Package adapter is for engines that are made of a library, crypto/tls or one like it.
// It gives them few system calls, the truth about how the stream ended, errors by blame,
// and a way to leave the library after the handshake.
//
// It must not know any particular library: what is special to one is in its engine. Start
// reading at [LibrarySession], then [RecordConn].
package adapter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

const (
	recordHeaderLen = 5
	// flightSize is room for BatchSize bytes in full records, of which each
	// may be 256 bytes longer than its plaintext (RFC 8446, section 5.2).
	flightSize = engine.BatchSize/16384*(recordHeaderLen+16384+256) + 4096
	// firstSize is room for what many peers send in a handshake.
	firstSize = 4 << 10
	// queueLimit bounds what may wait behind a write that the peer does not
	// take. Only answers to its own KeyUpdates can: a peer that sends ten
	// thousands of them and reads nothing is an attacker.
	queueLimit = 1 << 20
	// receivedLimit bounds what is kept of what is received.
	receivedLimit = 512 << 10
	// moment is how long the library's last alert may take behind a write that is
	// under way.
	moment = 50 * time.Millisecond
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
	readErr  error  // what the stream said other than io.EOF
	instead  []byte // of the alert that is the last record of the next write
	join     bool   // a change_cipher_spec by itself waits in out for the next write
	keep     bool   // what is sent is kept
	kept     []byte // what has been sent since KeepSent
}

// NewRecordConn puts a RecordConn on stream.
func NewRecordConn(stream net.Conn) *RecordConn {
	c := &RecordConn{stream: stream}
	c.flushed.L = &c.mu
	return c
}

// errNoRecord is temporary by the old rules of package net, which is what
// keeps TLS libraries from making it sticky.
type noRecordError struct{}

func (noRecordError) Error() string   { return "no whole record has been received" }
func (noRecordError) Timeout() bool   { return true }
func (noRecordError) Temporary() bool { return true }

var errNoRecord net.Error = noRecordError{}

// Read hands out the next bytes of the current record, and never any of the
// one behind it.
func (c *RecordConn) Read(p []byte) (int, error) {
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	if c.left == 0 {
		if c.noWait && !c.wholeRecord() {
			return 0, errNoRecord
		}
		if err := c.fill(recordHeaderLen); err != nil && c.w == c.r {
			return 0, err
		}
		c.left = c.recordLen()
		c.noteAlert()
		if record.Type(c.in[c.r]) == record.TypeApplicationData {
			c.shown++
		}
	}
	if c.r == c.w {
		if err := c.fill(1); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.in[c.r:min(c.w, c.r+c.left)])
	c.r += n
	c.left -= n
	return n, nil
}

func (c *RecordConn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// recordLen is the length of the record that in[r:] begins with, header
// included. Where the stream ended inside the header it is what there is.
func (c *RecordConn) recordLen() int {
	if c.w-c.r < recordHeaderLen {
		return c.w - c.r
	}
	return recordHeaderLen + int(binary.BigEndian.Uint16(c.in[c.r+3:]))
}

// noteAlert keeps the alert that the next record is, if it is one in clear.
func (c *RecordConn) noteAlert() {
	const alertRecord, alertLen = 21, 2
	c.alert = nil
	if rec := c.in[c.r:c.w]; c.left == recordHeaderLen+alertLen && len(rec) >= c.left && rec[0] == alertRecord {
		alert := engine.Alert(rec[recordHeaderLen+1])
		c.alert = &alert
	}
}

// ClearAlert tells whether the record that was read last was an alert in clear.
// A TLS 1.3 peer that fails before it has keys sends
// its alert like that, at a time when its records are expected to be protected:
// a library makes a bad record of it. Anyone on the way can have made it, so it
// is good for no more than to say why a handshake failed that has failed.
func (c *RecordConn) ClearAlert() (alert engine.Alert, ok bool) {
	if c.alert == nil {
		return 0, false
	}
	return *c.alert, true
}

// Protected is how many records the library has been shown that may be protected:
// it has opened all of them but those that came before it had keys.
func (c *RecordConn) Protected() uint64 { return c.shown }

// wholeRecord tells whether the next record can be read without waiting.
func (c *RecordConn) wholeRecord() bool {
	return c.left == 0 && c.w-c.r >= recordHeaderLen && c.w-c.r >= c.recordLen()
}

// fill waits until n bytes at least are in the buffer.
func (c *RecordConn) fill(n int) error {
	if c.in == nil {
		c.in = make([]byte, firstSize)
	}
	if c.w == len(c.in) && len(c.in) < flightSize { // there is more than that
		size := min(4*len(c.in), flightSize)
		c.in = append(make([]byte, 0, size), c.in...)[:size]
	}
	if c.r == c.w {
		c.r, c.w = 0, 0
	} else if c.r > 0 && len(c.in)-c.w < flightSize/2 {
		c.w = copy(c.in, c.in[c.r:c.w])
		c.r = 0
	}
	for c.w-c.r < n {
		if c.ended {
			return io.EOF
		}
		m, err := c.receive()
		c.w += m
		if err != nil && c.w-c.r < n {
			return err
		}
	}
	return nil
}

// receive reads once from the stream and keeps what it says. A failed stream is
// not asked again: a socket tells of a reset once, and then of an end of file.
func (c *RecordConn) receive() (int, error) {
	c.mu.Lock()
	failed := c.readErr
	c.mu.Unlock()
	if failed != nil {
		return 0, failed
	}
	m, err := c.stream.Read(c.in[c.w:])
	if c.keepIn && len(c.keptIn)+m <= receivedLimit {
		c.keptIn = append(c.keptIn, c.in[c.w:c.w+m]...)
	}
	if err == io.EOF {
		c.ended = true
	} else if err != nil {
		c.mu.Lock()
		c.readErr = err
		c.mu.Unlock()
	}
	return m, err
}

// ReadBatch calls read, which is the library's Read, until p is full or the
// next call would have to wait for the stream. It returns with an error only
// where it has nothing else. Every error is final, whether or not the library
// would repeat it.
func (c *RecordConn) ReadBatch(p []byte, read func([]byte) (int, error)) (n int, err error) {
	if c.lastErr != nil {
		return 0, c.lastErr
	}
	defer func() { c.noWait = false }()
	for n < len(p) && (n == 0 || c.wholeRecord()) {
		c.noWait = n > 0
		m, err := read(p[n:])
		n += m
		if c.noWait && errors.Is(err, errNoRecord) {
			break
		}
		if c.lastErr = err; err != nil {
			if err != io.EOF { // the peer's own end has no alert of ours
				c.settle()
			}
			break
		}
	}
	if n > 0 {
		return n, nil
	}
	return 0, c.lastErr
}

// settle waits for a write that is under way: an alert of the library's may be queued
// behind it, and whoever hears of the library's error ends the stream.
func (c *RecordConn) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out) == 0 {
		return
	}
	late := false
	timer := time.AfterFunc(moment, func() {
		c.mu.Lock()
		late = true
		c.mu.Unlock()
		c.flushed.Broadcast()
	})
	defer timer.Stop()
	for (c.held || c.sending) && !late {
		c.flushed.Wait()
	}
}

// Write queues p and, outside of Hold and Release, sends it. Where another
// goroutine is in the middle of sending, that one sends p as well: an answer
// to a KeyUpdate must not keep the reader waiting for a peer that is itself
// waiting for us to read.
func (c *RecordConn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return 0, net.ErrClosed
	}
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	if written := len(p); c.instead != nil {
		p = append(bytes.Clone(p[:lastRecord(p)]), c.instead...)
		c.instead = nil
		defer func() { n = min(n, 1) * written }()
	}
	if (c.held || c.sending) && len(c.out)+len(p) > queueLimit {
		c.writeErr = errors.New("the peer makes us answer but takes no answers")
		return 0, c.writeErr
	}
	if c.keep {
		c.kept = append(c.kept, p...)
	}
	if c.held || c.sending || c.join && isChangeCipherSpec(p) {
		c.out = append(c.out, p...)
		return len(p), nil
	}
	first := p
	if len(c.out) > 0 {
		first, c.out = append(c.out, p...), nil
	}
	if err := c.send(first); err != nil {
		return 0, err
	}
	return len(p), nil
}

// JoinChangeCipherSpec has a change_cipher_spec in clear that is written by itself sent
// together with what is written next. A client's library writes one before its second
// ClientHello (RFC 8446, appendix D.4), to which by itself nobody answers: a proxy that
// uses Nagle's algorithm passes the six bytes on, and keeps the ClientHello back until
// the server's kernel acknowledges them, which takes 40 ms.
func (c *RecordConn) JoinChangeCipherSpec() { c.join = true }

func isChangeCipherSpec(p []byte) bool {
	return len(p) == recordHeaderLen+1 && record.Type(p[0]) == record.TypeChangeCipherSpec
}

// InsteadOfAlert has the next write end with this record in place of the alert
// that the library ends it with, and is about to send because Verify has refused
// the peer: by the same one whatever the reason.
func (c *RecordConn) InsteadOfAlert(record []byte) {
	c.mu.Lock()
	c.instead = record
	c.mu.Unlock()
}

// lastRecord is where the last record of p begins.
func lastRecord(p []byte) (at int) {
	for rest := p; len(rest) >= recordHeaderLen; rest = p[at:] {
		n := recordHeaderLen + int(binary.BigEndian.Uint16(rest[3:]))
		if n >= len(rest) {
			break
		}
		at += n
	}
	return at
}

// Hold begins to collect what is written, which should be at most BatchSize
// bytes of plaintext.
func (c *RecordConn) Hold() {
	c.mu.Lock()
	c.held = true
	if cap(c.out) < flightSize && !c.sending {
		c.out = append(make([]byte, 0, flightSize), c.out...)
	}
	c.mu.Unlock()
}

// Release sends what was collected, and returns when the stream has taken all.
func (c *RecordConn) Release() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = false
	for c.sending {
		c.flushed.Wait()
	}
	return c.send(nil)
}

// send writes first, which is not kept, and then out to the stream, until there
// is no more. It is called with mu held and gives it up while it writes.
func (c *RecordConn) send(first []byte) error {
	c.sending = true
	write := func(p []byte) {
		c.mu.Unlock()
		_, err := c.stream.Write(p)
		c.mu.Lock()
		c.writeErr = err
	}
	if len(first) > 0 && c.writeErr == nil {
		write(first)
	}
	for len(c.out) > 0 && c.writeErr == nil {
		batch := c.out
		c.out = c.spare[:0]
		write(batch)
		c.spare = batch
	}
	c.sending = false
	c.flushed.Broadcast()
	return c.writeErr
}

// KeepSent begins to keep a copy of what is written, for Sent.
func (c *RecordConn) KeepSent() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep = true
}

// Sent ends that, and returns what was written since KeepSent.
func (c *RecordConn) Sent() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	sent := c.kept
	c.keep, c.kept = false, nil
	return sent
}

// KeepReceived begins to keep a copy of what is received, for Received.
func (c *RecordConn) KeepReceived() { c.keepIn = true }

// Received ends that, and returns what was received since KeepReceived, which
// ends early where it was more than any handshake needs.
func (c *RecordConn) Received() []byte {
	received := c.keptIn
	c.keepIn, c.keptIn = false, nil
	return received
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
