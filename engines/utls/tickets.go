package utls

import (
	"sync/atomic"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
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
	ticket, rest, ok := engine.SplitTicket(t.offer)
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
	if err != nil {
		return
	}
	if packed := engine.JoinTicket(ticket, encoded); packed != nil {
		t.keep(packed)
	}
}
