package adapter

import (
	"io"
	"slices"

	"tlsify/engine"
)

// A LibrarySession is the KeyedSession of an engine whose library reads and
// writes through a RecordConn and speaks a Dialect. All fields before Limit must be set.
type LibrarySession struct {
	Conn interface {
		io.ReadWriter
		CloseWrite() error
	}
	Records    *RecordConn
	Dialect    *Dialect
	Negotiated *engine.State
	Exporter   func(label string, context []byte, length int) ([]byte, error)
	Keys       func() (*engine.Keys, error) // TakeOver
	// Limit is the most content that the peer takes in a record, where the
	// library does not know; 0: it does.
	Limit int
	// Tap is there on a client whose library takes user_canceled for the end, as
	// crypto/tls did before Go 1.25: what follows is read without it. Protected is
	// what Records said when the handshake had ended.
	Tap       *Tap
	Protected uint64

	rest io.Reader // nil: the library reads
}

// Read fills p with what has been received, record by record.
func (s *LibrarySession) Read(p []byte) (int, error) {
	if s.rest != nil {
		return s.rest.Read(p)
	}
	n, err := s.Records.ReadBatch(p, s.Conn.Read)
	if err == nil {
		return n, nil
	}
	err = s.Dialect.BlameRead(err, s.Records)
	if alert, ok := err.(*engine.AlertError); ok && alert.Alert == engine.AlertUserCanceled && s.Tap != nil {
		if s.rest = s.Tap.rest(s.Records, s.Negotiated, s.Records.Protected()-s.Protected); s.rest != nil {
			return s.rest.Read(p)
		}
	}
	return n, err
}

// Write sends a batch of records with each system call.
func (s *LibrarySession) Write(p []byte) (int, error) {
	for sent := 0; sent < len(p); {
		batch := p[sent:min(len(p), sent+engine.BatchSize)]
		if err := s.write(batch); err != nil {
			return sent, err
		}
		sent += len(batch)
	}
	return len(p), nil
}

func (s *LibrarySession) write(batch []byte) error {
	s.Records.Hold()
	limit := len(batch)
	if s.Limit > 0 {
		limit = s.Limit
	}
	var err error
	for piece := range slices.Chunk(batch, limit) {
		if _, err = s.Conn.Write(piece); err != nil {
			break
		}
	}
	// Releasing it comes first: if the library failed it has an alert to send.
	if flushErr := s.Records.Release(); flushErr != nil {
		return &engine.TransportError{Err: flushErr}
	}
	if err != nil {
		return s.Dialect.Blame(err, s.Records)
	}
	return nil
}

// CloseWrite sends close_notify.
func (s *LibrarySession) CloseWrite() error {
	if err := s.Conn.CloseWrite(); err != nil {
		return s.Dialect.Blame(err, s.Records)
	}
	if err := s.Records.WriteErr(); err != nil { // of which the library does not hear
		return &engine.TransportError{Err: err}
	}
	return nil
}

// State is what was negotiated.
func (s *LibrarySession) State() *engine.State { return s.Negotiated }

// Export derives keying material.
func (s *LibrarySession) Export(label string, context []byte, length int) ([]byte, error) {
	return s.Exporter(label, context, length)
}

// TakeOver gives the connection away.
func (s *LibrarySession) TakeOver() (*engine.Keys, error) { return s.Keys() }
