package utls

import (
	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// oneTicket is the library's session cache for one connection.
type oneTicket = adapter.OneTicket[tls.ClientSessionState]

func newOneTicket(c *engine.ClientConfig) *oneTicket {
	return &oneTicket{Offer: c.Ticket, Keep: c.KeepTicket, Pack: packSession, Unpack: unpackSession}
}

func packSession(session *tls.ClientSessionState) (ticket, state []byte, err error) {
	ticket, secrets, err := session.ResumptionState()
	if err == nil && secrets != nil {
		state, err = secrets.Bytes()
	}
	return ticket, state, err
}

func unpackSession(ticket, state []byte) (*tls.ClientSessionState, error) {
	secrets, err := tls.ParseSessionState(state)
	if err != nil {
		return nil, err
	}
	return tls.NewResumptionState(ticket, secrets)
}
