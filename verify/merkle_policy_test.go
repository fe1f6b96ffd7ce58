package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"tlsify/engine/trustanchor"
	"tlsify/verify/mtc"
)

// merkleLog is a Merkle Tree CA with one entry beside the first, empty one.
type merkleLog struct {
	id  trustanchor.ID
	key crypto.Signer
	ca  *x509.Certificate
}

func newMerkleLog(t *testing.T, key crypto.Signer, template x509.Certificate) *merkleLog {
	id, err := trustanchor.ParseID("32473.7")
	if err != nil {
		t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = testNow.Add(-time.Hour), testNow.Add(time.Hour)
	der, err := (&mtc.Authority{ID: id, SPKI: spkiOf(t, key), MaxSerial: 1<<64 - 1, Template: template}).Certificate()
	if err != nil {
		t.Fatal(err)
	}
	return &merkleLog{id, key, mustParse(t, der)}
}

func spkiOf(t *testing.T, key crypto.Signer) []byte {
	spki, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return spki
}

// issue makes a standalone certificate, or, for signed false, one that is
// relative to a landmark, of which it returns the trust.
func (l *merkleLog) issue(t *testing.T, template x509.Certificate, key crypto.Signer, signed bool) (*x509.Certificate, *mtc.Trust) {
	if template.NotAfter.IsZero() {
		template.NotBefore, template.NotAfter = testNow.Add(-time.Hour), testNow.Add(time.Hour)
	}
	entry, err := mtc.Entry(l.id, &template, spkiOf(t, key))
	if err != nil {
		t.Fatal(err)
	}
	first := mtc.LeafHash(crypto.SHA256, mtc.NullEntry())
	root := mtc.NodeHash(crypto.SHA256, first, mtc.LeafHash(crypto.SHA256, entry))
	in := mtc.Interval{Start: 0, End: 2}
	proof := &mtc.Proof{Subtree: in, Inclusion: first}
	if signed {
		opts := crypto.SignerOpts(crypto.Hash(0))
		if _, ok := l.key.(*ecdsa.PrivateKey); ok {
			opts = crypto.SHA256
		}
		value, err := crypto.SignMessage(l.key, rand.Reader, mtc.CosignedMessage(l.id, l.id, 1, 0, in, root), opts)
		if err != nil {
			t.Fatal(err)
		}
		proof.Signatures = []mtc.Signature{{Cosigner: l.id, Value: value}}
	}
	der, err := mtc.Certificate(entry, spkiOf(t, key), mtc.Serial(1, 1), proof)
	if err != nil {
		t.Fatal(err)
	}
	trust := &mtc.Trust{Landmarks: []*mtc.Landmarks{{CA: l.id, Log: 1, Subtrees: []mtc.Subtree{{Interval: in, Hash: root}}}}}
	return mustParse(t, der), trust
}

func newECDSA(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func newMLDSA(t *testing.T) crypto.Signer {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func leafTemplate(change func(c *x509.Certificate)) x509.Certificate {
	c := x509.Certificate{DNSNames: []string{"a.example"}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	if change != nil {
		change(&c)
	}
	return c
}

func merklePolicy(t *testing.T, root *x509.Certificate) *Policy {
	store, err := StoreFromPEM("test", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: root.Raw}))
	if err != nil {
		t.Fatal(err)
	}
	name, err := ParseName("a.example")
	if err != nil {
		t.Fatal(err)
	}
	return &Policy{Names: []Name{name}, Trust: []*Store{store}, Now: func() time.Time { return testNow }}
}

// verdictOf is what Check says, in one line.
func verdictOf(p *Policy, certs ...*x509.Certificate) string {
	result, err := p.Check(Evidence{Certificates: certs})
	if err != nil {
		return string(err.(*Error).Reasons[0].Code) + ": " + err.Error()
	}
	return "accepted: " + result.Grounds[0].Kind + " " + result.Grounds[0].Detail
}

// Everything but the signature is judged as with any other certificate.
func TestMTCPolicy(t *testing.T) {
	key := newECDSA(t)
	log := newMerkleLog(t, key, x509.Certificate{})
	for _, c := range []struct {
		name   string
		leaf   x509.Certificate
		change func(p *Policy, cert *x509.Certificate)
		want   string
	}{
		{"good", leafTemplate(nil), nil, "accepted: trust Merkle Tree CA 32473.7"},
		{"another name", leafTemplate(func(c *x509.Certificate) { c.DNSNames = []string{"b.example"} }), nil, "cert-name"},
		{"expired", leafTemplate(func(c *x509.Certificate) {
			c.NotBefore, c.NotAfter = testNow.Add(-2*time.Hour), testNow.Add(-time.Hour)
		}), nil, "cert-expired"},
		{"another purpose", leafTemplate(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), nil, "cert-purpose"},
		{"its pin", leafTemplate(nil), func(p *Policy, cert *x509.Certificate) { p.Pins = []Pin{pinOf(keyPin, cert)} }, "accepted"},
		{"another pin", leafTemplate(nil), func(p *Policy, cert *x509.Certificate) { p.Pins = []Pin{{keyPin, [32]byte{1}}} }, "pin-mismatch"},
		{"a classical key", leafTemplate(nil), func(p *Policy, cert *x509.Certificate) { p.PostQuantum = true }, "security-level"},
		{"a quorum", leafTemplate(nil), func(p *Policy, cert *x509.Certificate) { p.MTC = &mtc.Trust{Quorum: 1} }, "cert-untrusted: the certificate is not proven to be in a log of Merkle Tree CA 32473.7: 0 of"},
	} {
		cert, _ := log.issue(t, c.leaf, key, true)
		p := merklePolicy(t, log.ca)
		if c.change != nil {
			c.change(p, cert)
		}
		if got := verdictOf(p, cert); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A Merkle Tree CA is an anchor for what its log has, and for nothing else.
func TestMTCAnchorForNothingElse(t *testing.T) {
	key := newECDSA(t)
	log := newMerkleLog(t, key, x509.Certificate{KeyUsage: x509.KeyUsageDigitalSignature})
	sign := func(template x509.Certificate, parent *x509.Certificate, signer crypto.Signer) *x509.Certificate {
		template.SerialNumber, template.NotBefore, template.NotAfter = big.NewInt(5), testNow.Add(-time.Hour), testNow.Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, &template, parent, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		return mustParse(t, der)
	}
	direct := sign(leafTemplate(nil), log.ca, key)
	if got := verdictOf(merklePolicy(t, log.ca), direct); !strings.HasPrefix(got, "cert-malformed: the certificate is not proven to be in a log") {
		t.Errorf("signed by the CA's key: %s", got)
	}
	if got := verdictOf(merklePolicy(t, log.ca), log.ca); !strings.HasPrefix(got, "cert-name") && !strings.HasPrefix(got, "cert-constraint") {
		t.Errorf("the CA as a server: %s", got)
	}

	// An issuer below it, whose certificates are in no log.
	sub, _ := log.issue(t, x509.Certificate{Subject: pkix.Name{CommonName: "sub"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign, DNSNames: []string{"ca.example"}}, key, true)
	subLeaf := sign(leafTemplate(nil), sub, key)
	if got := verdictOf(merklePolicy(t, log.ca), subLeaf, sub); !strings.Contains(got, "vouches for nothing but what is in its own log") {
		t.Errorf("an issuer below: %s", got)
	}
	if got := verdictOf(merklePolicy(t, sub), subLeaf); !strings.HasPrefix(got, "accepted") {
		t.Errorf("an issuer that is itself a root: %s", got)
	}

	// A Merkle Tree CA whose certificate is issued by a trusted root.
	root := sign(x509.Certificate{BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}, &x509.Certificate{RawSubject: []byte{0x30, 0}, PublicKey: key.Public()}, key)
	leaf, trust := log.issue(t, leafTemplate(nil), key, true)
	p := merklePolicy(t, root)
	p.MTC = trust
	if got := verdictOf(p, leaf, log.ca, root); !strings.HasPrefix(got, "cert-") {
		t.Errorf("sent by the peer: %s", got)
	}
	named := x509.Certificate{Subject: pkix.Name{CommonName: "root"}, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
	root = sign(named, &named, key)
	p = merklePolicy(t, root)
	p.MTC = trust
	for _, critical := range []bool{true, false} {
		below := x509.Certificate{RawSubject: log.ca.RawSubject, BasicConstraintsValid: true, IsCA: true, KeyUsage: x509.KeyUsageCertSign}
		for _, e := range log.ca.Extensions {
			if mtc.IsCAExtension(e.Id) {
				below.ExtraExtensions = append(below.ExtraExtensions, pkix.Extension{Id: e.Id, Critical: critical, Value: e.Value})
			}
		}
		if got := verdictOf(p, leaf, sign(below, root, key)); !strings.Contains(got, "did not issue the certificate") {
			t.Errorf("issued by a root, critical %v: %s", critical, got)
		}
	}

	// One that has the CA's name, and is none.
	impostor := *log.ca
	impostor.Extensions = nil
	for _, e := range log.ca.Extensions {
		if !mtc.IsCAExtension(e.Id) {
			impostor.Extensions = append(impostor.Extensions, e)
		}
	}
	s := &search{judge: merklePolicy(t, log.ca).judge(leaf), links: map[[2]*x509.Certificate]linkState{}}
	s.anchors = []anchor{{cert: &impostor}}
	if s.link(leaf, &impostor) != linkBad {
		t.Error("a proof was accepted for a CA without logs")
	}
}

// What nobody evaluates of a Merkle Tree CA's certificate is not passed over because
// crypto/x509 is not asked about it.
func TestMTCAnchorUnevaluated(t *testing.T) {
	key := newECDSA(t)
	for want, extension := range map[string]pkix.Extension{
		"policy constraints": pkixExtension(oidPolicyConstraints, false, 0x30, 0),
		"critical extension": pkixExtension(asn1.ObjectIdentifier{1, 2, 3, 4}, true, 5, 0),
		"accepted: trust ":   pkixExtension(asn1.ObjectIdentifier{1, 2, 3, 4}, false, 5, 0),
	} {
		log := newMerkleLog(t, key, x509.Certificate{ExtraExtensions: []pkix.Extension{extension}})
		leaf, trust := log.issue(t, leafTemplate(nil), key, true)
		p := merklePolicy(t, log.ca)
		p.MTC = trust
		if got := verdictOf(p, leaf); !strings.Contains(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What says of itself that it is a Merkle Tree CA signs no certificates and is no leaf,
// also where it is below a root and the extension is not critical.
func TestMTCIssuesNothing(t *testing.T) {
	log := newMerkleLog(t, newECDSA(t), x509.Certificate{})
	root := issue(t, "CA root", nil, nil)
	for _, critical := range []bool{true, false} {
		says := func(c *x509.Certificate) {
			for _, e := range log.ca.Extensions {
				if mtc.IsCAExtension(e.Id) {
					c.ExtraExtensions = append(c.ExtraExtensions, pkix.Extension{Id: e.Id, Critical: critical, Value: e.Value})
				}
			}
		}
		mid := issue(t, "CA mid", root, nil, says)
		wantCodes(t, policy(t, root), evidence(issue(t, "leaf", mid, nil), mid), Untrusted)
		wantCodes(t, policy(t, root), evidence(issue(t, "leaf", root, nil, says)), Constraint)
	}
}

// MerkleCAs is what a client tells the server of those that it trusts.
func TestMerkleCAs(t *testing.T) {
	log := newMerkleLog(t, newECDSA(t), x509.Certificate{})
	own := issue(t, "CA root", nil, nil).Certificate
	plain := x509.Certificate{RawSubject: log.ca.RawSubject, SerialNumber: big.NewInt(1), NotAfter: testNow}
	for _, e := range log.ca.Extensions {
		if mtc.IsCAExtension(e.Id) {
			plain.ExtraExtensions = []pkix.Extension{{Id: e.Id, Value: e.Value}}
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, &plain, &plain, log.key.Public(), log.key)
	if err != nil {
		t.Fatal(err)
	}
	hashed := t.TempDir()
	if err := os.WriteFile(filepath.Join(hashed, "01234567.0"), toPEM(own), 0o600); err != nil {
		t.Fatal(err)
	}
	none := *log.ca // by its name alone
	none.Raw = issue(t, "leaf", nil, nil, func(c *x509.Certificate) { c.RawSubject = log.ca.RawSubject }).Raw
	load := func(certs ...*x509.Certificate) *Store {
		var text []byte
		for _, c := range certs {
			text = append(text, toPEM(c)...)
		}
		s, err := StoreFromPEM("test", text)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	directory, err := LoadStore(hashed)
	if err != nil {
		t.Fatal(err)
	}
	system := load(log.ca)
	system.system = true
	for _, test := range []struct {
		name  string
		store *Store
		ids   int
		whole bool
		fails bool
	}{
		{"one, twice, and others", load(own, log.ca, &none, log.ca), 1, true, false},
		{"none", load(own), 0, true, false},
		{"by hash", directory, 0, false, false},
		{"one that is not critical", load(own, mustParse(t, der)), 0, false, true},
		{"the system's", system, 0, true, false},
	} {
		ids, whole, err := test.store.MerkleCAs()
		if len(ids) != test.ids || whole != test.whole || (err != nil) != test.fails {
			t.Errorf("%s: got %v, %t, %v", test.name, ids, whole, err)
		}
	}
}

// Where all keys must be post-quantum, so must the CA's, even for a certificate
// that is relative to a landmark.
func TestMTCPostQuantum(t *testing.T) {
	classical, pq := newECDSA(t), newMLDSA(t)
	for _, c := range []struct {
		name     string
		ca, leaf crypto.Signer
		signed   bool
		want     string
	}{
		{"both", pq, pq, true, "accepted"},
		{"both, landmark", pq, pq, false, "accepted"},
		{"classical CA", classical, pq, true, "security-level"},
		{"classical CA, landmark", classical, pq, false, "security-level"},
		{"classical leaf", pq, classical, true, "security-level"},
	} {
		log := newMerkleLog(t, c.ca, x509.Certificate{})
		cert, trust := log.issue(t, leafTemplate(nil), c.leaf, c.signed)
		p := merklePolicy(t, log.ca)
		p.PostQuantum, p.MTC = true, trust
		if got := verdictOf(p, cert); !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

// A landmark-relative certificate needs the landmark, and a CA's limits revoke.
func TestMTCLandmarkPolicy(t *testing.T) {
	key := newECDSA(t)
	log := newMerkleLog(t, key, x509.Certificate{})
	cert, trust := log.issue(t, leafTemplate(nil), key, false)
	p := merklePolicy(t, log.ca)
	if got := verdictOf(p, cert); !strings.HasPrefix(got, "cert-untrusted") || !strings.Contains(got, "--mtc-landmarks FILE") {
		t.Error(got)
	}
	p.MTC = trust
	if got := verdictOf(p, cert); !strings.HasPrefix(got, "accepted") {
		t.Error(got)
	}
	der, err := (&mtc.Authority{ID: log.id, SPKI: spkiOf(t, key), MinSerial: mtc.Serial(1, 2), MaxSerial: 1<<64 - 1,
		Template: x509.Certificate{NotBefore: testNow.Add(-time.Hour), NotAfter: testNow.Add(time.Hour)}}).Certificate()
	if err != nil {
		t.Fatal(err)
	}
	p = merklePolicy(t, mustParse(t, der))
	p.MTC = trust
	if got := verdictOf(p, cert); !strings.HasPrefix(got, "cert-revoked") {
		t.Error(got)
	}
}

// A revocation list is signed by the CA's key, as it may be (section 5.4), and is
// about serial numbers.
func TestMTCRevocationList(t *testing.T) {
	key := newECDSA(t)
	log := newMerkleLog(t, key, x509.Certificate{KeyUsage: x509.KeyUsageCRLSign})
	cert, trust := log.issue(t, leafTemplate(nil), key, false)
	list := func(serials ...*big.Int) []*CRL {
		l := &x509.RevocationList{Number: big.NewInt(1), ThisUpdate: testNow.Add(-time.Minute), NextUpdate: testNow.Add(time.Minute)}
		for _, serial := range serials {
			l.RevokedCertificateEntries = append(l.RevokedCertificateEntries, x509.RevocationListEntry{SerialNumber: serial, RevocationTime: testNow.Add(-time.Minute)})
		}
		der, err := x509.CreateRevocationList(rand.Reader, l, log.ca, key)
		if err != nil {
			t.Fatal(err)
		}
		crls, err := ParseCRLs("test", der)
		if err != nil {
			t.Fatal(err)
		}
		return crls
	}
	p := merklePolicy(t, log.ca)
	p.MTC, p.CRLs = trust, list(new(big.Int).SetUint64(mtc.Serial(1, 2)))
	if got := verdictOf(p, cert); !strings.HasPrefix(got, "accepted") {
		t.Error(got)
	}
	p.CRLs = list(cert.SerialNumber)
	if got := verdictOf(p, cert); !strings.HasPrefix(got, "cert-revoked") {
		t.Error(got)
	}
}
