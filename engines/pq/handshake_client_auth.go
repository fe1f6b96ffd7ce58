package pq

import (
	"errors"
	"slices"

	"tlsify/engine"
)

// The second half of a client's handshake: from EncryptedExtensions on.

var errNoTLS13 = errors.New("the server has no TLS 1.3")

// readServerParameters reads EncryptedExtensions.
func (h *clientHandshake) readServerParameters() error {
	raw, err := h.read(typeEncryptedExtensions)
	if err != nil {
		return err
	}
	m, err := parseEncryptedExtensions(raw, h.hello.has)
	if err != nil {
		return err
	}
	if m.alpn != "" && !slices.Contains(h.cfg.ALPN, m.alpn) {
		return illegal("the server chose an application protocol that was not offered")
	}
	if err := h.takeRetryConfigs(m.retryConfigs); err != nil {
		return err
	}
	h.state.ALPN = m.alpn
	h.peer.Anchors = m.trustAnchors
	h.takeLimit(m.recordSizeLimit)
	if err := h.selectTypes(m); err != nil {
		return err
	}
	h.transcript.add(raw)
	return nil
}

// readServerAuthentication reads what proves who the server is: on a resumed
// connection nothing, but what was proved before.
func (h *clientHandshake) readServerAuthentication() error {
	if h.ticket != nil {
		h.peer.Certificates, h.peer.Malformed = h.ticket.certificates, h.ticket.malformed
		h.peer.Staple, h.peer.SCTs, h.peer.RawKey = h.ticket.staple, h.ticket.scts, h.ticket.rawKey
		h.origin = h.ticket.origin
		h.peer.PSK = pskMarked(h.cfg.PSKs, h.ticket.mark)
		return nil
	}
	if h.accepted != nil { // the server's Finished proves that it knows the key
		h.origin = h.state.Group
		return nil
	}
	raw, err := h.c.readMessage()
	if err != nil {
		return err
	}
	if raw[0] == typeCertificateRequest {
		if h.request, err = parseCertificateRequest(raw); err != nil {
			return err
		}
		if len(h.request.context) > 0 {
			return illegal("a CertificateRequest in the handshake has a context") // RFC 8446, section 4.3.2
		}
		h.state.ClientCertRequested = true
		h.transcript.add(raw)
		if raw, err = h.c.readMessage(); err != nil {
			return err
		}
	}
	m, err := h.readCertificate(raw, maxCertificateMessage, h.hello.has)
	if err != nil {
		return err
	}
	if len(m.chain) == 0 { // RFC 8446, section 4.4.2.4
		return broken(engine.AlertDecodeError, "the server sent no certificate")
	}
	if err := h.takeCertificate(m); err != nil {
		return err
	}
	h.transcript.add(raw)
	return h.readCertificateVerify()
}

// sendSecondFlight sends what is left to send, and establishes the session.
func (h *clientHandshake) sendSecondFlight() (*session, error) {
	if h.request != nil {
		if err := h.sendClientIdentity(); err != nil {
			return nil, err
		}
	}
	if err := h.sendFinished(h.secrets.clientHandshake); err != nil {
		return nil, err
	}
	h.c.setOut(h.suite, h.secrets.clientApplication)
	if err := h.c.out.flush(); err != nil {
		return nil, err
	}
	if h.ech != nil && h.ech.rejected {
		return nil, h.ech.errRejected()
	}
	h.secrets.resumption = h.schedule.derive("res master", h.transcript.sum())
	var request lateRequest
	if h.hello.lateAuth {
		request = h.lateAnswerer()
	}
	// takeTicket keeps h for as long as the session lives.
	h.hello, h.helloRaw, h.ech, h.ticket, h.offers, h.accepted = nil, nil, nil, nil, nil, nil
	return h.establish(h.takeTicket, request), nil
}

// sendClientIdentity answers a CertificateRequest: with no certificate where
// we have none that the server can check (RFC 8446, section 4.4.2), or it is not the
// one that ours is for (RFC 9849, section 6.1.7).
func (h *clientHandshake) sendClientIdentity() error {
	if len(h.cfg.Identities) == 0 || h.ech != nil && h.ech.rejected {
		return h.send((&certificateMessage{}).marshal())
	}
	id, s := h.selectIdentity(h.request)
	if id == nil && !slices.Contains(typesOf(h.cfg.Identities), h.ownType) {
		return wrongType(engine.FaultClientCert, "the server asks for a type of certificate that the client does not have")
	}
	if id == nil {
		return h.send((&certificateMessage{}).marshal())
	}
	h.identity, h.state.Shown = id, id.Leaf
	return h.sendIdentity(id, s, &certificateMessage{chain: shown(id)}, h.request.compressCerts)
}

// selectIdentity picks the certificate for a request: one whose issuer it names
// before others, because who has chosen the certificates may know more than the
// server lists.
func (h *clientHandshake) selectIdentity(r *certificateRequest) (chosen *engine.Identity, with *scheme) {
	for _, id := range h.cfg.Identities {
		s := selectScheme(identityKey(id), r.schemes, h.prefs.signable(h.cfg.Level))
		switch {
		case s == nil || id.Type() != h.ownType:
		case id.IssuedBy(r.cas):
			return id, s
		case id.OnCall:
		case chosen == nil:
			chosen, with = id, s
		}
	}
	return chosen, with
}
