package enginetest

import (
	"crypto/tls"
	"crypto/x509"
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
	{"level-pq-auth-against-classical", bothRoles, anyVersion, testPQAuthAgainstClassical},
	{"level-pq-auth-identities", bothRoles, anyVersion, testPQAuthIdentities},
	{"mldsa-chains", bothRoles, only13, testMLDSAChains},
	{"mldsa-resumed", bothRoles, only13, testMLDSAResumed},
	{"mldsa-taken-over", bothRoles, only13, testMLDSATakenOver},
	{"mldsa-against-tls12", serverOnly, only12, testMLDSAAgainstTLS12},
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
	t.run().refused(choiceAlerts, engine.FaultSecurityLevel)
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

// Chains of each kind of ML-DSA key, on both sides.
func testPQAuth(r *rig) {
	for _, name := range []string{"pq-mldsa44", "pq-mldsa65", "pq-mldsa87", "pq-steps"} {
		t := r.trial()
		t.config.Level = engine.LevelPQAuth
		server, client := Chain(r, name), Chain(r, "pq-client")
		shown := t.shows(server, client)
		if err := t.check(); err != nil {
			r.Fatal(err)
		}
		o := t.mustRun()
		if t.wantShown(shown.Chain) {
			o.exchange("a", "b")
		}
		if s := o.session.State(); !engine.PostQuantumGroup(s.Group) || s.Version != engine.TLS13 {
			r.Errorf("state %+v", s)
		}
	}
}

// shows gives both sides a certificate, and returns that which the engine is
// shown.
func (t *trial) shows(server, client *Credential) *Credential {
	t.peer.InsecureSkipVerify = true // some chains are only for those who can be told of their root
	if t.role == asClient {
		t.peer.Certificates, t.peer.ClientAuth = []tls.Certificate{TLSCertificate(server)}, tls.RequireAnyClientCert
		t.client.Identities = []*engine.Identity{Identity(client)}
		return server
	}
	t.server.Identities = []*engine.Identity{Identity(server)}
	t.peerShows(TLSCertificate(client))
	return client
}

// A peer that can only be known by a classical key is refused, even where
// Verify has nothing against it.
func testPQAuthAgainstClassical(r *rig) {
	t := r.trial()
	t.config.Level = engine.LevelPQAuth
	if r.role == asClient {
		t.peerShows(TLSCertificate(Chain(r, "good")))
	} else {
		t.server.Identities = []*engine.Identity{Identity(Chain(r, "pq-mldsa65"))}
		t.peer.InsecureSkipVerify = true
		t.peerShows(TLSCertificate(Chain(r, "client")))
	}
	o := t.run()
	if o.err == nil {
		r.Fatalf("a session was established: %+v", o.session.State())
	}
	if errors.As(o.err, new(*engine.PeerError)) {
		wantFault(r, o.err, engine.FaultSecurityLevel)
		o.wantPeerToldBy(engine.AlertInsufficientSecurity)
		return
	}
	wantAlert(r, o.err, choiceAlerts...) // of a server that has nothing to sign with
}

// What cannot be used at the level is refused before there is a connection, or
// passed over where a server has something better.
func testPQAuthIdentities(r *rig) {
	classical, pq := Identity(Chain(r, "good")), Identity(Chain(r, "pq-mldsa44"))
	t := r.trial()
	t.config.Level = engine.LevelPQAuth
	if r.role == asClient {
		t.client.Identities = []*engine.Identity{Identity(Chain(r, "client"))}
	}
	if err := t.check(); !errors.As(err, new(*engine.UnsupportedError)) {
		r.Errorf("classical keys: %v", err)
	}
	if r.role == asClient {
		t.client.Identities = []*engine.Identity{Identity(Chain(r, "pq-client"))}
		if err := t.check(); err != nil {
			r.Errorf("a post-quantum key: %v", err)
		}
		return
	}
	t.server.Identities, t.peer.InsecureSkipVerify = []*engine.Identity{classical, pq}, true
	if o := t.mustRun(); !sameChain(rawOf(o.peer.ConnectionState().PeerCertificates), pq.Chain) {
		r.Error("the certificate is not the one with the post-quantum key")
	}
}

// A server whose only certificate is one for TLS 1.3 has no other version.
func testMLDSAAgainstTLS12(r *rig) {
	t := r.trial()
	t.server.Identities = []*engine.Identity{Identity(Chain(r, "pq-mldsa65"))}
	t.peer.MaxVersion, t.peer.InsecureSkipVerify = tls.VersionTLS12, true
	t.run().refused(nil, engine.FaultVersion)

	t = r.trial()
	t.server.Identities = []*engine.Identity{Identity(Chain(r, "pq-mldsa65")), Identity(Chain(r, "good"))}
	t.peer.MaxVersion = uint16(r.version)
	if o := t.mustRun(); !sameChain(rawOf(o.peer.ConnectionState().PeerCertificates), Chain(r, "good").Chain) {
		r.Error("the certificate is not the classical one")
	}
}

// Every chain with ML-DSA keys that can be parsed, pure and mixed, is for Verify
// to judge.
func testMLDSAChains(r *rig) {
	for _, c := range PQCases() {
		t := r.trial()
		chain := Chain(r, c.Name)
		t.peerShows(TLSCertificate(chain))
		t.peer.InsecureSkipVerify = true
		no := &refusalError{c.DNSCode}
		if c.DNSCode != "" {
			t.judge.answer = func(*engine.Peer) error { return no }
		}
		switch o := t.run(); {
		case c.DNSCode == "" && (o.err != nil || o.peerErr != nil):
			r.Errorf("%s: engine: %v; crypto/tls: %v", c.Name, o.err, o.peerErr)
		case c.DNSCode != "" && !errors.Is(o.err, no):
			r.Errorf("%s: error %s, want Verify's own", c.Name, describe(o.err))
		}
		if !t.wantShown(chain.Chain) {
			r.Errorf("... for %s", c.Name)
		}
	}
}

// Chains of the largest keys are kept in sessions, the client's in the ticket.
func testMLDSAResumed(r *rig) {
	server, client := Chain(r, "pq-mldsa87"), Chain(r, "pq-client")
	cache := tls.NewLRUClientSessionCache(1)
	var kept tickets
	for _, resumed := range []bool{false, true} {
		t := r.trial()
		t.config.Level = engine.LevelPQAuth
		shown := t.shows(server, client)
		t.peer.SessionTicketsDisabled = false
		if r.role == asClient {
			t.client.KeepTicket = kept.keep
			t.peer.SetSessionTicketKeys([][32]byte{{1}})
			if resumed {
				t.client.Ticket = kept.kept[len(kept.kept)-1]
			}
		} else {
			t.server.TicketKeys, t.peer.ClientSessionCache = [][32]byte{{1}}, cache
		}
		o := t.mustRun()
		o.exchange("a", "b")
		o.wantResumed(resumed)
		t.wantShown(shown.Chain)
		if r.role == asClient && len(kept.kept) == 0 {
			r.Fatal("no tickets")
		}
	}
}

func rawOf(certificates []*x509.Certificate) (raw [][]byte) {
	for _, c := range certificates {
		raw = append(raw, c.Raw)
	}
	return raw
}
