package enginetest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"io"
	"math/big"
	"slices"
	"time"

	"tlsify/engine"
)

// verification is about the callback Verify: when it is called, what it is
// shown, and what becomes of its answer.
var verification = []row{
	{"verify-once", bothRoles, eachVersion, testVerifyOnce},
	{"verify-refuses", bothRoles, eachVersion, testVerifyRefuses},
	{"verify-alerts", bothRoles, eachVersion, testVerifyAlerts},
	{"verify-nil", bothRoles, anyVersion, testVerifyNil},
	{"verify-takes-long", bothRoles, eachVersion, testVerifyTakesLong},
	{"verify-after-proof", bothRoles, eachVersion, testVerifyAfterProof},
	{"verify-not-asked", serverOnly, eachVersion, testVerifyNotAsked},
	{"matrix", bothRoles, eachVersion, testMatrix},
	{"junk-certificate", bothRoles, eachVersion, testJunkCertificate},
	{"malformed-certificate", bothRoles, eachVersion, testMalformedCertificate},
	{"malformed-needless", bothRoles, eachVersion, testMalformedNeedless},
	{"huge-key", bothRoles, eachVersion, testHugeKey},
	{"staple", clientOnly, eachVersion, testStaple},
	{"timestamps", clientOnly, eachVersion, testTimestamps},
	{"staple-served", serverOnly, eachVersion, testStapleServed},
}

func testVerifyOnce(r *rig) {
	t := r.trial()
	good := Chain(r, "good")
	t.peerShows(TLSCertificate(good))
	o := t.mustRun()
	t.wantShown(good.Chain)
	peers, _ := t.judge.seen()
	p := peers[0]
	if p.State == nil || p.State.Version != r.version || p.State.Cipher != o.session.State().Cipher {
		r.Errorf("Verify was shown the state %+v", p.State)
	}
	if p.ECHPublicName != "" || len(p.Staple) > 0 || len(p.SCTs) > 0 {
		r.Errorf("Verify was shown %q, %d bytes of staple and %d SCTs", p.ECHPublicName, len(p.Staple), len(p.SCTs))
	}
	o.exchange("to the peer", "from the peer")
	if peers, _ = t.judge.seen(); len(peers) != 1 {
		r.Errorf("Verify was called %d times", len(peers))
	}
}

func testVerifyRefuses(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	no := &refusalError{"cert-name"}
	t.judge.answer = func(*engine.Peer) error { return no }
	o := t.run()
	var got *refusalError
	if !errors.As(o.err, &got) || got != no || typed(o.err) {
		r.Errorf("error %s, want Verify's own and no blame besides", describe(o.err))
	}
	if peers, _ := t.judge.seen(); len(peers) != 1 {
		r.Errorf("Verify was called %d times", len(peers))
	}
	o.wantPeerAlert()
}

// The peer is told why by the alert that Verify's error has.
func testVerifyAlerts(r *rig) {
	for _, alert := range []engine.Alert{engine.AlertUnknownCA, engine.AlertCertificateExpired, engine.AlertCertificateRevoked, engine.AlertCertificateUnknown} {
		var no error = &engine.RefusedError{Alert: alert, Err: &refusalError{"cert-untrusted"}}
		if alert == engine.AlertCertificateUnknown {
			no = &refusalError{"cert-untrusted"}
		}
		t := r.trial()
		t.peerShows(TLSCertificate(Chain(r, "good")))
		t.judge.answer = func(*engine.Peer) error { return no }
		o := t.run()
		if got := new(refusalError); !errors.As(o.err, &got) || typed(o.err) {
			r.Errorf("error %s, want Verify's own and no blame besides", describe(o.err))
		}
		o.wantPeerToldBy(alert)
	}
}

func testVerifyNil(r *rig) {
	t := r.trial()
	t.config.Verify = nil
	end, peerEnd := TCPPair(r)
	if _, err := t.start(t.ctx, end); err == nil {
		r.Error("a configuration without Verify was accepted")
	}
	wantNothingSent(r, end, peerEnd)
}

