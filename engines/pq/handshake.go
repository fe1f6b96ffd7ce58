package pq

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"time"

	"tlsify/engine"
	"tlsify/engine/record"
)

// handshake is what both roles have in common: the connection, the transcript,
// the key schedule, and what is known of the peer.
type handshake struct {
	c      *conn
	config *engine.Config
	prefs  *preferences
	server bool
	groups []*group // allowed, in order of preference

	clientRandom []byte
	suite        *record.Suite
	transcript   *transcript
	schedule     *keySchedule
	secrets      secrets

	state engine.State
	peer  engine.Peer
	// What the peer shows, and with which key it signs.
	peerType engine.CertificateType
	peerKey  crypto.PublicKey
	// origin is the group of the handshake that authenticated the peer: on a
	// resumed connection an earlier one.
	origin string
}

// secrets are what the key schedule yields (RFC 8446, section 7.1).
type secrets struct {
	clientHandshake, serverHandshake     []byte
	clientApplication, serverApplication []byte
	exporter, resumption                 []byte
}

// preferences are what an engine would rather have. A build adds compressions, a
// configuration narrows signatures and suites (under); the rest is for tests to change.
type preferences struct {
	schemes      []uint16 // to accept signatures of; nil: by the level
	signing      []uint16 // to sign with; nil: as schemes
	suites       []uint16 // in order of preference
	compressions []uint16 // of certificates, to offer; nil: all
	more         []Compression
	shares       []uint16 // groups of a client's first key shares; nil: firstShares
	// ownTypes are the types of certificate that a client offers; nil: those of
	// its identities.
	ownTypes []engine.CertificateType
	now      func() time.Time
}

// under gives the preferences as far as a configuration leaves them: by its
// profile, and by the signatures that it names, which have been resolved.
func (p preferences) under(c *engine.Config, signatures []string) preferences {
	if signatures != nil {
		p.schemes = atLevel(namedSchemes(signatures), c.Level)
		p.signing = p.schemes
	}
	profile := c.Profile
	if profile == nil {
		return p
	}
	suites := p.suites
	p.suites = []uint16{}
	for _, id := range profile.Ciphers {
		if contains(suites, uint16(id)) {
			p.suites = append(p.suites, uint16(id))
		}
	}
	if signatures == nil {
		p.schemes = namedSchemes(profile.Signatures)
		p.signing = p.schemes
	}
	return p
}

func (p *preferences) accepted(level engine.Level) []uint16 {
	if p.schemes != nil {
		return p.schemes
	}
	return acceptedSchemes(level)
}

func (p *preferences) signable(level engine.Level) []uint16 {
	if p.signing != nil {
		return p.signing
	}
	return acceptedSchemes(level)
}

func (p *preferences) firstShares(list []*group) []*group {
	if p.shares == nil {
		return firstShares(list)
	}
	chosen := []*group{}
	for _, id := range p.shares {
		chosen = append(chosen, groupByID(list, id))
	}
	return chosen
}

