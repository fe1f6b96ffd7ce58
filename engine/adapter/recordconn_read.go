package adapter

import (
	"encoding/binary"
	"errors"
	"io"
	"net"

	"tlsify/engine"
	"tlsify/engine/record"
)

const (
	// firstSize is room for what many peers send in a handshake.
	firstSize = 4 << 10
	// receivedLimit bounds what is kept of what is received.
	receivedLimit = 512 << 10
)

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
	if c.keepIn = c.keepIn && len(c.keptIn)+m <= receivedLimit; c.keepIn {
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
// next call would have to wait for the stream. It is for the time behind the handshake.
// It returns with an error only where it has nothing else. Every error is final,
// whether or not the library would repeat it.
func (c *RecordConn) ReadBatch(p []byte, read func([]byte) (int, error)) (n int, err error) {
	if c.lastErr != nil {
		return 0, c.lastErr
	}
	c.mu.Lock()
	c.established = true
	c.mu.Unlock()
	defer func() { c.noWait = false }()
	for n < len(p) && (n == 0 || c.wholeRecord()) {
		c.noWait = n > 0
		m, err := read(p[n:])
		n += m
		if errors.Is(err, errNoRecord) {
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

// KeepReceived begins to keep a copy of what is received, for Received.
func (c *RecordConn) KeepReceived() { c.keepIn = true }

// Received ends that, and returns what was received since KeepReceived, which
// ends early where it was more than any handshake needs.
func (c *RecordConn) Received() []byte {
	received := c.keptIn
	c.keepIn, c.keptIn = false, nil
	return received
}