// Verify may ask a person. Nothing is finished before it has answered: the
// server whose client is still asking does not hear of a handshake.
func testVerifyTakesLong(r *rig) {
	t := r.trial()
	t.peerShows(TLSCertificate(Chain(r, "good")))
	t.judge.answer = func(*engine.Peer) error { time.Sleep(300 * time.Millisecond); return nil }
	o := t.mustRun()
	if _, answered := t.judge.seen(); r.role == asClient && o.peerDone.Before(answered) {
		r.Error("the handshake was over before Verify had answered")
	}
	o.exchange("to", "fro")
}

// A peer that shows someone else's certificate, and has not its key, is not
// shown to Verify: a person might be asked about it, or a pin be taken of it.
func testVerifyAfterProof(r *rig) {
	t := r.trial()
	stolen := TLSCertificate(Chain(r, "good"))
	stolen.PrivateKey = Chain(r, "client").Key
	t.peerShows(stolen)
	o := t.run()
	wantFault(r, o.err, engine.FaultProtocol)
	if peers, _ := t.judge.seen(); len(peers) != 0 {
		r.Error("Verify was shown a certificate before its key was proved")
	}
}

func testVerifyNotAsked(r *rig) {
	t := r.trial()
	t.mustRun().exchange("a", "b")
	if peers, _ := t.judge.seen(); len(peers) != 0 {
		r.Errorf("Verify was called %d times though no certificate was asked for", len(peers))
	}
}

// Every chain that can be parsed is for Verify to judge, and for no one else.
func testMatrix(r *rig) {
	for _, c := range Cases() {
		t := r.trial()
		chain := Chain(r, c.Name)
		t.peerShows(TLSCertificate(chain))
		t.peer.InsecureSkipVerify = true // the engine as a server is known by one name only
		t.peer.ServerName = c.Host
		no := &refusalError{c.DNSCode}
		t.judge.answer = func(*engine.Peer) error {
			if c.DNSCode == "" {
				return nil
			}
			return no
		}
		o := t.run()
		if c.DNSCode == "" {
			if o.err != nil || o.peerErr != nil {
				r.Errorf("%s: engine: %v; crypto/tls: %v", c.Name, o.err, o.peerErr)
			}
		} else if c.DNSCode != "" && !errors.Is(o.err, no) {
			r.Errorf("%s: error %s, want Verify's own", c.Name, describe(o.err))
		}
		if !t.wantShown(chain.Chain) {
			r.Errorf("... for %s", c.Name)
		}
	}
}

func testJunkCertificate(r *rig) {
	good := Chain(r, "good")
	cut := good.Chain[0][:len(good.Chain[0])-7]
	for name, chain := range map[string][][]byte{
		"a text":     {[]byte("not a certificate")},
		"a cut leaf": {cut},
	} {
		t := r.trial()
		junk := TLSCertificate(good)
		junk.Certificate = chain
		t.peerShows(junk)
		o := t.run()
		r.Log(name)
		wantFault(r, o.err, engine.FaultCertificate)
		if peers, _ := t.judge.seen(); len(peers) != 0 {
			r.Errorf("%s: Verify was called", name)
		}
		o.wantPeerAlert()
	}
}

// someStaple stands for an OCSP response: engines carry it unread.
var someStaple = []byte{0x30, 0x03, 0x0a, 0x01, 0x06}

func testStaple(r *rig) {
	t := r.trial()
	shown := TLSCertificate(Chain(r, "good"))
	shown.OCSPStaple = someStaple
	t.peerShows(shown)
	t.mustRun()
	if peers, _ := t.judge.seen(); len(peers) != 1 || !bytes.Equal(peers[0].Staple, someStaple) {
		r.Errorf("Verify did not get the staple: %+v", peers)
	}
}

