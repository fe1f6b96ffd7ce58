package pq

import (
	"bytes"
	"crypto/hmac"
	"slices"

	"tlsify/engine"
	"tlsify/engine/record"
	"tlsify/engine/trustanchor"
)

// serverHandshake is a server's side of the handshake (RFC 8446, section 2 and
// appendix A.2).
type serverHandshake struct {
	handshake
	cfg    *engine.ServerConfig
	sealer sealer

	hello    *clientHello
	helloRaw []byte
	ech      openedHello
	offered  []offeredPSK // of our external keys
	group    *group
	ticket   *resumable // the ticket that is resumed, or nil
	accepted *offer     // the ticket or external key that is taken; nil: a full handshake
	pskIndex uint16     // its place in the hello
	identity *engine.Identity
	asks     bool             // for a certificate of the client's
	matched  bool             // the client asked for its trust anchor
	anchors  []trustanchor.ID // of all that it could have
	scheme   *scheme          // to sign with
}

// run does the whole handshake; clientHandshake.run shows its messages.
func (h *serverHandshake) run() (*session, error) {
	if err := h.readClientHello(); err != nil {
		return nil, err
	}
	if err := h.selectTicket(); err != nil {
		return nil, err
	}
	if err := h.sendFirstFlight(); err != nil {
		return nil, err
	}
	if err := h.c.out.flush(); err != nil {
		return nil, err
	}
	if err := h.readClientAuthentication(); err != nil {
		return nil, err
	}
	if err := h.readFinished(h.secrets.clientHandshake); err != nil {
		return nil, err
	}
	if err := h.c.setIn(h.suite, h.secrets.clientApplication); err != nil {
		return nil, err
	}
	if h.cfg.ClientAuth != engine.ClientAuthNone || h.peer.PSK != nil {
		if err := h.judge(); err != nil {
			return nil, err
		}
	}
	h.secrets.resumption = h.schedule.derive("res master", h.transcript.sum())
	if err := h.sendTicket(); err != nil {
		return nil, err
	}
	return h.establish(nil, nil), nil
}

// readClientHello reads the ClientHello, negotiates, and asks for another one
// where the group we want has no key share in it.
func (h *serverHandshake) readClientHello() error {
	if err := h.nextClientHello(h.openHello); err != nil {
		return err
	}
	h.c.in.ccs = true
	h.clientRandom = h.hello.random
	if h.hello.earlyData {
		h.c.in.skip = maxSkippedEarlyData + 1
	}
	if err := h.selectSuite(); err != nil {
		return err
	}
	if err := h.selectGroup(); err != nil {
		return err
	}
	if err := h.selectALPN(); err != nil {
		return err
	}
	h.transcript = newTranscript(h.suite)
	if h.share() == nil {
		// Which suite is asked for depends on the key that was offered, and would show
		// who does not know it that there is one.
		if t, _ := h.findTicket(); t == nil {
			if _, err := h.provenPSK(); err != nil {
				return err
			}
		}
		if err := h.retry(); err != nil {
			return err
		}
	}
	h.state.Version, h.state.Cipher = engine.TLS13, h.suite.ID
	h.state.ECH = h.ech.recipient != nil
	h.state.Group, h.state.ServerName = h.group.name, h.hello.serverName
	h.takeLimit(h.hello.recordSizeLimit)
	return nil
}

// nextClientHello reads a ClientHello and checks what does not depend on what
// we would choose. Open gives the hello that counts.
func (h *serverHandshake) nextClientHello(open func(*clientHello, []byte) (*clientHello, []byte, error)) error {
	raw, err := h.read(typeClientHello)
	if err != nil {
		return err
	}
	m, err := parseClientHello(raw)
	if err != nil {
		return err
	}
	if m, raw, err = open(m, raw); err != nil {
		return err
	}
	h.hello, h.helloRaw = m, raw
	switch {
	// Not of an outer hello whose inner one counts: OpenSSL 4.0 has an empty one there.
	case m.hasShortBinder():
		return malformed("pre_shared_key")
	case m.legacyVersion <= 0x0300: // RFC 8446, appendix D.5
		return blame(engine.FaultVersion, engine.AlertProtocolVersion, "the client speaks SSL")
	case !contains(m.versions, versionTLS13):
		return blame(engine.FaultVersion, engine.AlertProtocolVersion, "the client has no TLS 1.3")
	case len(m.compressions) != 1 || m.compressions[0] != 0:
		return illegal("a ClientHello with compression")
	case len(h.c.in.hand) > 0:
		return unexpected("something after ClientHello")
	// RFC 8446, section 9.2
	case m.schemes == nil && m.psk == nil:
		return broken(engine.AlertMissingExtension, "a ClientHello without signature_algorithms")
	case m.psk != nil && m.pskModes != nil && !m.allowsPSK() && m.groups == nil && m.keyShares == nil:
		return blame(engine.FaultNoCommonGroup, engine.AlertMissingExtension, "the client wants a pre-shared key without a key exchange")
	case m.groups == nil || m.keyShares == nil:
		return broken(engine.AlertMissingExtension, "a ClientHello without supported_groups and key_share")
	case m.psk != nil && m.pskModes == nil:
		return broken(engine.AlertMissingExtension, "pre_shared_key without psk_key_exchange_modes")
	}
	h.matchPSKs()
	return m.checkShares()
}

