package pq

import (
	"crypto/x509"
	"time"

	"golang.org/x/crypto/cryptobyte"

	"tlsify/engine"
)

// clientTicket is a client's side of a ticket.
type clientTicket struct {
	resumable
	identity     []byte // the server's ticket, as it came
	certificates []*x509.Certificate
	malformed    []engine.Malformed
}

// obfuscatedAge is RFC 8446, section 4.2.11.1.
func (t *clientTicket) obfuscatedAge(now time.Time) uint32 {
	return uint32(now.UnixMilli()-int64(t.created)) + t.ageAdd
}

func (t *clientTicket) marshal() ([]byte, error) {
	var b cryptobyte.Builder
	t.resumable.marshal(&b)
	addOpaque16(&b, t.identity)
	return b.Bytes()
}

func parseClientTicket(data []byte) (*clientTicket, error) {
	t := new(clientTicket)
	s := cryptobyte.String(data)
	if err := t.resumable.parse(&s); err != nil {
		return nil, err
	}
	if !readOpaque16(&s, &t.identity) || len(t.identity) == 0 || !s.Empty() || t.shows() != 1 {
		return nil, errTicket
	}
	var err error
	t.certificates, t.malformed, err = engine.ParseChain(t.chain)
	return t, err
}

// usableTicket gives the configuration's ticket, or nil where there is none
// that may be offered.
func usableTicket(c *engine.ClientConfig, now time.Time) *clientTicket {
	t, err := parseClientTicket(c.Ticket)
	if err != nil || t.serverName != c.ServerName || !t.usable(now, c.Level) || !c.Profile.AllowsGroup(t.origin) || !t.byKey(c.PSKs, c.OrCertificate) || !t.byType(&c.Config) {
		return nil
	}
	return t
}

// takeTicket hands a NewSessionTicket to the configuration's KeepTicket.
func (h *clientHandshake) takeTicket(msg []byte) error {
	m, err := parseNewSessionTicket(msg)
	if err != nil {
		return err
	}
	if m.lifetime > maxTicketLifetime {
		return illegal("a ticket for %d seconds", m.lifetime) // RFC 8446, section 4.6.1
	}
	if m.lifetime == 0 || h.cfg.KeepTicket == nil || h.taken == engine.MostTickets {
		return nil
	}
	h.taken++
	t := clientTicket{
		resumable: resumable{
			suite:      h.suite,
			psk:        resumptionPSK(h.suite, h.secrets.resumption, m.nonce),
			created:    uint64(h.prefs.now().UnixMilli()),
			lifetime:   m.lifetime,
			ageAdd:     m.ageAdd,
			serverName: h.cfg.ServerName,
			origin:     h.origin,
			chain:      rawChain(h.peer.Certificates),
			staple:     h.peer.Staple,
			scts:       h.peer.SCTs,
			rawKey:     h.peer.RawKey,
		},
		identity: m.ticket,
	}
	if h.peer.PSK != nil {
		t.mark = pskMark(h.peer.PSK)
	}
	data, err := t.marshal()
	if err != nil {
		return nil // too long for our form: not kept
	}
	h.cfg.KeepTicket(data)
	return nil
}

func rawChain(certs []*x509.Certificate) [][]byte {
	var chain [][]byte
	for _, cert := range certs {
		chain = append(chain, cert.Raw)
	}
	return chain
}
