package enginetest

import (
	"crypto/tls"
	"errors"

	"tlsify/engine"
)

// levels is about peers that offer less than the configuration's Level.
var levels = []row{
	{"level-tls13-against-tls12", bothRoles, anyVersion, testTLS13AgainstTLS12},
	{"level-pq", bothRoles, anyVersion, testPQ},
	{"level-pq-against-tls12", bothRoles, anyVersion, testPQAgainstTLS12},
	{"level-pq-against-classical", bothRoles, anyVersion, testPQAgainstClassical},
	{"level-pq-auth", bothRoles, anyVersion, testPQAuth},
	{"against-tls11", bothRoles, anyVersion, testAgainstTLS11},
	{"against-weak-suites", bothRoles, anyVersion, testAgainstWeakSuites},
	{"no-group-in-common", bothRoles, anyVersion, testNoGroupInCommon},
	{"no-suite-in-common", serverOnly, only12, testNoSuiteInCommon},
}

// refused checks that there was no handshake. As a client we have offered
// nothing that the server takes: it said so with an alert, if it did not go
// on with less. As a server we are the one to say so.
func (o *outcome) refused(alerts []engine.Alert, faults ...engine.Fault) {
	o.Helper()
	if o.err == nil {
		o.Fatalf("a session was established: %+v", o.session.State())
	}
	if o.role == asClient {
		// An engine may say what the alert means.
		if !errors.As(o.err, new(*engine.PeerError)) {
			wantAlert(o, o.err, alerts...)
			return
		}
		wantFault(o, o.err, faults...)
		return
	}
	wantFault(o, o.err, faults...)
	o.wantPeerAlert()
}

var (
	versionAlerts = []engine.Alert{engine.AlertProtocolVersion}
	choiceAlerts  = []engine.Alert{engine.AlertHandshakeFailure, engine.AlertInsufficientSecurity}
)

func testTLS13AgainstTLS12(r *rig) {
	t := r.trial()
	t.config.Level, t.peer.MaxVersion = engine.LevelTLS13, tls.VersionTLS12
	t.run().refused(versionAlerts, engine.FaultVersion, engine.FaultSecurityLevel)
}

func testPQ(r *rig) {
	t := r.trial()
	t.config.Level = engine.LevelPQ
	o := t.mustRun()
	if s := o.session.State(); !engine.PostQuantumGroup(s.Group) || s.Version != engine.TLS13 {
		r.Errorf("state %+v", s)
	}
	o.exchange("a", "b")
}

func testPQAgainstTLS12(r *rig) {
	t := r.trial()
	t.config.Level, t.peer.MaxVersion = engine.LevelPQ, tls.VersionTLS12
	t.run().refused(versionAlerts, engine.FaultVersion, engine.FaultSecurityLevel)
}

func testPQAgainstClassical(r *rig) {
	t := r.trial()
	t.config.Level = engine.LevelPQ
	t.peer.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP256}
	t.run().refused(choiceAlerts, engine.FaultNoCommonGroup, engine.FaultSecurityLevel)
}

func testAgainstTLS11(r *rig) {
	t := r.trial()
	t.peer.MinVersion, t.peer.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	t.run().refused(versionAlerts, engine.FaultVersion, engine.FaultSecurityLevel)
}

// RFC 9325, section 4.1 and 4.2: no RSA key transport, no CBC.
func testAgainstWeakSuites(r *rig) {
	for _, suite := range []uint16{
		tls.TLS_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA,
		tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
		tls.TLS_ECDHE_RSA_WITH_RC4_128_SHA,
	} {
		t := r.trial()
		rsa := Chain(r, "good-rsa")
		if r.role == asClient {
			t.peerShows(TLSCertificate(rsa))
		} else {
			t.server.Identities = []*engine.Identity{Identity(rsa)}
		}
		t.peer.MaxVersion, t.peer.CipherSuites = tls.VersionTLS12, []uint16{suite}
		t.run().refused(append(choiceAlerts, versionAlerts...),
			engine.FaultNoCommonCipher, engine.FaultVersion, engine.FaultSecurityLevel)
	}
}

func testNoGroupInCommon(r *rig) {
	t := r.trial()
	t.config.Groups = []string{"secp384r1"}
	t.peer.MinVersion = tls.VersionTLS13
	t.peer.CurvePreferences = []tls.CurveID{tls.X25519}
	t.run().refused(choiceAlerts, engine.FaultNoCommonGroup)
}

// The client can do nothing with an ECDSA certificate.
func testNoSuiteInCommon(r *rig) {
	t := r.trial()
	t.peer.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	t.run().refused(nil, engine.FaultNoCommonCipher)
}

// Crypto/tls has no ML-DSA: the engine is its own peer.
func testPQAuth(r *rig) {
	t := r.trial()
	chain := Chain(r, "pq-mldsa65")
	t.config.Level = engine.LevelPQAuth
	if r.role == asServer {
		t.server.Identities = []*engine.Identity{Identity(chain)}
	}
	if err := t.check(); err != nil {
		r.Fatal(err)
	}
	server, ok := r.engine.(engine.ServerEngine)
	if !ok {
		r.Fatal("there is no peer for this engine")
	}
	common := engine.Config{Level: engine.LevelPQAuth, Verify: t.judge.verify}
	peerIdentities := []*engine.Identity{Identity(chain)}
	end, peerEnd := TCPPair(r)
	type result struct {
		session engine.Session
		err     error
	}
	peer := make(chan result, 1)
	go func() {
		var theirs result
		if r.role == asClient {
			theirs.session, theirs.err = server.Server(t.ctx, peerEnd, &engine.ServerConfig{Config: common, Identities: peerIdentities})
		} else {
			theirs.session, theirs.err = server.Client(t.ctx, peerEnd, &engine.ClientConfig{Config: common, ServerName: Host})
		}
		peer <- theirs
	}()
	session, err := t.start(t.ctx, end)
	theirs := <-peer
	if err != nil || theirs.err != nil {
		r.Fatalf("handshake: %v; its peer: %v", err, theirs.err)
	}
	t.wantShown(chain.Chain) // by one side or the other
	if group := session.State().Group; !engine.PostQuantumGroup(group) {
		r.Errorf("group %s", group)
	}
	if n, err := theirs.session.Write([]byte("hello")); n != 5 || err != nil {
		r.Errorf("write: %d, %v", n, err)
	}
	got := make([]byte, 5)
	if n, err := session.Read(got); err != nil || string(got[:n]) != "hello" {
		r.Errorf("read %q, %v", got[:n], err)
	}
}
