package pq

import (
	"bytes"
	"crypto"
	"encoding/binary"

	"tlsify/engine"
)

// The second half of a server's handshake: from ServerHello on.

// resume takes over from the ticket who the client is.
func (h *serverHandshake) resume() error {
	certs, malformed, err := engine.ParseChain(h.ticket.chain)
	if err != nil {
		return internal("a ticket's certificates: %w", err)
	}
	h.peer.Certificates, h.peer.Malformed, h.origin = certs, malformed, h.ticket.origin
	h.peer.PSK, h.peer.RawKey = pskMarked(h.cfg.PSKs, h.ticket.mark), h.ticket.rawKey
	return nil
}

// sendFirstFlight queues everything from ServerHello to Finished.
func (h *serverHandshake) sendFirstFlight() error {
	if h.accepted == nil {
		if err := h.selectIdentity(); err != nil {
			return err
		}
		if err := h.selectPeerType(); err != nil {
			return err
		}
	}
	if err := h.sendServerHello(); err != nil {
		return err
	}
	configs, err := h.retryConfigs()
	if err != nil {
		return err
	}
	parameters := encryptedExtensions{alpn: h.state.ALPN, trustAnchors: h.anchors, retryConfigs: configs}
	// RFC 6066, section 3: where the name was used, which in a resumption it
	// is not.
	parameters.serverName = h.hello.serverName != "" && h.ticket == nil
	if h.hello.recordSizeLimit != 0 {
		parameters.recordSizeLimit = ourRecordSizeLimit
	}
	h.certificateTypes(&parameters)
	if err := h.send(parameters.marshal()); err != nil {
		return err
	}
	if h.accepted == nil {
		if err := h.sendAuthentication(); err != nil {
			return err
		}
	}
	if err := h.sendFinished(h.secrets.serverHandshake); err != nil {
		return err
	}
	if err := h.deriveApplication(); err != nil {
		return err
	}
	h.c.setOut(h.suite, h.secrets.serverApplication)
	return nil
}

// sendServerHello finishes the key exchange and goes over to the handshake's
// keys.
func (h *serverHandshake) sendServerHello() error {
	shared, reply, err := h.group.accept(h.share())
	if err != nil {
		return illegal("%w", err)
	}
	m := serverHello{
		legacyVersion: versionTLS12,
		random:        randomBytes(32),
		sessionID:     h.hello.sessionID,
		cipher:        uint16(h.suite.ID),
		version:       versionTLS13,
		share:         &keyShare{h.group.id, reply},
	}
	var psk []byte
	if h.accepted != nil {
		m.psk, m.pskIndex = true, h.pskIndex
		psk = h.accepted.secret()
	}
	if err := h.confirmECH(&m); err != nil {
		return err
	}
	if err := h.send(m.marshal()); err != nil {
		return err
	}
	h.schedule = newKeySchedule(h.suite, psk)
	if err := h.deriveHandshake(shared); err != nil {
		return err
	}
	// For every client: it costs little, one in middlebox compatibility mode
	// needs it, and the others ignore it (RFC 8446, appendix D.4).
	h.c.out.changeCipherSpec()
	h.c.setOut(h.suite, h.secrets.serverHandshake)
	return h.c.setIn(h.suite, h.secrets.clientHandshake)
}

// sendAuthentication asks for the client's certificate, if it should, and
// sends our own.
func (h *serverHandshake) sendAuthentication() error {
	if h.asks {
		request := certificateRequest{schemes: h.prefs.accepted(h.cfg.Level), cas: h.cfg.ClientCAs, compressCerts: h.prefs.compressionIDs()}
		if err := h.send(request.marshal()); err != nil {
			return err
		}
	}
	m := certificateMessage{chain: shown(h.identity), matched: h.matched}
	if h.hello.statusRequest {
		m.staple = h.identity.Staple
	}
	h.state.Shown = h.identity.Leaf
	return h.sendIdentity(h.identity, h.scheme, &m, h.hello.compressCerts)
}

// readClientAuthentication reads the client's certificate where one was asked
// for.
func (h *serverHandshake) readClientAuthentication() error {
	if !h.asks {
		return nil
	}
	raw, err := h.c.readMessage()
	if err != nil {
		return err
	}
	m, err := h.readCertificate(raw, maxClientCertificate, func(uint16) bool { return false })
	if err != nil {
		return err
	}
	h.transcript.add(raw)
	if len(m.chain) == 0 {
		if h.cfg.ClientAuth == engine.ClientAuthRequire {
			return blame(engine.FaultClientCert, engine.AlertCertificateRequired, "the client sent no certificate")
		}
		return nil
	}
	if err := h.takeCertificate(m); err != nil {
		return err
	}
	return h.readCertificateVerify()
}

