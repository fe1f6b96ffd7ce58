package enginetest

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"slices"
	"strings"

	"tlsify/engine"
)

// negotiation is about what the two sides agree on, and what State and Export
// say of it.
var negotiation = []row{
	{"state", bothRoles, eachVersion, testState},
	{"signature-known", bothRoles, eachVersion, testSignatureKnown},
	{"signature-known-rsa", bothRoles, eachVersion, testSignatureKnownRSA},
	{"certificate-p521", clientOnly, eachVersion, testCertificateP521},
	{"prefers-tls13", bothRoles, anyVersion, testPrefersTLS13},
	{"alpn", bothRoles, eachVersion, testALPN},
	{"alpn-none-in-common", bothRoles, eachVersion, testALPNNoneInCommon},
	{"alpn-peer-has-none", bothRoles, eachVersion, testALPNPeerHasNone},
	{"alpn-none-of-ours", bothRoles, eachVersion, testALPNNoneOfOurs},
	{"server-name", clientOnly, eachVersion, testServerName},
	{"server-name-selects", serverOnly, eachVersion, testServerNameSelects},
	{"server-name-foreign", serverOnly, eachVersion, testServerNameForeign},
	{"algorithm-selects", serverOnly, only12, testAlgorithmSelects},
	{"groups", bothRoles, only13, testGroups},
	{"groups-tls12", bothRoles, only12, testGroups},
	{"group-p521", bothRoles, eachVersion, testGroupP521},
	{"hello-retry", bothRoles, only13, testHelloRetry},
	{"exporter", bothRoles, eachVersion, testExporter},
	{"key-log", bothRoles, eachVersion, testKeyLog},
}

// cryptoTLSGroups are those that crypto/tls has.
var cryptoTLSGroups = []tls.CurveID{
	tls.X25519MLKEM768, tls.SecP256r1MLKEM768, tls.SecP384r1MLKEM1024, tls.MLKEM1024, tls.X25519, tls.CurveP256, tls.CurveP384, tls.CurveP521,
}

func testState(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	o := t.mustRun()
	s, peer := o.session.State(), o.peer.ConnectionState()
	if s.Version != r.version || uint16(s.Cipher) != peer.CipherSuite || s.Resumed || s.ECH || s.ALPN != "" {
		r.Errorf("state %+v against %+v", s, peer)
	}
	if want := engine.GroupName(uint16(peer.CurveID)); s.Group != want {
		r.Errorf("group %q, want %q", s.Group, want)
	}
	if s.Signature != "" && s.Signature != "ecdsa_secp256r1_sha256" {
		r.Errorf("signature %q", s.Signature)
	}
	if strings.HasPrefix(s.Cipher.String(), "0x") {
		r.Errorf("cipher %v has no name: it should not have been offered", s.Cipher)
	}
	if r.role == asServer && s.ServerName != Host {
		r.Errorf("server name %q", s.ServerName)
	}
	if again := o.session.State(); *again != *s {
		r.Error("the state has changed")
	}
}

// An engine may leave it out where its library does not tell.
func testSignatureKnown(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	if got := t.mustRun().session.State().Signature; got != "ecdsa_secp256r1_sha256" {
		r.Errorf("signature %q", got)
	}
}

// RSA's keys have a choice of hashes.
func testSignatureKnownRSA(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good-rsa")))
	if got := t.mustRun().session.State().Signature; !strings.HasPrefix(got, "rsa_pss_rsae_") {
		r.Errorf("signature %q", got)
	}
}

// A TLS 1.2 server shows a certificate with a P-521 key to those alone that offer
// the curve as a group (RFC 8422, section 5.1.1).
func testCertificateP521(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Issue(r, PKI(r).Root, CertOptions{DNS: []string{Host}, Key: ECDSAP521})))
	t.mustRun()
}

func testPrefersTLS13(r *rig) {
	o := r.trial().mustRun()
	if v := o.session.State().Version; v != engine.TLS13 {
		r.Errorf("version %v", v)
	}
}

