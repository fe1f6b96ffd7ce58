package record

import (
	"errors"
	"io"

	"tlsify/engine"
)

// What a peer may send that carries nothing, before it is taken for an
// attacker.
const (
	// maxRequests is how many certificates a server may ask for on one
	// connection: each costs a signature.
	maxRequests = 16
	MaxInARow   = 32 // records since the last application data
	MaxWarnings = 4  // alerts that end nothing
	// maxUpdates is how many KeyUpdates may come since the last application
	// data. Each costs as much as to open a record. A JDK that waits for the
	// answer to its first sends one more with every record that it receives, and
	// as many of those as a fast and far network holds are on their way to it.
	maxUpdates = 1 << 14
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
	msgCertRequest      = 13
	msgKeyUpdate        = 24
)

// The levels of alerts, which mean nothing since TLS 1.3 (RFC 8446, section 6).
const (
	AlertWarning = 1
	AlertFatal   = 2
)

// KeyUpdate is a KeyUpdate message that asks for none in return (RFC 8446,
// section 4.6.3).
const KeyUpdate = "\x18\x00\x00\x01\x00"

// KeyUpdateRequest is one that does.
const KeyUpdateRequest = "\x18\x00\x00\x01\x01"

// Control handles what a peer sends after the handshake in records that are not
// application data, whoever opened them. Its zero value with a KeyUpdate is
// ready.
type Control struct {
	// Ticket takes a NewSessionTicket message, header included. Nil: it is an
	// error of the peer's.
	Ticket func(msg []byte) error
	// KeyUpdate is told that the peer's next record is under its next key, and
	// whether it wants the same of us.
	KeyUpdate func(requested bool) error
	// Request takes a CertificateRequest message, header included. Nil: it is an
	// error of the peer's.
	Request func(msg []byte) error

	requests int    // so far
	hand     []byte // the beginning of a handshake message
	inARow   int    // records since the last application data
	updates  int    // KeyUpdates since then
	warnings int
}

// Data notes that application data came, at least a byte of it. The error is as
// Take's.
func (c *Control) Data() error {
	c.inARow, c.updates = 0, 0
	return c.mayCome(TypeApplicationData)
}

// Take takes a record that is not application data, or is empty. Its error is
// io.EOF for close_notify, an *engine.AlertError for another alert that ends
// the connection, a *Fatal for what the peer should not have sent, or what
// Ticket or KeyUpdate said.
func (c *Control) Take(t Type, content []byte) error {
	if err := c.mayCome(t); err != nil {
		return err
	}
	if c.inARow++; c.inARow > MaxInARow {
		return unexpected("too many records that carry nothing")
	}
	switch t {
	case TypeApplicationData:
		return nil
	case TypeHandshake:
		if len(content) == 0 { // RFC 8446, section 5.1
			return unexpected("an empty handshake record")
		}
		c.inARow = 0
		c.hand = append(c.hand, content...)
		return c.messages()
	case TypeAlert:
		err := ReadAlert(content)
		switch alert := (*engine.AlertError)(nil); {
		case errors.As(err, &alert):
			alert.ClientCertRequested = c.requests > 0
		case err == nil:
			if c.warnings++; c.warnings > MaxWarnings {
				return unexpected("too many alerts that mean nothing")
			}
		}
		return err
	}
	return unexpected("a protected record of type %d", t)
}

// mayCome refuses what comes between the pieces of a handshake message.
func (c *Control) mayCome(t Type) error {
	if len(c.hand) > 0 && t != TypeHandshake && t != TypeAlert {
		return unexpected("a record of type %d inside a handshake message", t)
	}
	return nil
}

// ReadAlert returns what an alert means: io.EOF for close_notify, nil for
// user_canceled, which a close_notify follows, and for any other a
// *engine.AlertError. The level says nothing (RFC 8446, section 6).
func ReadAlert(content []byte) error {
	if len(content) == 0 {
		return unexpected("an empty alert record") // RFC 8446, section 5.4
	}
	if len(content) != 2 {
		return malformed("alert")
	}
	if content[0] != AlertWarning && content[0] != AlertFatal {
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
func (c *Control) messages() error {
	for len(c.hand) >= 4 {
		n := 4 + int(c.hand[1])<<16 + int(c.hand[2])<<8 + int(c.hand[3])
		if n > 4+maxMessage {
			return illegal("a handshake message of %d bytes", n-4)
		}
		if len(c.hand) < n {
			return nil
		}
		msg := c.hand[:n:n]
		c.hand = c.hand[n:]
		if err := c.message(msg); err != nil {
			return err
		}
	}
	if len(c.hand) == 0 {
		c.hand = nil
	}
	return nil
}

func (c *Control) message(msg []byte) error {
	switch {
	case msg[0] == msgNewSessionTicket && c.Ticket != nil:
		return c.Ticket(msg)
	case msg[0] == msgCertRequest && c.Request != nil:
		if c.requests++; c.requests > maxRequests {
			return unexpected("too many requests for a certificate")
		}
		return c.Request(msg)
	case msg[0] == msgKeyUpdate:
		return c.keyUpdate(msg)
	case msg[0] == msgHelloRequest || msg[0] == msgClientHello:
		return &Fatal{engine.AlertUnexpectedMessage, &engine.PeerError{Fault: engine.FaultRenegotiation, Err: errRenegotiation}}
	}
	return unexpected("handshake message %d after the handshake", msg[0])
}

var errRenegotiation = errors.New("the peer asked for a renegotiation")

func (c *Control) keyUpdate(msg []byte) error {
	requested, err := parseKeyUpdate(msg)
	if err != nil {
		return err
	}
	if len(c.hand) > 0 {
		return unexpected("a KeyUpdate that is not the last of its record") // RFC 8446, section 5.1
	}
	if c.updates++; c.updates > maxUpdates {
		return unexpected("too many KeyUpdates without data")
	}
	return c.KeyUpdate(requested)
}

// parseKeyUpdate tells whether the peer wants an update of ours in return (RFC
// 8446, section 4.6.3).
func parseKeyUpdate(msg []byte) (requested bool, err error) {
	if len(msg) != len(KeyUpdate) {
		return false, malformed("KeyUpdate")
	}
	if msg[4] > 1 {
		return false, illegal("KeyUpdate with request %d", msg[4])
	}
	return msg[4] == 1, nil
}