func testTimestamps(r *rig) {
	t := r.trial()
	shown := TLSCertificate(Chain(r, "good"))
	shown.SignedCertificateTimestamps = [][]byte{[]byte("one"), []byte("two")}
	t.peerShows(shown)
	t.mustRun()
	if peers, _ := t.judge.seen(); len(peers) != 1 || !slices.EqualFunc(peers[0].SCTs, shown.SignedCertificateTimestamps, bytes.Equal) {
		r.Errorf("Verify did not get the timestamps: %+v", peers)
	}
}

func testStapleServed(r *rig) {
	t := r.trial()
	t.server.Identities[0].Staple = someStaple
	o := t.mustRun()
	if got := o.peer.ConnectionState().OCSPResponse; !bytes.Equal(got, someStaple) {
		r.Errorf("the client got the staple %x", got)
	}
}

// A certificate that can't be parsed, but for the leaf's key, is shown to Verify,
// or, by an engine whose library does not go on from there, told of with the
// error.
func testMalformedCertificate(r *rig) {
	good := Chain(r, "good")
	address := pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, 17}, Value: []byte{0x30, 7, 0x87, 5, 1, 2, 3, 4, 5}}
	odd := Issue(r, PKI(r).Root, CertOptions{Unchecked: true, Extensions: []pkix.Extension{address}})
	for name, test := range map[string]struct {
		chain [][]byte
		key   crypto.PrivateKey
		index int
		certs int
	}{
		"a leaf's name":       {odd.Chain, odd.Key, 0, len(odd.Chain)},
		"a needless one":      {append(slices.Clone(good.Chain), odd.Chain[0]), good.Key, len(good.Chain), len(good.Chain)},
		"a needless junk one": {[][]byte{good.Chain[0], {0x30, 3, 2, 1, 1}}, good.Key, 1, 1},
	} {
		t := r.trial()
		t.peerShows(tls.Certificate{Certificate: test.chain, PrivateKey: test.key})
		o := t.run()
		r.Log(name)
		var shown *engine.Peer
		if o.err == nil {
			peers, _ := t.judge.seen()
			shown = peers[0]
		} else {
			wantFault(r, o.err, engine.FaultCertificate)
			var fault *engine.PeerError
			errors.As(o.err, &fault)
			shown = fault.Shown
		}
		if shown == nil || len(shown.Certificates) != test.certs || len(shown.Malformed) != 1 || shown.Malformed[0].Index != test.index ||
			!bytes.Equal(shown.Certificates[0].Raw, test.chain[0]) {
			r.Errorf("%s: shown %+v", name, shown)
		}
	}
}

func testMalformedNeedless(r *rig) {
	good := Chain(r, "good")
	t := r.trial()
	t.peerShows(tls.Certificate{Certificate: append(slices.Clone(good.Chain), []byte{0x30, 3, 2, 1, 1}), PrivateKey: good.Key})
	t.mustRun()
	t.wantShown(good.Chain)
}

// hugeKey passes for a private RSA key of so many bits that to check one of its
// signatures takes seconds.
type hugeKey struct{}

func (hugeKey) Public() crypto.PublicKey {
	n := new(big.Int).Lsh(big.NewInt(1), 1<<16)
	return &rsa.PublicKey{N: n.SetBit(n, 0, 1), E: 65537}
}

func (hugeKey) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return bytes.Repeat([]byte{1}, 1<<13), nil
}

// A key is of bounded size before anything is computed with it.
func testHugeKey(r *rig) {
	root := NewRoot(r, CertOptions{})
	huge := Issue(r, root, CertOptions{DNS: []string{Host}, Signer: hugeKey{}})
	t := r.trial()
	t.peerShows(tls.Certificate{Certificate: huge.Chain, PrivateKey: hugeKey{}})
	start := time.Now()
	wantFault(r, t.run().err, engine.FaultCertificate)
	if took := time.Since(start); took > time.Second {
		r.Errorf("it took %v", took)
	}
	if peers, _ := t.judge.seen(); len(peers) > 0 {
		r.Error("Verify was shown such a key")
	}
}