func testALPN(r *rig) {
	t := r.trial()
	t.config.ALPN = []string{"h2", "http/1.1"}
	t.peer.NextProtos = []string{"spdy", "http/1.1"}
	o := t.mustRun()
	if s, p := o.session.State().ALPN, o.peer.ConnectionState().NegotiatedProtocol; s != "http/1.1" || p != s {
		r.Errorf("engine: %q, crypto/tls: %q", s, p)
	}
}

func testALPNNoneInCommon(r *rig) {
	t := r.trial()
	t.config.ALPN, t.peer.NextProtos = []string{"h2"}, []string{"spdy"}
	o := t.run()
	if r.role == asClient {
		wantAlert(r, o.err, engine.AlertNoApplicationProtocol)
		return
	}
	wantFault(r, o.err, engine.FaultProtocol)
	if err := o.peerFailure(); err == nil || !strings.Contains(err.Error(), "no application protocol") {
		r.Errorf("the client got %v", err)
	}
}

func testALPNPeerHasNone(r *rig) {
	t := r.trial()
	t.config.ALPN = []string{"h2"}
	if o := t.mustRun(); o.session.State().ALPN != "" {
		r.Errorf("protocol %q", o.session.State().ALPN)
	}
}

func testALPNNoneOfOurs(r *rig) {
	t := r.trial()
	t.peer.NextProtos = []string{"h2"}
	if o := t.mustRun(); o.session.State().ALPN != "" {
		r.Errorf("protocol %q", o.session.State().ALPN)
	}
}

func testServerName(r *rig) {
	for _, name := range []string{Host, ""} {
		t := r.trial()
		t.client.ServerName = name
		o := t.mustRun()
		if got := o.peer.ConnectionState().ServerName; got != name {
			r.Errorf("server name %q arrived as %q", name, got)
		}
	}
}

// What can be no host's name is as none: nobody is told of it.
func testServerNameForeign(r *rig) {
	if got := r.trial().mustRun().session.State().ServerName; got != Host {
		r.Errorf("server name %q is told as %q", Host, got)
	}
	for _, name := range []string{"../../etc/passwd", "..", "a..test", "$(id).test", "a\x00BASH_ENV=$(id)", "a b", "a\tb", "a\nb", "b\u00fccher.test", "\x7f", "[::1]", "*.test", strings.Repeat("a.", 128) + "aa"} {
		t := r.trial()
		t.peer.ServerName, t.peer.InsecureSkipVerify = name, true
		t.peerShows(TLSCertificate(Chain(r, "good")))
		if told := t.mustRun().session.State().ServerName; told != "" {
			r.Errorf("server name %q is told as %q", name, told)
		}
		peers, _ := t.judge.seen()
		for _, peer := range peers {
			if peer.State.ServerName != "" {
				r.Errorf("Verify is told of the server name %q as %q", name, peer.State.ServerName)
			}
		}
	}
}

func testServerNameSelects(r *rig) {
	second := Issue(r, PKI(r).Intermediate, CertOptions{DNS: []string{"second.test", "*.second.test"}})
	for name, want := range map[string]*x509.Certificate{
		Host:            Chain(r, "good").Leaf,
		"second.test":   second.Leaf,
		"a.second.test": second.Leaf,
		"SECOND.test":   second.Leaf,
		"unknown.test":  Chain(r, "good").Leaf,
		"":              Chain(r, "good").Leaf,
	} {
		t := r.trial()
		t.server.Identities = append(t.server.Identities, Identity(second))
		t.peer.ServerName, t.peer.InsecureSkipVerify = name, true
		o := t.mustRun()
		if got := o.peer.ConnectionState().PeerCertificates[0]; !got.Equal(want) {
			r.Errorf("%q got the certificate for %v", name, got.DNSNames)
		}
		if got := o.session.State().ServerName; !strings.EqualFold(got, name) {
			r.Errorf("%q is in the state as %q", name, got)
		}
		if got := o.session.State().Shown; !got.Equal(want) {
			r.Errorf("%q has another certificate in the state", name)
		}
	}
}

