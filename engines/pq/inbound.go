package pq

import (
	"bytes"
	"errors"
	"io"
	"net"

	"tlsify/engine"
	"tlsify/engine/record"
)

// inbound is the receiving half of a connection.
type inbound struct {
	stream  net.Conn
	server  bool
	protect *record.Protection // nil: in clear
	opened  bool               // a record has been opened under any key

	raw        []byte // raw[start:end] was received and is not yet opened
	start, end int
	full       bool   // the last read filled raw: a larger one pays
	most       int    // bytes that raw may grow to
	hand       []byte // handshake content that is not yet a message taken

	ccs    bool // a change_cipher_spec may come, and means nothing
	skip   int  // bytes of early data that we may still have to pass over
	inARow int  // records since the last that carried anything

	warnings int // alerts that ended nothing
}

// firstRead is the size of the first read: most ClientHellos fit. The buffer
// grows as needed, so that a peer that sends nothing costs little.
const firstRead = 2048

// maxHandshakeRead is the most that raw grows to before the handshake is done:
// a peer that nobody knows yet gets a record's worth, and some more.
const maxHandshakeRead = 2 * record.SlotLen

// pull returns the type and content of the next record of handshake messages
// or application data. With wait it reads from the stream until there is one;
// without, type 0 says that there is no whole record here. Application data is
// opened into dst where it has room; else the content is good until the next
// pull. The peer's close_notify is io.EOF.
func (in *inbound) pull(dst []byte, wait bool) (record.Type, []byte, error) {
	for {
		rec, err := in.nextRecord(wait)
		if rec == nil {
			return 0, nil, err
		}
		t, content, err := in.open(dst, rec)
		if err != nil {
			return 0, nil, err
		}
		if len(in.hand) > 0 && t != record.TypeHandshake && t != record.TypeAlert {
			return 0, nil, unexpected("a record of type %d inside a handshake message", t)
		}
		switch t {
		case record.TypeHandshake:
			if len(content) == 0 { // RFC 8446, section 5.1
				return 0, nil, unexpected("an empty handshake record")
			}
			in.inARow = 0
			return t, content, nil
		case record.TypeAlert:
			if err := readAlert(content); err != nil {
				return 0, nil, err
			}
			if in.warnings++; in.warnings > maxWarnings {
				return 0, nil, unexpected("too many alerts that mean nothing")
			}
		case record.TypeApplicationData:
			if len(content) > 0 {
				in.inARow = 0
				return t, content, nil
			}
		}
		if in.inARow++; in.inARow > maxInARow {
			return 0, nil, unexpected("too many records that carry nothing")
		}
	}
}

// nextRecord gives the next record in raw, reading from the stream where it
// may wait; nil without an error is none.
func (in *inbound) nextRecord(wait bool) ([]byte, error) {
	for {
		have := in.raw[in.start:in.end]
		if len(have) >= 2 && (have[0] < 20 || have[0] > 23 || have[1] != 3) {
			return nil, in.notTLS(have)
		}
		rec, err := record.Next(have)
		if err != nil {
			return nil, recordError(err)
		}
		if rec != nil {
			in.start += len(rec)
			return rec, nil
		}
		if !wait {
			return nil, nil
		}
		if err := in.fill(); err != nil {
			return nil, err
		}
	}
}

// notTLS is what a peer deserves that does not speak TLS, or broke it.
func (in *inbound) notTLS(have []byte) error {
	if !in.opened && in.protect == nil {
		return broken(engine.AlertProtocolVersion, "the peer does not speak TLS")
	}
	return unexpected("a record of type %d", have[0])
}

// fill reads from the stream once.
func (in *inbound) fill() error {
	if in.start > 0 {
		copy(in.raw, in.raw[in.start:in.end])
		in.start, in.end = 0, in.end-in.start
	}
	if in.end == len(in.raw) || in.full {
		size := min(max(firstRead, 2*len(in.raw)), in.most)
		if size > len(in.raw) {
			grown := make([]byte, size)
			copy(grown, in.raw[:in.end])
			in.raw = grown
		}
	}
	for range 100 {
		n, err := in.stream.Read(in.raw[in.end:])
		in.end += n
		in.full = in.end == len(in.raw)
		if n > 0 {
			return nil // an error will come again
		}
		if err != nil {
			return transportError(err)
		}
	}
	return transportError(io.ErrNoProgress)
}

