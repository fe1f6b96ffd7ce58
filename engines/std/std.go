// Package std is the engine that stands on crypto/tls.
//
// It translates between the seam of package engine and crypto/tls: options
// into a tls.Config in which everything is explicit (config.go), crypto/tls's
// mostly untyped errors into errors by blame (classify.go), and a tls.Conn
// into a Session. It knows nothing of trust beyond calling Verify.
package std

import (
	"bytes"
	"context"
	"crypto"
	"crypto/mldsa"
	"crypto/tls"
	"errors"
	"net"
	"runtime"
	"slices"

	"tlsify/engine"
	"tlsify/engine/adapter"
)

// Engine is crypto/tls behind the seam. Its zero value is ready.
type Engine struct{}

// New returns the engine, with both sides.
func New() engine.ServerEngine { return Engine{} }

func (Engine) Name() string    { return "std" }
func (Engine) Library() string { return "crypto/tls of " + runtime.Version() }

func (Engine) Groups() (names []string, defaults int) {
	for _, id := range groups {
		names = append(names, engine.GroupName(uint16(id)))
	}
	return names, defaultGroups
}

func (e Engine) CheckClient(c *engine.ClientConfig) error {
	_, err := e.clientConfig(c)
	return err
}

func (e Engine) CheckServer(c *engine.ServerConfig) error {
	_, err := e.serverConfig(c)
	return err
}

func (e Engine) Client(ctx context.Context, stream net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	config, err := e.clientConfig(c)
	if err != nil {
		return nil, err
	}
	conn := adapter.NewRecordConn(stream)
	conn.KeepReceived()
	conn.JoinChangeCipherSpec()
	h := &handshake{records: conn, client: true, tickets: c.KeepTicket != nil, identities: c.Identities}
	if offer, ok := config.ClientSessionCache.(*oneTicket); ok && c.KeyLog != nil {
		conn.KeepSent()
		h.resumes = func() []byte { return offer.Resumes }
	}
	h.tapInto(config)
	h.offerIdentity(config, c)
	config.VerifyConnection = h.verify(&c.Config)
	// Crypto/tls calls this one, in place of VerifyConnection, before it lets
	// the server's certificates be seen. They are judged in afterRejection.
	config.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { return nil }
	client := tls.Client(conn, config)
	session, err := h.run(ctx, client)
	if rejected, ok := errors.AsType[*engine.ECHRejectedError](err); ok {
		return nil, h.afterRejection(c.Verify, client.ConnectionState(), rejected)
	}
	return session, err
}

func (e Engine) Server(ctx context.Context, stream net.Conn, c *engine.ServerConfig) (engine.Session, error) {
	config, err := e.serverConfig(c)
	if err != nil {
		return nil, err
	}
	conn := adapter.NewRecordConn(stream)
	conn.KeepSent()
	conn.KeepReceived()
	h := &handshake{records: conn, identities: c.Identities, level: c.Level}
	if c.KeyLog != nil && config.UnwrapSession != nil {
		h.resumes = keepUnwrapped(config)
	}
	h.tapInto(config)
	h.compareGroups(config)
	if c.ClientAuth != engine.ClientAuthNone {
		config.VerifyConnection = h.verify(&c.Config)
	}
	return h.run(ctx, tls.Server(conn, config))
}

// handshake is one handshake under way.
type handshake struct {
	records *adapter.RecordConn
	client  bool
	tickets bool // a client's, that somebody wants
	tap     adapter.Tap
	resumes func() []byte // the session that was to be resumed, as it is packed; nil without a key log

	identities []*engine.Identity // this end's
	level      engine.Level       // a server's
	noGroup    bool               // the client has none of a server's groups

	requested bool  // the server asked for a client certificate
	refusal   error // what Verify said, if it said no
}

// tapInto has the traffic secrets come to h as well.
func (h *handshake) tapInto(config *tls.Config) {
	h.tap.Next = config.KeyLogWriter
	config.KeyLogWriter = &h.tap
}

// compareGroups has h know of a client that has none of our groups, or names none at
// all, and one of our suites of TLS 1.2: crypto/tls says of it that there is no cipher
// suite in common, because it takes none without a group.
func (h *handshake) compareGroups(config *tls.Config) {
	ourGroup := func(id tls.CurveID) bool { return slices.Contains(config.CurvePreferences, id) }
	ourSuite := func(id uint16) bool { return slices.Contains(config.CipherSuites, id) }
	config.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		h.noGroup = slices.ContainsFunc(hello.CipherSuites, ourSuite) && !slices.ContainsFunc(hello.SupportedCurves, ourGroup)
		return nil, nil
	}
}

