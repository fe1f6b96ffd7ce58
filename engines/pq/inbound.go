package pq

import (
	"bytes"

	"tlsify/engine"
	"tlsify/engine/record"
)

// inbound is the receiving half of a connection.
type inbound struct {
	records record.Reader
	server  bool
	protect *record.Protection // nil: in clear
	opened  bool               // a record has been opened under any key
	hand    []byte             // handshake content that is not yet a message taken

	ccs    bool // a change_cipher_spec may come, and means nothing
	skip   int  // one more than the bytes of early data that we may still have to pass over
	inARow int  // records since the last that carried anything

	warnings int // alerts that ended nothing
}

// maxHandshakeRead bounds the Reader's buffer before the handshake is done: a
// peer that nobody knows yet gets a record's worth, and some more.
const maxHandshakeRead = 2 * record.SlotLen

// pull waits for the next record of handshake messages and returns its content,
// which is good until the next pull. The peer's close_notify is io.EOF.
func (in *inbound) pull() ([]byte, error) {
	for {
		rec, err := in.records.Next(true)
		if err != nil {
			return nil, in.readError(err)
		}
		t, content, err := in.open(rec)
		if err != nil {
			return nil, err
		}
		if len(in.hand) > 0 && t != record.TypeHandshake && t != record.TypeAlert {
			return nil, unexpected("a record of type %d inside a handshake message", t)
		}
		switch t {
		case record.TypeHandshake:
			if len(content) == 0 { // RFC 8446, section 5.1
				return nil, unexpected("an empty handshake record")
			}
			in.inARow = 0
			return content, nil
		case record.TypeAlert:
			if err := record.ReadAlert(content); err != nil {
				return nil, err
			}
			if in.warnings++; in.warnings > record.MaxWarnings {
				return nil, unexpected("too many alerts that mean nothing")
			}
		case record.TypeApplicationData:
			// Even without content it has no place here.
			return nil, unexpected("application data in the handshake")
		}
		if in.inARow++; in.inARow > record.MaxInARow {
			return nil, unexpected("too many records that carry nothing")
		}
	}
}

// readError gives an error of the Reader's its alert.
func (in *inbound) readError(err error) error {
	if err == record.ErrForeign && in.protect == nil {
		first, alert := in.records.Rest(), engine.AlertProtocolVersion
		if first[1] == 3 { // a record, of a type that there is not (RFC 8446, section 5.1)
			alert = engine.AlertUnexpectedMessage
		}
		return broken(alert, "%s", engine.NotTLS(first))
	}
	return record.AsFatal(err)
}

// open takes a record's protection off. What means nothing (a
// change_cipher_spec, skipped early data) comes back as an empty
// TypeChangeCipherSpec.
func (in *inbound) open(rec []byte) (record.Type, []byte, error) {
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
	sealed := len(content)
	t, content, err := in.protect.Open(nil, rec)
	if err == record.ErrMAC && in.skip > 0 {
		return in.skipEarlyData(sealed)
	}
	if err != nil {
		return 0, nil, record.AsFatal(err)
	}
	in.opened, in.skip = true, 0
	if t < record.TypeAlert || t > record.TypeApplicationData {
		return 0, nil, unexpected("a protected record of type %d", t)
	}
	return t, content, nil
}

func (in *inbound) openClear(t record.Type, content []byte) (record.Type, []byte, error) {
	if t == record.TypeApplicationData && in.skip > 0 {
		return in.skipEarlyData(len(content))
	}
	if len(content) > record.MaxPlaintext {
		return 0, nil, record.AsFatal(record.ErrOverflow)
	}
	if t != record.TypeHandshake && t != record.TypeAlert {
		return 0, nil, unexpected("a record of type %d in clear", t)
	}
	return t, content, nil
}

// skipEarlyData passes over a record of early data that we have not accepted
// (RFC 8446, section 4.2.10), whose content has sealed bytes with its type and
// tag. What counts is what the client may send, which knows nothing of these.
func (in *inbound) skipEarlyData(sealed int) (record.Type, []byte, error) {
	if in.skip -= max(1, sealed-(record.Overhead-record.HeaderLen)); in.skip <= 0 {
		return 0, nil, unexpected("too much early data")
	}
	in.inARow = 0
	return record.TypeChangeCipherSpec, nil, nil
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
	if in.server && in.hand[0] == typeClientHello {
		limit = maxClientHello
	}
	// No certificate comes in clear (RFC 8446, section 2). A request may name
	// all the CAs of the world.
	if in.protect != nil && (in.hand[0] == typeCertificate || in.hand[0] == typeCompressedCertificate || in.hand[0] == typeCertificateRequest) {
		limit = maxCertificateMessage
		if in.server {
			limit = maxClientCertificate
		}
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
