package utls

import (
	"encoding/binary"
	"sync/atomic"

	tls "github.com/refraction-networking/utls"
)

// oneTicket is a tls.ClientSessionCache for one connection: it offers one
// session, once, and hands on those that the server sends.
type oneTicket struct {
	offer   []byte
	keep    func([]byte)
	stopped atomic.Bool
}

// stopKeeping makes every session that comes from now on be thrown away.
func (t *oneTicket) stopKeeping() { t.stopped.Store(true) }

func (t *oneTicket) Get(string) (*tls.ClientSessionState, bool) {
	ticket, rest, ok := cutPrefixed(t.offer)
	t.offer = nil
	if !ok {
		return nil, false
	}
	state, err := tls.ParseSessionState(rest)
	if err != nil {
		return nil, false
	}
	session, err := tls.NewResumptionState(ticket, state)
	return session, err == nil
}

func (t *oneTicket) Put(_ string, session *tls.ClientSessionState) {
	if session == nil || t.keep == nil || t.stopped.Load() { // nil: one that did not work is taken back
		return
	}
	ticket, state, err := session.ResumptionState()
	if err != nil || state == nil {
		return
	}
	encoded, err := state.Bytes()
	if err != nil || len(ticket) > 0xffff {
		return
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(len(ticket)))
	t.keep(append(append(out, ticket...), encoded...))
}

// cutPrefixed splits b behind a field that has its length, in two bytes,
// before it.
func cutPrefixed(b []byte) (field, rest []byte, ok bool) {
	if len(b) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return nil, nil, false
	}
	return b[2 : 2+n], b[2+n:], true
}
