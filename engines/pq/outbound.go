package pq

import (
	"net"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// outbound is the sending half of a connection.
type outbound struct {
	stream  net.Conn
	protect *record.Protection // nil: in clear
	ccs     bool               // change_cipher_spec was sent
	limit   int                // the most content of a record, by the peer's record_size_limit

	flight []byte // handshake messages that are not yet in records
	buf    []byte // records that are not yet sent
	err    error  // why nothing more can be sent
}

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
		grown := make([]byte, len(o.buf), max(need, 2*cap(o.buf)))
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

// sendAlert tells the peer why the connection is over. It goes out behind the
// records that are ready; messages that are in none yet are dropped.
func (o *outbound) sendAlert(a engine.Alert) {
	if o.err != nil {
		return
	}
	// It may be too late to set a deadline, and no more is lost if the alert
	// cannot be sent.
	_ = o.stream.SetWriteDeadline(time.Now().Add(record.AlertPatience))
	o.flight = nil
	o.put(record.TypeAlert, []byte{record.AlertFatal, byte(a)})
	_ = o.flush()
}