// ticketTries is how many of a client's tickets we look at.
const ticketTries = 4

// findTicket gives the client's first ticket that we can resume, and its
// place in the hello. One that we cannot is passed over: the handshake is then
// a full one.
func (h *serverHandshake) findTicket() (*resumable, int) {
	if !h.hello.allowsPSK() {
		return nil, 0
	}
	for i, id := range h.hello.psk[:min(len(h.hello.psk), ticketTries)] {
		content, err := h.sealer.open(id.identity)
		if err != nil {
			continue
		}
		if t, err := parseServerTicket(content); err == nil && h.resumes(t) {
			return t, i
		}
	}
	return nil, 0
}

// resumes tells whether a ticket of ours fits this connection.
func (h *serverHandshake) resumes(t *resumable) bool {
	if t.suite.Hash().Size() != h.suite.Hash().Size() || !contains(h.hello.ciphers, uint16(t.suite.ID)) ||
		t.serverName != h.hello.serverName {
		return false
	}
	if h.cfg.ClientAuth == engine.ClientAuthRequire && t.shows() == 0 {
		return false
	}
	return t.usable(h.prefs.now(), h.cfg.Level) && h.cfg.Profile.AllowsGroup(t.origin) && t.byKey(h.cfg.PSKs, len(h.cfg.Identities) > 0) &&
		t.byType(&h.cfg.Config) && h.takes(t)
}

// takes tells whether the configuration still takes the client of a ticket, where it asks
// for one: its certificate may have expired, its key sign by nothing that is accepted now,
// or the caller refuse it. It may have another by now, which only a full handshake asks for.
func (h *serverHandshake) takes(t *resumable) bool {
	if h.cfg.ClientAuth == engine.ClientAuthNone || len(t.chain) == 0 && t.rawKey == nil {
		return true
	}
	certs, malformed, err := engine.ParseChain(t.chain)
	if err != nil || len(certs) > 0 && h.prefs.now().After(certs[0].NotAfter) {
		return false
	}
	var key crypto.PublicKey
	if t.rawKey != nil {
		key, err = parseRawKey(t.rawKey)
	} else {
		key, err = certificateKey(certs[0])
	}
	schemes := h.prefs.accepted(h.cfg.Level)
	if err != nil || selectScheme(key, schemes, schemes) == nil {
		return false
	}
	return h.cfg.Resumes == nil ||
		h.cfg.Resumes(&engine.Peer{Certificates: certs, Malformed: malformed, RawKey: t.rawKey, Staple: t.staple, SCTs: t.scts})
}

// ticketLifetime is a day: the keys that seal tickets are the command's to
// renew, and a shorter life costs little.
const ticketLifetime = 24 * 3600

// maxTicketLen keeps a ticket that holds a client's chain well below what a
// ClientHello may hold.
const maxTicketLen = 1 << 15

// sendTicket gives the client a ticket, if it can use one. The last of the
// handshake has been read, so that the ticket is sent at once.
func (h *serverHandshake) sendTicket() error {
	if len(h.sealer.keys) == 0 || bytes.IndexByte(h.hello.pskModes, pskModeDHE) < 0 {
		return nil
	}
	m := newSessionTicket{lifetime: ticketLifetime, nonce: []byte{0}}
	m.ageAdd = binary.BigEndian.Uint32(randomBytes(4))
	t := resumable{
		suite:      h.suite,
		psk:        resumptionPSK(h.suite, h.secrets.resumption, m.nonce),
		created:    uint64(h.prefs.now().UnixMilli()),
		lifetime:   m.lifetime,
		ageAdd:     m.ageAdd,
		serverName: h.hello.serverName,
		origin:     h.ticketOrigin(),
		chain:      rawChain(h.peer.Certificates),
		rawKey:     h.peer.RawKey,
	}
	if h.peer.PSK != nil {
		t.mark = pskMark(h.peer.PSK)
	}
	content, err := t.marshalServerTicket()
	if err != nil || len(content) > maxTicketLen {
		return nil // the client does without
	}
	if m.ticket, err = h.sealer.seal(content); err != nil {
		return internal("seal a ticket: %w", err)
	}
	msg, err := m.marshal()
	if err != nil {
		return internal("%w", err)
	}
	h.c.out.queue(msg)
	return h.c.out.flush()
}

// ticketOrigin is the group that a ticket goes back to; a client without a
// certificate was authenticated by none, and this handshake is as good as any.
func (h *serverHandshake) ticketOrigin() string {
	if h.origin != "" {
		return h.origin
	}
	return h.state.Group
}
