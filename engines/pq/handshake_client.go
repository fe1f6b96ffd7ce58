package pq

import (
	"bytes"
	"slices"

	"tlsify/engine"
	"tlsify/engine/record"
)

// clientHandshake is a client's side of the handshake (RFC 8446, section 2 and
// appendix A.1).
type clientHandshake struct {
	handshake
	cfg *engine.ClientConfig

	hello    *clientHello
	helloRaw []byte
	shares   []ownShare    // the private halves of hello.keyShares
	ech      *hiddenHello  // nil: the hello is not encrypted
	ticket   *clientTicket // to offer, and after serverHello: accepted
	offers   []offer       // of hello.psk
	accepted *offer        // one of them, or nil
	ownType  engine.CertificateType
	identity *engine.Identity    // that was shown, or nil
	request  *certificateRequest // nil: the server asked for no certificate
	taken    int                 // tickets
}

type ownShare struct {
	group *group
	key   decapsulator
}

// run does the whole handshake. Its messages:
//
//	ClientHello                 ->
//	                            <- [HelloRetryRequest]
//	[ClientHello]               ->
//	                            <- ServerHello, EncryptedExtensions,
//	                               [CertificateRequest], [Certificate,
//	                               CertificateVerify], Finished
//	[Certificate, CertificateVerify], Finished ->
func (h *clientHandshake) run() (*session, error) {
	if err := h.makeHello(); err != nil {
		return nil, err
	}
	return h.proceed()
}

// proceed does what follows once there is a ClientHello.
func (h *clientHandshake) proceed() (*session, error) {
	if err := h.c.out.flushFirst(h.wire()); err != nil {
		return nil, err
	}
	h.c.in.ccs = true
	if err := h.readServerHello(); err != nil {
		return nil, err
	}
	if err := h.readServerParameters(); err != nil {
		return nil, err
	}
	if err := h.readServerAuthentication(); err != nil {
		return nil, err
	}
	if err := h.readFinished(h.secrets.serverHandshake); err != nil {
		return nil, err
	}
	if err := h.deriveApplication(); err != nil {
		return nil, err
	}
	if err := h.c.setIn(h.suite, h.secrets.serverApplication); err != nil {
		return nil, err
	}
	// Nothing of ours, and no identity, for a server that is not accepted.
	if err := h.judge(); err != nil {
		return nil, err
	}
	return h.sendSecondFlight()
}

// makeHello builds the first ClientHello.
func (h *clientHandshake) makeHello() error {
	h.clientRandom = randomBytes(32)
	h.hello = &clientHello{
		legacyVersion: versionTLS12,
		random:        h.clientRandom,
		sessionID:     randomBytes(32), // RFC 8446, appendix D.4
		ciphers:       h.prefs.suites,
		compressions:  []byte{0},

		serverName:      h.cfg.ServerName,
		statusRequest:   true,
		groups:          groupIDs(h.groups),
		schemes:         h.prefs.accepted(h.cfg.Level),
		alpn:            h.cfg.ALPN,
		sct:             true,
		compressCerts:   h.prefs.compressionIDs(),
		recordSizeLimit: ourRecordSizeLimit,
		versions:        []uint16{versionTLS13},
		clientTypes:     offeredTypes(h.ownTypes()),
		serverTypes:     offeredTypes(h.cfg.AcceptedTypes()),
		trustAnchors:    h.cfg.TrustAnchors,
		cas:             h.cfg.CAs,
		lateAuth:        len(h.cfg.Identities) > 0 && !h.cfg.NoLateRequest,
	}
	if h.cfg.KeepTicket != nil || h.ticket != nil || len(h.cfg.PSKs) > 0 {
		h.hello.pskModes = []byte{pskModeDHE}
	}
	if h.needsPSK() {
		h.hello.leaveOutCertificates()
		// A server that chooses the suite first, as Botan's, would take no key with another hash.
		if fitting := h.suitesOfPSKs(); len(fitting) > 0 {
			h.hello.ciphers = fitting
		}
	}
	if err := h.makeShares(h.prefs.firstShares(h.groups)); err != nil {
		return err
	}
	if err := h.markECH(); err != nil {
		return err
	}
	err := h.writeHello()
	if err != nil && h.ticket != nil { // which may be so long that there is no room for the rest
		h.ticket = nil
		err = h.writeHello()
	}
	return err
}

