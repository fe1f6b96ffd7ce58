package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"testing"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"
)

// The tests' stand-in for ML-DSA has its algorithm identifier, and signatures
// that anyone can make. What is tested is what happens around them.

var standInOID = postQuantumKeys[1]

func standInSign(spki, tbs []byte) []byte {
	sum := sha256.Sum256(append(bytes.Clone(spki), tbs...))
	return sum[:]
}

func standInCheck(child, parent *x509.Certificate) error {
	if !isPostQuantum(parent) || !bytes.Equal(child.Signature, standInSign(parent.RawSubjectPublicKeyInfo, child.RawTBSCertificate)) {
		return errors.New("not signed")
	}
	return nil
}

// withStandInKey replaces c's key, and its signature by issuer's: of the
// stand-in algorithm where that has such a key. A nil issuer is c itself.
func withStandInKey(t testing.TB, c *entity, issuer *entity, replaceKey bool) *entity {
	t.Helper()
	var algorithm, spki cryptobyte.Builder
	algorithm.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) { b.AddASN1ObjectIdentifier(standInOID) })
	spki.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(algorithm.BytesOrPanic())
		b.AddASN1BitString(c.SerialNumber.Bytes())
	})
	key := c.RawSubjectPublicKeyInfo
	if replaceKey {
		key = spki.BytesOrPanic()
	}
	signerKey := key
	if issuer != nil {
		signerKey = issuer.RawSubjectPublicKeyInfo
	}

	var tbs, out cryptobyte.Builder
	input, fields := cryptobyte.String(c.RawTBSCertificate), cryptobyte.String(nil)
	if !input.ReadASN1(&fields, cbasn1.SEQUENCE) {
		t.Fatal("not a certificate")
	}
	tbs.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		for i := 0; !fields.Empty(); i++ {
			var field cryptobyte.String
			var tag cbasn1.Tag
			if !fields.ReadAnyASN1Element(&field, &tag) {
				t.Fatal("not a certificate")
			}
			switch i {
			case 2: // signature
				field = algorithm.BytesOrPanic()
			case 6: // subjectPublicKeyInfo
				field = key
			}
			b.AddBytes(field)
		}
	})
	out.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs.BytesOrPanic())
		b.AddBytes(algorithm.BytesOrPanic())
		b.AddASN1BitString(standInSign(signerKey, tbs.BytesOrPanic()))
	})
	return &entity{Certificate: mustParse(t, out.BytesOrPanic()), key: c.key}
}

// pqIssue is issue with keys and signatures of the stand-in.
func pqIssue(t testing.TB, name string, issuer *entity, changes ...func(*x509.Certificate)) *entity {
	t.Helper()
	classical := issuer
	if issuer != nil && issuer.PublicKey == nil {
		// crypto/x509 signs with a key that it knows; the signature is
		// replaced.
		copied := *issuer.Certificate
		copied.PublicKey = issuer.key.Public()
		classical = &entity{&copied, issuer.key}
	}
	return withStandInKey(t, issue(t, name, classical, nil, changes...), issuer, true)
}

func TestPostQuantum(t *testing.T) {
	root := pqIssue(t, "CA root", nil)
	mid := pqIssue(t, "CA mid", root)
	leaf := pqIssue(t, "leaf", mid)
	p := policy(t, root)

	// Without something that knows the algorithm, nothing is accepted.
	wantCodes(t, p, evidence(leaf, mid), Weak, Weak, Weak, Weak, Weak)
	p.CheckSignature = standInCheck
	p.PostQuantum = true
	result := wantCodes(t, p, evidence(leaf, mid))
	if result != nil && len(result.Path) != 3 {
		t.Errorf("the path is %v", result.Path)
	}

	// The policy is the same as for other paths.
	past := func(c *x509.Certificate) { c.NotAfter = testNow.Add(-time.Hour) }
	constrained := pqIssue(t, "CA mid", root, func(c *x509.Certificate) { c.ExcludedDNSDomains = []string{"host.example"} })
	policyBound := pqIssue(t, "CA mid", root, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, policyConstraint) })
	for _, test := range []struct {
		name string
		e    Evidence
		want []Code
	}{
		{"name", evidence(pqIssue(t, "leaf", mid, func(c *x509.Certificate) { c.DNSNames = []string{"a.example"} }), mid), []Code{NameWrong}},
		{"date", evidence(pqIssue(t, "leaf", mid, past), mid), []Code{Expired}},
		{"purpose", evidence(pqIssue(t, "leaf", mid, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), mid), []Code{PurposeBad}},
		{"constraint", evidence(pqIssue(t, "leaf", constrained), constrained), []Code{Constraint}},
		{"policies", evidence(pqIssue(t, "leaf", policyBound), policyBound), []Code{Constraint}},
		{"leaf's signature", evidence(&entity{Certificate: corrupt(t, leaf.Certificate)}, mid), []Code{Untrusted}},
		{"intermediate's signature", evidence(leaf, &entity{Certificate: corrupt(t, mid.Certificate)}), []Code{Untrusted}},
		{"issuer missing", evidence(leaf), []Code{Untrusted}},
		{"self-signed", evidence(pqIssue(t, "leaf", nil)), []Code{SelfSigned}},
	} {
		t.Run(test.name, func(t *testing.T) { wantCodes(t, p, test.e, test.want...) })
	}
	p.MaxPath = 2
	wantCodes(t, p, evidence(leaf, mid), Constraint)
}

