package enginetest

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"slices"
	"sync/atomic"

	"tlsify/engine"
)

// clientCertificates is about what a client shows of itself, to whom and when,
// and what a server asks of it.
var clientCertificates = []row{
	{"client-cert-sent", clientOnly, only13, testCertSent},
	{"client-cert-held-from-refused", clientOnly, only13, testCertHeldFromRefused},
	{"client-cert-not-asked", clientOnly, eachVersion, testCertNotAsked},
	{"client-cert-held-in-clear", clientOnly, only12, testCertHeldInClear},
	{"client-cert-sent-in-clear", clientOnly, only12, testCertSentInClear},
	{"client-cert-other-hints", clientOnly, only13, testCertOtherHints},
	{"client-cert-chosen", clientOnly, only13, testCertChosen},
	{"client-cert-required", clientOnly, eachVersion, testCertRequired},
	{"client-cert-refused", clientOnly, eachVersion, testCertRefused},
	{"client-cert-refused-silently", clientOnly, only12, testCertRefusedSilently},
	{"request-none", serverOnly, eachVersion, testRequestNone},
	{"request-none-refused", serverOnly, eachVersion, testRequestNoneRefused},
	{"request-some", serverOnly, eachVersion, testRequestSome},
	{"require-none", serverOnly, eachVersion, testRequireNone},
	{"request-hints", serverOnly, eachVersion, testRequestHints},
}

// watchedKey notes whether the client's key was used, and calls before.
type watchedKey struct {
	crypto.Signer
	before func()
	used   atomic.Bool
}

func (k *watchedKey) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.used.Store(true)
	if k.before != nil {
		k.before()
	}
	return k.Signer.Sign(random, digest, opts)
}

// asks makes the peer a server that asks for a certificate, and returns where
// it puts what it was sent.
func (t *trial) asks() (shown *[][]byte, key *watchedKey) {
	t.Helper()
	client := Chain(t, "client")
	key = &watchedKey{Signer: client.Key}
	identity := Identity(client)
	identity.Key = key
	t.client.Identities = []*engine.Identity{identity}
	shown = new([][]byte)
	t.peer.ClientAuth = tls.RequestClientCert
	t.peer.VerifyPeerCertificate = func(raw [][]byte, _ [][]*x509.Certificate) error {
		*shown = raw
		return nil
	}
	return shown, key
}