// writeHello writes the first ClientHello, with what is to be offered in it.
func (h *clientHandshake) writeHello() error {
	h.offerPSKs()
	if err := h.marshalHello(nil); err != nil {
		return err
	}
	return h.hide()
}

// makeShares generates a key share for each group.
func (h *clientHandshake) makeShares(list []*group) error {
	h.shares, h.hello.keyShares = nil, []keyShare{}
	var common ephemerals
	for _, g := range list {
		key, share, err := g.generate(&common)
		if err != nil {
			return internal("generate a key for %s: %w", g.name, err)
		}
		h.shares = append(h.shares, ownShare{g, key})
		h.hello.keyShares = append(h.hello.keyShares, keyShare{g.id, share})
	}
	return nil
}

// ownTypes are the types of certificate that we can show.
func (h *clientHandshake) ownTypes() []engine.CertificateType {
	if h.prefs.ownTypes != nil {
		return h.prefs.ownTypes
	}
	return typesOf(h.cfg.Identities)
}

// needsPSK tells whether no certificate is taken.
func (h *clientHandshake) needsPSK() bool { return len(h.cfg.PSKs) > 0 && !h.cfg.OrCertificate }

// suitesOfPSKs are those of our suites with which an external key can be used.
func (h *clientHandshake) suitesOfPSKs() (fitting []uint16) {
	all := externalOffers(h.cfg.PSKs)
	for _, id := range h.prefs.suites {
		s := record.SuiteOf(engine.Cipher(id))
		if slices.ContainsFunc(all, func(o offer) bool { return o.fits(s) }) {
			fitting = append(fitting, id)
		}
	}
	return fitting
}

// offerPSKs puts the ticket and the external keys into the hello, with room for
// their binders: after a HelloRetryRequest those alone that fit its suite.
func (h *clientHandshake) offerPSKs() {
	h.offers, h.hello.psk, h.hello.binders = nil, nil, nil
	all := externalOffers(h.cfg.PSKs)
	if t := h.ticket; t != nil {
		all = append([]offer{{identity: t.identity, age: t.obfuscatedAge(h.prefs.now()), suite: t.suite, key: t.psk, label: binderTicket, ticket: t}}, all...)
	}
	for _, o := range all {
		if h.suite != nil && !o.fits(h.suite) {
			continue
		}
		h.offers = append(h.offers, o)
		h.hello.psk = append(h.hello.psk, pskIdentity{o.identity, o.age})
		h.hello.binders = append(h.hello.binders, make([]byte, o.suite.Hash().Size()))
	}
}

// marshalHello writes the hello and fills in the binders (RFC 8446, section
// 4.2.11.2), which cover the transcript so far, nil for none, and the hello up to
// the binders.
func (h *clientHandshake) marshalHello(before *transcript) (err error) {
	if h.helloRaw, err = h.hello.marshal(); err != nil {
		return internal("%w", err)
	}
	h.bind(h.hello, h.helloRaw, before)
	return nil
}

// bind fills in the binders of a hello that has been written.
func (h *clientHandshake) bind(hello *clientHello, raw []byte, before *transcript) {
	at := hello.bindersAt + 2
	for _, o := range h.offers {
		t := before
		if t == nil {
			t = newTranscript(o.suite)
		}
		at += 1 + copy(raw[at+1:], o.binder(t.with(raw[:hello.bindersAt])))
	}
}