// A client that can only do RSA gets the RSA certificate, though the other one
// stands first. Only in TLS 1.2 can crypto/tls be made such a client.
// So it does where it asks for a name that none of the certificates has.
func testAlgorithmSelects(r *rig) {
	for _, name := range []string{Host, "another.test", ""} {
		t := r.trial()
		t.server.Identities = append(t.server.Identities, Identity(Chain(r, "good-rsa")))
		t.peer.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
		t.peer.ServerName, t.peer.InsecureSkipVerify = name, true
		o := t.mustRun()
		if got := o.peer.ConnectionState().PeerCertificates[0]; got.PublicKeyAlgorithm != x509.RSA {
			r.Errorf("the client, which asked for %q, got a certificate for %v", name, got.PublicKeyAlgorithm)
		}
	}
}

// Each group that both have, alone, and by a name in another spelling.
func testGroups(r *rig) {
	names, _ := r.engine.Groups()
	for _, id := range cryptoTLSGroups {
		name := engine.GroupName(uint16(id))
		if !slices.Contains(names, name) || r.version == engine.TLS12 && engine.PostQuantumGroup(name) {
			continue
		}
		t := r.trial()
		t.config.Groups = []string{strings.ToUpper(name)}
		t.peer.CurvePreferences = []tls.CurveID{id}
		o := t.mustRun()
		if got := o.session.State().Group; got != name || o.peer.ConnectionState().CurveID != id {
			r.Errorf("group %s: engine: %s, crypto/tls: %v", name, got, o.peer.ConnectionState().CurveID)
		}
	}
}

// Some peers have P-521 and nothing else. It is offered, and taken, unasked.
func testGroupP521(r *rig) {
	t := r.trial()
	t.peer.CurvePreferences = []tls.CurveID{tls.CurveP521}
	if got := t.mustRun().session.State().Group; got != "secp521r1" {
		r.Errorf("group %s", got)
	}
}

// The client has no share for the group that the server wants.
func testHelloRetry(r *rig) {
	t := r.trial()
	t.peer.CurvePreferences = []tls.CurveID{tls.CurveP384}
	if r.role == asServer {
		t.config.Groups = []string{"secp384r1"}
		t.peer.CurvePreferences = []tls.CurveID{tls.X25519, tls.CurveP384}
	}
	t.peerShows(TLSCertificate(Chain(r, "good")))
	o := t.mustRun()
	if !o.peer.ConnectionState().HelloRetryRequest {
		r.Error("there was no HelloRetryRequest")
	}
	if got := o.session.State().Group; got != "secp384r1" {
		r.Errorf("group %s", got)
	}
	t.wantShown(Chain(r, "good").Chain)
	o.exchange("a", "b")
}

func testExporter(r *rig) {
	o := r.trial().mustRun()
	peer := o.peer.ConnectionState()
	// RFC 5705 tells an absent context from an empty one, RFC 8446 does not.
	for _, context := range [][]byte{nil, {}, []byte("context")} {
		want, err := peer.ExportKeyingMaterial("EXPORTER-Channel-Binding", context, 32)
		if err != nil {
			r.Fatal(err)
		}
		got, err := o.session.Export("EXPORTER-Channel-Binding", context, 32)
		if err != nil || !bytes.Equal(got, want) {
			r.Errorf("context %q: %x, %v, want %x", context, got, err, want)
		}
	}
	if long, err := o.session.Export("label", nil, 300); err != nil || len(long) != 300 {
		r.Errorf("300 bytes: %d, %v", len(long), err)
	}
}

func testKeyLog(r *rig) {
	t := r.trial()
	ours, theirs := new(syncBuffer), new(syncBuffer)
	t.config.KeyLog, t.peer.KeyLogWriter = ours, theirs
	t.mustRun().exchange("a", "b")
	lines := slices.Sorted(strings.Lines(ours.String()))
	for want := range strings.Lines(theirs.String()) {
		if !slices.Contains(lines, want) {
			r.Errorf("the key log lacks %s...", strings.Fields(want)[0])
		}
	}
}