func sameChain(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

func testCertSent(r *rig) {
	t := r.trial()
	shown, key := t.asks()
	key.before = func() {
		if _, answered := t.judge.seen(); answered.IsZero() {
			r.Error("the client's key was used before Verify had answered")
		}
	}
	o := t.mustRun()
	o.exchange("a", "b")
	if !sameChain(*shown, t.client.Identities[0].Chain) || !o.session.State().ClientCertRequested || !t.client.Identities[0].Leaf.Equal(o.session.State().Shown) {
		r.Errorf("the server got %d certificates; state %+v", len(*shown), o.session.State())
	}
}

func testCertHeldFromRefused(r *rig) {
	t := r.trial()
	shown, key := t.asks()
	no := &refusalError{"cert-untrusted"}
	t.judge.answer = func(*engine.Peer) error { return no }
	o := t.run()
	if !errors.Is(o.err, no) {
		r.Errorf("error %s, want Verify's own", describe(o.err))
	}
	if o.peerFailure(); len(*shown) > 0 || key.used.Load() {
		r.Error("the client's certificate went to a server that was refused")
	}
}

func testCertNotAsked(r *rig) {
	t := r.trial()
	shown, key := t.asks()
	t.client.IdentityInClear = true
	t.peer.ClientAuth = tls.NoClientCert
	o := t.mustRun()
	o.exchange("a", "b")
	if len(*shown) > 0 || key.used.Load() || o.session.State().ClientCertRequested {
		r.Errorf("the server got %d certificates; state %+v", len(*shown), o.session.State())
	}
}

func testCertHeldInClear(r *rig) {
	t := r.trial()
	shown, key := t.asks()
	o := t.mustRun()
	o.exchange("a", "b")
	if len(*shown) > 0 || key.used.Load() {
		r.Error("the client's certificate was sent in clear")
	}
	if state := o.session.State(); !state.ClientCertRequested || state.Shown != nil {
		r.Errorf("the state does not tell that one was asked for and none shown: %+v", state)
	}
}

func testCertSentInClear(r *rig) {
	t := r.trial()
	t.client.IdentityInClear = true
	shown, _ := t.asks()
	o := t.mustRun()
	o.exchange("a", "b")
	if !sameChain(*shown, t.client.Identities[0].Chain) || !o.session.State().ClientCertRequested || !t.client.Identities[0].Leaf.Equal(o.session.State().Shown) {
		r.Errorf("the server got %d certificates; state %+v", len(*shown), o.session.State())
	}
}

// The server's list of issuers is a hint. The caller has chosen the
// certificate, and the server may know more than it lists.
func testCertOtherHints(r *rig) {
	t := r.trial()
	shown, _ := t.asks()
	t.peer.ClientCAs = PKI(r).Other.Pool()
	t.mustRun().exchange("a", "b")
	if !sameChain(*shown, t.client.Identities[0].Chain) {
		r.Errorf("the server got %d certificates", len(*shown))
	}
}

// Of several certificates the client shows the one whose issuer the server names,
// and without one of those the first.
func testCertChosen(r *rig) {
	other := Identity(Chain(r, "untrusted-root-sent"))
	for want, cas := range []*x509.CertPool{PKI(r).Root.Pool(), PKI(r).Other.Pool(), nil} {
		t := r.trial()
		shown, _ := t.asks()
		t.client.Identities = append(t.client.Identities, other)
		t.peer.ClientCAs = cas
		t.mustRun().exchange("a", "b")
		if !sameChain(*shown, t.client.Identities[want%2].Chain) {
			r.Errorf("case %d: the server got another chain", want)
		}
	}
}

func testCertRequired(r *rig) {
	t := r.trial()
	t.peer.ClientAuth = tls.RequireAnyClientCert
	err := t.run().failure()
	wantAlert(r, err, engine.AlertCertificateRequired, engine.AlertHandshakeFailure, engine.AlertBadCertificate)
}

func testCertRefused(r *rig) {
	t := r.trial()
	t.client.IdentityInClear = true
	t.asks()
	t.peer.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error { return errCause }
	wantAlert(r, t.run().failure(), engine.AlertBadCertificate)
}

// A server may hang up without an alert. That it had asked is known.
func testCertRefusedSilently(r *rig) {
	t := r.trial()
	t.client.IdentityInClear = true
	t.asks()
	var stream net.Conn
	t.wrap = func(conn net.Conn) net.Conn {
		stream = conn
		return conn
	}
	t.peer.VerifyPeerCertificate = func([][]byte, [][]*x509.Certificate) error {
		stream.(*net.TCPConn).CloseWrite()
		return errCause
	}
	err := t.run().err
	if cut := new(*engine.TransportError); !errors.As(err, cut) || !(*cut).ClientCertRequested {
		r.Errorf("error %s", describe(err))
	}
}

func testRequestNone(r *rig) {
	t := r.trial()
	t.server.ClientAuth = engine.ClientAuthRequest
	t.mustRun().exchange("a", "b")
	t.wantShown(nil)
}

func testRequestNoneRefused(r *rig) {
	t := r.trial()
	t.server.ClientAuth = engine.ClientAuthRequest
	no := &refusalError{"cert-untrusted"}
	t.judge.answer = func(*engine.Peer) error { return no }
	o := t.run()
	if !errors.Is(o.err, no) {
		r.Errorf("error %s, want Verify's own", describe(o.err))
	}
	o.wantPeerAlert()
}

func testRequestSome(r *rig) {
	t := r.trial()
	client := Chain(r, "client")
	t.peerShows(TLSCertificate(client))
	t.server.ClientAuth = engine.ClientAuthRequest
	t.mustRun().exchange("a", "b")
	t.wantShown(client.Chain)
}

func testRequireNone(r *rig) {
	t := r.trial()
	t.server.ClientAuth = engine.ClientAuthRequire
	o := t.run()
	wantFault(r, o.err, engine.FaultClientCert)
	o.wantPeerAlert()
}

func testRequestHints(r *rig) {
	for _, want := range [][][]byte{nil, {PKI(r).Root.Cert.RawSubject, PKI(r).Other.Cert.RawSubject}} {
		t := r.trial()
		t.server.ClientAuth, t.server.ClientCAs = engine.ClientAuthRequest, want
		var got [][]byte
		t.peer.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			got = request.AcceptableCAs
			return new(tls.Certificate), nil
		}
		t.mustRun()
		if !sameChain(got, want) {
			r.Errorf("the client got %d names of issuers, want %d", len(got), len(want))
		}
	}
}
