package utls

import (
	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
)

type session struct {
	conn    *tls.UConn
	records *engine.RecordConn
	state   *engine.State

	handshake *handshake
}

func (s *session) Read(p []byte) (int, error) {
	n, err := s.records.ReadBatch(p, s.conn.Read)
	if err != nil {
		return n, classifyRead(err, s.records)
	}
	return n, nil
}

func (s *session) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		batch := p[sent:min(len(p), sent+engine.BatchSize)]
		if err := s.write(batch); err != nil {
			return sent, err
		}
		sent += len(batch)
	}
	return len(p), nil
}

func (s *session) write(batch []byte) error {
	s.records.Hold()
	_, err := s.conn.Write(batch)
	// Releasing it comes first: if the library failed it has an alert to send.
	if flushErr := s.records.Release(); flushErr != nil {
		return &engine.TransportError{Err: flushErr}
	}
	if err != nil {
		return classifyCommon(err, s.records)
	}
	return nil
}

func (s *session) CloseWrite() error {
	if err := s.conn.CloseWrite(); err != nil {
		return classifyCommon(err, s.records)
	}
	return nil
}

func (s *session) State() *engine.State { return s.state }

func (s *session) Export(label string, context []byte, length int) ([]byte, error) {
	cs := s.conn.ConnectionState()
	return cs.ExportKeyingMaterial(label, context, length)
}

// TakeOver gives the connection away. The library does not give out the secret
// that tickets are worth something with: who wants tickets cannot have the keys.
func (s *session) TakeOver() (*engine.Keys, error) {
	if s.state.Version < engine.TLS13 {
		return nil, Engine{}.unsupported("the take-over of a TLS 1.2 connection")
	}
	if s.handshake.config.KeepTicket != nil {
		return nil, Engine{}.unsupported("the take-over of a connection whose tickets are to be kept")
	}
	keys := s.handshake.tap.ClientKeys(s.records, s.state)
	if keys == nil {
		return nil, Engine{}.unsupported("the take-over of this connection")
	}
	return keys, nil
}
