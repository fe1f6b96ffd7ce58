package utls

import (
	"context"
	"crypto/x509"
	"errors"
	"net"
	"reflect"
	"slices"

	tls "github.com/refraction-networking/utls"

	"tlsify/engine"
	"tlsify/engine/adapter"
	"tlsify/engine/record"
)

// libraryVersion is what classify.go and state.go are pinned to; a test
// compares it with go.mod.
const libraryVersion = "v1.8.2"

// Engine is utls behind the seam. Its zero value is ready.
type Engine struct{}

// New returns the engine. It has no server's side.
func New() engine.Engine { return Engine{} }

func (Engine) Name() string    { return "utls" }
func (Engine) Library() string { return "refraction-networking/utls " + libraryVersion }

func (Engine) Groups() (names []string, defaults int) {
	for _, id := range groups {
		names = append(names, engine.GroupName(uint16(id)))
	}
	return names, len(names)
}

// CheckClient goes as far as a whole ClientHello, so that nothing is promised
// that cannot be done.
func (e Engine) CheckClient(c *engine.ClientConfig) error {
	h, err := e.prepare(nil, c)
	if err != nil {
		return err
	}
	if err := h.conn.BuildHandshakeState(); err != nil {
		return e.unsupported("this ClientHello: " + err.Error())
	}
	return nil
}

func (e Engine) Client(ctx context.Context, stream net.Conn, c *engine.ClientConfig) (engine.Session, error) {
	if err := e.CheckClient(c); err != nil {
		return nil, err
	}
	records := adapter.NewRecordConn(stream)
	records.KeepReceived()
	records.JoinChangeCipherSpec()
	if c.KeyLog != nil && c.Ticket != nil {
		records.KeepSent()
	}
	h, err := e.prepare(records, c)
	if err != nil {
		return nil, err
	}
	return h.run(ctx)
}

func (e Engine) unsupported(what string) error {
	return &engine.UnsupportedError{Engine: e.Name(), What: what}
}

// handshake is one handshake, prepared or under way.
type handshake struct {
	config  *engine.ClientConfig
	records *adapter.RecordConn
	conn    *tls.UConn
	tickets *oneTicket
	profile *profile // nil: the library's own ClientHello
	hello   *serverHello

	tap        adapter.Tap
	requested  bool              // the server asked for a certificate
	shown      *x509.Certificate // that it got
	compressed compressed        // the server's certificate, where it is
	refusal    error             // why we ended it, if we did
}

// prepare does everything that comes before the first byte. Records is nil
// where no connection is to be made.
func (e Engine) prepare(records *adapter.RecordConn, c *engine.ClientConfig) (*handshake, error) {
	h := &handshake{config: c, records: records, tickets: newOneTicket(c)}
	config, err := e.clientConfig(c)
	if err != nil {
		return nil, err
	}
	if h.profile, err = e.profileFor(c); err != nil {
		return nil, err
	}
	h.tap.Next = config.KeyLogWriter
	config.KeyLogWriter = &h.tap
	config.VerifyConnection = h.verify
	// The library calls this one, in place of VerifyConnection, before it lets
	// the server's certificates be seen. They are judged in afterRejection.
	config.EncryptedClientHelloRejectionVerify = func(tls.ConnectionState) error { return nil }
	config.GetClientCertificate = h.certificate
	if c.KeepTicket != nil || c.Ticket != nil {
		config.SessionTicketsDisabled = false
		config.ClientSessionCache = h.tickets
	}
	var stream net.Conn
	if records == nil {
		h.tickets.Offer = nil
	} else {
		h.hello = &serverHello{Conn: records}
		stream = h.hello
		if h.profile != nil && extensionOf[*tls.UtlsCompressCertExtension](h.profile.spec) != nil {
			stream = &flight{Conn: h.hello, h: h}
			h.tap.Decompressed = h.compressed.certificate
		}
	}
	if h.profile == nil {
		h.conn = tls.UClient(stream, config, tls.HelloGolang)
		err = h.conn.BuildHandshakeState()
		offered := &h.conn.HandshakeState.Hello.SupportedSignatureAlgorithms
		*offered = slices.DeleteFunc(slices.Clone(*offered), weakSignature)
	} else {
		h.conn = tls.UClient(stream, config, tls.HelloCustom)
		err = h.profile.apply(h.conn, config, c)
	}
	if err != nil {
		return nil, e.unsupported("this ClientHello: " + err.Error())
	}
	if h.hello != nil {
		h.hello.chosen = h.serverChose
	}
	return h, nil
}

// serverChose is called when the server's choice is known, and before the
// library reads of it. It gives the library the private key for the share that
// was chosen, because it keeps no more than one, and ends the handshake where
// the choice is one that we do not accept, or what should be protected is not.
func (h *handshake) serverChose() error {
	if h.hello.tls13 && h.hello.more {
		return h.refuse(engine.AlertUnexpectedMessage, &engine.PeerError{Fault: engine.FaultProtocol, Err: errSpan})
	}
	if h.profile == nil {
		return nil
	}
	if keys := h.profile.keys[h.hello.group]; keys != nil && !h.hello.retried {
		h.conn.HandshakeState.State13.KeyShareKeys = keys
	}
	if h.hello.version != tls.VersionTLS12 || !weakSuite(h.hello.suite) || !slices.Contains(h.conn.HandshakeState.Hello.CipherSuites, h.hello.suite) {
		return nil
	}
	return h.refuse(engine.AlertInsufficientSecurity, weakSuiteChosen(h.hello.suite))
}

