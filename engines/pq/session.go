package pq

import (
	"tlsify/engine"
	"tlsify/engine/record"
)

// session is an established connection: an engine.KeyedSession.
type session struct {
	*record.Conn
	suite    *record.Suite
	state    engine.State
	exporter []byte // exporter_master_secret
}

// State is what was negotiated.
func (s *session) State() *engine.State { return &s.state }

// Export is RFC 8446, section 7.5.
func (s *session) Export(label string, context []byte, length int) ([]byte, error) {
	return exportKeyingMaterial(s.suite, s.exporter, label, context, length)
}

// TakeOver gives the connection away.
func (s *session) TakeOver() (*engine.Keys, error) { return s.Keys(), nil }