// readServerHello reads ServerHello, after a HelloRetryRequest if need be, and
// goes over to the handshake's keys.
func (h *clientHandshake) readServerHello() error {
	m, raw, err := h.nextServerHello()
	if err != nil {
		return err
	}
	if err := h.settleECH(m, raw); err != nil {
		return err
	}
	if m.retry() {
		if err := h.retry(m, raw); err != nil {
			return err
		}
		if m, raw, err = h.nextServerHello(); err != nil {
			return err
		}
		if m.retry() {
			return unexpected("a second HelloRetryRequest")
		}
		if err := h.settleECH(m, raw); err != nil {
			return err
		}
	}
	if err := h.selectSuite(m.cipher); err != nil {
		return err
	}
	h.transcript.add(raw)
	if err := h.selectPSK(m); err != nil {
		return err
	}
	shared, err := h.sharedSecret(m.share)
	if err != nil {
		return err
	}
	var psk []byte
	if h.accepted != nil {
		psk = h.accepted.secret()
	}
	h.schedule = newKeySchedule(h.suite, psk)
	if err := h.deriveHandshake(shared); err != nil {
		return err
	}
	// Before our key: the alert for a message that spans the change can be
	// read by anyone.
	if err := h.c.setIn(h.suite, h.secrets.serverHandshake); err != nil {
		return err
	}
	h.changeCipherSpec()
	h.c.setOut(h.suite, h.secrets.clientHandshake)
	return nil
}

// nextServerHello reads a ServerHello or HelloRetryRequest and checks what
// holds for both.
func (h *clientHandshake) nextServerHello() (*serverHello, []byte, error) {
	raw, err := h.read(typeServerHello)
	if err != nil {
		return nil, nil, h.versionAlert(err)
	}
	m, err := parseServerHello(raw)
	if err != nil {
		return nil, nil, err
	}
	allowed := []uint16{extSupportedVersions, extKeyShare, extPreSharedKey}
	if m.retry() {
		allowed = []uint16{extSupportedVersions, extKeyShare, extCookie}
		if h.hello.ech != nil {
			allowed = append(allowed, extECH)
		}
	}
	switch {
	// RFC 8446, appendix D.5
	case m.version == 0 || m.legacyVersion <= 0x0300:
		return nil, nil, blame(engine.FaultVersion, engine.AlertProtocolVersion, "the server has no TLS 1.3")
	// The old field is ignored (section 4.2.1), but checked in a HelloRetryRequest (section 4.1.4).
	case m.version != versionTLS13 || m.retry() && m.legacyVersion != versionTLS12:
		return nil, nil, illegal("a ServerHello of version 0x%04x, 0x%04x", m.legacyVersion, m.version)
	case !bytes.Equal(m.sessionID, h.hello.sessionID):
		return nil, nil, illegal("a ServerHello with another session ID")
	case m.compression != 0:
		return nil, nil, illegal("a ServerHello with compression")
	case !contains(h.hello.ciphers, m.cipher):
		return nil, nil, illegal("a ServerHello with cipher suite 0x%04x, which was not offered", m.cipher)
	}
	// RFC 8446, section 4.2: what was not offered is unsupported; what was, and belongs
	// into another message, is illegal.
	for _, ext := range m.extensions {
		switch {
		case contains(allowed, ext):
		case h.hello.has(ext):
			return nil, nil, illegal("extension %d in ServerHello", ext)
		default:
			return nil, nil, broken(engine.AlertUnsupportedExtension, "extension %d in ServerHello was not offered", ext)
		}
	}
	return m, raw, nil
}

// versionAlert turns the alert of a server without TLS 1.3 into what it means.
func (h *clientHandshake) versionAlert(err error) error {
	if a, ok := err.(*engine.AlertError); ok && a.Alert == engine.AlertProtocolVersion {
		return &engine.PeerError{Fault: engine.FaultVersion, Err: errNoTLS13}
	}
	return err
}

// changeCipherSpec is for middlebox compatibility mode, which a client shows by
// its session ID (RFC 8446, appendix D.4).
func (h *clientHandshake) changeCipherSpec() {
	if len(h.hello.sessionID) > 0 {
		h.c.out.changeCipherSpec()
	}
}