// selectSuite picks by our preference, but ChaCha20-Poly1305 for a client that
// puts it first: it will have no hardware for the others.
func (h *serverHandshake) selectSuite() error {
	suites := h.prefs.suites
	if first := uint16(engine.ChaCha20Poly1305); h.hello.ciphers[0] == first && contains(suites, first) {
		suites = []uint16{first}
	}
	for _, id := range suites {
		if !contains(h.hello.ciphers, id) {
			continue
		}
		s := record.SuiteOf(engine.Cipher(id))
		if h.suite == nil {
			h.suite = s
		}
		if h.pskFor(s) != nil { // it is of no use with another hash
			h.suite = s
			break
		}
	}
	if h.suite != nil {
		return nil
	}
	return blame(engine.FaultNoCommonCipher, engine.AlertHandshakeFailure, "no cipher suite in common")
}

// selectGroup picks the group: our first choice of those that the client
// supports. One with a key share is taken before it only if nothing is lost by
// that but a round trip: not a classical one before a post-quantum one.
func (h *serverHandshake) selectGroup() error {
	for _, g := range h.groups {
		if !contains(h.hello.groups, g.id) {
			continue
		}
		if h.group == nil {
			h.group = g
		}
		if h.hasShare(g) && (h.group.classical || !g.classical) {
			h.group = g
			return nil
		}
	}
	if h.group != nil {
		return nil
	}
	fault := engine.FaultNoCommonGroup
	if h.cfg.Level >= engine.LevelPQ {
		fault = engine.FaultSecurityLevel
	}
	return blame(fault, engine.AlertHandshakeFailure, "no key exchange group in common")
}

func (h *serverHandshake) hasShare(g *group) bool {
	return slices.ContainsFunc(h.hello.keyShares, func(s keyShare) bool { return s.group == g.id })
}

// share is the client's key share for the group, or nil.
func (h *serverHandshake) share() []byte {
	for _, s := range h.hello.keyShares {
		if s.group == h.group.id {
			return s.data
		}
	}
	return nil
}

// selectALPN picks the application protocol by our preference.
func (h *serverHandshake) selectALPN() error {
	if len(h.cfg.ALPN) == 0 || h.hello.alpn == nil {
		return nil
	}
	for _, protocol := range h.cfg.ALPN {
		if slices.Contains(h.hello.alpn, protocol) {
			h.state.ALPN = protocol
			return nil
		}
	}
	return broken(engine.AlertNoApplicationProtocol, "no application protocol in common")
}

// retry sends a HelloRetryRequest and reads the second ClientHello, which may
// differ from the first only in what was asked for (RFC 8446, section 4.1.2).
// It needs no cookie: the first one is kept.
func (h *serverHandshake) retry() error {
	first := h.hello
	h.transcript.add(h.helloRaw)
	h.transcript.retried()
	request := serverHello{
		legacyVersion: versionTLS12,
		random:        []byte(helloRetryRequestRandom),
		sessionID:     first.sessionID,
		cipher:        uint16(h.suite.ID),
		version:       versionTLS13,
		group:         h.group.id,
	}
	if err := h.confirmECH(&request); err != nil {
		return err
	}
	if err := h.send(request.marshal()); err != nil {
		return err
	}
	h.c.out.changeCipherSpec()
	if err := h.c.out.flush(); err != nil {
		return err
	}
	if err := h.nextClientHello(h.openSecondHello); err != nil {
		return err
	}
	h.c.in.skip = 0
	second := h.hello
	switch {
	case len(second.keyShares) != 1 || second.keyShares[0].group != h.group.id:
		return illegal("a second ClientHello without the one key share that was asked for")
	case second.earlyData:
		return illegal("early data after a HelloRetryRequest")
	case second.cookie != nil:
		return illegal("a cookie that we did not send")
	case !sameHello(first, second):
		return illegal("a second ClientHello that differs from the first")
	}
	return nil
}

// sameHello compares what a HelloRetryRequest does not change.
func sameHello(a, b *clientHello) bool {
	return a.legacyVersion == b.legacyVersion && string(a.random) == string(b.random) &&
		string(a.sessionID) == string(b.sessionID) && slices.Equal(a.ciphers, b.ciphers) &&
		slices.Equal(a.groups, b.groups) && slices.Equal(a.schemes, b.schemes) &&
		slices.Equal(a.alpn, b.alpn) && a.serverName == b.serverName &&
		slices.Equal(a.versions, b.versions) && slices.Equal(a.trustAnchors, b.trustAnchors) && a.recordSizeLimit == b.recordSizeLimit &&
		string(a.clientTypes) == string(b.clientTypes) && string(a.serverTypes) == string(b.serverTypes) &&
		slices.EqualFunc(a.cas, b.cas, bytes.Equal)
}

// selectTicket looks for a ticket that we can resume, or else an external key,
// and checks its binder.
func (h *serverHandshake) selectTicket() error {
	t, index := h.findTicket()
	if t == nil {
		if err := h.selectPSK(); err != nil {
			return err
		}
		h.transcript.add(h.helloRaw)
		return nil
	}
	o := &offer{suite: t.suite, key: t.psk, label: binderTicket}
	sum := h.transcript.with(h.helloRaw[:h.hello.bindersAt])
	if !hmac.Equal(o.binder(sum), h.hello.binders[index]) {
		return broken(engine.AlertDecryptError, "a PSK binder that is wrong")
	}
	h.transcript.add(h.helloRaw)
	h.ticket, h.state.Resumed = t, true
	h.accepted, h.pskIndex = o, uint16(index)
	return h.resume()
}