// randomBytes are unpredictable; crypto/rand never fails.
func randomBytes(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// read returns the next message, which must be of a type.
func (h *handshake) read(want uint8) ([]byte, error) {
	msg, err := h.c.readMessage()
	if err == nil && msg[0] != want {
		err = unexpected("handshake message %d where %d was due", msg[0], want)
	}
	return msg, err
}

// send queues a message, and puts it into the transcript.
func (h *handshake) send(msg []byte, err error) error {
	if err != nil {
		return internal("%w", err)
	}
	h.transcript.add(msg)
	h.c.out.queue(msg)
	return nil
}

// deriveHandshake takes the shared secret and makes the handshake's secrets;
// the transcript ends with ServerHello.
func (h *handshake) deriveHandshake(shared []byte) error {
	h.schedule.advance(shared)
	clear(shared)
	sum := h.transcript.sum()
	h.secrets.clientHandshake = h.schedule.derive("c hs traffic", sum)
	h.secrets.serverHandshake = h.schedule.derive("s hs traffic", sum)
	if err := h.logSecret("CLIENT_HANDSHAKE_TRAFFIC_SECRET", h.secrets.clientHandshake); err != nil {
		return err
	}
	return h.logSecret("SERVER_HANDSHAKE_TRAFFIC_SECRET", h.secrets.serverHandshake)
}

// deriveApplication makes the application's secrets; the transcript ends with
// the server's Finished.
func (h *handshake) deriveApplication() error {
	h.schedule.advance(nil)
	sum := h.transcript.sum()
	h.secrets.clientApplication = h.schedule.derive("c ap traffic", sum)
	h.secrets.serverApplication = h.schedule.derive("s ap traffic", sum)
	h.secrets.exporter = h.schedule.derive("exp master", sum)
	if err := h.logSecret("CLIENT_TRAFFIC_SECRET_0", h.secrets.clientApplication); err != nil {
		return err
	}
	if err := h.logSecret("SERVER_TRAFFIC_SECRET_0", h.secrets.serverApplication); err != nil {
		return err
	}
	return h.logSecret("EXPORTER_SECRET", h.secrets.exporter)
}

func (h *handshake) logSecret(label string, secret []byte) error {
	if err := keyLog(h.config.KeyLog, label, h.clientRandom, secret); err != nil {
		return internal("write the key log: %w", err)
	}
	return nil
}

// sendFinished queues our Finished.
func (h *handshake) sendFinished(base []byte) error {
	mac := finishedMAC(h.suite, base, h.transcript.sum())
	return h.send(append([]byte{typeFinished, 0, 0, byte(len(mac))}, mac...), nil)
}

// readFinished reads and checks the peer's.
func (h *handshake) readFinished(base []byte) error {
	msg, err := h.read(typeFinished)
	if err != nil {
		return err
	}
	mac, err := parseFinished(msg)
	if err != nil {
		return err
	}
	want := finishedMAC(h.suite, base, h.transcript.sum())
	if len(mac) != len(want) {
		return malformed("Finished")
	}
	if !hmac.Equal(mac, want) {
		return broken(engine.AlertDecryptError, "the peer's Finished is wrong")
	}
	h.transcript.add(msg)
	return nil
}

// readCertificate makes a Certificate, compressed or not, of a message that is due
// to be one. Limit is the most bytes of its content.
func (h *handshake) readCertificate(raw []byte, limit int, offered func(ext uint16) bool) (*certificateMessage, error) {
	switch raw[0] {
	case typeCertificate:
	case typeCompressedCertificate:
		var err error
		if raw, err = decompressCertificate(h.prefs.known(), raw, limit); err != nil {
			return nil, err
		}
	default:
		return nil, unexpected("handshake message %d where a certificate was due", raw[0])
	}
	return parseCertificate(raw, offered)
}

// takeCertificate keeps the certificates of the peer's message, parsed.
func (h *handshake) takeCertificate(m *certificateMessage) error {
	if h.peerType == engine.CertificateRawKey {
		return h.takeRawKey(m)
	}
	certs, malformed, err := engine.ParseChain(m.chain)
	if err != nil {
		return blame(engine.FaultCertificate, engine.AlertBadCertificate, "the peer's certificate: %w", err)
	}
	h.peer.Certificates, h.peer.Malformed, h.peer.Staple, h.peer.SCTs = certs, malformed, m.staple, m.scts
	if h.peerKey, err = certificateKey(certs[0]); err != nil {
		fault := &engine.PeerError{Fault: engine.FaultCertificate, Err: fmt.Errorf("the peer's certificate: %w", err), Shown: &h.peer}
		return &record.Fatal{Alert: engine.AlertUnsupportedCert, Err: fault}
	}
	return nil
}

// readCertificateVerify checks that the peer has the key of its leaf.
func (h *handshake) readCertificateVerify() error {
	msg, err := h.read(typeCertificateVerify)
	if err != nil {
		return err
	}
	m, err := parseCertificateVerify(msg)
	if err != nil {
		return err
	}
	s := schemeByID(m.scheme)
	if s == nil || !contains(h.prefs.accepted(h.config.Level), m.scheme) || !s.fits(h.peerKey) {
		return illegal("the peer signed with 0x%04x, which was not offered or is not its key's", m.scheme)
	}
	if key, ok := h.peerKey.(*rsa.PublicKey); ok && key.N.BitLen() < leastRSABits {
		return h.refuseShort(key)
	}
	if !s.verify(h.peerKey, signedMessage(h.server, h.transcript.sum()), m.signature) {
		return broken(engine.AlertDecryptError, "the peer's signature is wrong")
	}
	h.transcript.add(msg)
	h.state.Signature = s.name
	h.origin = h.state.Group
	return nil
}

// refuseShort ends a handshake with a peer whose key is too short for crypto/rsa to
// check anything by, so that nothing is proved. Verify says first what is wrong with it.
func (h *handshake) refuseShort(key *rsa.PublicKey) error {
	if err := h.judge(); err != nil {
		return err
	}
	return broken(engine.AlertInsufficientSecurity, "the peer signed with an RSA key of %d bits, by which nothing is checked", key.N.BitLen())
}

// sendIdentity queues Certificate, compressed by one of these algorithms, and
// CertificateVerify.
func (h *handshake) sendIdentity(id *engine.Identity, s *scheme, m *certificateMessage, compressions []uint16) error {
	raw, err := m.marshal()
	if err != nil {
		return internal("%w", err)
	}
	if err := h.send(compressCertificate(h.prefs.known(), raw, m.chain, compressions), nil); err != nil {
		return err
	}
	signature, err := s.sign(id.Key, signedMessage(!h.server, h.transcript.sum()))
	if err != nil {
		return internal("sign with the private key: %w", err)
	}
	return h.send((&certificateVerify{s.id, signature}).marshal())
}

// judge asks the configuration's Verify about the peer.
func (h *handshake) judge() error {
	h.peer.State = &h.state
	if err := h.config.Verify(&h.peer); err != nil {
		return &record.Fatal{Alert: engine.RefusalAlert(err), Err: err}
	}
	// A key that may not sign is for Verify to judge; but whatever it says,
	// TLS forbids it (RFC 8446, section 4.4.2.2).
	if certs := h.peer.Certificates; len(certs) > 0 {
		if err := maySign(certs[0]); err != nil {
			return blame(engine.FaultCertificate, engine.AlertUnsupportedCert, "the peer's certificate: %w", err)
		}
	}
	return nil
}

// identityKey is the public key of an identity, in the form that schemes take.
func identityKey(id *engine.Identity) any {
	var public any
	var err error
	switch {
	case id == nil:
		return nil
	case id.RawKey != nil:
		public, err = parseRawKey(id.RawKey)
	case id.Leaf != nil:
		public, err = certificateKey(id.Leaf)
	}
	if err != nil {
		return nil
	}
	return public
}

// takeLimit takes the peer's record_size_limit, which counts the content type
// (RFC 8449, section 4); 0 is none.
func (h *handshake) takeLimit(limit uint16) {
	if limit != 0 {
		h.c.out.limit = min(int(limit)-1, record.MaxPlaintext)
	}
}

// establish makes the session; ticket takes the tickets that come, and request the
// requests for a certificate. What the handshake needed to know is forgotten.
func (h *handshake) establish(ticket func(msg []byte) error, request lateRequest) *session {
	for _, secret := range [][]byte{h.secrets.clientHandshake, h.secrets.serverHandshake, h.schedule.secret} {
		clear(secret)
	}
	h.schedule, h.transcript = nil, nil
	conn := record.NewConn(&engine.Keys{
		Stream:      h.c.stream,
		In:          h.c.in.protect.TrafficKey(),
		Out:         h.c.out.protect.TrafficKey(),
		Received:    h.c.in.records.Rest(),
		RecordLimit: h.c.out.limit,
		Ticket:      ticket,
		Request:     request,
	})
	h.c = nil
	return &session{Conn: conn, suite: h.suite, state: h.state, exporter: h.secrets.exporter}
}
