package record

import (
	"errors"
	"io"

	"tlsify/engine"
)

// What a peer may send that carries nothing, before it is taken for an
// attacker.
const (
	maxInARow  = 32 // records, or KeyUpdates, since the last application data
	maxWarning = 4  // alerts that end nothing
)

// maxMessage bounds a handshake message: NewSessionTicket is the longest that
// may come.
const maxMessage = 1 << 16

// Handshake messages that may come after the handshake, and those that a TLS
// 1.2 peer renegotiates with (RFC 8446, section 4).
const (
	msgHelloRequest     = 0
	msgClientHello      = 1
	msgNewSessionTicket = 4
	msgKeyUpdate        = 24
)

const (
	alertLevelWarning = 1
	alertLevelFatal   = 2
)

// receiver is a connection's receiving side.
type receiver struct {
	records Reader
	opener  *Protection
	ticket  func(msg []byte) error
	peer    *sender // to be told of what the other side must answer

	pieces   [][]byte
	pending  []byte // application data that was opened and not yet asked for
	hand     []byte // the beginning of a handshake message
	failed   error  // what ended reading
	inARow   int    // records since the last application data
	updates  int    // KeyUpdates since then
	warnings int
}

// Read opens what is there, as much as fits, and waits only for the first byte,
// as [engine.Session] has it. P should have room for a few records.
func (r *receiver) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(r.pending) > 0 {
			m := copy(p[n:], r.pending)
			r.pending = r.pending[m:]
			n += m
			continue
		}
		if r.failed != nil {
			break
		}
		m, more, err := r.receive(p[n:], n == 0)
		if err != nil {
			r.failed = r.end(err)
		} else if !more {
			break
		}
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, r.failed
	}
	return n, nil
}

// Pieces is Read without a copy: it opens what is there where it landed, and
// gives it as pieces of memory, in order, that are good until the next call.
func (r *receiver) Pieces() ([][]byte, error) {
	r.pieces = r.pieces[:0]
	for r.failed == nil {
		_, more, err := r.receive(nil, len(r.pieces) == 0)
		if err != nil {
			r.failed = r.end(err)
		}
		if len(r.pending) > 0 {
			r.addPiece(r.pending)
			r.pending = nil
		} else if !more {
			break
		}
	}
	if len(r.pieces) == 0 {
		return nil, r.failed
	}
	return r.pieces, nil
}

// addPiece adds what lies behind all the others. Short ones are moved together,
// over what is left of their records' headers and tags, so that there are never
// many.
func (r *receiver) addPiece(p []byte) {
	const short = 4096
	if last := len(r.pieces) - 1; last >= 0 && len(p) < short {
		r.pieces[last] = append(r.pieces[last], p...)
		return
	}
	r.pieces = append(r.pieces, p)
}

// receive takes one record; without wait, only if it is here, and else says
// that there are no more. Of application data it returns how much it put to the
// front of p; what did not fit is pending.
func (r *receiver) receive(p []byte, wait bool) (n int, more bool, err error) {
	rec, err := r.records.Next(wait)
	if rec == nil {
		return 0, false, fatal(err)
	}
	if Type(rec[0]) != TypeApplicationData {
		return 0, false, unexpected("a record of type %d in clear", rec[0])
	}
	t, content, err := r.opener.Open(p, rec)
	if err != nil {
		return 0, false, fatal(err)
	}
	if len(r.hand) > 0 && t != TypeHandshake && t != TypeAlert {
		return 0, false, unexpected("a record of type %d inside a handshake message", t)
	}
	if t == TypeApplicationData && len(content) > 0 {
		r.inARow, r.updates = 0, 0
		if len(p) > 0 && &content[0] == &p[0] {
			return len(content), true, nil
		}
		r.pending = content
		return 0, true, nil
	}
	if r.inARow++; r.inARow > maxInARow {
		return 0, false, unexpected("too many records that carry nothing")
	}
	return 0, true, r.control(t, content)
}

// control takes a record that is not application data, or is empty.
func (r *receiver) control(t Type, content []byte) error {
	switch t {
	case TypeApplicationData:
		return nil
	case TypeHandshake:
		if len(content) == 0 { // RFC 8446, section 5.1
			return unexpected("an empty handshake record")
		}
		r.inARow = 0
		r.hand = append(r.hand, content...)
		return r.messages()
	case TypeAlert:
		err := ReadAlert(content)
		if err == nil {
			if r.warnings++; r.warnings > maxWarning {
				return unexpected("too many alerts that mean nothing")
			}
		}
		return err
	}
	return unexpected("a protected record of type %d", t)
}

// ReadAlert returns what an alert means: io.EOF for close_notify, nil for
// user_canceled, which a close_notify follows, and for any other a
// *engine.AlertError. The level says nothing (RFC 8446, section 6).
func ReadAlert(content []byte) error {
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

// messages handles the handshake messages that are whole (RFC 8446, section
// 4.6).
func (r *receiver) messages() error {
	for len(r.hand) >= 4 {
		n := 4 + int(r.hand[1])<<16 + int(r.hand[2])<<8 + int(r.hand[3])
		if n > 4+maxMessage {
			return illegal("a handshake message of %d bytes", n-4)
		}
		if len(r.hand) < n {
			return nil
		}
		msg := r.hand[:n:n]
		r.hand = r.hand[n:]
		if err := r.message(msg); err != nil {
			return err
		}
	}
	if len(r.hand) == 0 {
		r.hand = nil
	}
	return nil
}

func (r *receiver) message(msg []byte) error {
	switch {
	case msg[0] == msgNewSessionTicket && r.ticket != nil:
		return r.ticket(msg)
	case msg[0] == msgKeyUpdate:
		return r.keyUpdate(msg)
	case msg[0] == msgHelloRequest || msg[0] == msgClientHello:
		return &Fatal{engine.AlertUnexpectedMessage, &engine.PeerError{Fault: engine.FaultRenegotiation, Err: errRenegotiation}}
	}
	return unexpected("handshake message %d after the handshake", msg[0])
}

var errRenegotiation = errors.New("the peer asked for a renegotiation")

// keyUpdate follows the peer to its next key.
func (r *receiver) keyUpdate(msg []byte) error {
	requested, err := ParseKeyUpdate(msg)
	if err != nil {
		return err
	}
	if len(r.hand) > 0 {
		return unexpected("a KeyUpdate that is not the last of its record") // RFC 8446, section 5.1
	}
	if r.updates++; r.updates > maxInARow {
		return unexpected("too many KeyUpdates without data")
	}
	r.opener.Update()
	if requested {
		r.peer.UpdateKey()
	}
	return nil
}

// ParseKeyUpdate tells whether the peer wants an update of ours in return (RFC
// 8446, section 4.6.3).
func ParseKeyUpdate(msg []byte) (requested bool, err error) {
	if len(msg) != keyUpdateLen {
		return false, malformed("KeyUpdate")
	}
	if msg[4] > 1 {
		return false, illegal("KeyUpdate with request %d", msg[4])
	}
	return msg[4] == 1, nil
}

// end ends reading because of err, and returns what a caller of Read gets to
// hear. Writing ends with it where the connection is over, and goes on where
// only the peer's direction has ended.
func (r *receiver) end(err error) error {
	var transport *engine.TransportError
	switch {
	case err == io.EOF:
		return io.EOF
	case errors.As(err, &transport) && transport.Err == io.EOF:
		return engine.ErrTruncated
	}
	var f *Fatal
	if errors.As(err, &f) {
		r.peer.Abort(&f.Alert, f.Err)
		return f.Err
	}
	r.peer.Abort(nil, err)
	return err
}