var policyConstraint = pkixExtension(oidPolicyConstraints, true, 0x30, 3, 0x80, 1, 0)

// TestPostQuantumMixed has paths on which some keys are and some are not.
func TestPostQuantumMixed(t *testing.T) {
	pqRoot := pqIssue(t, "CA root", nil)
	classicalMid := withStandInKey(t, issue(t, "CA mid", &entity{withKey(pqRoot), pqRoot.key}, nil), pqRoot, false)
	classicalLeaf := issue(t, "leaf", classicalMid, nil)
	classicalRoot := issue(t, "CA classical", nil, nil)
	pqLeaf := withClassicalSignature(t, "leaf", classicalRoot)

	p := policy(t, pqRoot, classicalRoot)
	p.CheckSignature = standInCheck
	wantCodes(t, p, evidence(classicalLeaf, classicalMid))
	wantCodes(t, p, evidence(pqLeaf))
	p.PostQuantum = true
	wantCodes(t, p, evidence(classicalLeaf, classicalMid), SecurityLevel, SecurityLevel)
	wantCodes(t, p, evidence(pqLeaf), SecurityLevel)
	// A pin alone does not make up for it.
	pinned := &Policy{Pins: []Pin{pinOf(keyPin, classicalLeaf.Certificate)}, PostQuantum: true, Now: p.Now}
	wantCodes(t, pinned, evidence(classicalLeaf), SecurityLevel)
	p.PostQuantum = false
	// The classical link of a mixed path is checked as well.
	wantCodes(t, p, evidence(&entity{Certificate: corrupt(t, classicalLeaf.Certificate)}, classicalMid), Untrusted)
	// Names that fit and a key that is not the issuer's.
	stranger := issue(t, "leaf", issue(t, "CA mid", nil, nil), nil)
	wantCodes(t, p, evidence(stranger, classicalMid), Untrusted)
}

// withKey is c with the key that crypto/x509 takes its entity to have.
func withKey(e *entity) *x509.Certificate {
	c := *e.Certificate
	c.PublicKey = e.key.Public()
	return &c
}

// withClassicalSignature is a certificate with a stand-in key that a classical
// issuer has signed.
func withClassicalSignature(t testing.TB, name string, issuer *entity) *entity {
	pq := pqIssue(t, name, issuer)
	key := pq.RawSubjectPublicKeyInfo
	plain := issue(t, name, issuer, nil)
	change := func(der []byte) []byte { return spliceKey(t, der, key) }
	return &entity{Certificate: resign(t, plain.Certificate, change, func(tbs []byte) []byte { return sign(t, issuer.key, tbs) })}
}

// spliceKey puts another SubjectPublicKeyInfo into a certificate.
func spliceKey(t testing.TB, der, spki []byte) []byte {
	var cert struct {
		TBS       asn1.RawValue
		Algorithm asn1.RawValue
		Signature asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &cert); err != nil {
		t.Fatal(err)
	}
	var fields []asn1.RawValue
	if _, err := asn1.Unmarshal(cert.TBS.FullBytes, &fields); err != nil {
		t.Fatal(err)
	}
	fields[6] = asn1.RawValue{FullBytes: spki}
	tbs, err := asn1.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	cert.TBS = asn1.RawValue{FullBytes: tbs}
	out, err := asn1.Marshal(cert)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