// open takes a record's protection off. What means nothing (a
// change_cipher_spec, skipped early data) comes back as an empty
// TypeChangeCipherSpec.
func (in *inbound) open(dst, rec []byte) (record.Type, []byte, error) {
	t, content := record.Type(rec[0]), rec[record.HeaderLen:]
	if t == record.TypeChangeCipherSpec {
		if !in.ccs || !bytes.Equal(content, []byte{1}) { // RFC 8446, section 5
			return 0, nil, unexpected("a change_cipher_spec that may not be")
		}
		return t, nil, nil
	}
	if in.protect == nil {
		return in.openClear(t, content)
	}
	if t != record.TypeApplicationData {
		// A client that could not follow our ServerHello has no keys to
		// protect its alert with.
		if t == record.TypeAlert && in.server && !in.opened {
			return t, content, nil
		}
		return 0, nil, unexpected("a record of type %d in clear", t)
	}
	t, content, err := in.protect.Open(dst, rec)
	if err == record.ErrMAC && in.skip > 0 {
		return in.skipEarlyData(len(rec))
	}
	if err != nil {
		return 0, nil, recordError(err)
	}
	in.opened, in.skip = true, 0
	if t < record.TypeAlert || t > record.TypeApplicationData {
		return 0, nil, unexpected("a protected record of type %d", t)
	}
	return t, content, nil
}

func (in *inbound) openClear(t record.Type, content []byte) (record.Type, []byte, error) {
	if t == record.TypeApplicationData && in.skip > 0 {
		return in.skipEarlyData(len(content) + record.HeaderLen)
	}
	if len(content) > record.MaxPlaintext {
		return 0, nil, recordError(record.ErrOverflow)
	}
	if t != record.TypeHandshake && t != record.TypeAlert {
		return 0, nil, unexpected("a record of type %d in clear", t)
	}
	return t, content, nil
}

// skipEarlyData passes over a record of early data that we have not accepted
// (RFC 8446, section 4.2.10).
func (in *inbound) skipEarlyData(n int) (record.Type, []byte, error) {
	if in.skip -= n; in.skip <= 0 {
		return 0, nil, unexpected("too much early data")
	}
	in.inARow = 0
	return record.TypeChangeCipherSpec, nil, nil
}

// recordError gives an error of package record its alert.
func recordError(err error) error {
	var r *record.Error
	if !errors.As(err, &r) {
		return internal("%w", err)
	}
	return broken(r.Alert, "%w", r)
}

// readAlert returns what an alert means: io.EOF for close_notify, nil for
// user_canceled, which a close_notify follows, and for any other that the peer
// has ended the connection. The level says nothing (RFC 8446, section 6).
func readAlert(content []byte) error {
	if len(content) != 2 {
		return malformed("alert")
	}
	if content[0] != alertLevelWarning && content[0] != alertLevelFatal {
		return illegal("an alert of level %d", content[0])
	}
	switch a := engine.Alert(content[1]); a {
	case engine.AlertCloseNotify:
		return io.EOF
	case engine.AlertUserCanceled:
		return nil
	default:
		return &engine.AlertError{Alert: a}
	}
}

// addHandshake takes a handshake record's content.
func (in *inbound) addHandshake(content []byte) { in.hand = append(in.hand, content...) }

// nextMessage takes the next whole message, in memory of its own; nil where
// there is none yet.
func (in *inbound) nextMessage() ([]byte, error) {
	if len(in.hand) < 4 {
		return nil, nil
	}
	n := int(in.hand[1])<<16 | int(in.hand[2])<<8 | int(in.hand[3])
	limit := maxHandshakeMessage
	// No certificate comes in clear (RFC 8446, section 2).
	if in.protect != nil && (in.hand[0] == typeCertificate || in.hand[0] == typeCompressedCertificate) {
		limit = maxCertificateMessage
	}
	if n > limit {
		return nil, illegal("a handshake message of %d bytes", n)
	}
	if len(in.hand) < 4+n {
		return nil, nil
	}
	msg := bytes.Clone(in.hand[:4+n])
	in.hand = in.hand[4+n:]
	if len(in.hand) == 0 {
		in.hand = nil
	}
	return msg, nil
}