// run performs the handshake.
func (h *handshake) run(ctx context.Context, conn *tls.Conn) (engine.Session, error) {
	// The flights are short, and each ends in a wait for the peer's: what
	// crypto/tls writes goes out as it is written.
	if err := conn.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, h.tap.Shown(h.classify(err), h.records.Received(), !h.client)
	}
	received, sent := h.records.Received(), h.records.Sent()
	cs := conn.ConnectionState()
	state := stateOf(cs)
	if h.resumes != nil {
		hello := received
		if h.client {
			hello = sent
		}
		if err := h.tap.LogResumed(state, hello, h.resumes()); err != nil {
			return nil, err
		}
	}
	state.ClientCertRequested = h.requested
	if h.client {
		state.ServerName = "" // crypto/tls repeats what we sent
	}
	for _, identity := range h.identities {
		if len(cs.LocalCertificate) > 0 && bytes.Equal(cs.LocalCertificate[0], identity.Chain[0]) {
			state.Shown = identity.Leaf
		}
	}
	return &adapter.LibrarySession{
		Conn: conn, Records: h.records, Dialect: &dialect, Negotiated: state,
		Exporter: cs.ExportKeyingMaterial,
		Keys:     func() (*engine.Keys, error) { return h.keys(state, sent) },
	}, nil
}

// keys gives the connection away; sent is what has been sent in the handshake.
func (h *handshake) keys(state *engine.State, sent []byte) (*engine.Keys, error) {
	if h.client {
		return h.tap.ClientKeys(Engine{}.Name(), h.records, state, h.tickets)
	}
	return h.tap.ServerKeys(Engine{}.Name(), h.records, state, sent)
}

// verify makes the VerifyConnection of crypto/tls out of the seam's Verify. It
// is called on resumption as well, which VerifyPeerCertificate is not.
// Which signatures crypto/tls takes nobody can tell it: what is below the
// level is refused here, after Verify, which may have more to say of it.
func (h *handshake) verify(c *engine.Config) func(tls.ConnectionState) error {
	return func(cs tls.ConnectionState) error {
		peer := peerOf(cs)
		h.refusal = c.Verify(peer)
		if h.refusal == nil && c.Level >= engine.LevelPQAuth && len(cs.PeerCertificates) > 0 && !isMLDSA(cs.PeerCertificates[0].PublicKey) {
			h.refusal = &engine.RefusedError{Alert: engine.AlertInsufficientSecurity, Err: classicalKey()}
		}
		if h.refusal != nil {
			h.records.InsteadOfAlert(h.refusalRecord(peer.State))
		}
		return h.refusal
	}
}

func classicalKey() error {
	return &engine.PeerError{Fault: engine.FaultSecurityLevel, Err: errors.New("the peer's certificate has no post-quantum key")}
}

func isMLDSA(public crypto.PublicKey) bool {
	_, is := public.(*mldsa.PublicKey)
	return is
}

// refusalRecord is the alert by which the peer is told of the refusal.
func (h *handshake) refusalRecord(s *engine.State) []byte {
	if h.client {
		return h.tap.ClientRefusal(s, engine.RefusalAlert(h.refusal))
	}
	return h.tap.ServerRefusal(s, h.records.Sent(), engine.RefusalAlert(h.refusal))
}

// afterRejection has the server judged that rejected an Encrypted Client Hello
// and has proved, in a whole handshake with the outer one, who it is. Only if it
// may speak for the public name are its retry configurations worth anything.
func (h *handshake) afterRejection(verify func(*engine.Peer) error, cs tls.ConnectionState, rejected error) error {
	peer := peerOf(cs)
	peer.ECHPublicName = cs.ServerName
	if err := verify(peer); err != nil {
		return err
	}
	return rejected
}

func peerOf(cs tls.ConnectionState) *engine.Peer {
	return &engine.Peer{
		Certificates: cs.PeerCertificates,
		Staple:       cs.OCSPResponse,
		SCTs:         cs.SignedCertificateTimestamps,
		State:        stateOf(cs),
	}
}

// offerIdentity makes config offer c.Identities by the seam's rules.
//
// Crypto/tls asks for the certificate only after the server's has been
// verified: in TLS 1.3 after the server's Finished, in TLS 1.2 while the
// server's flight is answered.
func (h *handshake) offerIdentity(config *tls.Config, c *engine.ClientConfig) {
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		h.requested = true
		none := &tls.Certificate{}
		if len(c.Identities) == 0 || request.Version < tls.VersionTLS13 && !c.IdentityInClear {
			return none, nil
		}
		chosen := none
		cas := request.AcceptableCAs
		// The caller chose the certificates: whether the issuer is in the
		// server's list of hints is for the server to judge.
		request.AcceptableCAs = nil
		for _, id := range c.Identities {
			certificate := certificateOf(id)
			switch {
			case request.SupportsCertificate(&certificate) != nil:
			case id.IssuedBy(cas):
				return &certificate, nil
			case chosen == none:
				chosen = &certificate
			}
		}
		return chosen, nil
	}
}

func stateOf(cs tls.ConnectionState) *engine.State {
	state := &engine.State{
		Version: engine.Version(cs.Version),
		Cipher:  engine.Cipher(cs.CipherSuite),
		ALPN:    cs.NegotiatedProtocol,
		Resumed: cs.DidResume,
		ECH:     cs.ECHAccepted,
	}
	state.ServerName, _ = engine.HostName(cs.ServerName)
	if cs.CurveID != 0 {
		state.Group = engine.GroupName(uint16(cs.CurveID))
	}
	if cs.Version >= tls.VersionTLS13 && !cs.DidResume && len(cs.PeerCertificates) > 0 {
		state.Signature = adapter.SignatureOf(cs.PeerCertificates[0].PublicKey)
	}
	return state
}
