package pq

import (
	"errors"
	"io"

	"tlsify/engine"
	"tlsify/engine/record"
)

// session is an established connection: an engine.Session.
type session struct {
	c        *conn
	suite    *record.Suite
	state    engine.State
	exporter []byte                 // exporter_master_secret
	ticket   func(msg []byte) error // a client's: takes a NewSessionTicket; nil on a server

	pending []byte // application data that was opened and not yet asked for
	failed  error  // what ended reading
	updates int    // KeyUpdates since the last application data
}

// Read opens what is there, as much as fits, and waits only for the first byte.
func (s *session) Read(p []byte) (n int, err error) {
	for n < len(p) {
		if len(s.pending) > 0 {
			m := copy(p[n:], s.pending)
			s.pending = s.pending[m:]
			n += m
			continue
		}
		if s.failed != nil {
			break
		}
		m, err := s.receive(p[n:], n == 0)
		if err != nil {
			s.failed = s.readError(err)
		} else if m == 0 && n > 0 && len(s.pending) == 0 {
			break
		}
		n += m
	}
	if n == 0 && len(p) > 0 {
		return 0, s.failed
	}
	return n, nil
}

// receive takes one record. Of application data it returns how much it put to
// the front of p; what did not fit is pending.
func (s *session) receive(p []byte, wait bool) (int, error) {
	t, content, err := s.c.in.pull(p, wait)
	switch {
	case err != nil:
		return 0, err
	case t == record.TypeApplicationData:
		s.updates = 0
		if &content[0] == &p[0] {
			return len(content), nil
		}
		s.pending = content
		return 0, nil
	case t == record.TypeHandshake:
		s.c.in.addHandshake(content)
		return 0, s.messages()
	}
	return 0, nil
}

// messages handles the handshake messages that may come after the handshake
// (RFC 8446, section 4.6).
func (s *session) messages() error {
	for {
		msg, err := s.c.in.nextMessage()
		if msg == nil {
			return err
		}
		switch {
		case msg[0] == typeNewSessionTicket && s.ticket != nil:
			err = s.ticket(msg)
		case msg[0] == typeKeyUpdate:
			err = s.keyUpdate(msg)
		case msg[0] == typeHelloRequest || msg[0] == typeClientHello:
			err = blame(engine.FaultRenegotiation, engine.AlertUnexpectedMessage, "the peer asked for a renegotiation")
		default:
			err = unexpected("handshake message %d after the handshake", msg[0])
		}
		if err != nil {
			return err
		}
	}
}

// keyUpdate follows the peer to its next key.
func (s *session) keyUpdate(msg []byte) error {
	requested, err := parseKeyUpdate(msg)
	if err != nil {
		return err
	}
	if len(s.c.in.hand) > 0 {
		return unexpected("a KeyUpdate that is not the last of its record") // RFC 8446, section 5.1
	}
	if s.updates++; s.updates > maxInARow {
		return unexpected("too many KeyUpdates without data")
	}
	s.c.in.protect.Update()
	if requested {
		s.c.out.oweKeyUpdate()
	}
	return nil
}

// readError ends reading. Writing ends with it where the connection is over,
// and goes on where only the peer's direction has ended.
func (s *session) readError(err error) error {
	var transport *engine.TransportError
	switch {
	case err == io.EOF:
		return io.EOF
	case errors.As(err, &transport) && transport.Err == io.EOF:
		return engine.ErrTruncated
	}
	return s.c.abort(err)
}

// Write protects and sends all of p.
func (s *session) Write(p []byte) (int, error) {
	s.c.out.mu.Lock()
	defer s.c.out.unlock()
	return s.c.out.write(p)
}

// CloseWrite sends close_notify.
func (s *session) CloseWrite() error {
	s.c.out.mu.Lock()
	defer s.c.out.unlock()
	return s.c.out.closeNotify()
}

// State is what was negotiated.
func (s *session) State() *engine.State { return &s.state }

// Export is RFC 8446, section 7.5.
func (s *session) Export(label string, context []byte, length int) ([]byte, error) {
	return exportKeyingMaterial(s.suite, s.exporter, label, context, length)
}