// selectSuite takes the server's choice, which a HelloRetryRequest fixes, and
// begins the transcript with it.
func (h *clientHandshake) selectSuite(cipher uint16) error {
	if h.suite != nil && uint16(h.suite.ID) != cipher {
		return illegal("a ServerHello with another cipher suite than its HelloRetryRequest")
	}
	if h.suite == nil {
		h.suite = record.SuiteOf(engine.Cipher(cipher))
		h.transcript = newTranscript(h.suite)
		h.transcript.add(h.helloRaw)
	}
	h.state.Version, h.state.Cipher = engine.TLS13, h.suite.ID
	return nil
}

// retry answers a HelloRetryRequest with a second ClientHello (RFC 8446,
// section 4.1.2).
func (h *clientHandshake) retry(m *serverHello, raw []byte) error {
	if m.group == 0 && m.cookie == nil {
		return illegal("a HelloRetryRequest that changes nothing")
	}
	if err := h.selectSuite(m.cipher); err != nil {
		return err
	}
	if len(h.c.in.hand) > 0 {
		return unexpected("something after HelloRetryRequest")
	}
	h.transcript.retried()
	h.transcript.add(raw)
	if contains(m.extensions, extKeyShare) {
		g := groupByID(h.groups, m.group)
		sent := slices.ContainsFunc(h.shares, func(s ownShare) bool { return s.group.id == m.group })
		if g == nil || sent {
			return illegal("a HelloRetryRequest for group 0x%04x", m.group)
		}
		if err := h.makeShares([]*group{g}); err != nil {
			return err
		}
	}
	h.hello.cookie = m.cookie
	h.offerPSKs()
	err := h.marshalHello(h.transcript)
	if err == nil {
		err = h.hideAgain()
	}
	if err != nil && m.cookie != nil {
		return illegal("a HelloRetryRequest with a cookie of %d bytes, beside which there is no room for the rest", len(m.cookie))
	}
	if err != nil {
		return err
	}
	h.changeCipherSpec()
	h.transcript.add(h.helloRaw)
	h.c.out.queue(h.wire())
	return h.c.out.flush()
}

// selectPSK settles whether this is a resumption, or goes by an external key.
func (h *clientHandshake) selectPSK(m *serverHello) error {
	h.ticket = nil
	if !m.psk {
		if h.needsPSK() {
			return errNoPSK(engine.AlertMissingExtension, "the server does not take the pre-shared key")
		}
		return nil
	}
	if h.offers == nil && h.hello.psk != nil { // RFC 9849, section 6.1.2
		return illegal("a ServerHello that resumes a session of random bytes")
	}
	if h.offers == nil {
		return broken(engine.AlertUnsupportedExtension, "a ServerHello that resumes what was not offered")
	}
	if int(m.pskIndex) >= len(h.offers) {
		return illegal("a ServerHello with PSK %d of %d", m.pskIndex, len(h.offers))
	}
	h.accepted = &h.offers[m.pskIndex]
	if !h.accepted.fits(h.suite) {
		return illegal("a ServerHello whose cipher suite does not fit its PSK")
	}
	h.ticket, h.peer.PSK = h.accepted.ticket, h.accepted.external
	h.state.Resumed = h.ticket != nil
	return nil
}

// sharedSecret finishes the key exchange. We offer no PSK without one.
func (h *clientHandshake) sharedSecret(share *keyShare) ([]byte, error) {
	if share == nil {
		return nil, broken(engine.AlertMissingExtension, "a ServerHello without a key share")
	}
	for _, own := range h.shares {
		if own.group.id != share.group {
			continue
		}
		secret, err := own.group.finish(own.key, share.data)
		if err != nil {
			return nil, illegal("%w", err)
		}
		h.state.Group = own.group.name
		h.shares = nil
		return secret, nil
	}
	return nil, illegal("a ServerHello with group 0x%04x, for which there was no key share", share.group)
}