// errSpan is what the library does not notice: by RFC 8446, section 5.1, the last
// message before a change of keys ends its record.
var errSpan = errors.New("the peer broke the protocol: a handshake message spans a change of keys")

// refuse ends the handshake before there are any keys.
func (h *handshake) refuse(alert engine.Alert, err error) error {
	h.refusal = err
	h.records.Write([]byte{21, 3, 3, 0, 2, 2, byte(alert)})
	return err
}

// spans tells whether something follows the server's Finished in its record.
// The library has it in a buffer of its own.
func (h *handshake) spans() bool {
	buffered := reflect.ValueOf(h.conn.Conn).Elem().FieldByName("hand")
	return buffered.FieldByName("buf").Len() > int(buffered.FieldByName("off").Int())
}

// refuseSpan ends the connection that is none yet, under its keys.
func (h *handshake) refuseSpan(state *engine.State) error {
	err := &engine.PeerError{Fault: engine.FaultProtocol, Err: errSpan}
	if keys, keysErr := h.tap.ClientKeys(Engine{}.Name(), h.records, state, false); keysErr == nil {
		alert := engine.AlertUnexpectedMessage
		record.NewConn(keys).Abort(&alert, err)
	}
	return err
}

func (h *handshake) run(ctx context.Context) (engine.Session, error) {
	// The flights are short, and each ends in a wait for the peer's: what the
	// library writes goes out as it is written.
	if err := h.conn.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err = h.tap.Shown(h.classify(err), h.records.Received(), false)
		if errors.As(err, new(*engine.ECHRejectedError)) {
			err = h.afterRejection(err)
		}
		return nil, err
	}
	limit, protected := h.tap.ShownLimit(h.records.Received()), h.records.Protected()
	cs := h.conn.ConnectionState()
	state := stateOf(cs)
	if err := h.tap.LogResumed(state, h.records.Sent(), h.tickets.Resumes); err != nil {
		return nil, err
	}
	if state.Version >= engine.TLS13 && h.spans() {
		return nil, h.refuseSpan(state)
	}
	state.ClientCertRequested, state.Shown = h.requested, h.shown
	if h.profile != nil && h.hello.retried {
		// The library cannot offer a session and follow a HelloRetryRequest,
		// and this server would send one again.
		h.tickets.StopKeeping()
	}
	return &adapter.LibrarySession{
		Conn: h.conn, Records: h.records, Dialect: &dialect, Negotiated: state,
		Exporter: cs.ExportKeyingMaterial,
		Keys: func() (*engine.Keys, error) {
			keys, err := h.tap.ClientKeys(Engine{}.Name(), h.records, state, h.config.KeepTicket != nil)
			if err == nil {
				keys.RecordLimit = limit
			}
			return keys, err
		},
		Limit: limit,
		Tap:   &h.tap, Protected: protected,
	}, nil
}

// verify is the library's VerifyConnection, which it calls on resumption as
// well. First comes what the fingerprint offers but we do not accept.
func (h *handshake) verify(cs tls.ConnectionState) error {
	peer := peerOf(cs)
	if h.refusal = h.acceptable(cs); h.refusal == nil {
		h.refusal = h.config.Verify(peer)
	}
	if h.refusal != nil {
		h.records.InsteadOfAlert(h.tap.ClientRefusal(peer.State, engine.RefusalAlert(h.refusal)))
	}
	return h.refusal
}

// afterRejection has the server judged that rejected an Encrypted Client Hello
// and has proved, in a whole handshake with the outer one, who it is. Only if it
// may speak for the public name are its retry configurations worth anything.
func (h *handshake) afterRejection(rejected error) error {
	cs := h.conn.ConnectionState()
	peer := peerOf(cs)
	peer.ECHPublicName = cs.ServerName
	if err := h.config.Verify(peer); err != nil {
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

// certificate is the library's GetClientCertificate. It is called only after
// the server's certificate has been verified: in TLS 1.3 after the server's
// Finished, in TLS 1.2 while the server's flight is answered.
func (h *handshake) certificate(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	h.requested = true
	none := &tls.Certificate{}
	if len(h.config.Identities) == 0 || request.Version < tls.VersionTLS13 && !h.config.IdentityInClear {
		return none, nil
	}
	chosen := none
	cas := request.AcceptableCAs
	// The caller chose the certificates: whether the issuer is in the server's
	// list of hints is for the server to judge.
	request.AcceptableCAs = nil
	for _, id := range h.config.Identities {
		certificate := tls.Certificate{Certificate: id.Chain, PrivateKey: id.Key, Leaf: id.Leaf, OCSPStaple: id.Staple}
		switch {
		case request.SupportsCertificate(&certificate) != nil:
		case id.IssuedBy(cas):
			h.shown = id.Leaf
			return &certificate, nil
		case chosen == none:
			chosen, h.shown = &certificate, id.Leaf
		}
	}
	return chosen, nil
}

var errNoVerify = errors.New("utls: a configuration without Verify")
