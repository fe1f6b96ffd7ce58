package adapter

import (
	"encoding/binary"
	"sync/atomic"

	"tlsify/engine"
)

// A OneTicket is the session cache of one connection, for the client of a
// library that wants one, crypto/tls or a fork of it, with sessions of type T:
// it offers one session, once, and hands on those that the server sends.
type OneTicket[T any] struct {
	Offer []byte       // what a Keep was given, or nil
	Keep  func([]byte) // nil: nobody wants them
	// Pack and Unpack take a session apart into the server's ticket and the
	// library's state, and put it together again.
	Pack   func(*T) (ticket, state []byte, err error)
	Unpack func(ticket, state []byte) (*T, error)

	// Resumes is the library's state of the session that Get has given, for
	// [Tap.LogResumed].
	Resumes []byte

	stopped atomic.Bool
	taken   int
}

// StopKeeping makes every session that comes from now on be thrown away.
func (t *OneTicket[T]) StopKeeping() { t.stopped.Store(true) }

// Get gives the session on offer, where the library understands it.
func (t *OneTicket[T]) Get(string) (*T, bool) {
	ticket, state, ok := splitTicket(t.Offer)
	t.Offer = nil
	if !ok {
		return nil, false
	}
	session, err := t.Unpack(ticket, state)
	t.Resumes = state
	return session, err == nil
}

// Put takes a session that the server sent. Nil takes one back that did not
// work, of which nothing has been kept.
func (t *OneTicket[T]) Put(_ string, session *T) {
	if session == nil || t.Keep == nil || t.stopped.Load() || t.taken == engine.MostTickets {
		return
	}
	t.taken++
	ticket, state, err := t.Pack(session)
	if err != nil || state == nil {
		return
	}
	if packed := joinTicket(ticket, state); packed != nil {
		t.Keep(packed)
	}
}

// joinTicket packs a session ticket and the library's state of that session
// into what Keep is given: the ticket behind its length in two bytes, and the
// state. It is nil where the ticket is too long for that.
func joinTicket(ticket, state []byte) []byte {
	if len(ticket) > 0xffff {
		return nil
	}
	packed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(ticket)+len(state)), uint16(len(ticket)))
	return append(append(packed, ticket...), state...)
}

// splitTicket takes apart what joinTicket has packed.
func splitTicket(packed []byte) (ticket, state []byte, ok bool) {
	if len(packed) < 2 {
		return nil, nil, false
	}
	n := 2 + int(binary.BigEndian.Uint16(packed))
	if len(packed) < n {
		return nil, nil, false
	}
	return packed[2:n], packed[n:], true
}
