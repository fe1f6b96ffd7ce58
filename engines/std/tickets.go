package std

import (
	"crypto/tls"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// oneTicket is crypto/tls's session cache for one connection.
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

// maxTicketChain keeps a ticket that holds a client's chain, which crypto/tls puts there
// once more, well below what a ClientHello may hold.
const maxTicketChain = 1 << 14

// keepUnwrapped has what a client's ticket holds kept, and gives it.
func keepUnwrapped(config *tls.Config) func() []byte {
	var kept []byte
	unwrap := config.UnwrapSession
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := unwrap(ticket, state)
		if session == nil || err != nil {
			return nil, err
		}
		kept, err = session.Bytes()
		return session, err
	}
	return func() []byte { return kept }
}

// bindTickets has a server resume a session only under the server name that it was
// begun with (RFC 6066, section 3), which crypto/tls leaves to the client; at the
// post-quantum levels only one that goes back to a handshake with such a group: else its
// key, and with it the client's identity, is not safe; and only where c.Resumes has no
// objection: crypto/tls looks at the dates of the leaf alone. The configuration is for one
// connection.
func bindTickets(config *tls.Config, c *engine.ServerConfig) {
	var resumed []byte // the group that the session goes back to which is resumed, if one is
	config.WrapSession = func(state tls.ConnectionState, session *tls.SessionState) ([]byte, error) {
		origin := resumed
		if !state.DidResume {
			origin = []byte(engine.GroupName(uint16(state.CurveID)))
		}
		session.Extra = append(session.Extra, []byte(state.ServerName), origin)
		var chain [][]byte
		total := 0
		for _, certificate := range state.PeerCertificates {
			chain = append(chain, certificate.Raw)
			total += len(certificate.Raw)
		}
		if total <= maxTicketChain {
			session.Extra = append(session.Extra, chain...)
		}
		return config.EncryptTicket(state, session)
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := config.DecryptTicket(ticket, state)
		if session == nil || len(session.Extra) < 2 || string(session.Extra[0]) != state.ServerName {
			return nil, err
		}
		if resumed = session.Extra[1]; c.Level >= engine.LevelPQ && !engine.PostQuantumGroup(string(resumed)) {
			return nil, err
		}
		if !resumes(c, session.Extra[2:]) {
			return nil, err
		}
		return session, err
	}
}

// resumes tells whether c takes the client that has shown this chain, if any.
func resumes(c *engine.ServerConfig, chain [][]byte) bool {
	if c.Resumes == nil || c.ClientAuth == engine.ClientAuthNone || len(chain) == 0 {
		return true
	}
	certificates, malformed, err := engine.ParseChain(chain)
	return err == nil && c.Resumes(&engine.Peer{Certificates: certificates, Malformed: malformed})
}
