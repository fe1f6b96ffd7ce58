package adapter

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net"
	"time"

	"tlsify/engine/record"
)

const (
	// queueLimit bounds what may wait behind a write that the peer does not
	// take. Only answers to its own KeyUpdates can: a peer that sends ten
	// thousands of them and reads nothing is an attacker.
	queueLimit = 1 << 20
	// moment is how long the library's last alert may take behind a write that is
	// under way.
	moment = 50 * time.Millisecond
)

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
		return c.failed(p)
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
		return c.failed(p)
	}
	return len(p), nil
}

// failed is what the library hears of a stream that takes nothing more: behind the
// handshake, that it has taken p. Release and WriteErr tell of it. crypto/tls, where
// it cannot answer a KeyUpdate, keeps the old key to read with, and makes bad records
// of all that has come behind it (as of Go 1.27).
func (c *RecordConn) failed(p []byte) (int, error) {
	if c.established {
		return len(p), nil
	}
	return 0, c.writeErr
}

// WriteErr is the error that ended the writing to the stream, if there was one.
func (c *RecordConn) WriteErr() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writeErr
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
