package pq

import (
	"errors"
	"net"
	"sync"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// outbound is the sending half of a connection. Its lock is for the time after
// the handshake, when one goroutine writes and another may have an alert to
// send.
type outbound struct {
	stream  net.Conn
	protect *record.Protection // nil: in clear
	ccs     bool               // change_cipher_spec was sent
	limit   int                // the most content of a record, by the peer's record_size_limit

	mu     sync.Mutex
	flight []byte // handshake messages that are not yet in records
	buf    []byte // records that are not yet sent
	err    error  // why nothing more can be sent

	// owed is what the reading side wants sent but must not wait for: its
	// caller may be the only one to drain the peer.
	owed struct {
		sync.Mutex
		keyUpdate bool
		alert     *engine.Alert
		end       error // the connection is over: what a writer gets to hear
	}
}

var errClosed = errors.New("write after close_notify")

// alertPatience is how long a fatal alert may take. The connection is over
// either way.
const alertPatience = 2 * time.Second

// maxBatch is how much is protected before it is handed to the stream.
const maxBatch = 16 * record.SlotLen

// queue takes a handshake message for the next flush. Messages share records.
func (o *outbound) queue(msg []byte) { o.flight = append(o.flight, msg...) }

// sealFlight puts the queued messages into records.
func (o *outbound) sealFlight() {
	for len(o.flight) > 0 {
		n := min(len(o.flight), o.limit)
		o.put(record.TypeHandshake, o.flight[:n])
		o.flight = o.flight[n:]
	}
	o.flight = nil
}

// changeCipherSpec puts, once, the record that makes middleboxes take the rest
// for TLS 1.2's ciphertext (RFC 8446, appendix D.4).
func (o *outbound) changeCipherSpec() {
	if o.ccs {
		return
	}
	o.ccs = true
	o.sealFlight()
	o.buf = append(o.buf, byte(record.TypeChangeCipherSpec), 3, 3, 0, 1, 1)
}

// put appends one record to buf.
func (o *outbound) put(t record.Type, content []byte) {
	at, n := len(o.buf), len(content)
	if o.protect == nil {
		o.buf = append(o.buf, make([]byte, record.HeaderLen)...)
		record.PutHeader(o.buf[at:], t, n)
		o.buf = append(o.buf, content...)
		return
	}
	o.reserve(n + record.Overhead)
	o.buf = o.buf[:at+n+record.Overhead]
	slot := o.buf[at:]
	copy(slot[record.HeaderLen:], content)
	o.protect.Seal(slot, n, t)
}

// reserve makes room for n more bytes in buf.
func (o *outbound) reserve(n int) {
	if need := len(o.buf) + n; need > cap(o.buf) {
		grown := make([]byte, len(o.buf), max(need, min(2*cap(o.buf), maxBatch)))
		copy(grown, o.buf)
		o.buf = grown
	}
}

// flush sends what was put and queued.
func (o *outbound) flush() error {
	o.sealFlight()
	if o.err != nil || len(o.buf) == 0 {
		return o.err
	}
	_, err := o.stream.Write(o.buf)
	o.buf = o.buf[:0]
	if err != nil {
		o.err = transportError(err)
	}
	return o.err
}

// flushFirst sends a first ClientHello. Its record has the version of TLS 1.0,
// because old servers and middleboxes want that (RFC 8446, section 5.1).
func (o *outbound) flushFirst(hello []byte) error {
	o.queue(hello)
	o.sealFlight()
	o.buf[2] = 1
	return o.flush()
}

// write protects p and sends it, many records at a time; it is the caller who
// holds the lock. It returns how much of p has been sent.
func (o *outbound) write(p []byte) (sent int, err error) {
	for sent < len(p) {
		if err := o.ended(); err != nil {
			return sent, err
		}
		batch := p[sent:min(len(p), sent+16*o.limit)]
		records := (len(batch) + o.limit - 1) / o.limit
		o.reserve(len(batch) + (records+1)*record.Overhead + keyUpdateLen)
		for rest := batch; len(rest) > 0; {
			o.renewKey()
			n := min(len(rest), o.limit)
			o.put(record.TypeApplicationData, rest[:n])
			rest = rest[n:]
		}
		if err := o.flush(); err != nil {
			return sent, err
		}
		sent += len(batch)
	}
	return sent, nil
}

// ended tells why nothing more may be sent, if so.
func (o *outbound) ended() error {
	o.owed.Lock()
	defer o.owed.Unlock()
	if o.err != nil {
		return o.err
	}
	return o.owed.end
}

// keyUpdateLen is the length of a KeyUpdate message.
const keyUpdateLen = 5

// renewKey goes on to the next key where the peer asked for it or the key has
// done its share (RFC 8446, sections 4.6.3 and 5.5). The peer's request may
// wait until there is data to send.
func (o *outbound) renewKey() {
	o.owed.Lock()
	due := o.owed.keyUpdate || o.protect.Spent()
	o.owed.keyUpdate = false
	o.owed.Unlock()
	if due {
		o.put(record.TypeHandshake, []byte{typeKeyUpdate, 0, 0, 1, keyUpdateNotRequested})
		o.protect.Update()
	}
}

// oweKeyUpdate notes that the peer wants a KeyUpdate.
func (o *outbound) oweKeyUpdate() {
	o.owed.Lock()
	o.owed.keyUpdate = true
	o.owed.Unlock()
}

// end stops the sending side because of err, with a fatal alert where there is
// one to send. It never waits for a writer: where one is at work, that one
// sends the alert when it is done.
func (o *outbound) end(alert *engine.Alert, err error) {
	o.owed.Lock()
	if o.owed.end == nil {
		o.owed.alert, o.owed.end = alert, err
	}
	o.owed.Unlock()
	if o.mu.TryLock() {
		o.unlock()
	}
}

// unlock ends a turn at writing, and sends the alert that has come to be owed
// meanwhile. Between its last look and the unlocking another may be owed, so
// it looks once more.
func (o *outbound) unlock() {
	for {
		if a := o.takeAlert(); a != nil && o.err == nil {
			// No more is lost if it cannot be sent; and it may be too late to
			// set a deadline.
			_ = o.stream.SetWriteDeadline(time.Now().Add(alertPatience))
			o.put(record.TypeAlert, []byte{alertLevelFatal, byte(*a)})
			_ = o.flush()
		}
		o.mu.Unlock()
		o.owed.Lock()
		again := o.owed.alert != nil
		o.owed.Unlock()
		if !again || !o.mu.TryLock() {
			return
		}
	}
}

func (o *outbound) takeAlert() *engine.Alert {
	o.owed.Lock()
	defer o.owed.Unlock()
	a := o.owed.alert
	o.owed.alert = nil
	return a
}

// closeNotify sends close_notify, once; the caller holds the lock.
func (o *outbound) closeNotify() error {
	if err := o.ended(); err != nil {
		if err == errClosed {
			err = nil
		}
		return err
	}
	o.put(record.TypeAlert, []byte{alertLevelWarning, byte(engine.AlertCloseNotify)})
	err := o.flush()
	if err == nil {
		o.err = errClosed
	}
	return err
}
