package std

import (
	"bytes"
	"crypto/aes"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"

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

// maxTicketLen keeps a ticket, which holds a client's chain, well below what a ClientHello
// may hold, and a handshake message of TLS 1.2.
const maxTicketLen = 1 << 15

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
		places, err := placesOf(session, state.PeerCertificates)
		if err != nil {
			return nil, err
		}
		session.Extra = append(session.Extra, []byte(state.ServerName), origin, places)
		ticket, err := config.EncryptTicket(state, session)
		if len(ticket) > maxTicketLen {
			// The client does without. It has to get something, and this opens nothing.
			ticket = ticket[:aes.BlockSize]
		}
		return ticket, err
	}
	config.UnwrapSession = func(ticket []byte, state tls.ConnectionState) (*tls.SessionState, error) {
		session, err := config.DecryptTicket(ticket, state)
		if session == nil || len(session.Extra) != 3 || string(session.Extra[0]) != state.ServerName {
			return nil, err
		}
		if resumed = session.Extra[1]; c.Level >= engine.LevelPQ && !engine.PostQuantumGroup(string(resumed)) {
			return nil, err
		}
		if !resumes(c, session, session.Extra[2]) {
			return nil, err
		}
		return session, err
	}
}

// placesOf tells where a client's certificates are in its session's encoding, which
// crypto/tls has no function for: how far from the end each begins, and how long it is.
// A second copy of them would do, but a ticket has to fit into a ClientHello, and wolfSSL
// 5.7 does not connect with one of 1,866 bytes.
func placesOf(session *tls.SessionState, certificates []*x509.Certificate) (places []byte, err error) {
	encoded, err := session.Bytes()
	for _, certificate := range certificates {
		if at := bytes.Index(encoded, certificate.Raw); at >= 0 {
			places = binary.BigEndian.AppendUint32(places, uint32(len(encoded)-at))
			places = binary.BigEndian.AppendUint32(places, uint32(len(certificate.Raw)))
		}
	}
	return places, err
}

// resumes tells whether c takes the client that has shown the chain at these places of
// the session, if any.
func resumes(c *engine.ServerConfig, session *tls.SessionState, places []byte) bool {
	if c.Resumes == nil || c.ClientAuth == engine.ClientAuthNone || len(places) == 0 {
		return true
	}
	encoded, err := session.Bytes()
	var chain [][]byte
	for ; err == nil && len(places) >= 8; places = places[8:] {
		from, size := uint64(binary.BigEndian.Uint32(places)), uint64(binary.BigEndian.Uint32(places[4:]))
		if from > uint64(len(encoded)) || size > from {
			return false
		}
		chain = append(chain, encoded[uint64(len(encoded))-from:][:size])
	}
	certificates, malformed, err := engine.ParseChain(chain)
	return err == nil && c.Resumes(&engine.Peer{Certificates: certificates, Malformed: malformed})
}
